package org.sparkmesos.bridge

import java.util.Base64

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.{ArrayNode, JsonNodeFactory, ObjectNode}
import org.apache.mesos.protobuf.{ByteString, Message, Parser}
import org.apache.mesos.protobuf.Descriptors.{EnumValueDescriptor, FieldDescriptor}
import org.apache.mesos.protobuf.Descriptors.FieldDescriptor.JavaType

/** Protobuf messages as Mesos writes them in JSON: bytes in base64, enums by name, fields by their names in the .proto.
  *
  * Spark speaks v0 (slaves), HTTP speaks v1 (agents). Both have equal field numbers, so bytes of the one parse as the other,
  * which does all the renaming.
  */
object ProtobufJson {
  private val json = JsonNodeFactory.instance

  /** A v0 message as JSON of its v1 twin, which is named by its parser. */
  def write(v0: Message, v1: Parser[_ <: Message]): ObjectNode = toJson(v1.parseFrom(v0.toByteString))

  /** JSON of a v1 message, read into `v1`, as its v0 twin. */
  def read[T <: Message](node: JsonNode, v1: Message.Builder, v0: Parser[T]): T = {
    fill(v1, node)
    v0.parseFrom(v1.buildPartial().toByteString)
  }

  def toJson(message: Message): ObjectNode = {
    val node = json.objectNode()
    val fields = message.getAllFields.entrySet().iterator()
    while (fields.hasNext) {
      val entry = fields.next()
      val field = entry.getKey
      if (field.isRepeated) {
        val array: ArrayNode = node.putArray(field.getName)
        val values = entry.getValue.asInstanceOf[java.util.List[_]].iterator()
        while (values.hasNext) array.add(value(field, values.next()))
      } else node.replace(field.getName, value(field, entry.getValue))
    }
    node
  }

  private def value(field: FieldDescriptor, value: Any): JsonNode = value match {
    case message: Message => toJson(message)
    case bytes: ByteString => json.textNode(Base64.getEncoder.encodeToString(bytes.toByteArray))
    case constant: EnumValueDescriptor => json.textNode(constant.getName)
    case text: String => json.textNode(text)
    case flag: java.lang.Boolean => json.booleanNode(flag)
    case n: java.lang.Integer =>
      if (isUnsigned(field)) json.numberNode(java.lang.Integer.toUnsignedLong(n)) else json.numberNode(n.intValue)
    case n: java.lang.Long =>
      if (isUnsigned(field)) json.numberNode(new java.math.BigInteger(java.lang.Long.toUnsignedString(n)))
      else json.numberNode(n.longValue)
    case n: java.lang.Float => json.numberNode(n.floatValue)
    case n: java.lang.Double => json.numberNode(n.doubleValue)
    case other => throw new IllegalArgumentException(s"${field.getFullName} holds ${other.getClass}")
  }

  private def isUnsigned(field: FieldDescriptor): Boolean = {
    val kind = field.getType
    kind == FieldDescriptor.Type.UINT32 || kind == FieldDescriptor.Type.UINT64 ||
    kind == FieldDescriptor.Type.FIXED32 || kind == FieldDescriptor.Type.FIXED64
  }

  /** Sets the fields of `builder` from JSON. What a newer Mesos knows and the messages of this Spark do not is left out:
    * fields, and values of enums (in a required field the enum's first value stands for them, as in a state of a task,
    * TASK_STAGING, which nobody takes for its end).
    */
  def fill(builder: Message.Builder, node: JsonNode): Unit = {
    val fields = node.fields()
    while (fields.hasNext) {
      val entry = fields.next()
      val field = builder.getDescriptorForType.findFieldByName(entry.getKey)
      if (field != null && !entry.getValue.isNull) {
        if (field.isRepeated) {
          val values = entry.getValue.elements()
          while (values.hasNext) parse(builder, field, values.next()).foreach(builder.addRepeatedField(field, _))
        } else {
          val parsed = parse(builder, field, entry.getValue)
          if (parsed.isDefined) builder.setField(field, parsed.get)
          else if (field.isRequired) builder.setField(field, field.getEnumType.getValues.get(0))
        }
      }
    }
  }

  private def parse(builder: Message.Builder, field: FieldDescriptor, node: JsonNode): Option[AnyRef] =
    field.getJavaType match {
      case JavaType.MESSAGE =>
        val inner = builder.newBuilderForField(field)
        fill(inner, node)
        Some(inner.buildPartial())
      case JavaType.ENUM => Option(field.getEnumType.findValueByName(node.asText))
      case JavaType.BYTE_STRING => Some(ByteString.copyFrom(Base64.getDecoder.decode(node.asText)))
      case JavaType.STRING => Some(node.asText)
      case JavaType.BOOLEAN => Some(java.lang.Boolean.valueOf(node.asBoolean))
      case JavaType.INT => Some(java.lang.Integer.valueOf(node.asLong.toInt))
      case JavaType.LONG =>
        // 64-bit numbers may come as text, as protobuf's own JSON has them
        Some(java.lang.Long.valueOf(if (node.isNumber) node.bigIntegerValue.longValue else new java.math.BigDecimal(node.asText).longValue))
      case JavaType.FLOAT => Some(java.lang.Float.valueOf(node.asDouble.toFloat))
      case JavaType.DOUBLE => Some(java.lang.Double.valueOf(node.asDouble))
    }
}

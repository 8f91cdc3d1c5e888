package org.sparkmesos.harness

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.JsonNodeFactory

/** Values of Scala as JSON, and back. */
object Json {
  private val factory = JsonNodeFactory.instance

  /** Case classes become objects with their fields, case objects and others their text, tuples and collections arrays.
    * What is JSON stays as it is.
    */
  def of(value: Any): JsonNode = value match {
    case null | None => factory.nullNode()
    case node: JsonNode => node
    case Some(inner) => of(inner)
    case text: String => factory.textNode(text)
    case number: Int => factory.numberNode(number)
    case number: Long => factory.numberNode(number)
    case number: Double => factory.numberNode(number)
    case flag: Boolean => factory.booleanNode(flag)
    case map: scala.collection.Map[_, _] => fields(map.map { case (key, inner) => key.toString -> inner })
    case items: Iterable[_] => array(items)
    case tuple: Product if tuple.productPrefix.startsWith("Tuple") => array(tuple.productIterator.to(Iterable))
    case plain: Product if plain.productArity == 0 => factory.textNode(plain.toString)
    case record: Product => fields(record.productElementNames.zip(record.productIterator).to(Iterable))
    case other => factory.textNode(other.toString)
  }

  private def array(items: Iterable[Any]): JsonNode = {
    val node = factory.arrayNode()
    items.foreach(item => node.add(of(item)))
    node
  }

  private def fields(items: Iterable[(String, Any)]): JsonNode = {
    val node = factory.objectNode()
    items.foreach { case (name, inner) => node.set[JsonNode](name, of(inner)) }
    node
  }

  /** The fields of an object, in their order; none of what is no object. */
  def entries(node: JsonNode): Seq[(String, JsonNode)] =
    node.fieldNames.asScala.map(name => name -> node.get(name)).toSeq

  /** An object whose fields are texts. */
  def texts(node: JsonNode): Map[String, String] =
    entries(node).map { case (name, value) => name -> value.asText }.toMap

  def items(node: JsonNode): Seq[JsonNode] = node.elements.asScala.toSeq
}

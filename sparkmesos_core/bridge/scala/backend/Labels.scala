package org.sparkmesos.backend

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

/** A label of a task or of a network, unescaped. */
final case class Label(key: String, value: String)

/** Labels as Spark's properties have them: `key:value,key2:value2`, with `\,` and `\:` inside a key or value. */
object Labels {
  private val Comma = """(?<!\\),"""
  private val Colon = """(?<!\\):"""

  /** The labels in `text`, in its order; none in the empty text (MesosProtoUtils.mesosLabels of Spark 3.5). Blanks are never
    * taken off, and an empty value cannot be written. Throws SettingsError, which names `property`, for anything but
    * exactly two pieces.
    */
  def parse(text: String, property: String): Seq[Label] =
    if (text.isEmpty) Nil
    else text.split(Comma).toSeq.map { written =>
      written.split(Colon) match {
        case Array(key, value) => Label(unescaped(key), unescaped(value))
        case pieces =>
          val reason =
            if (written.isEmpty) "it is empty"
            else if (pieces.length > 2) "it has more than one colon"
            else if (written.split(Colon, -1).length > 1) "it has no value"
            else "it has no colon"
          throw new SettingsError(s"$property: '$written' is not a label: $reason. Write KEY:VALUE,KEY:VALUE and put a " +
            """backslash before a comma or colon inside one, as in a:b\:c.""")
      }
    }

  private def unescaped(piece: String) = piece.replace("\\,", ",").replace("\\:", ":")

  /** v1 Labels. */
  def json(labels: Seq[Label]): ObjectNode = {
    val node = JsonNodeFactory.instance.objectNode()
    if (labels.nonEmpty) {
      val array = node.putArray("labels")
      labels.foreach(label => array.addObject().put("key", label.key).put("value", label.value))
    }
    node
  }
}

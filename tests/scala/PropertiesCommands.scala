package org.sparkmesos.harness

import scala.collection.immutable.AbstractMap
import scala.collection.mutable

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.Settings

/** Which properties the backend looks at. */
object PropertiesCommands extends Commands {
  /** `asked`: {"properties"} to the names of all properties that settings are made of, whether they are set or not. */
  def commands: Map[String, JsonNode => JsonNode] = Map("asked" -> (argument => {
    val asked = new Asked(Json.texts(argument.path("properties")))
    Settings.read(asked, Map("SPARK_HOME" -> "/opt/spark"), _ => "text")
    Json.of(asked.names.toSeq.sorted)
  }))

  /** Remembers what it is asked for. Whoever looks at all of it would not tell what of it counts, and may not. */
  private class Asked(values: Map[String, String]) extends AbstractMap[String, String] {
    val names: mutable.Set[String] = mutable.Set.empty

    override def get(name: String): Option[String] = {
      names += name
      values.get(name)
    }

    override def iterator: Iterator[(String, String)] = sys.error("the backend looks at all properties")
    override def updated[V >: String](name: String, value: V): Map[String, V] = values.updated(name, value)
    override def removed(name: String): Map[String, String] = values.removed(name)
  }
}

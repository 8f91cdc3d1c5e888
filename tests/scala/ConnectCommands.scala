package org.sparkmesos.harness

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.ConnectListener

/** What is said of a server of Spark Connect that listens. */
object ConnectCommands extends Commands {
  /** `announcement`: {"address" or none, "host", "port", "token": whether it asks for one} to what is said. */
  def commands: Map[String, JsonNode => JsonNode] = Map("announcement" -> (argument => {
    def text(name: String) = argument.path(name).asText
    val address = Option(argument.get("address")).map(_.asText)
    Json.of(ConnectListener.text(address, text("host"), text("port"), argument.path("token").asBoolean))
  }))
}

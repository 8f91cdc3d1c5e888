package org.sparkmesos.harness

import com.fasterxml.jackson.databind.JsonNode

import org.apache.spark.deploy.sparkmesos.RealShuffleService

object ShuffleServiceLineCommands extends Commands {
  /** `shuffle_service`: {"service": its properties, "clients": [{"conf": properties of a driver, "application": its id, "about":
    * whose files are to be kept, "keep": for how many milliseconds}]} to what each of them heard: "kept", "nothing", or why not.
    * Without "service" none is started, and clients say in "spark.shuffle.service.port" where they go.
    */
  def commands: Map[String, JsonNode => JsonNode] = Map("shuffle_service" -> (argument => {
    val service = Option(argument.get("service")).map(conf => RealShuffleService.start(Json.texts(conf)))
    try Json.of(Json.items(argument.get("clients")).map { client =>
      val port = service.map(one => "spark.shuffle.service.port" -> RealShuffleService.port(one).toString)
      RealShuffleService.tell(Json.texts(client.get("conf")) ++ port, client.get("application").asText,
        client.get("about").asText, client.get("keep").asLong)
    })
    finally service.foreach(_.stop())
  }))
}

package org.sparkmesos.backend

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.JsonNode

/** The value of an agent's attribute, of one of Mesos' four types. */
sealed trait AttributeValue
final case class AttributeScalar(number: Double) extends AttributeValue
final case class AttributeRanges(ranges: Seq[(Long, Long)]) extends AttributeValue
final case class AttributeSet(items: Set[String]) extends AttributeValue
final case class AttributeText(text: String) extends AttributeValue

/** What Mesos offers of one agent.
  *
  * @param agentUrl where the agent's HTTP server is, `http://host:port`; masters say it since Mesos 0.28
  */
final case class Offer(
    id: String,
    agentId: String,
    hostname: String,
    agentUrl: Option[String],
    attributes: Map[String, AttributeValue],
    resources: Vector[Resource])

object Offer {
  /** Reads an Offer of the v1 API. What is missing in it is empty here, and attributes of unknown types are left out:
    * an offer can always be answered.
    */
  def parse(json: JsonNode): Offer = Offer(
    id = json.path("id").path("value").asText,
    agentId = json.path("agent_id").path("value").asText,
    hostname = json.path("hostname").asText,
    agentUrl = agentUrl(json.path("url")),
    attributes = json.path("attributes").elements.asScala.flatMap { one =>
      attribute(one).map(one.path("name").asText -> _)
    }.toMap,
    resources = json.path("resources").elements.asScala.flatMap(Resource.parse).toVector)

  private def agentUrl(url: JsonNode): Option[String] = {
    val address = url.path("address")
    val host = Seq("hostname", "ip").map(address.path(_).asText).find(_.nonEmpty)
    for (name <- host if address.path("port").isInt) yield {
      val literal = if (name.contains(':') && !name.startsWith("[")) s"[$name]" else name // IPv6
      s"${url.path("scheme").asText("http")}://$literal:${address.path("port").asInt}"
    }
  }

  private def attribute(json: JsonNode): Option[AttributeValue] = json.path("type").asText match {
    case "SCALAR" => Some(AttributeScalar(json.path("scalar").path("value").asDouble))
    case "RANGES" => Some(AttributeRanges(Resource.ranges(json)))
    case "SET" => Some(AttributeSet(json.path("set").path("item").elements.asScala.map(_.asText).toSet))
    case "TEXT" => Some(AttributeText(json.path("text").path("value").asText))
    case _ => None
  }
}

package org.sparkmesos.backend

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.JsonNode

/** Mesos asks for an agent back, whose machine an operator has scheduled for maintenance (Mesos' maintenance primitives).
  *
  * @param agentId None: all agents of the framework
  * @param startMillis when the maintenance begins, by the clock on the wall
  */
final case class InverseOffer(id: String, agentId: Option[String], startMillis: Long)

/** When agents are left for the sake of maintenance. */
object Maintenance {
  /** Reads the body of an INVERSE_OFFERS event. */
  def parse(body: JsonNode): Seq[InverseOffer] = body.path("inverse_offers").elements.asScala.map { one =>
    InverseOffer(
      one.path("id").path("value").asText,
      Option(one.path("agent_id").path("value").asText("")).filter(_.nonEmpty),
      start(one.path("unavailability")))
  }.toSeq

  /** The agents that a body of OFFERS tells to be left now, among all that it offers.
    *
    * @param leadMillis how long before its maintenance an agent is left
    */
  def leaving(body: JsonNode, nowMillis: Long, leadMillis: Long): Map[String, Boolean] = body.path("offers").elements.asScala.map { offer =>
    val window = offer.path("unavailability")
    offer.path("agent_id").path("value").asText -> (window.isObject && isNear(start(window), nowMillis, leadMillis))
  }.toMap

  /** Whether it is time to leave. */
  def isNear(startMillis: Long, nowMillis: Long, leadMillis: Long): Boolean = startMillis - nowMillis <= leadMillis

  /** For how many seconds Mesos need not ask again: until it is time, or, once the agent is left, for long. */
  def askAgainSeconds(startMillis: Long, nowMillis: Long, leadMillis: Long): Double =
    math.max(60.0, (startMillis - leadMillis - nowMillis) / 1000.0)

  private def start(unavailability: JsonNode): Long = unavailability.path("start").path("nanoseconds").asLong / 1000000
}

package org.sparkmesos.backend

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.JsonNode

/** Mesos asks for an agent back, whose machine an operator has scheduled for maintenance (Mesos' maintenance primitives).
  *
  * @param agentId None: all agents of the framework
  * @param window when that is
  */
final case class InverseOffer(id: String, agentId: Option[String], window: Window)

/** A time in which a machine is away (v1 Unavailability), in milliseconds by the clock on the wall.
  *
  * @param endMillis None: nobody has said
  */
final case class Window(startMillis: Long, endMillis: Option[Long]) {
  /** Whether it is time to leave; not any more once the window is over, be the schedule cleared or not.
    *
    * @param leadMillis how long before its maintenance an agent is left
    */
  def isNear(nowMillis: Long, leadMillis: Long): Boolean = startMillis - nowMillis <= leadMillis && endMillis.forall(nowMillis < _)

  /** For how many seconds Mesos need not ask again: until it is time, and for a minute at least. */
  def askAgainSeconds(nowMillis: Long, leadMillis: Long): Double = math.max(60.0, (startMillis - leadMillis - nowMillis) / 1000.0)
}

/** When agents are left for the sake of maintenance. */
object Maintenance {
  /** Reads the body of an INVERSE_OFFERS event. */
  def parse(body: JsonNode): Seq[InverseOffer] = body.path("inverse_offers").elements.asScala.map { one =>
    InverseOffer(
      one.path("id").path("value").asText,
      Option(one.path("agent_id").path("value").asText("")).filter(_.nonEmpty),
      window(one.path("unavailability")))
  }.toSeq

  /** The agents that a body of OFFERS tells to be left now, among all that it offers.
    *
    * @param leadMillis how long before its maintenance an agent is left
    */
  def leaving(body: JsonNode, nowMillis: Long, leadMillis: Long): Map[String, Boolean] = body.path("offers").elements.asScala.map { offer =>
    val unavailability = offer.path("unavailability")
    offer.path("agent_id").path("value").asText -> (unavailability.isObject && window(unavailability).isNear(nowMillis, leadMillis))
  }.toMap

  private def window(unavailability: JsonNode): Window = {
    def millis(name: String) = Option(unavailability.path(name).get("nanoseconds")).map(_.asLong / 1000000)
    val start = millis("start").getOrElse(0L)
    Window(start, millis("duration").map(start + _))
  }
}

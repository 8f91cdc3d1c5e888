package org.sparkmesos.bridge

import com.fasterxml.jackson.databind.node.ObjectNode

/** A call to be made. `body` is the part of it that is named for its kind, null when there is none; `lost` is told if the call
  * was in vain.
  */
private[bridge] final class Call(val kind: String, val body: ObjectNode, val lost: (String, Boolean) => Unit = Call.unheard) {
  def isTeardown: Boolean = kind == Call.Teardown
  /** It is about offers or updates of one subscription, which mean nothing to the next. */
  def isOfSubscription: Boolean = Call.OfSubscription(kind)
  /** It does no harm when Mesos gets it twice. */
  def isRepeatable: Boolean = Call.Repeatable(kind)
  /** It gives offers back, which nobody else gets until Mesos has heard of it. */
  def isDecline: Boolean = kind == Call.Decline
  /** What Mesos is asked for; the same for calls that ask for the same. */
  def request: String = s"$kind $body"

  /** What gives the offers back that this call was to use; None if it was to use none. */
  def givingBack: Option[Call] =
    if (kind != Call.Accept) None
    else {
      val ids = Seq.newBuilder[String]
      val each = body.path("offer_ids").elements()
      while (each.hasNext) ids += each.next().path("value").asText
      Some(new Call(Call.Decline, Calls.decline(ids.result(), Calls.filters(None))))
    }
}

private[bridge] object Call {
  val Teardown = "TEARDOWN"
  private val Accept = "ACCEPT"
  private val Decline = "DECLINE"
  private val AcceptInverse = "ACCEPT_INVERSE_OFFERS"
  private val OfSubscription = Set(Accept, Decline, AcceptInverse, "ACKNOWLEDGE")
  // A master passes over offers that it does not know, or knows no longer (Master::decline, Master::acceptInverseOffers).
  private val Repeatable = Set(Decline, AcceptInverse, "KILL", "REVIVE", "SUPPRESS", "RECONCILE", Teardown)

  /** For calls whose loss nobody needs to hear of. */
  val unheard: (String, Boolean) => Unit = (_, _) => ()
}

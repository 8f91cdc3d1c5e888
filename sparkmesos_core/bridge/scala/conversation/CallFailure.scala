package org.sparkmesos.bridge

/** How a call went that Mesos did not take. */
private[bridge] sealed trait CallFailure {
  /** Mesos may have got it nevertheless. */
  def mayHaveArrived: Boolean
  /** For the log. */
  def told(kind: String, why: String): String
}

/** It was answered, but not with success. Masters refuse before they do anything; what stands before one may have waited in
  * vain for the answer to a call that it had passed on (500, 502, 504).
  */
private[bridge] final case class Refused(status: Int) extends CallFailure {
  def mayHaveArrived: Boolean = status >= 500 && status != 501 && status != 503
  def told(kind: String, why: String): String = s"Mesos refused $kind: $why"
}

/** Nothing of it was sent. */
private[bridge] case object Unsent extends CallFailure {
  def mayHaveArrived: Boolean = false
  def told(kind: String, why: String): String = s"Mesos could not be reached for $kind: $why"
}

/** It was sent, and not answered: the connection was cut, or the time is up. */
private[bridge] final case class Unanswered(isCut: Boolean) extends CallFailure {
  def mayHaveArrived: Boolean = true
  def told(kind: String, why: String): String = s"No answer from Mesos to $kind: $why"
}

/** What follows from a failure. */
private[bridge] sealed trait AfterFailure

private[bridge] object AfterFailure {
  /** The call is made once more. */
  case object Repeat extends AfterFailure
  /** The call did not reach Mesos, and the subscription that it was made for is over. */
  case object Undelivered extends AfterFailure
  /** The same, and the subscription is to be given up: a new one makes all offers void. */
  case object Resubscribe extends AfterFailure
  /** The call is in vain. */
  final case class Lost(isCertain: Boolean) extends AfterFailure

  /** Decided from values alone. No offer may be left of which neither side knows that it has to be answered: what was to give it
    * back arrives, or the subscription ends.
    *
    * @param isCurrent the subscription that the call was made for is still the present one
    * @param isStopping the conversation is to end soon, so that there is no time to wait for better connections
    * @param hasTries it has not been repeated often enough yet
    */
  def decide(call: Call, failure: CallFailure, isCurrent: Boolean, isStopping: Boolean, hasTries: Boolean): AfterFailure =
    if (failure.mayHaveArrived && !call.isRepeatable) Lost(isCertain = false)
    else if (isStopping && call.isPassing) Lost(isCertain = true) // with the subscription all that they are about ends
    else if (!isCurrent) Undelivered
    else failure match {
      case Refused(status) if Refusals.isByNoLeader(status) => Resubscribe
      case Refused(status) if Refusals.isPassing(status) => if (hasTries) Repeat else Resubscribe
      case Refused(_) => if (call.isDecline) Resubscribe else Lost(isCertain = true)
      case Unanswered(false) => Resubscribe
      case Unanswered(true) | Unsent => if (hasTries && !isStopping) Repeat else Resubscribe
    }
}

package org.sparkmesos.bridge

/** How a call went that Mesos did not take. */
private[bridge] sealed trait CallFailure {
  /** Mesos may have got it nevertheless. */
  def mayHaveArrived: Boolean
  /** For the log. */
  def told(kind: String, why: String): String
}

/** It was answered, but not with success. Masters refuse before they do anything; but it may be something before the master
  * that answers, and it may do so behind a call that it has passed on, as the master's answer did not come.
  */
private[bridge] final case class Refused(status: Int, text: String) extends CallFailure {
  def mayHaveArrived: Boolean = Refusals.isTemporary(status) && !Refusals.isOfMaster(status, text) || status == 501
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

/** How things stand when a call has failed.
  *
  * @param isCurrent the subscription that the call was made for is still the present one
  * @param isStopping the conversation is to end soon, so that there is no time to wait for better connections
  * @param isTearingDown before that Mesos is to remove the framework, with all that other calls could be about
  * @param hasTries the call has not been repeated often enough yet
  * @param isTooCostly enough subscriptions have been given up for this call
  */
private[bridge] final case class Circumstances(
    isCurrent: Boolean,
    isStopping: Boolean,
    isTearingDown: Boolean,
    hasTries: Boolean,
    isTooCostly: Boolean)

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
    */
  def decide(call: Call, failure: CallFailure, now: Circumstances): AfterFailure =
    if (now.isTearingDown && !call.isTeardown) Lost(isCertain = !failure.mayHaveArrived)
    else if (failure.mayHaveArrived && !call.isRepeatable) Lost(isCertain = false)
    else if (now.isStopping && call.isOfSubscription) Lost(isCertain = true) // with the subscription all that they are about ends
    else if (!now.isCurrent) Undelivered
    else {
      val giveUp = if (now.isTooCostly) Lost(isCertain = false) else Resubscribe
      val patience = if (now.hasTries && !now.isTooCostly) Repeat else giveUp
      failure match {
        case Refused(status, _) if Refusals.isByNoLeader(status) => giveUp
        case Refused(status, _) if Refusals.isTemporary(status) => patience
        case Refused(_, _) => if (call.isDecline) Resubscribe else Lost(isCertain = !failure.mayHaveArrived)
        case Unanswered(false) => giveUp
        case Unanswered(true) | Unsent => if (now.isStopping) giveUp else patience
      }
    }
}

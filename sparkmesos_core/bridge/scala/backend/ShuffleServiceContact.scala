package org.sparkmesos.backend

/** How long things last between a driver and the shuffle services, in milliseconds.
  *
  * @param keep for how long services keep files without a word
  * @param interval from word to word; it may be less, so that more than one word comes in the time that files are kept
  */
final case class ShuffleServiceTimes(keep: Long, interval: Long) {
  /** For services of Spark 3.5, which warn of whoever tells them twice. */
  val rarely: Long = math.max(keep / 3, 1)
  val regularly: Long = math.min(interval, rarely)
  /** For whoever has not answered while it may keep files yet: several times in what is left. */
  val soon: Long = math.max(math.min(interval, keep / 6), 1)
  /** An agent that has gone is told no more; its service would have removed the files long ago. */
  val forLong: Long = keep * 10
}

/** What a driver knows of the shuffle service of a host, and when to tell it again that the application lives: decided from
  * values alone. Times are milliseconds of a clock without steps.
  *
  * A service removes the files of an application when it has heard nothing for `times.keep`. So while that has not passed, one
  * that does not answer is told again and again, as often as one that does. Behind that, or if it has never answered, it is
  * told more and more rarely, but within `times.keep`: one that is there, and knows the application from its executors alone,
  * waits ten times that long ([[ShuffleServiceLeases]]).
  *
  * @param used when an executor of the application was seen on the host last
  * @param sent when it was told last, whether it has got that or not
  * @param heard when the word was sent that it has answered last; None if it never has
  * @param isSparks it is one of Spark 3.5
  * @param failures in a row
  */
final case class ShuffleServiceContact(
    times: ShuffleServiceTimes, used: Long, sent: Long, heard: Option[Long], isSparks: Boolean, failures: Int) {
  import ShuffleServiceContact._

  def told(now: Long): ShuffleServiceContact = copy(sent = now)
  def inUse(now: Long): ShuffleServiceContact = copy(used = now)
  /** It counts from the word, not from the answer to it, as that may have taken its time. */
  def answered(isSparks: Boolean): ShuffleServiceContact = copy(heard = Some(sent), isSparks = isSparks, failures = 0)
  def failed: ShuffleServiceContact = copy(failures = failures + 1)

  def isReached: Boolean = heard.isDefined && failures == 0

  /** When to tell it again. It counts from the last word: what came of that may have taken its time, too. */
  def due: Long = sent + {
    if (failures == 0) if (isSparks) times.rarely else times.regularly
    else if (heard.exists(sent - _ < times.keep)) times.soon
    else math.min(times.interval << math.min(failures - 1, LargestShift), times.keep)
  }

  /** It is of no use to tell it again: neither it nor an executor on its host has been there for long. */
  def isGone(now: Long): Boolean = failures > 0 && now - math.max(used, heard.getOrElse(used)) > times.forLong
}

object ShuffleServiceContact {
  private val LargestShift = 10

  /** An executor runs on a host where there was none before. */
  def begun(times: ShuffleServiceTimes, now: Long): ShuffleServiceContact =
    ShuffleServiceContact(times, used = now, sent = now, heard = None, isSparks = false, failures = 0)
}

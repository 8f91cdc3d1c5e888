package org.sparkmesos.bridge

/** When to speak of a master that is away: at once, then ever more seldom. Without a clock of its own: all times are given, in
  * milliseconds of one and the same clock.
  */
final class Absence {
  private var since = Absence.Never
  private var next = 0L
  private var interval = Absence.FirstWait

  /** There is still no master: for how long there has been none if that is to be told now. */
  def away(now: Long): Option[Long] = {
    if (since == Absence.Never) { since = now; next = now; interval = Absence.FirstWait }
    if (now < next) None
    else {
      if (now > since) interval = math.min(interval * 2, Absence.LongestWait)
      next = now + interval
      Some(now - since)
    }
  }

  /** There is one: for how long there was none, if that was told. */
  def back(now: Long): Option[Long] = {
    val length = if (since == Absence.Never) None else Some(now - since)
    since = Absence.Never
    length
  }
}

object Absence {
  private val Never = -1L
  private val FirstWait = 30000L
  private val LongestWait = 600000L
}

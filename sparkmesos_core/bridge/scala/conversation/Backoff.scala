package org.sparkmesos.bridge

import java.util.concurrent.ThreadLocalRandom

/** How long to wait before another attempt. */
private[bridge] object Backoff {
  val LongestMillis = 15000L

  /** Milliseconds: doubling with the attempts, counted from 0, up to 15 s, of which a random half is taken away, so that the
    * frameworks of a cluster do not come all at once after their master comes back.
    */
  def millis(attempt: Int): Long = {
    val first = java.lang.Long.getLong("sparkmesos.bridge.backoffMillis", 500L)
    val longest = math.min(LongestMillis, first << math.min(attempt, 10))
    math.max(1L, longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2 + 1))
  }
}

package org.sparkmesos.bridge

/** Waits for what other threads do. */
private[bridge] object Waiting {
  /** Waits while this holds, for so many milliseconds at most. To be called with the lock; who makes it untrue notifies all. */
  def during(lock: Object, millis: Long)(holds: => Boolean): Unit = {
    val until = System.nanoTime() + millis * 1000000
    var left = millis
    while (left > 0 && holds) {
      lock.wait(left)
      left = (until - System.nanoTime()) / 1000000
    }
  }
}

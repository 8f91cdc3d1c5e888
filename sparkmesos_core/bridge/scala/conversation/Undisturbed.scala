package org.sparkmesos.bridge

import java.util.concurrent.{CountDownLatch, TimeUnit}

/** Waits that an interruption of the thread does not shorten; the thread counts as interrupted afterwards. Threads that were
  * interrupted stop Spark, too, and that must leave neither a framework nor a thread behind.
  */
private[sparkmesos] object Undisturbed {
  /** Whether the latch was opened within so many milliseconds. */
  def await(latch: CountDownLatch, millis: Long): Boolean = {
    insist(millis)(left => latch.await(left, TimeUnit.MILLISECONDS))
    latch.getCount == 0
  }

  /** Waits for the end of a thread, for so many milliseconds at most; not at all for the present one. */
  def join(thread: Thread, millis: Long): Unit = if (Thread.currentThread ne thread) insist(millis)(left => thread.join(left))

  private def insist(millis: Long)(wait: Long => Unit): Unit = {
    val until = System.nanoTime() + millis * 1000000
    var interrupted = false
    var left = millis
    while (left > 0)
      try { wait(left); left = 0 }
      catch { case _: InterruptedException => interrupted = true; left = (until - System.nanoTime()) / 1000000 }
    if (interrupted) Thread.currentThread.interrupt()
  }
}

package org.sparkmesos.bridge

import java.util.concurrent.LinkedBlockingQueue

import org.slf4j.Logger

/** Runs callbacks one after the other, in the order in which they were added, in a thread of its own. One that throws is
  * written to the log and does not keep the next one from running.
  *
  * @param thread the name of the thread
  * @param of whose callbacks they are, for the log
  */
private[bridge] final class Callbacks(thread: String, of: String, log: Logger) {
  private val queue = new LinkedBlockingQueue[Option[() => Unit]]() // None ends the thread
  private val runner = Daemon(thread)(run())

  def start(): Unit = runner.start()

  /** Filled by add(), never by put(), which refuses to work in an interrupted thread. */
  def add(callback: () => Unit): Unit = queue.add(Some(callback))

  /** Forgets those that have not begun. */
  def clear(): Unit = queue.clear()

  /** Lets the thread end behind what was added so far. */
  def end(): Unit = queue.add(None)

  /** Waits for the end of the thread, for so many milliseconds at most; not at all if it is the present one. */
  def join(millis: Long): Unit = Undisturbed.join(runner, millis)

  private def run(): Unit = {
    var next = queue.take()
    while (next.isDefined) {
      try next.get.apply()
      catch { case e: Throwable => log.error(s"A callback of the Mesos $of failed", e) }
      next = queue.take()
    }
  }
}

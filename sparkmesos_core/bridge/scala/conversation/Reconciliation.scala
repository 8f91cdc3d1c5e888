package org.sparkmesos.bridge

/** Asks about tasks again and again until Mesos has said something of each: a master that was just elected says nothing about
  * tasks of agents which have not come back to it yet (recorded from Mesos 1.12).
  *
  * @param ask makes the call, for tasks by their ids
  */
final class Reconciliation(ask: Set[String] => Unit) {
  private val lock = new Object
  // Guarded by lock:
  private var silent = Set.empty[String] // tasks of which Mesos has said nothing yet
  private var round = 0
  private var stopped = false

  /** Asks about these tasks, and forgets what was asked about before. Does nothing after stop(). */
  def begin(tasks: Set[String]): Unit = {
    val (mine, asked) = lock.synchronized {
      silent = if (stopped) Set.empty[String] else tasks
      round += 1
      lock.notifyAll() // the thread of the last round has nothing to do any more
      (round, silent)
    }
    if (asked.nonEmpty) {
      ask(asked)
      val thread = new Thread(s"mesos-reconciliation-$mine") { override def run(): Unit = repeat(mine) }
      thread.setDaemon(true)
      thread.start()
    }
  }

  /** Mesos has said something of a task. */
  def told(task: String): Unit = lock.synchronized {
    silent -= task
    if (silent.isEmpty) lock.notifyAll()
  }

  def stop(): Unit = {
    lock.synchronized { stopped = true }
    begin(Set.empty)
  }

  private def repeat(mine: Int): Unit = {
    var millis = Reconciliation.firstMillis
    var left = remaining(mine, millis)
    while (left.nonEmpty) {
      ask(left)
      millis = math.min(millis * 2, Reconciliation.LongestMillis)
      left = remaining(mine, millis)
    }
  }

  /** The tasks to ask about once more after so many milliseconds. */
  private def remaining(mine: Int, millis: Long): Set[String] = lock.synchronized {
    Waiting.during(lock, millis)(round == mine && silent.nonEmpty)
    if (round == mine) silent else Set.empty
  }
}

object Reconciliation {
  private def firstMillis: Long = java.lang.Long.getLong("sparkmesos.bridge.reconcileMillis", 15000L)
  private val LongestMillis = 300000L
}

package org.sparkmesos.bridge

/** Threads that do not keep the JVM alive. */
object Daemon {
  /** One that has not been started yet. */
  def apply(name: String)(work: => Unit): Thread = {
    val thread = new Thread(name) { override def run(): Unit = work }
    thread.setDaemon(true)
    thread
  }
}

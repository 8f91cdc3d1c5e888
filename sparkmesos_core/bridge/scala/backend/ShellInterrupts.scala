package org.sparkmesos.backend

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.{SparkListener, SparkListenerJobStart}
import org.slf4j.LoggerFactory
import sun.misc.{Signal, SignalHandler}

/** Lets Ctrl-C cancel jobs in the Scala shell, as it does in those of Spark 3.
  *
  * Spark's shell sets a handler of the signal (`Signaling.cancelOnInterrupt`) before there is a prompt. That of Scala 2.13, which
  * is JLine 3, has handlers of its own while it reads a line, and behind it leaves the system's, which ends the JVM at once. So
  * this sets one whenever a job starts: the next prompt takes it away.
  */
final class ShellInterrupts(context: SparkContext) extends SparkListener {
  import ShellInterrupts.log

  private val handler: SignalHandler = signal => {
    Signal.handle(signal, SignalHandler.SIG_DFL) // for the next one, should this take too long
    if (!context.isStopped && context.statusTracker.getActiveJobIds().nonEmpty) {
      log.warn("The jobs that run are being cancelled; the shell goes on when they have ended. Ctrl+C once more ends it now.")
      context.cancelAllJobs()
    } else Signal.raise(signal)
  }

  override def onJobStart(start: SparkListenerJobStart): Unit = Signal.handle(new Signal("INT"), handler)
}

object ShellInterrupts {
  private val log = LoggerFactory.getLogger(classOf[ShellInterrupts])

  /** Whether this JVM is a Scala shell: its script says so since Spark 4. */
  def isShell: Boolean = System.getenv("SPARK_SCALA_SHELL") == "1"
}

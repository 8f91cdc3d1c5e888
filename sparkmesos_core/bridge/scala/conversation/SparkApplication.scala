package org.apache.spark.sparkmesos

import org.apache.spark.{SparkContext, SparkEnv}
import org.slf4j.LoggerFactory

/** The Spark application of this JVM. It is in a package of Spark's, since only those may ask which SparkContext is active. */
object SparkApplication {
  private val ConstructionMillis = 120000L // a SparkContext waits for its executors for 30 s unless told otherwise
  private val PollMillis = 50L

  private val log = LoggerFactory.getLogger("org.sparkmesos.bridge.SparkApplication")

  /** Stops the SparkContext that has this scheduler backend, as Spark's standalone backend does when its master has removed
    * the application: a later job would wait for executors for ever. Returns at once; does nothing where there is no such
    * context, or no longer.
    */
  def stop(backend: AnyRef): Unit = if (SparkEnv.get != null) {
    val thread = new Thread("sparkmesos-stop") {
      override def run(): Unit =
        try awaitContext().filter(_.schedulerBackend.asInstanceOf[AnyRef] eq backend).foreach(_.stopInNewThread())
        catch { case e @ (_: Exception | _: LinkageError) => log.warn("The SparkContext cannot be stopped", e) }
    }
    thread.setDaemon(true)
    thread.start() // not from here: whoever makes a SparkContext may hold the lock of the active one until it is made
  }

  /** Whether an executor has registered with this driver, be its SparkContext still in the making; None if that cannot be
    * told. What an executor does first, once the driver has taken it in, is to tell where its blocks are.
    */
  def hasExecutors: Option[Boolean] =
    try Option(SparkEnv.get).map(_.blockManager.master.getMemoryStatus.keys.exists(!_.isDriver))
    catch {
      case e @ (_: Exception | _: LinkageError) =>
        log.debug("Spark does not tell its executors", e)
        None
    }

  /** The active SparkContext. One that is just being made is registered with Mesos before it becomes active. */
  private def awaitContext(): Option[SparkContext] = {
    val until = System.nanoTime() + ConstructionMillis * 1000000
    var context = SparkContext.getActive
    while (context.isEmpty && SparkEnv.get != null && System.nanoTime() < until) {
      Thread.sleep(PollMillis)
      context = SparkContext.getActive
    }
    context
  }
}

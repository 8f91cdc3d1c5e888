package org.apache.spark.sparkmesos

import scala.collection.mutable
import scala.util.control.NonFatal

import org.apache.spark.{ExceptionFailure, ExecutorLostFailure, SparkEnv, TaskFailedReason}
import org.apache.spark.scheduler.cluster.CoarseGrainedClusterMessages.StatusUpdate
import org.apache.spark.util.{SerializableBuffer, Utils}
import org.slf4j.LoggerFactory

/** There is nothing more to wait for with the failure of a task. The driver's endpoint says it to itself. */
private[spark] final case class FailureJudged(task: Long)

/** Failures of tasks of which it is not known yet whether they count. Spark must hear of them before it hears that their executor is
  * lost: from then on it would neither count them nor show them. Used by the thread of the driver's endpoint alone.
  *
  * @param told takes what is to be said to Spark
  */
private[spark] final class HeldFailures(told: StatusUpdate => Unit) {
  private final case class Held(update: StatusUpdate, failure: ExceptionFailure, counts: () => Boolean)
  private val held = mutable.LinkedHashMap.empty[Long, Held]

  /** @param counts whether it does, as far as that is known when it is asked */
  def hold(update: StatusUpdate, failure: ExceptionFailure, counts: () => Boolean): Unit =
    held(update.taskId) = Held(update, failure, counts)

  def release(task: Long): Unit =
    held.remove(task).foreach(one => told(if (one.counts()) one.update else ForgivenFailure.of(one.update, one.failure)))

  /** An executor is lost, or cut off. */
  def releaseOf(executor: String): Unit =
    held.values.map(_.update).filter(_.executorId == executor).map(_.taskId).toSeq.foreach(release)
}

/** The failure of a task whose process Mesos has ended, without the executor. */
private[spark] object ForgivenFailure {
  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.ForgivenFailure")

  /** What a task has thrown. None for all else that executors say of tasks that failed, and for what cannot be read here: Spark
    * knows what to do then (`TaskResultGetter.enqueueFailedTask`).
    */
  def exception(update: StatusUpdate): Option[ExceptionFailure] =
    try {
      val serializer = SparkEnv.get.closureSerializer.newInstance()
      serializer.deserialize[TaskFailedReason](update.data.value.duplicate(), Utils.getContextOrSparkClassLoader) match {
        case failure: ExceptionFailure => Some(failure)
        case _ => None
      }
    } catch { case e @ (NonFatal(_) | _: LinkageError) =>
      log.debug(s"What task ${update.taskId} has thrown cannot be read", e)
      None
    }

  /** The same, as if the executor were lost through no fault of the application: that is what Spark does not count
    * (`TaskSetManager.handleFailedTask`), neither against the task nor against the executor.
    */
  def of(update: StatusUpdate, failure: ExceptionFailure): StatusUpdate = {
    val what = s"${failure.className}: ${failure.description}"
    log.warn(s"Task ${update.taskId} failed on executor ${update.executorId}, which is being ended. That does not count: $what")
    val why = s"Mesos ends all its processes, as when its agent is drained; so this task has ended with $what"
    val lost: TaskFailedReason = ExecutorLostFailure(update.executorId, exitCausedByApp = false, Some(why))
    update.copy(data = new SerializableBuffer(SparkEnv.get.closureSerializer.newInstance().serialize(lost)))
  }
}

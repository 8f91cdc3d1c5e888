package org.apache.spark.sparkmesos

import scala.util.Try

import org.apache.spark.{ExceptionFailure, ExecutorLostFailure, SparkEnv, TaskFailedReason}
import org.apache.spark.scheduler.cluster.CoarseGrainedClusterMessages.StatusUpdate
import org.apache.spark.util.{SerializableBuffer, Utils}
import org.slf4j.LoggerFactory

/** What an executor said of a task that failed, once it is known whether that counts. The driver's endpoint says it to itself. */
private[spark] final case class JudgedFailure(update: StatusUpdate)

/** The failure of a task whose process Mesos has ended, without the executor. */
private[spark] object ForgivenFailure {
  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.ForgivenFailure")

  /** The same, as if the executor were lost through no fault of the application: that is what Spark does not count
    * (`TaskSetManager.handleFailedTask`), neither against the task nor against the executor. What the executor says of anything but
    * an exception stays as it is.
    */
  def of(update: StatusUpdate): StatusUpdate = {
    val serializer = SparkEnv.get.closureSerializer.newInstance()
    Try(serializer.deserialize[TaskFailedReason](update.data.value.duplicate(), Utils.getContextOrSparkClassLoader)).toOption match {
      case Some(failure: ExceptionFailure) =>
        log.warn(s"Task ${update.taskId} failed on executor ${update.executorId}, which is being ended. That does not count: " +
          s"${failure.className}: ${failure.description}")
        val why = "Mesos ends all its processes, as when its agent is drained; so this task has ended with " +
          s"${failure.className}: ${failure.description}"
        val lost: TaskFailedReason = ExecutorLostFailure(update.executorId, exitCausedByApp = false, Some(why))
        update.copy(data = new SerializableBuffer(serializer.serialize(lost)))
      case _ => update
    }
  }
}

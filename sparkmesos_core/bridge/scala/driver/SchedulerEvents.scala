package org.apache.mesos

import java.util.Base64

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import org.apache.mesos.Protos._
import org.apache.mesos.v1.{Protos => V1}
import org.sparkmesos.bridge.ProtobufJson

/** Events of Mesos in v1 JSON as what a scheduler is told of them. */
private[mesos] object SchedulerEvents {
  /** The offers of an event: each as Spark has it, or its id and why it cannot be read. */
  def offers(body: JsonNode): Seq[Either[(OfferID, Exception), Offer]] =
    body.path("offers").elements.asScala.toList.map { offer =>
      try Right(ProtobufJson.read(offer, V1.Offer.newBuilder(), Offer.parser()))
      catch { case e: Exception => Left(OfferID.newBuilder().setValue(offer.path("id").path("value").asText).build() -> e) }
    }

  def status(body: JsonNode): TaskStatus =
    ProtobufJson.read(body.path("status"), V1.TaskStatus.newBuilder(), TaskStatus.parser())

  /** The name of the callback that an event is for, and what calls it; None for OFFERS, UPDATE and those of no use. */
  def callback(kind: String, body: JsonNode): Option[(String, (Scheduler, SchedulerDriver) => Unit)] = kind match {
    case "RESCIND" =>
      val offer = OfferID.newBuilder().setValue(body.path("offer_id").path("value").asText).build()
      Some("offerRescinded" -> ((scheduler, driver) => scheduler.offerRescinded(driver, offer)))
    case "MESSAGE" =>
      val data = Base64.getDecoder.decode(body.path("data").asText)
      Some("frameworkMessage" -> ((scheduler, driver) => scheduler.frameworkMessage(driver, executor(body), agent(body), data)))
    case "FAILURE" if body.has("executor_id") && body.has("agent_id") =>
      val code = body.path("status").asInt
      Some("executorLost" -> ((scheduler, driver) => scheduler.executorLost(driver, executor(body), agent(body), code)))
    case "FAILURE" if body.has("agent_id") =>
      Some("slaveLost" -> ((scheduler, driver) => scheduler.slaveLost(driver, agent(body))))
    case _ => None
  }

  private def executor(body: JsonNode) = ExecutorID.newBuilder().setValue(body.path("executor_id").path("value").asText).build()
  private def agent(body: JsonNode) = SlaveID.newBuilder().setValue(body.path("agent_id").path("value").asText).build()

  /** What is told of a task that never reached Mesos. */
  def neverLaunched(task: TaskInfo, framework: FrameworkInfo, why: String): TaskStatus = {
    val isAware = framework.getCapabilitiesList.asScala.exists(_.getType == FrameworkInfo.Capability.Type.PARTITION_AWARE)
    TaskStatus.newBuilder().setTaskId(task.getTaskId).setSlaveId(task.getSlaveId)
      .setState(if (isAware) TaskState.TASK_DROPPED else TaskState.TASK_LOST)
      .setSource(TaskStatus.Source.SOURCE_MASTER).setReason(TaskStatus.Reason.REASON_MASTER_DISCONNECTED)
      .setMessage(s"The launch did not reach Mesos: $why")
      .setTimestamp(System.currentTimeMillis() / 1000.0)
      .build()
  }
}

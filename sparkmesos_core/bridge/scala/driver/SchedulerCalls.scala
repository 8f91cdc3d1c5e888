package org.apache.mesos

import java.util.{Base64, Collection}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import org.apache.mesos.Protos._
import org.apache.mesos.v1.{Protos => V1}
import org.sparkmesos.bridge.{Calls, ProtobufJson}

/** The bodies of a scheduler's calls from the messages that Spark has, as the v1 scheduler API has them: what stands under the
  * name of the call.
  */
private[mesos] object SchedulerCalls {
  private def node(): ObjectNode = JsonNodeFactory.instance.objectNode()

  def request(requests: Collection[Request]): ObjectNode = {
    val body = node()
    val array = body.putArray("requests")
    requests.asScala.foreach(request => array.add(ProtobufJson.write(request, V1.Request.parser())))
    body
  }

  def accept(offerIds: Collection[OfferID], operations: Collection[Offer.Operation], filters: Filters): ObjectNode =
    Calls.accept(offerIds.asScala.toList.map(_.getValue),
      operations.asScala.toList.map(operation => ProtobufJson.write(operation, V1.Offer.Operation.parser())), v1(filters))

  def decline(offerId: OfferID, filters: Filters): ObjectNode = Calls.decline(Seq(offerId.getValue), v1(filters))

  private def v1(filters: Filters) = ProtobufJson.write(filters, V1.Filters.parser())

  def kill(task: String, agent: Option[SlaveID]): ObjectNode = Calls.kill(task, agent.map(_.getValue), None)

  /** @param tasks with their agents, where these are known; none: all that there are */
  def reconcile(tasks: Seq[(String, Option[SlaveID])]): ObjectNode =
    Calls.reconcile(tasks.map { case (task, agent) => task -> agent.map(_.getValue) })

  /** None for a status that Mesos wants no acknowledgement of. */
  def acknowledge(status: TaskStatus): Option[ObjectNode] =
    if (!status.hasUuid || status.getUuid.isEmpty || !status.hasSlaveId) None
    else Some(Calls.acknowledge(status.getTaskId.getValue, status.getSlaveId.getValue,
      Base64.getEncoder.encodeToString(status.getUuid.toByteArray)))

  def message(executor: ExecutorID, agent: SlaveID, data: Array[Byte]): ObjectNode = {
    val body = node()
    body.putObject("agent_id").put("value", agent.getValue)
    body.putObject("executor_id").put("value", executor.getValue)
    body.put("data", Base64.getEncoder.encodeToString(data))
  }

  /** Null, which stands for all roles, without any. */
  def roles(roles: Collection[String]): ObjectNode =
    if (roles.isEmpty) null
    else {
      val body = node()
      val array = body.putArray("roles")
      roles.asScala.foreach(role => array.add(role))
      body
    }
}

package org.apache.mesos

import java.util.{Base64, Collection}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import org.apache.mesos.Protos._
import org.apache.mesos.v1.{Protos => V1}
import org.sparkmesos.bridge.ProtobufJson

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

  def accept(offerIds: Collection[OfferID], operations: Collection[Offer.Operation], filters: Filters): ObjectNode = {
    val body = offers(offerIds, filters)
    val array = body.putArray("operations")
    operations.asScala.foreach(operation => array.add(ProtobufJson.write(operation, V1.Offer.Operation.parser())))
    body
  }

  def decline(offerId: OfferID, filters: Filters): ObjectNode = offers(java.util.Collections.singleton(offerId), filters)

  private def offers(ids: Collection[OfferID], filters: Filters): ObjectNode = {
    val body = node()
    val array = body.putArray("offer_ids")
    ids.asScala.foreach(id => array.addObject().put("value", id.getValue))
    body.replace("filters", ProtobufJson.write(filters, V1.Filters.parser()))
    body
  }

  def kill(task: String, agent: Option[SlaveID]): ObjectNode = fill(node(), task, agent)

  /** @param tasks with their agents, where these are known; none: all that there are */
  def reconcile(tasks: Seq[(String, Option[SlaveID])]): ObjectNode = {
    val body = node()
    val array = body.putArray("tasks")
    tasks.foreach { case (task, agent) => fill(array.addObject(), task, agent) }
    body
  }

  /** None for a status that Mesos wants no acknowledgement of. */
  def acknowledge(status: TaskStatus): Option[ObjectNode] =
    if (!status.hasUuid || status.getUuid.isEmpty || !status.hasSlaveId) None
    else Some(fill(node(), status.getTaskId.getValue, Some(status.getSlaveId))
      .put("uuid", Base64.getEncoder.encodeToString(status.getUuid.toByteArray)))

  private def fill(body: ObjectNode, task: String, agent: Option[SlaveID]): ObjectNode = {
    body.putObject("task_id").put("value", task)
    agent.foreach(agent => body.putObject("agent_id").put("value", agent.getValue))
    body
  }

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

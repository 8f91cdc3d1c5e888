package org.sparkmesos.bridge

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

/** The bodies of calls, as the v1 scheduler API has them: what stands under the name of the call. */
object Calls {
  private def node(): ObjectNode = JsonNodeFactory.instance.objectNode()

  /** @param operations v1 Offer.Operations, all for the agent of the offers
    * @param filters as filters()
    */
  def accept(offerIds: Seq[String], operations: Seq[ObjectNode], filters: ObjectNode): ObjectNode = {
    val body = answer("offer_ids", offerIds, filters)
    val array = body.putArray("operations")
    operations.foreach(operation => array.add(operation))
    body
  }

  /** A v1 Offer.Operation.
    *
    * @param tasks v1 TaskInfos
    */
  def launch(tasks: Seq[ObjectNode]): ObjectNode = {
    val operation = node().put("type", "LAUNCH")
    val array = operation.putObject("launch").putArray("task_infos")
    tasks.foreach(task => array.add(task))
    operation
  }

  def decline(offerIds: Seq[String], filters: ObjectNode): ObjectNode = answer("offer_ids", offerIds, filters)

  def acceptInverse(offerIds: Seq[String], filters: ObjectNode): ObjectNode = answer("inverse_offer_ids", offerIds, filters)

  /** v1 Filters.
    *
    * @param refuseSeconds for how long what was offered is not to be offered again; None: as long as Mesos thinks fit
    */
  def filters(refuseSeconds: Option[Double]): ObjectNode = {
    val filters = node()
    refuseSeconds.foreach(seconds => filters.put("refuse_seconds", seconds))
    filters
  }

  /** @param graceMillis between SIGTERM and SIGKILL; None: as the task's own kill policy says */
  def kill(task: String, agentId: Option[String], graceMillis: Option[Long]): ObjectNode = {
    val body = of(task, agentId)
    graceMillis.foreach(millis => body.replace("kill_policy", killPolicy(millis)))
    body
  }

  /** A v1 KillPolicy. */
  def killPolicy(graceMillis: Long): ObjectNode = {
    val policy = node()
    policy.putObject("grace_period").put("nanoseconds", graceMillis * 1000000)
    policy
  }

  /** @param uuid of the update, in Base64 */
  def acknowledge(task: String, agentId: String, uuid: String): ObjectNode = of(task, Some(agentId)).put("uuid", uuid)

  /** @param tasks with their agents, where these are known; none: all that there are */
  def reconcile(tasks: Seq[(String, Option[String])]): ObjectNode = {
    val body = node()
    val array = body.putArray("tasks")
    tasks.foreach { case (task, agentId) => array.add(of(task, agentId)) }
    body
  }

  private def of(task: String, agentId: Option[String]): ObjectNode = {
    val body = node()
    body.putObject("task_id").put("value", task)
    agentId.foreach(agent => body.putObject("agent_id").put("value", agent))
    body
  }

  private def answer(name: String, ids: Seq[String], filters: ObjectNode): ObjectNode = {
    val body = node()
    val array = body.putArray(name)
    ids.foreach(id => array.addObject().put("value", id))
    body.replace("filters", filters)
    body
  }
}

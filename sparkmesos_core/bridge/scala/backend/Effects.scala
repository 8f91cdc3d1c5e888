package org.sparkmesos.backend

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

/** Something to be done as a consequence of what happened. */
sealed trait Effect

/** Something to be told to Spark. */
sealed trait SparkEffect extends Effect
/** An executor is no more. Said once of each. */
final case class Remove(executor: String, hostname: String, loss: Loss) extends SparkEffect
/** Executors that will be ended soon: they get no more tasks, and hand on what they hold. */
final case class Decommission(executors: Seq[String], why: String) extends SparkEffect
/** Mesos tells why an executor ended of which Spark was told before that nobody knows. Only people can make use of it. */
final case class Late(executor: String, loss: Loss) extends SparkEffect
/** Nothing that executors have left on an agent can be reached any more. May be said more than once. */
final case class AgentLost(agentId: String, hostname: String, why: String) extends SparkEffect

/** A call to Mesos. */
sealed trait MesosEffect extends Effect
final case class Answered(answer: Answer) extends MesosEffect
final case class Acknowledge(task: String, agentId: String, uuid: String) extends MesosEffect
final case class Kill(task: String, agentId: Option[String]) extends MesosEffect
/** Executors to watch until Mesos has said something of each. */
final case class Reconcile(tasks: Set[String]) extends MesosEffect
/** Mesos is to tell of every task of the framework that it knows. */
case object ReconcileAll extends MesosEffect
case object Revive extends MesosEffect
case object Suppress extends MesosEffect
final case class AcceptInverse(offerId: String, refuseSeconds: Double) extends MesosEffect

/** The bodies of calls, as the v1 scheduler API has them: what stands under the name of the call. */
object Calls {
  private def node(): ObjectNode = JsonNodeFactory.instance.objectNode()

  /** @param tasks v1 TaskInfos, all for the agent of the offer */
  def accept(offerId: String, tasks: Seq[ObjectNode]): ObjectNode = {
    val body = answer("offer_ids", offerId, None)
    val launch = body.putArray("operations").addObject().put("type", "LAUNCH").putObject("launch").putArray("task_infos")
    tasks.foreach(launch.add(_))
    body
  }

  def decline(offerId: String, refuseSeconds: Option[Double]): ObjectNode = answer("offer_ids", offerId, refuseSeconds)

  def acceptInverse(offerId: String, refuseSeconds: Double): ObjectNode =
    answer("inverse_offer_ids", offerId, Some(refuseSeconds))

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

  def acknowledge(task: String, agentId: String, uuid: String): ObjectNode = of(task, Some(agentId)).put("uuid", uuid)

  /** @param tasks with their agents; none: all that there are */
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

  private def answer(ids: String, id: String, refuseSeconds: Option[Double]): ObjectNode = {
    val body = node()
    body.putArray(ids).addObject().put("value", id)
    val filters = body.putObject("filters")
    refuseSeconds.foreach(seconds => filters.put("refuse_seconds", seconds))
    body
  }
}

package org.sparkmesos.backend

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
/** Nothing that executors have left on an agent can be reached any more. Said once of each time it goes away. */
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

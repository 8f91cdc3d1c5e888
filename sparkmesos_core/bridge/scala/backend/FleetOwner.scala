package org.sparkmesos.backend

import org.sparkmesos.bridge.{Conversation, StartWatch}

/** What a [[Fleet]] tells, and asks, the scheduler that it works for. It is called from the fleet's threads, without locks. */
trait FleetOwner {
  /** What executors are to be told; asked once, when the framework has its id. */
  def application(frameworkId: String): Application
  /** The hosts that get no executors at the moment. */
  def excludedHosts: Set[String]
  /** How often a task that runs on an executor has lost one that ended with exit status 0, unasked; 0 if none has. */
  def quits(executor: String): Int
  /** What looks whether executors start, if anything does. */
  def watch(conversation: Conversation): Option[StartWatch]
  /** There is a subscription, or there is none for now. */
  def isConnected(is: Boolean): Unit
  /** An executor runs there; this may be told more than once. */
  def runs(hostname: String): Unit
  /** Those that Spark knows. */
  def executors: Set[String]
  def remove(executor: String, hostname: String, loss: Loss): Unit
  def decommission(executors: Seq[String], why: String): Unit
  /** Nothing that executors have left on an agent can be reached any more. */
  def agentLost(agentId: String, hostname: String, why: String): Unit
  /** Mesos has ended the framework, which had been registered; nothing here will change that. */
  def ended(message: String): Unit
}

/** Mesos does not take the framework. */
final class FleetError(message: String) extends RuntimeException(message)

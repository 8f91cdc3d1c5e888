package org.sparkmesos.backend

import com.fasterxml.jackson.databind.JsonNode

/** What Mesos says of an executor's task.
  *
  * @param state without TASK_ in front
  * @param reason without REASON_ in front, in the words of the v1 API; empty if none is given
  * @param uuid of an update that has to be acknowledged
  */
final case class TaskUpdate(
    task: String,
    agentId: Option[String],
    state: String,
    reason: String,
    message: String,
    uuid: Option[String]) {

  /** Behind this state no other follows: a task that Mesos calls lost is given up (`MesosSchedulerBackendUtil` of Spark 3.5
    * maps states so), and ended if it comes back.
    */
  def isFinal: Boolean = TaskUpdate.Final(state)

  /** The same for people: `TASK_FAILED (Command exited with status 1)`. */
  override def toString: String = {
    val why = Seq(message, reason).filter(_.nonEmpty)
    s"TASK_$state" + (if (why.isEmpty) "" else why.mkString(" (", ", ", ")"))
  }
}

object TaskUpdate {
  private val Final =
    Set("FINISHED", "FAILED", "KILLED", "ERROR", "LOST", "DROPPED", "UNREACHABLE", "GONE", "GONE_BY_OPERATOR", "UNKNOWN")

  /** Reads a v1 TaskStatus. Masters of Mesos 1.x may use the older words, with slaves, for reasons. */
  def parse(status: JsonNode): TaskUpdate = {
    def text(node: JsonNode) = Option(node.asText("")).filter(_.nonEmpty)
    TaskUpdate(
      status.path("task_id").path("value").asText,
      text(status.path("agent_id").path("value")),
      status.path("state").asText.stripPrefix("TASK_"),
      status.path("reason").asText.stripPrefix("REASON_").replace("SLAVE_", "AGENT_"),
      status.path("message").asText,
      text(status.path("uuid")))
  }

  /** What is to be thought of an executor whose launch did not reach Mesos. */
  def neverLaunched(executor: Executor, why: String): TaskUpdate =
    TaskUpdate(executor.id, Some(executor.agentId), "DROPPED", "MASTER_DISCONNECTED", s"The launch did not reach Mesos: $why", None)
}

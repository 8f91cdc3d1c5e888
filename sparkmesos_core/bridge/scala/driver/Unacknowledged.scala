package org.sparkmesos.bridge

import java.util.LinkedHashMap

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

/** What an agent has to be told again when the executor subscribes anew. */
private[bridge] final class Unacknowledged {
  private val tasks = new LinkedHashMap[String, JsonNode]()
  private val updates = new LinkedHashMap[String, JsonNode]()
  private val waiting = new java.util.HashSet[String]() // updates of which the agent has not heard yet

  def launched(task: JsonNode): Unit = tasks.put(task.path("task_id").path("value").asText, task)
  def add(uuid: String, update: JsonNode): Unit = { updates.put(uuid, update); waiting.add(uuid) }
  /** The agent has an update safely. From then on it knows that the task has reached its executor. */
  def acknowledged(taskId: String, uuid: String): Unit =
    if (updates.remove(uuid) != null) { waiting.remove(uuid); tasks.remove(taskId) }
  def isWaiting(uuid: String): Boolean = waiting.contains(uuid)

  /** Writes all of it into a SUBSCRIBE call, and returns the updates it holds, for `told` once the agent has the call. */
  def writeTo(body: ObjectNode): Seq[String] = {
    body.putArray("unacknowledged_tasks").addAll(tasks.values)
    body.putArray("unacknowledged_updates").addAll(updates.values)
    updates.keySet.toArray(Array.empty[String]).toList
  }
  def told(uuids: Seq[String]): Unit = uuids.foreach(waiting.remove(_))
}

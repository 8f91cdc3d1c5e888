package org.apache.mesos

import java.util.{LinkedHashMap, Map => JMap}

import scala.collection.mutable

import org.apache.mesos.Protos.{SlaveID, TaskInfo, TaskState, TaskStatus}

/** Which tasks may be alive, and on which agents. For any threads. */
private[mesos] final class KnownTasks {
  import KnownTasks._

  private val alive = mutable.LinkedHashMap.empty[String, SlaveID]
  private val ended = new LinkedHashMap[String, SlaveID]() { // the latest ones
    override def removeEldestEntry(eldest: JMap.Entry[String, SlaveID]): Boolean = size > MaxEnded
  }

  def launched(tasks: Seq[TaskInfo]): Unit = synchronized {
    tasks.foreach { task =>
      alive(task.getTaskId.getValue) = task.getSlaveId
      ended.remove(task.getTaskId.getValue)
    }
  }

  /** Those that may be alive, in the order of their launches. */
  def ids: Seq[String] = synchronized(alive.keys.toList)

  /** The agent of a task that may be alive. */
  def agentOf(task: String): Option[SlaveID] = synchronized(alive.get(task))

  /** Whether Mesos has told the end of a task, and nothing since then. */
  def hasEnded(task: String): Boolean = synchronized(ended.containsKey(task))

  /** Mesos has told a task's state. What it has told, with the agent if that is known: the master may not know of which agent it
    * speaks, and Spark fails if nobody says.
    */
  def told(status: TaskStatus): TaskStatus = synchronized {
    val id = status.getTaskId.getValue
    val agent = if (status.hasSlaveId) Some(status.getSlaveId) else alive.get(id).orElse(Option(ended.get(id)))
    if (isFinal(status.getState)) {
      alive -= id
      agent.foreach(ended.put(id, _))
    } else {
      agent.foreach(alive(id) = _)
      ended.remove(id)
    }
    agent.map(status.toBuilder.setSlaveId(_).build()).getOrElse(status)
  }
}

private[mesos] object KnownTasks {
  private val MaxEnded = 10000
  private val Finals = Set("FINISHED", "FAILED", "KILLED", "ERROR", "LOST", "DROPPED", "GONE", "GONE_BY_OPERATOR", "UNKNOWN")

  /** States behind which no other follows; TASK_LOST is counted as one since Spark gives the task up then. */
  private def isFinal(state: TaskState): Boolean = Finals(state.name.stripPrefix("TASK_"))
}

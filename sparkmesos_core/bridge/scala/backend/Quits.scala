package org.sparkmesos.backend

import org.apache.spark.scheduler.{SparkListener, SparkListenerStageCompleted, SparkListenerTaskEnd, SparkListenerTaskStart}

/** A task, whichever attempt at it. */
final case class TaskOfStage(stage: Int, index: Int)

/** Which tasks run where, and which of them have lost executors that quit: ended with exit status 0 in the midst of their work.
  *
  * An executor whose connection to the driver breaks ends so, and one in which System.exit(0) is called. The first befalls a task
  * once in a while, the second again and again; so the first time is charged to nobody, and each other one is. What Mesos tells of
  * only when the executor was given up as silent is not among these times.
  *
  * @param running by executors; an attempt each, so that one of a task may end while another goes on
  * @param times how often, of those that have
  */
final case class Quits(running: Map[String, Map[Long, TaskOfStage]], times: Map[TaskOfStage, Int]) {
  /** @param attempt Spark's number of it */
  def started(executor: String, attempt: Long, task: TaskOfStage): Quits =
    copy(running = running.updated(executor, running.getOrElse(executor, Map.empty) + (attempt -> task)))

  def ended(executor: String, attempt: Long): Quits = {
    val left = running.getOrElse(executor, Map.empty) - attempt
    copy(running = if (left.isEmpty) running - executor else running.updated(executor, left))
  }

  /** How often any task that runs on an executor has lost one so. */
  def of(executor: String): Int = tasks(executor).map(times.getOrElse(_, 0)).maxOption.getOrElse(0)

  /** An executor has quit. */
  def quit(executor: String): Quits =
    copy(times = tasks(executor).foldLeft(times)((before, task) => before.updated(task, before.getOrElse(task, 0) + 1)))

  def completed(stage: Int): Quits = copy(times = times.filterNot(_._1.stage == stage))

  private def tasks(executor: String) = running.getOrElse(executor, Map.empty).values.toSet
}

object Quits {
  val initial: Quits = Quits(Map.empty, Map.empty)
}

/** Keeps the books of [[Quits]], as Spark tells of tasks. What it tells late, or not at all when it is too busy, forgives a task
  * once more.
  */
final class QuitTasks extends SparkListener {
  private var books = Quits.initial // guarded by this

  override def onTaskStart(start: SparkListenerTaskStart): Unit = synchronized {
    val task = start.taskInfo
    books = books.started(task.executorId, task.taskId, TaskOfStage(start.stageId, task.index))
  }

  override def onTaskEnd(end: SparkListenerTaskEnd): Unit = synchronized {
    books = books.ended(end.taskInfo.executorId, end.taskInfo.taskId)
  }

  override def onStageCompleted(completed: SparkListenerStageCompleted): Unit = synchronized {
    books = books.completed(completed.stageInfo.stageId)
  }

  /** How often any task that runs on an executor has lost one that quit. */
  def quits(executor: String): Int = synchronized(books.of(executor))

  /** An executor has quit, and its tasks are still said to run. */
  def quit(executor: String): Unit = synchronized { books = books.quit(executor) }
}

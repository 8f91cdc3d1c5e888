package org.apache.mesos

import java.util.Base64
import java.util.concurrent.CountDownLatch

import scala.collection.mutable

import com.fasterxml.jackson.databind.JsonNode
import org.apache.mesos.Protos._
import org.apache.mesos.v1.{Protos => V1}
import org.slf4j.LoggerFactory
import org.sparkmesos.bridge.{ExecutorConversation, ExecutorEnvironment, ExecutorListener, ProcessGroup, ProtobufJson}

/** Mesos' Java ExecutorDriver over the v1 HTTP executor API: what Spark's own MesosExecutorBackend, the executor of its
  * fine-grained mode, runs on without libmesos.
  *
  * Constructor, methods, returned states and the order of callbacks are those of Mesos' class of this name (behaviour as in
  * Mesos' exec.cpp). It differs where that helps: disconnected() is really called, an exception in a callback is also
  * reported as an error, a missing variable is an error and not the end of the process, and after shutdown() the driver
  * ends by itself, so that run() returns and the process can end in order instead of being killed.
  *
  * @param environment what the agent has set; the one-argument constructor takes that of the process
  */
class MesosExecutorDriver(executor: Executor, environment: java.util.Map[String, String]) extends ExecutorDriver {

  def this(executor: Executor) = this(executor, System.getenv())

  if (executor == null) throw new NullPointerException("executor is null")

  private val log = LoggerFactory.getLogger("org.sparkmesos.bridge.MesosExecutorDriver")
  private val over = new CountDownLatch(1)
  private val lock = new Object
  // Guarded by lock:
  private var status = Status.DRIVER_NOT_STARTED
  private var conversation: ExecutorConversation = _
  private val live = mutable.Set.empty[String] // tasks whose end has not been reported
  private var toldToEnd = false // shutdown() has returned

  // ---- life --------------------------------------------------------------------------------------------------------

  def start(): Status = {
    val refused = lock.synchronized {
      if (status != Status.DRIVER_NOT_STARTED) return status
      try {
        val known = ExecutorEnvironment.read(name => Option(environment.get(name)))
        log.info(s"Executor ${known.executorId} of ${known.frameworkId} on the Mesos agent at ${known.agent}")
        conversation = new ExecutorConversation(known, new Listener(known))
        status = Status.DRIVER_RUNNING
        conversation.start()
        None
      } catch {
        case e: IllegalArgumentException =>
          status = Status.DRIVER_ABORTED
          over.countDown()
          Some(e.getMessage)
      }
    }
    refused.foreach(reportError)
    state
  }

  /** Returns when the updates and messages of before have gone out, or after some seconds if the agent does not answer. */
  def stop(): Status = {
    val before = lock.synchronized {
      val before = status
      if (before == Status.DRIVER_RUNNING || before == Status.DRIVER_ABORTED) status = Status.DRIVER_STOPPED
      lock.notifyAll()
      before
    }
    if (before == Status.DRIVER_RUNNING || before == Status.DRIVER_ABORTED) {
      try if (conversation != null) conversation.stop()
      finally over.countDown()
      if (before == Status.DRIVER_ABORTED) before else Status.DRIVER_STOPPED
    } else before
  }

  /** No more callbacks; what was sent before still goes out. */
  def abort(): Status = {
    if (setAborted()) {
      conversation.finish()
      over.countDown()
    }
    state
  }

  def join(): Status = {
    if (state == Status.DRIVER_RUNNING) over.await()
    state
  }

  def run(): Status = {
    val started = start()
    if (started == Status.DRIVER_RUNNING) join() else started
  }

  private def state: Status = lock.synchronized(status)
  private def isRunning: Boolean = state == Status.DRIVER_RUNNING

  /** Whether it was running. */
  private def setAborted(): Boolean = lock.synchronized {
    val was = status == Status.DRIVER_RUNNING
    if (was) status = Status.DRIVER_ABORTED
    lock.notifyAll()
    was
  }

  // ---- calls -------------------------------------------------------------------------------------------------------

  def sendStatusUpdate(update: TaskStatus): Status = {
    if (isRunning) {
      conversation.update(ProtobufJson.write(update, V1.TaskStatus.parser()))
      if (MesosExecutorDriver.Final(update.getState.name)) lock.synchronized {
        live -= update.getTaskId.getValue
        lock.notifyAll()
      }
    }
    state
  }

  def sendFrameworkMessage(data: Array[Byte]): Status = {
    if (isRunning) conversation.message(data)
    state
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  private final class Listener(known: ExecutorEnvironment) extends ExecutorListener {
    private def driver = MesosExecutorDriver.this

    def subscribed(body: JsonNode, again: Boolean): Unit = {
      log.info(s"${if (again) "Subscribed again" else "Subscribed"} to the Mesos agent at ${known.agent}")
      def agent = ProtobufJson.read(body.path("agent_info"), V1.AgentInfo.newBuilder(), SlaveInfo.parser())
      if (again) tell("reregistered")(executor.reregistered(driver, agent))
      else tell("registered") {
        val info = ProtobufJson.read(body.path("executor_info"), V1.ExecutorInfo.newBuilder(), ExecutorInfo.parser())
        val framework = ProtobufJson.read(body.path("framework_info"), V1.FrameworkInfo.newBuilder(), FrameworkInfo.parser())
        executor.registered(driver, info, framework, agent)
      }
    }

    def event(kind: String, body: JsonNode): Unit = kind match {
      case "LAUNCH" =>
        tell("launchTask") {
          val task = ProtobufJson.read(body.path("task"), V1.TaskInfo.newBuilder(), TaskInfo.parser())
          lock.synchronized { live += task.getTaskId.getValue }
          executor.launchTask(driver, task)
        }
      case "LAUNCH_GROUP" =>
        log.error("The framework launched a group of tasks, which an ExecutorDriver cannot run")
        ExecutorConversation.tasksOfGroup(body).foreach { task =>
          sendStatusUpdate(TaskStatus.newBuilder()
            .setTaskId(TaskID.newBuilder().setValue(task.path("task_id").path("value").asText))
            .setState(TaskState.TASK_FAILED)
            .setMessage("This executor runs single tasks, not groups of tasks (LAUNCH_GROUP)")
            .build())
        }
      case "KILL" =>
        val task = TaskID.newBuilder().setValue(body.path("task_id").path("value").asText).build()
        tell("killTask")(executor.killTask(driver, task))
      case "MESSAGE" =>
        tell("frameworkMessage")(executor.frameworkMessage(driver, Base64.getDecoder.decode(body.path("data").asText)))
      case _ => log.debug(s"The agent sent $kind, which is of no use to an ExecutorDriver")
    }

    def disconnected(): Unit = tell("disconnected")(executor.disconnected(driver))

    /** The executor gets half of the grace period for the tasks it still has; then the driver stops, and the process has the
      * other half to end by itself.
      */
    def shutdown(): Unit = if (isRunning) {
      val begun = System.nanoTime()
      val ending = new Thread("mesos-executor-shutdown") {
        override def run(): Unit = {
          awaitLastTask(begun + known.graceMillis * 500000L)
          MesosExecutorDriver.this.stop()
          if (!known.local) {
            waitUntil(begun + known.graceMillis * 1000000L)
            ProcessGroup.end()
          }
        }
      }
      ending.setDaemon(true)
      ending.start() // first: the callback may take its time
      tell("shutdown")(executor.shutdown(driver))
      lock.synchronized { toldToEnd = true; lock.notifyAll() }
    }

    def failed(message: String): Unit =
      if (setAborted()) {
        reportError(message)
        over.countDown()
      }
  }

  private def awaitLastTask(until: Long): Unit = lock.synchronized {
    def left = (until - System.nanoTime()) / 1000000
    while (status == Status.DRIVER_RUNNING && !(toldToEnd && live.isEmpty) && left > 0) lock.wait(math.max(1L, left))
  }

  private def waitUntil(nanos: Long): Unit = {
    var left = (nanos - System.nanoTime()) / 1000000
    while (left > 0) {
      Thread.sleep(left)
      left = (nanos - System.nanoTime()) / 1000000
    }
  }

  /** Runs a callback. One that throws ends the driver, as with libmesos, but is not kept from the user. */
  private def tell(what: String)(callback: => Unit): Unit =
    if (isRunning)
      try callback
      catch {
        case e: Throwable =>
          log.error(s"The executor failed in $what", e)
          if (setAborted()) {
            conversation.finish()
            reportError(s"The executor failed in $what: $e")
            over.countDown()
          }
      }

  private def reportError(message: String): Unit = {
    log.error(message)
    try executor.error(this, message)
    catch { case e: Throwable => log.error(s"The executor failed in error($message)", e) }
  }
}

object MesosExecutorDriver {
  /** States behind which an executor sends no other. */
  private val Final = Set("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED", "TASK_GONE")
}

package org.apache.mesos

import java.util.Collection
import java.util.concurrent.{CountDownLatch, TimeUnit}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import org.apache.mesos.Protos._
import org.apache.spark.sparkmesos.SparkApplication
import org.slf4j.LoggerFactory
import org.sparkmesos.bridge.{Conversation, ConversationListener, Daemon, Masters, PythonDriver, Reconciliation, Refusals,
  StartWatch}

/** Mesos' Java SchedulerDriver over the v1 HTTP API: what Spark's own, unmodified Mesos backend runs on without libmesos.
  *
  * Constructors, methods, returned states and the order of callbacks are those of Mesos' class of this name (API of Mesos 1.4
  * and newer; behaviour as in Mesos' sched.cpp). It differs where that helps: a call made while Mesos is away is made later
  * if it still makes sense then, offers are given back whose launch did not arrive, tasks are reconciled after each new
  * subscription, an exception in a callback is also reported to the scheduler as an error, and run() throws if there was an
  * error before the registration: what the scheduler's error() threw, or the error itself if error() does not come to an end.
  */
class MesosSchedulerDriver(
    scheduler: Scheduler,
    framework: FrameworkInfo,
    suppressedRoles: Collection[String],
    master: String,
    implicitAcknowledgements: Boolean,
    credential: Credential)
  extends SchedulerDriverOverloads {

  def this(scheduler: Scheduler, framework: FrameworkInfo, master: String) =
    this(scheduler, framework, null, master, true, null)
  def this(scheduler: Scheduler, framework: FrameworkInfo, master: String, credential: Credential) =
    this(scheduler, framework, null, master, true, credential)
  def this(scheduler: Scheduler, framework: FrameworkInfo, master: String, implicitAcknowledgements: Boolean) =
    this(scheduler, framework, null, master, implicitAcknowledgements, null)
  def this(scheduler: Scheduler, framework: FrameworkInfo, master: String, implicitAcknowledgements: Boolean,
      credential: Credential) =
    this(scheduler, framework, null, master, implicitAcknowledgements, credential)
  def this(scheduler: Scheduler, framework: FrameworkInfo, suppressedRoles: Collection[String], master: String,
      implicitAcknowledgements: Boolean) =
    this(scheduler, framework, suppressedRoles, master, implicitAcknowledgements, null)

  Seq(scheduler -> "scheduler", framework -> "framework", master -> "master").foreach { case (value, name) =>
    if (value == null) throw new NullPointerException(s"$name is null")
  }

  private val log = LoggerFactory.getLogger("org.sparkmesos.bridge.MesosSchedulerDriver")
  private val over = new CountDownLatch(1)
  private val lock = new Object
  // Guarded by lock:
  private var status = Status.DRIVER_NOT_STARTED
  private var conversation: Conversation = _
  private var suppression = Suppression(isOfAll = false, if (suppressedRoles == null) Nil else suppressedRoles.asScala.toList)
  private val known = new KnownTasks
  private val reconciliation = new Reconciliation(reconcile)
  // Set by start(), used by every thread:
  @volatile private var watch: Option[StartWatch] = None
  @volatile private var registered = false
  // An error before the registration, and what the scheduler's error() made of it:
  @volatile private var fatal: Option[String] = None
  @volatile private var thrown: Throwable = _
  private val errorTold = new CountDownLatch(1)

  // ---- life --------------------------------------------------------------------------------------------------------

  def start(): Status = {
    val refused = lock.synchronized {
      if (status != Status.DRIVER_NOT_STARTED) return status
      try {
        conversation = new Conversation(Masters.of(master), Introduction.framework(framework),
          Introduction.credentials(credential), () => lock.synchronized(suppression.roles), listener)
        watch = StartWatch.forSpark(conversation)
        if (StartWatch.inSpark) PythonDriver.endWithJvm()
        status = Status.DRIVER_RUNNING
        conversation.start()
        watch.foreach(_.start())
        None
      } catch {
        // Spark waits for ever for the end of a run() that throws an Error.
        case e @ (_: IllegalArgumentException | _: LinkageError) =>
          status = Status.DRIVER_ABORTED
          fatal = Some(if (e.isInstanceOf[LinkageError]) s"The Mesos driver cannot start: $e" else e.getMessage)
          over.countDown()
          fatal
      }
    }
    refused.foreach(message => Daemon("mesos-error")(reportError(message)).start()) // not from here: see run()
    state
  }

  def stop(failover: Boolean): Status = {
    val before = lock.synchronized {
      val before = status
      if (before == Status.DRIVER_RUNNING || before == Status.DRIVER_ABORTED) status = Status.DRIVER_STOPPED
      before
    }
    if (before == Status.DRIVER_RUNNING || before == Status.DRIVER_ABORTED) {
      try {
        watch.foreach(_.stop())
        reconciliation.stop()
        if (conversation != null) conversation.stop(teardown = !failover)
      } finally over.countDown()
      if (before == Status.DRIVER_ABORTED) before else Status.DRIVER_STOPPED
    } else before
  }

  /** No more callbacks and no more offers; the framework and its tasks stay until stop(), or until its failover timeout
    * after the end of this process.
    */
  def abort(): Status = {
    val was = setAborted()
    if (was == Status.DRIVER_RUNNING) {
      conversation.call("SUPPRESS", null)
      over.countDown()
    }
    state
  }

  def join(): Status = {
    if (lock.synchronized(status != Status.DRIVER_NOT_STARTED)) over.await()
    state
  }

  def run(): Status =
    if (start() != Status.DRIVER_NOT_STARTED) {
      val ended = join()
      fatal.foreach { message =>
        // Spark's backend may be waiting in error() for a lock that only the end of run() sets free.
        val told = errorTold.await(MesosSchedulerDriver.ErrorMillis, TimeUnit.MILLISECONDS)
        if (thrown != null) throw thrown
        if (!told) throw new IllegalStateException(message)
      }
      ended
    } else state

  private def state: Status = lock.synchronized(status)
  private def isRunning: Boolean = state == Status.DRIVER_RUNNING
  private def setAborted(): Status = lock.synchronized {
    val before = status
    if (before == Status.DRIVER_RUNNING) {
      status = Status.DRIVER_ABORTED
      suppression = suppression.copy(isOfAll = true) // after the next subscription too
      reconciliation.stop()
    }
    before
  }

  // ---- calls -------------------------------------------------------------------------------------------------------

  def requestResources(requests: Collection[Request]): Status = running {
    conversation.call("REQUEST", SchedulerCalls.request(requests))
  }

  def acceptOffers(offerIds: Collection[OfferID], operations: Collection[Offer.Operation], filters: Filters): Status =
    running {
      val tasks = operations.asScala.toSeq.filter(_.hasLaunch).flatMap(_.getLaunch.getTaskInfosList.asScala)
      known.launched(tasks)
      watch.foreach(_.launched(tasks.map(task => task.getTaskId.getValue -> uris(task)).toMap))
      conversation.call("ACCEPT", SchedulerCalls.accept(offerIds, operations, filters), { (why, certain) =>
        if (certain) tasks.foreach(task => update(SchedulerEvents.neverLaunched(task, framework, why)))
        else reconcile(tasks.map(_.getTaskId.getValue))
      })
    }

  private def uris(task: TaskInfo): Seq[String] =
    (if (task.hasExecutor) task.getExecutor.getCommand else task.getCommand).getUrisList.asScala.map(_.getValue).toList

  def declineOffer(offerId: OfferID, filters: Filters): Status = running {
    conversation.call("DECLINE", SchedulerCalls.decline(offerId, filters))
  }

  /** Nothing is sent for a task whose end Mesos has told: it would answer TASK_LOST, which Spark counts as a failure of
    * the agent.
    */
  def killTask(taskId: TaskID): Status = running {
    val id = taskId.getValue
    if (!known.hasEnded(id)) conversation.call("KILL", SchedulerCalls.kill(id, known.agentOf(id)))
  }

  def reviveOffers(roles: Collection[String]): Status = running {
    lock.synchronized { // as in listener.subscribed, so that Mesos gets the calls in the order of `suppression`
      suppression = suppression.without(roles, framework)
      conversation.call("REVIVE", SchedulerCalls.roles(roles))
    }
  }

  def suppressOffers(roles: Collection[String]): Status = running {
    lock.synchronized {
      suppression = suppression.and(roles)
      conversation.call("SUPPRESS", SchedulerCalls.roles(roles))
    }
  }

  def acknowledgeStatusUpdate(status: TaskStatus): Status = {
    if (implicitAcknowledgements)
      throw new IllegalStateException("Status updates are acknowledged implicitly by this driver")
    running(acknowledge(status))
  }

  def sendFrameworkMessage(executorId: ExecutorID, slaveId: SlaveID, data: Array[Byte]): Status = running {
    conversation.call("MESSAGE", SchedulerCalls.message(executorId, slaveId, data))
  }

  def reconcileTasks(statuses: Collection[TaskStatus]): Status = running {
    conversation.call("RECONCILE", SchedulerCalls.reconcile(statuses.asScala.toSeq.map { status =>
      val id = status.getTaskId.getValue
      id -> (if (status.hasSlaveId) Some(status.getSlaveId) else known.agentOf(id))
    }))
  }

  private def running(call: => Unit): Status = {
    if (isRunning) call
    state
  }

  private def acknowledge(status: TaskStatus): Unit =
    SchedulerCalls.acknowledge(status).foreach(body => conversation.call("ACKNOWLEDGE", body))

  private def reconcile(tasks: Iterable[String]): Unit = if (tasks.nonEmpty && isRunning)
    conversation.call("RECONCILE", SchedulerCalls.reconcile(tasks.toSeq.map(id => id -> known.agentOf(id))))

  // ---- events ------------------------------------------------------------------------------------------------------

  private object listener extends ConversationListener {
    def subscribed(body: JsonNode, again: Boolean): Unit = {
      val id = FrameworkID.newBuilder().setValue(body.path("framework_id").path("value").asText).build()
      val info = Introduction.master(body.path("master_info"), conversation.master)
      log.info(s"${if (again) "Subscribed again" else "Subscribed"} to Mesos at ${conversation.where} as ${id.getValue}")
      registered = true
      watch.foreach(_.registered())
      if (again) {
        // Before anybody hears of it: who asks for offers in reregistered() wants them.
        lock.synchronized { if (suppression.isOfAll) conversation.call("SUPPRESS", null) }
        tell("reregistered")(scheduler.reregistered(MesosSchedulerDriver.this, info))
        if (isRunning) reconciliation.begin(known.ids.toSet)
      } else tell("registered")(scheduler.registered(MesosSchedulerDriver.this, id, info))
    }

    def event(kind: String, body: JsonNode): Unit = {
      val driver = MesosSchedulerDriver.this
      watch.foreach(_.event(kind, body))
      kind match {
        case "OFFERS" =>
          val all = SchedulerEvents.offers(body)
          all.foreach(_.left.foreach { case (id, why) => declineUnread(id, why) })
          val offers = new java.util.ArrayList[Offer](all.flatMap(_.right.toOption).asJava)
          if (!offers.isEmpty) tell("resourceOffers")(scheduler.resourceOffers(driver, offers))
        case "UPDATE" => update(SchedulerEvents.status(body))
        case _ => SchedulerEvents.callback(kind, body) match {
          case Some((name, call)) => tell(name)(call(scheduler, driver))
          case None => log.debug(s"Mesos sent $kind, which is of no use to a SchedulerDriver")
        }
      }
    }

    /** Otherwise nobody could use it until it is rescinded. */
    private def declineUnread(id: OfferID, why: Exception): Unit = {
      log.warn(s"The offer ${id.getValue} cannot be read; it is declined", why)
      if (!id.getValue.isEmpty) declineOffer(id)
    }

    def disconnected(): Unit = tell("disconnected")(scheduler.disconnected(MesosSchedulerDriver.this))

    def failed(message: String): Unit =
      if (setAborted() == Status.DRIVER_RUNNING) {
        val advice = Refusals.advice(message)
        watch.foreach(_.failed(Seq(
          if (registered) s"Mesos ended the registration of this application, which is therefore stopped: $message"
          else message) ++ (if (advice.isEmpty) Nil else Seq(advice))))
        if (!registered) fatal = Some(message)
        over.countDown() // as with libmesos the driver has ended when its error is told
        reportError(message)
        // Spark has only aborted the jobs that ran; those to come would wait for executors.
        if (registered) SparkApplication.stop(scheduler)
      }
  }

  private def update(told: TaskStatus): Unit = {
    reconciliation.told(told.getTaskId.getValue)
    val status = known.told(told)
    tell("statusUpdate")(scheduler.statusUpdate(this, status))
    if (implicitAcknowledgements && isRunning) acknowledge(status)
  }

  /** Runs a callback. One that throws ends the driver, as with libmesos, but is not kept from the user. */
  private def tell(what: String)(callback: => Unit): Unit =
    if (isRunning)
      try callback
      catch {
        case e: Throwable =>
          log.error(s"The scheduler failed in $what", e)
          if (setAborted() == Status.DRIVER_RUNNING) {
            conversation.call("SUPPRESS", null)
            val message = s"The scheduler failed in $what and gets no more offers: $e"
            watch.foreach(_.failed(Seq(message)))
            over.countDown()
            reportError(message)
          }
      }

  private def reportError(message: String): Unit =
    try scheduler.error(this, message)
    catch { // as Spark's does when no job runs
      case e: Throwable =>
        thrown = e
        log.info(s"The scheduler threw when it was told of the error: $e")
        log.debug("From here", e)
    }
    finally errorTold.countDown()
}

object MesosSchedulerDriver {
  private val ErrorMillis = 3000L
}

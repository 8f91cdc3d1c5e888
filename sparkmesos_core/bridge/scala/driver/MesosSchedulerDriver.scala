package org.apache.mesos

import java.net.InetAddress
import java.util.{Base64, Collection, Collections}
import java.util.concurrent.{CountDownLatch, TimeUnit}

import scala.collection.mutable

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.mesos.Protos._
import org.apache.mesos.v1.{Protos => V1}
import org.apache.spark.sparkmesos.SparkApplication
import org.slf4j.LoggerFactory
import org.sparkmesos.bridge.{Conversation, ConversationListener, Masters, ProtobufJson, PythonDriver, Reconciliation, Refusals,
  StartWatch}

/** Loads nothing: this driver needs no libmesos. Whoever asks for the native library gets it over HTTP instead. */
class MesosNativeLibrary

object MesosNativeLibrary {
  def load(): Unit = ()
  def load(path: String): Unit = ()
}

/** Mesos' Java SchedulerDriver over the v1 HTTP API: what Spark's own, unmodified Mesos backend runs on without libmesos.
  *
  * Constructors, methods, returned states and the order of callbacks are those of Mesos' class of this name (API of Mesos 1.4
  * and newer; behaviour as in Mesos' sched.cpp). It differs where that helps: a call made while Mesos is away is made later
  * if it still makes sense then, tasks are reconciled after each new subscription, an exception in a callback is also
  * reported to the scheduler as an error, and run() throws if there was an error before the registration: what the scheduler's
  * error() threw, or the error itself if error() does not come to an end.
  */
class MesosSchedulerDriver(
    scheduler: Scheduler,
    framework: FrameworkInfo,
    suppressedRoles: Collection[String],
    master: String,
    implicitAcknowledgements: Boolean,
    credential: Credential)
  extends SchedulerDriver {

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
  private val agentOf = mutable.LinkedHashMap.empty[String, SlaveID] // of each task that may be alive
  private val ended = new java.util.LinkedHashMap[String, SlaveID]() { // the same of tasks that ended, the latest ones
    override def removeEldestEntry(eldest: java.util.Map.Entry[String, SlaveID]): Boolean = size > 10000
  }
  private var suppressed = false // all roles are
  private var quiet = if (suppressedRoles == null) Nil else strings(suppressedRoles) // roles that are one by one
  private val reconciliation = new Reconciliation(reconcile)
  // Set by start(), used by every thread, emptied if it fails:
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
        conversation =
          new Conversation(Masters.of(master), v1Framework(), basic, () => lock.synchronized(quiet), listener)
        watch = StartWatch.forSpark(conversation)
        if (StartWatch.inSpark) PythonDriver.endWithJvm()
        status = Status.DRIVER_RUNNING
        conversation.start()
        advise(_.start())
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
    refused.foreach { message => // not from here: see run()
      val thread = new Thread("mesos-error") { override def run(): Unit = reportError(message) }
      thread.setDaemon(true)
      thread.start()
    }
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
        advise(_.stop())
        reconciliation.stop()
        if (conversation != null) conversation.stop(teardown = !failover)
      } finally over.countDown()
      if (before == Status.DRIVER_ABORTED) before else Status.DRIVER_STOPPED
    } else before
  }

  def stop(): Status = stop(false)

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
      suppressed = true // after the next subscription too
      reconciliation.stop()
    }
    before
  }

  /** Lets the watch know. It only advises: whatever goes wrong in it must not touch the application. */
  private def advise(tell: StartWatch => Unit): Unit = watch.foreach { one =>
    try tell(one)
    catch {
      case e @ (_: Exception | _: LinkageError) =>
        log.warn("Whether executors start is no longer watched", e)
        watch = None
        one.stop()
    }
  }

  // ---- calls -------------------------------------------------------------------------------------------------------

  def requestResources(requests: Collection[Request]): Status = running {
    val body = node()
    val array = body.putArray("requests")
    each(requests)(request => array.add(ProtobufJson.write(request, V1.Request.parser())))
    conversation.call("REQUEST", body)
  }

  def launchTasks(offerIds: Collection[OfferID], tasks: Collection[TaskInfo], filters: Filters): Status = {
    val launch = Offer.Operation.newBuilder().setType(Offer.Operation.Type.LAUNCH)
      .setLaunch(Offer.Operation.Launch.newBuilder().addAllTaskInfos(tasks))
    acceptOffers(offerIds, Collections.singleton(launch.build()), filters)
  }
  def launchTasks(offerIds: Collection[OfferID], tasks: Collection[TaskInfo]): Status =
    launchTasks(offerIds, tasks, Filters.getDefaultInstance)
  def launchTasks(offerId: OfferID, tasks: Collection[TaskInfo], filters: Filters): Status =
    launchTasks(Collections.singleton(offerId), tasks, filters)
  def launchTasks(offerId: OfferID, tasks: Collection[TaskInfo]): Status =
    launchTasks(offerId, tasks, Filters.getDefaultInstance)

  def acceptOffers(offerIds: Collection[OfferID], operations: Collection[Offer.Operation], filters: Filters): Status =
    running {
      val body = offers(offerIds, filters)
      val array = body.putArray("operations")
      val tasks = mutable.Buffer.empty[TaskInfo]
      each(operations) { operation =>
        array.add(ProtobufJson.write(operation, V1.Offer.Operation.parser()))
        if (operation.hasLaunch) each(operation.getLaunch.getTaskInfosList)(task => tasks += task)
      }
      lock.synchronized(tasks.foreach { task =>
        agentOf(task.getTaskId.getValue) = task.getSlaveId
        ended.remove(task.getTaskId.getValue)
      })
      advise(_.launched(tasks.map(task => task.getTaskId.getValue -> uris(task)).toMap))
      conversation.call("ACCEPT", body, { (why, certain) =>
        if (certain) tasks.foreach(task => update(lost(task, why)))
        else reconcile(tasks.map(_.getTaskId.getValue).toSet)
      })
    }

  private def uris(task: TaskInfo): Seq[String] = {
    val found = mutable.Buffer.empty[String]
    each((if (task.hasExecutor) task.getExecutor.getCommand else task.getCommand).getUrisList)(uri => found += uri.getValue)
    found.toList
  }

  def declineOffer(offerId: OfferID, filters: Filters): Status = running {
    conversation.call("DECLINE", offers(Collections.singleton(offerId), filters))
  }
  def declineOffer(offerId: OfferID): Status = declineOffer(offerId, Filters.getDefaultInstance)

  /** Nothing is sent for a task whose end Mesos has told: it would answer TASK_LOST, which Spark counts as a failure of
    * the agent.
    */
  def killTask(taskId: TaskID): Status = running {
    val id = taskId.getValue
    if (!lock.synchronized(ended.containsKey(id))) {
      val body = node()
      body.putObject("task_id").put("value", id)
      lock.synchronized(agentOf.get(id)).foreach(agent => body.putObject("agent_id").put("value", agent.getValue))
      conversation.call("KILL", body)
    }
  }

  def reviveOffers(): Status = reviveOffers(Collections.emptyList[String]())
  def reviveOffers(roles: Collection[String]): Status = running {
    lock.synchronized { // as in listener.subscribed, so that Mesos gets the calls in the order of `suppressed`
      if (roles.isEmpty) quiet = Nil
      else quiet = (if (suppressed) allRoles else quiet).filterNot(role => roles.contains(role))
      suppressed = false
      conversation.call("REVIVE", rolesBody(roles))
    }
  }

  def suppressOffers(): Status = suppressOffers(Collections.emptyList[String]())
  def suppressOffers(roles: Collection[String]): Status = running {
    lock.synchronized {
      if (roles.isEmpty) suppressed = true else quiet = (quiet ++ strings(roles)).distinct
      conversation.call("SUPPRESS", rolesBody(roles))
    }
  }

  def acknowledgeStatusUpdate(status: TaskStatus): Status = {
    if (implicitAcknowledgements)
      throw new IllegalStateException("Status updates are acknowledged implicitly by this driver")
    running(acknowledge(status))
  }

  def sendFrameworkMessage(executorId: ExecutorID, slaveId: SlaveID, data: Array[Byte]): Status = running {
    val body = node()
    body.putObject("agent_id").put("value", slaveId.getValue)
    body.putObject("executor_id").put("value", executorId.getValue)
    body.put("data", Base64.getEncoder.encodeToString(data))
    conversation.call("MESSAGE", body)
  }

  def reconcileTasks(statuses: Collection[TaskStatus]): Status = running {
    val body = node()
    val array = body.putArray("tasks")
    each(statuses) { status =>
      val task = array.addObject()
      task.putObject("task_id").put("value", status.getTaskId.getValue)
      val agent =
        if (status.hasSlaveId) Some(status.getSlaveId) else lock.synchronized(agentOf.get(status.getTaskId.getValue))
      agent.foreach(agent => task.putObject("agent_id").put("value", agent.getValue))
    }
    conversation.call("RECONCILE", body)
  }

  private def running(call: => Unit): Status = {
    if (isRunning) call
    state
  }

  private def node(): ObjectNode = Conversation.mapper.createObjectNode()

  private def offers(ids: Collection[OfferID], filters: Filters): ObjectNode = {
    val body = node()
    val array = body.putArray("offer_ids")
    each(ids)(id => array.addObject().put("value", id.getValue))
    body.replace("filters", ProtobufJson.write(filters, V1.Filters.parser()))
    body
  }

  private def rolesBody(roles: Collection[String]): ObjectNode =
    if (roles.isEmpty) null
    else {
      val body = node()
      val array = body.putArray("roles")
      each(roles)(role => array.add(role))
      body
    }

  private def acknowledge(status: TaskStatus): Unit =
    if (status.hasUuid && !status.getUuid.isEmpty && status.hasSlaveId) {
      val body = node()
      body.putObject("agent_id").put("value", status.getSlaveId.getValue)
      body.putObject("task_id").put("value", status.getTaskId.getValue)
      body.put("uuid", Base64.getEncoder.encodeToString(status.getUuid.toByteArray))
      conversation.call("ACKNOWLEDGE", body)
    }

  // ---- events ------------------------------------------------------------------------------------------------------

  private object listener extends ConversationListener {
    def subscribed(body: JsonNode, again: Boolean): Unit = {
      val id = FrameworkID.newBuilder().setValue(body.path("framework_id").path("value").asText).build()
      val info = masterInfo(body.path("master_info"))
      log.info(s"${if (again) "Subscribed again" else "Subscribed"} to Mesos at ${conversation.where} as ${id.getValue}")
      registered = true
      advise(_.registered())
      if (again) {
        // Before anybody hears of it: who asks for offers in reregistered() wants them.
        lock.synchronized { if (suppressed) conversation.call("SUPPRESS", null) }
        tell("reregistered")(scheduler.reregistered(MesosSchedulerDriver.this, info))
        if (isRunning) reconciliation.begin(lock.synchronized(agentOf.keySet.toSet))
      } else tell("registered")(scheduler.registered(MesosSchedulerDriver.this, id, info))
    }

    def event(kind: String, body: JsonNode): Unit = {
      val driver = MesosSchedulerDriver.this
      advise(_.event(kind, body))
      kind match {
        case "OFFERS" =>
          val offers = new java.util.ArrayList[Offer]()
          val each = body.path("offers").elements()
          while (each.hasNext) {
            val offer = each.next()
            try offers.add(ProtobufJson.read(offer, V1.Offer.newBuilder(), Offer.parser()))
            catch { case e: Exception => declineUnread(offer, e) }
          }
          if (!offers.isEmpty) tell("resourceOffers")(scheduler.resourceOffers(driver, offers))
        case "RESCIND" =>
          val offer = OfferID.newBuilder().setValue(body.path("offer_id").path("value").asText).build()
          tell("offerRescinded")(scheduler.offerRescinded(driver, offer))
        case "UPDATE" =>
          update(ProtobufJson.read(body.path("status"), V1.TaskStatus.newBuilder(), TaskStatus.parser()))
        case "MESSAGE" =>
          val data = Base64.getDecoder.decode(body.path("data").asText)
          tell("frameworkMessage")(scheduler.frameworkMessage(driver, executorId(body), slaveId(body), data))
        case "FAILURE" if body.has("executor_id") && body.has("agent_id") =>
          val code = body.path("status").asInt
          tell("executorLost")(scheduler.executorLost(driver, executorId(body), slaveId(body), code))
        case "FAILURE" if body.has("agent_id") => tell("slaveLost")(scheduler.slaveLost(driver, slaveId(body)))
        case _ => log.debug(s"Mesos sent $kind, which is of no use to a SchedulerDriver")
      }
    }

    /** Otherwise nobody could use it until it is rescinded. */
    private def declineUnread(offer: JsonNode, why: Exception): Unit = {
      val id = offer.path("id").path("value").asText
      log.warn(s"The offer $id cannot be read; it is declined", why)
      if (id.nonEmpty) declineOffer(OfferID.newBuilder().setValue(id).build())
    }

    def disconnected(): Unit = tell("disconnected")(scheduler.disconnected(MesosSchedulerDriver.this))

    def failed(message: String): Unit =
      if (setAborted() == Status.DRIVER_RUNNING) {
        val advice = Refusals.advice(message)
        advise(_.failed(Seq(
          if (registered) s"Mesos ended the registration of this application, which is therefore stopped: $message"
          else message) ++ (if (advice.isEmpty) Nil else Seq(advice))))
        if (!registered) fatal = Some(message)
        over.countDown() // as with libmesos the driver has ended when its error is told
        reportError(message)
        // Spark has only aborted the jobs that ran; those to come would wait for executors.
        if (registered) SparkApplication.stop(scheduler)
      }
  }

  private def executorId(body: JsonNode) = ExecutorID.newBuilder().setValue(body.path("executor_id").path("value").asText).build()
  private def slaveId(body: JsonNode) = SlaveID.newBuilder().setValue(body.path("agent_id").path("value").asText).build()

  private def update(told: TaskStatus): Unit = {
    val id = told.getTaskId.getValue
    reconciliation.told(id)
    val status = lock.synchronized {
      // The master may not know of which agent it speaks; Spark fails if nobody says.
      val agent = if (told.hasSlaveId) Some(told.getSlaveId) else agentOf.get(id).orElse(Option(ended.get(id)))
      if (MesosSchedulerDriver.isFinal(told.getState)) {
        agentOf -= id
        agent.foreach(ended.put(id, _))
      } else {
        agent.foreach(agentOf(id) = _)
        ended.remove(id)
      }
      agent.map(told.toBuilder.setSlaveId(_).build()).getOrElse(told)
    }
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
            advise(_.failed(Seq(message)))
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

  /** What the scheduler is told of a task that never reached Mesos. */
  private def lost(task: TaskInfo, why: String): TaskStatus = {
    val aware = FrameworkInfo.Capability.Type.PARTITION_AWARE
    val knows = { var found = false; each(framework.getCapabilitiesList)(c => found ||= c.getType == aware); found }
    TaskStatus.newBuilder().setTaskId(task.getTaskId).setSlaveId(task.getSlaveId)
      .setState(if (knows) TaskState.TASK_DROPPED else TaskState.TASK_LOST)
      .setSource(TaskStatus.Source.SOURCE_MASTER).setReason(TaskStatus.Reason.REASON_MASTER_DISCONNECTED)
      .setMessage(s"The launch did not reach Mesos: $why")
      .setTimestamp(System.currentTimeMillis() / 1000.0)
      .build()
  }

  private def reconcile(tasks: Set[String]): Unit = if (tasks.nonEmpty && isRunning) {
    val statuses = new java.util.ArrayList[TaskStatus]()
    tasks.foreach { id =>
      statuses.add(TaskStatus.newBuilder().setTaskId(TaskID.newBuilder().setValue(id)).setState(TaskState.TASK_STAGING).build())
    }
    reconcileTasks(statuses)
  }

  // ---- odds and ends -----------------------------------------------------------------------------------------------

  private def each[T](values: Collection[T])(work: T => Unit): Unit = {
    val all = values.iterator()
    while (all.hasNext) work(all.next())
  }

  private def strings(values: Collection[String]): Seq[String] = {
    val buffer = mutable.Buffer.empty[String]
    each(values)(value => buffer += value)
    buffer.toList
  }

  private def allRoles: Seq[String] =
    strings(framework.getRolesList) ++ (if (framework.hasRole) Seq(framework.getRole) else Nil)

  private def basic: Option[(String, String)] =
    if (credential == null || !credential.hasSecret) None
    // Spark reads secrets from files with the line feed at their end, which is no part of them.
    else Some(credential.getPrincipal.trim -> credential.getSecret.stripSuffix("\n").stripSuffix("\r"))

  /** FrameworkInfo with what libmesos fills in: the user and the host name. */
  private def v1Framework(): ObjectNode = {
    val builder = framework.toBuilder
    if (builder.getUser.isEmpty) builder.setUser(System.getProperty("user.name"))
    if (builder.getHostname.isEmpty)
      try builder.setHostname(InetAddress.getLocalHost.getHostName)
      catch { case _: java.net.UnknownHostException => }
    if (builder.hasPrincipal) builder.setPrincipal(builder.getPrincipal.trim)
    // Mesos removes a framework without one as soon as its connection is cut; nobody could ever come back.
    if (builder.getFailoverTimeout <= 0) builder.setFailoverTimeout(MesosSchedulerDriver.ReconnectSeconds)
    ProtobufJson.write(builder.build(), V1.FrameworkInfo.parser())
  }

  private def masterInfo(json: JsonNode): MasterInfo =
    if (json.has("id")) ProtobufJson.read(json, V1.MasterInfo.newBuilder(), MasterInfo.parser())
    else { // Mesos 1.0 does not say
      val builder = MasterInfo.newBuilder().setId("").setIp(0).setPort(0)
      conversation.master.foreach(master => builder.setPort(master.port).setHostname(master.host))
      builder.build()
    }
}

object MesosSchedulerDriver {
  /** For how long Mesos keeps a framework that is away if the framework does not say: longer than it takes to notice a silent
    * master (5 heartbeats of 15 s) and to come back to it (15 s at most between two tries, 5 s to connect).
    */
  private val ReconnectSeconds = 120.0
  private val ErrorMillis = 3000L

  private val finals = Set("FINISHED", "FAILED", "KILLED", "ERROR", "LOST", "DROPPED", "GONE", "GONE_BY_OPERATOR", "UNKNOWN")

  /** States behind which no other follows; TASK_LOST is counted as one since Spark gives the task up then. */
  private def isFinal(state: TaskState): Boolean = finals(state.name.stripPrefix("TASK_"))
}

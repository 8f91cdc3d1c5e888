package org.sparkmesos.backend

import java.util.concurrent.{ConcurrentHashMap, CountDownLatch, RejectedExecutionException, ScheduledThreadPoolExecutor, TimeUnit}
import java.util.concurrent.atomic.AtomicReference

import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.slf4j.LoggerFactory
import org.sparkmesos.bridge.{Calls, Conversation, ConversationListener, Daemon, Masters, PythonDriver, Reconciliation, Refusals,
  StartWatch, Undisturbed}

/** The executors of an application on Mesos: carries out what the [[Roster]] decides, and knows nothing of Spark.
  *
  * There is one lock. Calls to Mesos are queued under it, so that Mesos gets them in the order of the decisions; the owner is
  * called without it.
  *
  * @param masters where masters are sought
  * @param framework v1 FrameworkInfo
  */
final class Fleet(settings: Settings, masters: Masters, framework: ObjectNode, owner: FleetOwner) {
  import Fleet._

  private val lock = new Object
  private var roster = Roster.initial(settings) // guarded by lock
  private val registered = new CountDownLatch(1) // or refused
  private val empty = new CountDownLatch(1) // the application ends, and nobody is left
  private val refusal = new AtomicReference[Option[String]](None)
  @volatile private var hasRegistered = false
  @volatile private var isStopped = false // set with the lock, so that nothing begins behind it
  @volatile private var application: Application = _
  @volatile private var watch: Option[StartWatch] = None
  private val hopeless = ConcurrentHashMap.newKeySet[Int] // profiles that were warned of

  private val conversation =
    new Conversation(masters, comingBack(framework), settings.credentials.pair, () => Nil, listener)
  private val reconciliation = new Reconciliation(tasks => lock.synchronized {
    val agents = roster.watched
    conversation.call("RECONCILE", Calls.reconcile(tasks.toSeq.sorted.map(id => id -> agents.getOrElse(id, None))))
  })
  private val timer = new ScheduledThreadPoolExecutor(1, (work: Runnable) => Daemon("mesos-fleet-timer")(work.run()))
  timer.setRemoveOnCancelPolicy(true)

  // ---- life --------------------------------------------------------------------------------------------------------

  /** Registers with Mesos, and returns the id of the framework. Waits for a master for as long as it takes; the watch says on
    * stderr why it takes long. Throws FleetError if Mesos refuses, or if stop() comes first.
    */
  def start(): String = {
    if (!settings.isDynamic) warn(settings.defaultProfile)
    watch = owner.watch(conversation)
    PythonDriver.endWithJvm()
    lock.synchronized {
      if (isStopped) throw stoppedEarly
      conversation.start()
    }
    watch.foreach(_.start())
    registered.await()
    refusal.get.foreach(message => throw new FleetError(message))
    lock.synchronized {
      if (isStopped) throw stoppedEarly
      timer.scheduleWithFixedDelay(
        onTimer("Reconciliation")(reconcileAll()), ReconcileMinutes, ReconcileMinutes, TimeUnit.MINUTES)
      timer.scheduleWithFixedDelay(
        onTimer("The comparison with Spark's executors")(compare()), CompareMillis, CompareMillis, TimeUnit.MILLISECONDS)
    }
    conversation.frameworkId.get
  }

  private def stoppedEarly = new FleetError("The application was stopped before Mesos had registered it")

  /** Launches nothing any more. The owner hears of no more losses. */
  def beginStop(): Unit = perform(_.over)

  /** Waits for the end of all executors, for so long at most; how many are left. Only behind beginStop(). Where Mesos has ended
    * the framework, it has ended them, too.
    */
  def awaitEnd(millis: Long): Int =
    if (!hasRegistered || refusal.get.isDefined) 0
    else {
      Undisturbed.await(empty, millis)
      if (refusal.get.isDefined) 0 else lock.synchronized(roster.books.executors.size)
    }

  /** Lets Mesos remove the framework with all that is left of it, and ends. */
  def stop(): Unit = {
    lock.synchronized { isStopped = true }
    watch.foreach(_.stop())
    timer.shutdownNow()
    reconciliation.stop()
    conversation.stop(teardown = true)
    registered.countDown()
  }

  // ---- what the owner says -----------------------------------------------------------------------------------------

  /** So many executors of these profiles are wanted, and none of others.
    *
    * @param localTasks how many tasks of each profile would be local to which hosts
    */
  def wanted(numbers: Map[Profile, Int], localTasks: Map[Int, Map[String, Int]]): Unit = {
    numbers.foreach { case (profile, number) => if (number > 0) warn(profile) }
    perform(_.wanted(numbers, localTasks, now))
  }

  /** Of a profile for which whoever waits for executors waits for ever; once. Spark 3.5 says nothing. */
  private def warn(profile: Profile): Unit =
    for (why <- settings.neverFits(profile) if hopeless.add(profile.id)) {
      val which = if (profile.id == Profiles.Default) "No executor" else s"No executor of resource profile ${profile.id}"
      log.error(s"$which can ever be launched, and what needs one waits for ever: $why")
    }

  def kill(executors: Seq[String]): Unit = perform(_.killed(executors, now))

  /** Whether there are executors on a host, as far as Mesos has said. */
  def hasExecutorsOn(hostname: String): Boolean = lock.synchronized(roster.books.executors.values.exists(_.hostname == hostname))

  /** An executor asks to be let in; whether it may. */
  def letsIn(executor: String): Boolean = lock.synchronized {
    val (isOurs, next) = roster.knocks(executor)
    roster = next
    if (!isOurs) log.warn(s"Executor $executor registers, though it was given up or is to end; it is sent away")
    isOurs
  }

  /** An executor asks to be let in, and Spark sends it away for its host's sake. */
  def refused(executor: String): Unit = lock.synchronized { roster = roster.refused(executor) }

  /** A task has failed on an executor, which does not count against it if Mesos has ended its process.
    *
    * @param judged called when there is nothing more to wait for: at once, or a moment later on another thread
    * @return whether it counts, as far as that is known when it is called
    */
  def failed(executor: String)(judged: => Unit): () => Boolean = {
    val at = now
    def counts = lock.synchronized(roster.charges(executor, at, now))
    if (counts.isDefined) judged else later("The failure of a task", Standing.HoldMillis)(judged)
    () => counts.getOrElse(true)
  }

  /** An executor is ready for tasks. */
  def launched(executor: String): Unit = lock.synchronized { roster = roster.launched(executor) }

  /** Spark lets executors hand on what they hold, and end.
    *
    * @param hadSignal they have told Spark so, since they got the signal
    */
  def leaving(executors: Seq[String], hadSignal: Boolean): Unit = perform(_.leaving(executors, hadSignal, now))

  /** An executor is cut off. If it has ended, Mesos says so soon, and why; else it is given up. */
  def cutOff(executor: String): Unit =
    later("A silent executor", SilenceMillis)(guarded("silence")(perform(_.silent(executor, now))))

  private def later(what: String, millis: Long)(work: => Unit): Unit =
    try timer.schedule(onTimer(what)(work), millis, TimeUnit.MILLISECONDS)
    catch { case _: RejectedExecutionException => } // the application has ended just now

  // ---- what Mesos says ---------------------------------------------------------------------------------------------

  private object listener extends ConversationListener {
    def subscribed(body: JsonNode, again: Boolean): Unit = guarded("subscribed") {
      val id = body.path("framework_id").path("value").asText
      log.info(s"${if (again) "Subscribed again" else "Subscribed"} to Mesos at ${conversation.where} as $id")
      if (!again) application = owner.application(id)
      watch.foreach(_.registered())
      owner.isConnected(true)
      perform(_.subscribed(again))
      hasRegistered = true
      registered.countDown()
    }

    def event(kind: String, body: JsonNode): Unit = guarded(kind) {
      watch.foreach(_.event(kind, body))
      kind match {
        case "OFFERS" =>
          val offers = Seq.newBuilder[Offer]
          body.path("offers").elements.forEachRemaining(one => offers += Offer.parse(one))
          val leaving = Maintenance.leaving(body, System.currentTimeMillis, settings.leaving.leadMillis)
          val excluded = owner.excludedHosts
          perform(_.offered(offers.result(), leaving, excluded, now))
        case "UPDATE" =>
          val update = TaskUpdate.parse(body.path("status"))
          log.info(s"Executor ${update.task} is now $update")
          reconciliation.told(update.task)
          val quits = owner.quits(update.task)
          perform(_.updated(update, quits, now))
          if (update.state == "RUNNING")
            lock.synchronized(roster.books.executors.get(update.task)).foreach(one => owner.runs(one.hostname))
        case "INVERSE_OFFERS" => perform(_.askedBack(Maintenance.parse(body), System.currentTimeMillis, now))
        case "FAILURE" if !body.has("executor_id") =>
          val agent = body.path("agent_id").path("value").asText
          log.info(s"Mesos has lost agent $agent")
          perform(_.agentFailed(agent))
        case _ => log.debug(s"Mesos sent $kind, of which nothing follows")
      }
    }

    def disconnected(): Unit = guarded("disconnected")(owner.isConnected(false))

    def failed(message: String): Unit = fail(message)

  }

  /** Whatever goes wrong here ends the application: it would hang, with offers that nobody answers. So does what a Spark lacks
    * that the bridge was not compiled for.
    */
  private def guarded(what: String)(work: => Unit): Unit =
    try work
    catch {
      case e if isFailure(e) =>
        log.error(s"The scheduler backend failed at $what", e)
        // What is heard of executors from now on would have others launched, until the application has come to its end.
        try perform(_.over)
        catch { case again if isFailure(again) => log.error("Nor could the launching of executors be ended", again) }
        fail(s"The scheduler backend failed at $what: $e")
    }

  /** Work for the timer, which would not run again what has thrown something, and tell nobody. */
  private def onTimer(what: String)(work: => Unit): Runnable = () =>
    try work
    catch { case e if isFailure(e) => log.error(s"$what failed; going on", e) }

  private def isFailure(e: Throwable) = NonFatal(e) || e.isInstanceOf[LinkageError]

  private def fail(message: String): Unit = if (refusal.compareAndSet(None, Some(message))) {
    val advice = Refusals.advice(message)
    watch.foreach(_.failed(Seq(
      if (hasRegistered) s"Mesos ended the registration of this application, which is therefore stopped: $message" else message) ++
      Seq(advice).filter(_.nonEmpty)))
    registered.countDown()
    empty.countDown() // nobody would tell of the end of executors
    if (hasRegistered) owner.ended(message)
  }

  // ---- what follows ------------------------------------------------------------------------------------------------

  private def perform(step: Roster => Turn): Unit = {
    val (effects, isEmpty) = lock.synchronized {
      val turn = step(roster)
      roster = turn.roster
      turn.effects.foreach { case call: MesosEffect => make(call); case _: SparkEffect => }
      (turn.effects, roster.isOver && roster.books.executors.isEmpty)
    }
    if (isEmpty) empty.countDown()
    effects.foreach {
      case Remove(executor, hostname, loss) =>
        if (loss.agentFailed)
          log.warn(s"${loss.message}. Its agent gets no more executors for a while once ${settings.agentFailures.max} have" +
            " failed there")
        owner.remove(executor, hostname, loss)
      case Late(executor, loss) =>
        log.warn(s"Why executor $executor was lost, Mesos says now, too late for its tasks to count as failed: ${loss.message}")
      case Decommission(executors, why) => owner.decommission(executors, why)
      case AgentLost(agent, hostname, why) => owner.agentLost(agent, hostname, why)
      case _: MesosEffect =>
    }
  }

  private def make(call: MesosEffect): Unit = call match {
    case Answered(launch: Launch) => accept(launch)
    case Answered(Decline(offer, seconds, why)) =>
      log.debug(s"Declining the offer ${offer.id} of ${offer.hostname}: $why")
      conversation.call("DECLINE", Calls.decline(Seq(offer.id), Calls.filters(seconds)))
    case Acknowledge(task, agent, uuid) => conversation.call("ACKNOWLEDGE", Calls.acknowledge(task, agent, uuid))
    case Kill(task, agent) =>
      log.info(s"Ending executor $task")
      conversation.call("KILL", Calls.kill(task, agent, settings.leaving.graceMillis.map(_ => Leaving.KillMillis)))
    case Reconcile(tasks) => reconciliation.begin(tasks)
    case ReconcileAll => conversation.call("RECONCILE", Calls.reconcile(Nil))
    case Revive => conversation.call("REVIVE", null)
    case Suppress => conversation.call("SUPPRESS", null)
    case AcceptInverse(id, seconds) =>
      conversation.call("ACCEPT_INVERSE_OFFERS", Calls.acceptInverse(Seq(id), Calls.filters(Some(seconds))))
  }

  private def accept(launch: Launch): Unit = {
    val ids = launch.executors.map(_.id)
    val tasks = launch.executors.map(ExecutorTask.json(settings, _, launch.offer, application))
    launch.executors.foreach { one =>
      log.info(s"Launching executor ${one.id} on ${launch.offer.hostname} (agent ${launch.offer.agentId}) with ${one.cores} cpus" +
        s" and ${one.profile.memoryMiB} MB${if (one.gpus > 0) s", ${one.gpus} GPUs" else ""}")
    }
    val uris = (settings.sparkPlace.archive.toSeq ++ settings.uris).map(_.value)
    watch.foreach(_.launched(ids.map(_ -> uris).toMap))
    conversation.call("ACCEPT", Calls.accept(Seq(launch.offer.id), Seq(Calls.launch(tasks)), Calls.filters(None)),
      (why, isCertain) => perform(_.notLaunched(ids, why, isCertain, now)))
  }

  /** Mesos advises to do so now and then, for whatever may have gone unnoticed. */
  private def reconcileAll(): Unit = if (conversation.isConnected) perform(_.reconsidered)

  /** For executors that hang, of which neither Mesos nor Spark would ever say anything. */
  private def compare(): Unit = {
    val known = owner.executors
    perform(_.compared(known, now))
  }
}

object Fleet {
  /** For how long Mesos keeps a framework that is away if its properties do not say. Mesos would remove it, and end its
    * executors, as soon as a connection is cut; this is longer than it takes to notice a silent master and to come back.
    */
  private val ReconnectSeconds = 120.0
  /** Within this time Mesos tells of the end of a process, if its agent can be reached. */
  private def SilenceMillis: Long = java.lang.Long.getLong("sparkmesos.bridge.silenceMillis", 5000L)
  private val ReconcileMinutes = 15L
  private val CompareMillis = 30000L

  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.Fleet")

  /** Milliseconds of a clock without steps. */
  private def now: Long = System.nanoTime() / 1000000

  private def comingBack(framework: ObjectNode): ObjectNode =
    if (framework.path("failover_timeout").asDouble > 0) framework
    else framework.deepCopy().put("failover_timeout", ReconnectSeconds)
}

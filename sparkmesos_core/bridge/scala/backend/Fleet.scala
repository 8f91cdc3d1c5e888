package org.sparkmesos.backend

import java.util.concurrent.{CountDownLatch, ScheduledThreadPoolExecutor, TimeUnit}

import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.slf4j.LoggerFactory
import org.sparkmesos.bridge.{Conversation, ConversationListener, Daemon, Masters, PythonDriver, Reconciliation, Refusals,
  StartWatch, Undisturbed}

/** What a fleet tells, and asks, the scheduler that it works for. It is called from the fleet's threads, without locks. */
trait FleetOwner {
  /** What executors are to be told; asked once, when the framework has its id. */
  def application(frameworkId: String): Application
  /** The hosts that get no executors at the moment. */
  def excludedHosts: Set[String]
  /** What looks whether executors start, if anything does. */
  def watch(conversation: Conversation): Option[StartWatch]
  /** There is a subscription, or there is none for now. */
  def isConnected(is: Boolean): Unit
  /** An executor runs there; this may be told more than once. */
  def runs(agentId: String, hostname: String): Unit
  def remove(executor: String, hostname: String, loss: Loss): Unit
  def decommission(executors: Seq[String], why: String): Unit
  /** Mesos has ended the framework, which had been registered; nothing here will change that. */
  def ended(message: String): Unit
}

/** Mesos does not take the framework. */
final class FleetError(message: String) extends RuntimeException(message)

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
  @volatile private var refusal: Option[String] = None
  @volatile private var hasRegistered = false
  @volatile private var application: Application = _
  @volatile private var watch: Option[StartWatch] = None

  private val conversation =
    new Conversation(masters, comingBack(framework), settings.credentials.pair, () => Nil, listener)
  private val reconciliation = new Reconciliation(tasks => lock.synchronized {
    val known = roster.books.executors
    conversation.call("RECONCILE", Calls.reconcile(tasks.toSeq.sorted.map(id => id -> known.get(id).map(_.agentId))))
  })
  private val timer = new ScheduledThreadPoolExecutor(1, (work: Runnable) => Daemon("mesos-fleet-timer")(work.run()))
  timer.setRemoveOnCancelPolicy(true)

  // ---- life --------------------------------------------------------------------------------------------------------

  /** Registers with Mesos, and returns the id of the framework. Waits for a master for as long as it takes; the watch says on
    * stderr why it takes long. Throws FleetError if Mesos refuses.
    */
  def start(): String = {
    watch = owner.watch(conversation)
    PythonDriver.endWithJvm()
    conversation.start()
    advise(_.start())
    registered.await()
    refusal.foreach(message => throw new FleetError(message))
    timer.scheduleWithFixedDelay(() => reconcileAll(), ReconcileMinutes, ReconcileMinutes, TimeUnit.MINUTES)
    conversation.frameworkId.get
  }

  /** Launches nothing any more. The owner hears of no more losses. */
  def beginStop(): Unit = perform(_.over)

  /** Waits for the end of all executors, for so long at most; how many are left. Only behind beginStop(). Where Mesos has ended
    * the framework, it has ended them, too.
    */
  def awaitEnd(millis: Long): Int =
    if (!hasRegistered || refusal.isDefined) 0
    else {
      Undisturbed.await(empty, millis)
      if (refusal.isDefined) 0 else lock.synchronized(roster.books.executors.size)
    }

  /** Lets Mesos remove the framework with all that is left of it, and ends. */
  def stop(): Unit = {
    advise(_.stop())
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
  def wanted(numbers: Map[Profile, Int], localTasks: Map[Int, Map[String, Int]]): Unit =
    perform(_.wanted(numbers, localTasks, now))

  def kill(executors: Seq[String]): Unit = perform(_.killed(executors, now))

  /** An executor asks to be let in; whether it may. */
  def letsIn(executor: String): Boolean = lock.synchronized {
    val (isOurs, next) = roster.knocks(executor)
    roster = next
    if (!isOurs) log.warn(s"Executor $executor registers, though it was given up; it is sent away")
    isOurs
  }

  /** An executor is cut off. If it has ended, Mesos says so soon, and why; else it is given up. */
  def cutOff(executor: String): Unit =
    if (!timer.isShutdown) timer.schedule((() => perform(_.silent(executor, now))): Runnable, SilenceMillis, TimeUnit.MILLISECONDS)

  // ---- what Mesos says ---------------------------------------------------------------------------------------------

  private object listener extends ConversationListener {
    def subscribed(body: JsonNode, again: Boolean): Unit = guarded("subscribed") {
      val id = body.path("framework_id").path("value").asText
      log.info(s"${if (again) "Subscribed again" else "Subscribed"} to Mesos at ${conversation.where} as $id")
      if (!again) application = owner.application(id)
      advise(_.registered())
      owner.isConnected(true)
      perform(_.subscribed(again))
      hasRegistered = true
      registered.countDown()
    }

    def event(kind: String, body: JsonNode): Unit = guarded(kind) {
      advise(_.event(kind, body))
      kind match {
        case "OFFERS" =>
          val offers = Seq.newBuilder[Offer]
          body.path("offers").elements.forEachRemaining(one => offers += Offer.parse(one))
          val leaving = Maintenance.leaving(body, System.currentTimeMillis)
          val excluded = owner.excludedHosts
          perform(_.offered(offers.result(), leaving, excluded, now))
        case "UPDATE" =>
          val update = TaskUpdate.parse(body.path("status"))
          log.info(s"Executor ${update.task} is now $update")
          reconciliation.told(update.task)
          perform(_.updated(update, now))
          if (update.state == "RUNNING")
            lock.synchronized(roster.books.executors.get(update.task)).foreach(one => owner.runs(one.agentId, one.hostname))
        case "INVERSE_OFFERS" => perform(_.askedBack(Maintenance.parse(body), System.currentTimeMillis, now))
        case _ => log.debug(s"Mesos sent $kind, of which nothing follows")
      }
    }

    def disconnected(): Unit = guarded("disconnected")(owner.isConnected(false))

    def failed(message: String): Unit = fail(message)

    private def guarded(what: String)(work: => Unit): Unit =
      try work
      catch {
        case NonFatal(e) =>
          log.error(s"The scheduler backend failed at $what", e)
          conversation.call("SUPPRESS", null)
          fail(s"The scheduler backend failed at $what: $e")
      }
  }

  private def fail(message: String): Unit = if (refusal.isEmpty) {
    refusal = Some(message)
    val advice = Refusals.advice(message)
    advise(_.failed(Seq(
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
      case Decommission(executors, why) => owner.decommission(executors, why)
      case _: MesosEffect =>
    }
  }

  private def make(call: MesosEffect): Unit = call match {
    case Answered(launch: Launch) => accept(launch)
    case Answered(Decline(offer, seconds, why)) =>
      log.debug(s"Declining the offer ${offer.id} of ${offer.hostname}: $why")
      conversation.call("DECLINE", Calls.decline(offer.id, seconds))
    case Acknowledge(task, agent, uuid) => conversation.call("ACKNOWLEDGE", Calls.acknowledge(task, agent, uuid))
    case Kill(task, agent) =>
      log.info(s"Ending executor $task")
      conversation.call("KILL", Calls.kill(task, agent))
    case Reconcile(tasks) => reconciliation.begin(tasks)
    case ReconcileAll => conversation.call("RECONCILE", Calls.reconcile(Nil))
    case Revive => conversation.call("REVIVE", null)
    case Suppress => conversation.call("SUPPRESS", null)
    case AcceptInverse(id, seconds) => conversation.call("ACCEPT_INVERSE_OFFERS", Calls.acceptInverse(id, seconds))
  }

  private def accept(launch: Launch): Unit = {
    val ids = launch.executors.map(_.id)
    val tasks = launch.executors.map(ExecutorTask.json(settings, _, launch.offer, application))
    launch.executors.foreach { one =>
      log.info(s"Launching executor ${one.id} on ${launch.offer.hostname} (agent ${launch.offer.agentId}) with ${one.cores} cpus" +
        s" and ${one.profile.memoryMiB} MB${if (one.gpus > 0) s", ${one.gpus} GPUs" else ""}")
    }
    val uris = (settings.sparkPlace.archive.toSeq ++ settings.uris).map(_.value)
    advise(_.launched(ids.map(_ -> uris).toMap))
    conversation.call("ACCEPT", Calls.accept(launch.offer.id, tasks),
      (why, isCertain) => perform(_.notLaunched(ids, why, isCertain, now)))
  }

  /** Mesos advises to do so now and then, for whatever may have gone unnoticed. */
  private def reconcileAll(): Unit = lock.synchronized {
    if (conversation.isConnected && roster.books.executors.nonEmpty) reconciliation.begin(roster.books.executors.keySet)
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
}

object Fleet {
  /** For how long Mesos keeps a framework that is away if its properties do not say. Mesos would remove it, and end its
    * executors, as soon as a connection is cut; this is longer than it takes to notice a silent master and to come back.
    */
  private val ReconnectSeconds = 120.0
  /** Within this time Mesos tells of the end of a process, if its agent can be reached. */
  private def SilenceMillis: Long = java.lang.Long.getLong("sparkmesos.bridge.silenceMillis", 5000L)
  private val ReconcileMinutes = 15L

  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.Fleet")

  /** Milliseconds of a clock without steps. */
  private def now: Long = System.nanoTime() / 1000000

  private def comingBack(framework: ObjectNode): ObjectNode =
    if (framework.path("failover_timeout").asDouble > 0) framework
    else framework.deepCopy().put("failover_timeout", ReconnectSeconds)
}

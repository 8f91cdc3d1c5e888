package org.sparkmesos.backend

/** What came of an event: the roster behind it, and what is to be done, in this order. */
final case class Turn(roster: Roster, effects: Seq[Effect]) {
  private[backend] def ++(more: Seq[Effect]): Turn = copy(effects = effects ++ more)
}

/** What is known of an executor beside the books.
  *
  * @param hasStarted it has registered with the driver
  * @param isKilled its end was asked for
  * @param isRemoved Spark has been told that it is lost, and would not take it back
  */
final case class Standing(hasStarted: Boolean = false, isKilled: Boolean = false, isRemoved: Boolean = false)

/** Who works for the application, and what follows from what Mesos, Spark and the executors say: decided from values alone,
  * without I/O. Times are in milliseconds of one clock.
  *
  * @param standings of the executors in the books that there is something to say of
  * @param isQuiet Mesos was told that no offers are wanted
  * @param isOver the application ends: nothing is launched any more, and nobody in Spark listens
  */
final case class Roster(
    settings: Settings,
    profiles: Map[Int, Profile],
    books: Books,
    standings: Map[String, Standing],
    isQuiet: Boolean,
    isOver: Boolean) {
  import Roster._

  private def standing(id: String): Standing = standings.getOrElse(id, Standing())
  private def marked(id: String)(change: Standing => Standing): Roster =
    if (books.executors.contains(id)) copy(standings = standings.updated(id, change(standing(id)))) else this
  private def turn(effects: Effect*): Turn = Turn(this, effects)

  // ---- what Mesos says -----------------------------------------------------------------------------------------------

  /** A subscription has been made. All offers made before are void, inverse ones too.
    *
    * @param isAgain there was one before; else the framework may be known to Mesos from an earlier driver, if its id was chosen
    */
  def subscribed(isAgain: Boolean): Turn = {
    val fresh = copy(books = books.draining.foldLeft(books)(_.draining(_, false)))
    if (isAgain) {
      val known = books.executors.keySet
      Turn(fresh, (if (isQuiet) Seq(Suppress) else Nil) ++ (if (known.isEmpty) Nil else Seq(Reconcile(known))))
    } else if (settings.frameworkId.isDefined) Turn(fresh, Seq(ReconcileAll))
    else Turn(fresh, Nil)
  }

  /** @param leaving whether an agent's machine is to be maintained soon, by the agents of these offers
    * @param excludedHosts where Spark takes no executors (spark.excludeOnFailure)
    */
  def offered(offers: Seq[Offer], leaving: Map[String, Boolean], excludedHosts: Set[String], now: Long): Turn =
    if (isOver) turn(offers.map(offer => Answered(Decline(offer, None, "the application ends"))): _*)
    else {
      val (unwelcome, others) = offers.partition(offer => excludedHosts(offer.hostname))
      val fresh = books.expired(settings.agentFailures, now)
      val current = leaving.foldLeft(fresh) { case (books, (agent, isLeaving)) => books.draining(agent, isLeaving) }
      val plan = Planner.decide(settings, profiles, current, others, now)
      val refused = unwelcome.map(Decline(_, None, "Spark excludes its host (spark.excludeOnFailure)"))
      Turn(copy(books = plan.books), (refused ++ plan.answers).map(Answered)).settled
    }

  /** The state of a task. */
  def updated(update: TaskUpdate, now: Long): Turn = {
    val acknowledgement =
      for (uuid <- update.uuid; agent <- update.agentId.orElse(books.executors.get(update.task).map(_.agentId)))
        yield Acknowledge(update.task, agent, uuid)
    val after = books.executors.get(update.task) match {
      // Given up before, or of an earlier driver with the same framework id: it would work for nobody.
      case None => if (update.isFinal || isEnding(update)) turn() else turn(Kill(update.task, update.agentId))
      case Some(executor) if !update.agentId.forall(_ == executor.agentId) => turn() // of an earlier driver, too
      case Some(executor) if update.isFinal => ended(executor, update, now)
      case Some(executor) if isEnding(update) => leavesBehind(executor, update, now)
      case Some(_) if update.state == "RUNNING" => copy(books = books.running(update.task, now)).turn()
      case Some(_) => turn()
    }
    after ++ acknowledgement.toSeq
  }

  /** Launches of executors that Mesos did not get; where that is not certain, Mesos is asked. */
  def notLaunched(ids: Seq[String], why: String, isCertain: Boolean, now: Long): Turn =
    if (isCertain) ids.flatMap(books.executors.get).foldLeft(turn()) { (before, executor) =>
      val next = before.roster.ended(executor, TaskUpdate.neverLaunched(executor, why), now)
      Turn(next.roster, before.effects ++ next.effects)
    }
    else if (ids.exists(books.executors.contains)) turn(Reconcile(books.executors.keySet))
    else turn()

  /** Mesos asks for agents back. They are left when it is time; until then Mesos is to ask again.
    *
    * @param nowMillis by the clock on the wall, which maintenance goes by
    */
  def askedBack(inverse: Seq[InverseOffer], nowMillis: Long, now: Long): Turn = {
    val due = inverse.filter(one => Maintenance.isNear(one.startMillis, nowMillis))
    val agents = due.flatMap(one => one.agentId.fold(books.executors.values.map(_.agentId).toSeq)(Seq(_))).distinct
    val left = agents.foldLeft(turn()) { (before, agent) =>
      val next = before.roster.leaves(agent, "its machine is to be maintained", now)
      Turn(next.roster, before.effects ++ next.effects)
    }
    left ++ inverse.map(one => AcceptInverse(one.id, Maintenance.askAgainSeconds(one.startMillis, nowMillis)))
  }

  private def ended(executor: Executor, update: TaskUpdate, now: Long): Turn = {
    val mine = standing(executor.id)
    val loss = Losses.of(update, executor.hostname, mine.hasStarted, mine.isKilled)
    val after = copy(books = books.ended(executor.id, loss.agentFailed, now), standings = standings - executor.id)
    val told = if (mine.isRemoved || isOver) Nil else Seq(Remove(executor.id, executor.hostname, loss))
    // What it held may be offered now; offers that were refused before may be of use again.
    after.reviving(told, isNeeded = true)
  }

  /** A task is being ended; if that is since its agent is being drained, so are the others there. */
  private def leavesBehind(executor: Executor, update: TaskUpdate, now: Long): Turn = {
    val ending = copy(books = books.ending(executor.id, now))
    if (update.reason == "AGENT_DRAINING") ending.leaves(executor.agentId, "its agent is being drained", now, Seq(executor.id))
    else ending.settled(Nil)
  }

  /** Nothing more is launched on an agent, and what runs there is replaced while it hands on what it has. */
  private def leaves(agentId: String, why: String, now: Long, others: Seq[String] = Nil): Turn = {
    val there = (others ++ books.executors.values.filter(one => one.agentId == agentId && !one.isEnding).map(_.id)).distinct.sorted
    val left = there.foldLeft(books.draining(agentId, true))(_.ending(_, now))
    val started = there.filter(standing(_).hasStarted)
    copy(books = left).reviving(if (started.isEmpty || isOver) Nil else Seq(Decommission(started, why)), there.nonEmpty)
  }

  // ---- what Spark says -----------------------------------------------------------------------------------------------

  /** Spark wants so many executors of these profiles, and none of others; `localTasks` as in the books. */
  def wanted(numbers: Map[Profile, Int], localTasks: Map[Int, Map[String, Int]], now: Long): Turn = {
    val known = profiles ++ numbers.keys.map(profile => profile.id -> profile)
    val total = numbers.map { case (profile, n) => profile.id -> n }
    val after = copy(profiles = known, books = books.wanted(total, now).localTasks(localTasks))
    val grows = after.profiles.keys.exists(id => after.books.missing(id) > books.missing(id))
    after.reviving(Nil, grows)
  }

  /** Spark wants these executors to end. */
  def killed(ids: Seq[String], now: Long): Turn = {
    val there = ids.flatMap(books.executors.get)
    val after = there.foldLeft(this) { (roster, one) =>
      roster.copy(books = roster.books.ending(one.id, now)).marked(one.id)(_.copy(isKilled = true))
    }
    after.settled(there.map(one => Kill(one.id, Some(one.agentId))))
  }

  /** An executor asks to be let in; whether it is one of ours. One that Mesos, or Spark, has given up is not. An agent that
    * can run executors has its earlier failures forgiven.
    */
  def knocks(id: String): (Boolean, Roster) = books.executors.get(id).filterNot(_ => isOver || standing(id).isRemoved) match {
    case Some(executor) =>
      val forgiving = copy(books = books.copy(failures = books.failures - executor.agentId))
      (true, forgiving.marked(id)(_.copy(hasStarted = true)))
    case None => (false, this)
  }

  /** An executor has been cut off from the driver for a while, and Mesos has said nothing of it. It does not come back by itself:
    * it ends when it finds that the driver is away.
    */
  def silent(id: String, now: Long): Turn = books.executors.get(id) match {
    case Some(executor) if !isOver && !standing(id).isRemoved =>
      copy(books = books.ending(id, now)).marked(id)(_.copy(isRemoved = true))
        .settled(Seq(Remove(id, executor.hostname, Losses.silent(executor.hostname)), Kill(id, Some(executor.agentId))))
    case _ => turn()
  }

  /** The application ends. Executors that Spark cannot tell so are ended by Mesos. */
  def over: Turn = {
    val unaware = books.executors.values.filter(one => !standing(one.id).hasStarted).toSeq.sortBy(_.id)
    copy(isOver = true).settled(unaware.map(one => Kill(one.id, Some(one.agentId))))
  }

  // ---- offers --------------------------------------------------------------------------------------------------------

  private def wantsOffers = !isOver && Planner.wants(settings, profiles, books)

  /** With the call that tells Mesos whether offers are of use, if that has changed. */
  private def settled(effects: Seq[Effect]): Turn =
    if (wantsOffers == !isQuiet) Turn(this, effects)
    else Turn(copy(isQuiet = !isQuiet), effects :+ (if (isQuiet) Revive else Suppress))

  /** The same; offers that were refused are asked for again if they are of use and `isNeeded`. */
  private def reviving(effects: Seq[Effect], isNeeded: Boolean): Turn =
    if (isNeeded && wantsOffers) Turn(copy(isQuiet = false), effects :+ Revive) else settled(effects)
}

object Roster {
  /** That of an application that begins. */
  def initial(settings: Settings): Roster = Roster(
    settings,
    Map(Profiles.Default -> settings.defaultProfile),
    Books.initial(settings),
    Map.empty,
    isQuiet = false,
    isOver = false)

  private def isEnding(update: TaskUpdate) = update.state == "KILLING"

  private implicit class Settling(val turn: Turn) extends AnyVal {
    def settled: Turn = turn.roster.settled(turn.effects)
  }
}

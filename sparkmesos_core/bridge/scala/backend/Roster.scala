package org.sparkmesos.backend

/** What came of an event: the roster behind it, and what is to be done, in this order. */
final case class Turn(roster: Roster, effects: Seq[Effect]) {
  private[backend] def ++(more: Seq[Effect]): Turn = copy(effects = effects ++ more)
}

/** Who works for the application, and what follows from what Mesos, Spark and the executors say: decided from values alone,
  * without I/O. Times are in milliseconds of one clock.
  *
  * @param standings of the executors in the books that there is something to say of
  * @param doomed tasks that are to end and are not in the books, with their agents
  * @param agents those that executors were launched on
  * @param justEnded what was known of executors whose processes Mesos had ended, and which have ended just now, with the time of that:
  *   failures of their tasks may still have to be judged
  * @param isQuiet Mesos was told that no offers are wanted
  * @param isOver the application ends: nothing is launched any more, and nobody in Spark listens
  */
final case class Roster(
    settings: Settings,
    profiles: Map[Int, Profile],
    books: Books,
    standings: Map[String, Standing],
    doomed: Map[String, Option[String]],
    agents: KnownAgents,
    justEnded: Map[String, (Standing, Long)],
    isQuiet: Boolean,
    isOver: Boolean) {
  import Roster._

  private def standing(id: String): Standing = standings.getOrElse(id, Standing())
  private def marked(id: String)(change: Standing => Standing): Roster =
    if (books.executors.contains(id)) copy(standings = standings.updated(id, change(standing(id)))) else this
  private def turn(effects: Effect*): Turn = Turn(this, effects)

  /** All tasks whose end Mesos has not told yet, with their agents. */
  def watched: Map[String, Option[String]] = doomed ++ books.executors.map { case (id, one) => id -> Some(one.agentId) }

  // ---- what Mesos says -----------------------------------------------------------------------------------------------

  /** A subscription has been made. All offers made before are void, inverse ones too.
    *
    * @param isAgain there was one before; else the framework may be known to Mesos from an earlier driver, if its id was chosen
    */
  def subscribed(isAgain: Boolean): Turn = {
    val fresh = copy(books = books.draining.foldLeft(books)(_.draining(_, false)))
    // Who was to end is ended again when Mesos answers that it still runs: the old master may have taken the first KILL with it.
    if (isAgain) Turn(fresh, (if (isQuiet) Seq(Suppress) else Nil) ++ asking)
    else if (settings.frameworkId.isDefined) Turn(fresh, Seq(ReconcileAll))
    else Turn(fresh, Nil)
  }

  private def asking: Seq[Effect] = if (watched.isEmpty) Nil else Seq(Reconcile(watched.keySet))

  /** Now and then all is compared with what Mesos knows, for whatever may have gone unnoticed: tasks, too, that nobody here
    * knows.
    */
  def reconsidered: Turn = turn(asking :+ ReconcileAll: _*)

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
      val launched = plan.books.executors.values.filterNot(one => current.executors.contains(one.id))
      Turn(copy(books = plan.books, agents = agents.launched(launched)), (refused ++ plan.answers).map(Answered)).settled
    }

  /** The state of a task.
    *
    * @param quits how often a task that runs on it has lost an executor that ended with exit status 0, unasked
    */
  def updated(update: TaskUpdate, quits: Int, now: Long): Turn = {
    val acknowledgement =
      for (uuid <- update.uuid; agent <- update.agentId.orElse(books.executors.get(update.task).map(_.agentId)))
        yield Acknowledge(update.task, agent, uuid)
    val after = books.executors.get(update.task) match {
      case Some(executor) if update.agentId.forall(_ == executor.agentId) => moved(executor, update, quits, now)
      // Given up before, or of an earlier driver with the same framework id: it would work for nobody.
      case other if !update.isFinal && !isEnding(update) =>
        // By its id alone it cannot be asked about if one of ours has the same.
        val doom = if (other.isEmpty) doomed.updated(update.task, update.agentId) else doomed
        copy(doomed = doom).turn(Kill(update.task, update.agentId))
      case other => (if (update.isFinal && other.isEmpty) copy(doomed = doomed - update.task) else this).turn()
    }
    after ++ acknowledgement.toSeq
  }

  private def moved(executor: Executor, update: TaskUpdate, quits: Int, now: Long): Turn =
    if (update.isFinal) ended(executor, update, quits, now)
    // By Mesos, with SIGTERM: the executor itself tells Spark if it hands on what it has.
    else if (isEnding(update))
      copy(books = books.ending(executor.id, now)).marked(executor.id)(_.signalled(now)).reviving(Nil, isNeeded = !executor.isEnding)
    else {
      val after = if (update.state == "RUNNING") copy(books = books.running(executor.id, now)) else this
      // A master that does not know the task yet takes a KILL and forgets it, and so does one that ends right behind it.
      if (standing(executor.id).isUnwanted) after.turn(kill(executor)) else after.turn()
    }

  private def kill(executor: Executor) = Kill(executor.id, Some(executor.agentId))

  /** Launches of executors that Mesos did not get; where that is not certain, Mesos is asked. */
  def notLaunched(ids: Seq[String], why: String, isCertain: Boolean, now: Long): Turn =
    if (isCertain) ids.flatMap(books.executors.get).foldLeft(turn()) { (before, executor) =>
      val next = before.roster.ended(executor, TaskUpdate.neverLaunched(executor, why), 0, now)
      Turn(next.roster, before.effects ++ next.effects)
    }
    else if (ids.exists(books.executors.contains)) turn(asking: _*)
    else turn()

  /** Mesos asks for agents back. They are left when it is time; until then Mesos is to ask again.
    *
    * @param nowMillis by the clock on the wall, which maintenance goes by
    */
  def askedBack(inverse: Seq[InverseOffer], nowMillis: Long, now: Long): Turn = {
    val lead = settings.leaving.leadMillis
    val due = inverse.filter(_.window.isNear(nowMillis, lead))
    val agents = due.flatMap(one => one.agentId.fold(books.executors.values.map(_.agentId).toSeq)(Seq(_))).distinct
    val left = agents.foldLeft(turn()) { (before, agent) =>
      val next = before.roster.leaves(agent, "its machine is to be maintained", now)
      Turn(next.roster, before.effects ++ next.effects)
    }
    left.settled ++ inverse.map(one => AcceptInverse(one.id, one.window.askAgainSeconds(nowMillis, lead)))
  }

  private def ended(executor: Executor, update: TaskUpdate, quits: Int, now: Long): Turn = {
    val mine = standing(executor.id)
    val loss = Losses.of(update, executor.hostname, mine, quits)
    val recent = justEnded.filter { case (_, (_, at)) => now - at <= Standing.HoldMillis }
    val after = copy(
      books = books.ended(executor.id, loss.agentFailed, now),
      standings = standings - executor.id,
      justEnded = if (mine.signalledSince.isEmpty) recent else recent.updated(executor.id, (mine, now)))
    // Spark may have been told of the executor before anybody knew that its agent is gone.
    val gone = if (loss.agentGone) after.agentGone(executor.agentId, Some(executor), loss.message) else after.turn()
    val told =
      if (isOver) Nil
      // Where it is no news that the agent is gone, it may be back, with files that Spark must not forget.
      else if (!mine.isRemoved) Seq(Remove(executor.id, executor.hostname, loss.copy(agentGone = gone.effects.nonEmpty)))
      else if (loss.byApplication && !mine.isKilled) Seq(Late(executor.id, loss))
      else Nil
    // What it held may be offered now; offers that were refused before may be of use again.
    gone.roster.reviving(told ++ gone.effects, isNeeded = true)
  }

  /** An agent is gone, and all that executors have left there. Mesos says so itself where nothing of ours runs any more; of
    * executors that do, a master that was elected meanwhile would say nothing else.
    */
  def agentFailed(agentId: String): Turn = {
    val gone = agentGone(agentId, None, "Its agent is lost, as Mesos says")
    if (watched.values.exists(_.contains(agentId))) gone ++ asking else gone
  }

  private def agentGone(agentId: String, executor: Option[Executor], why: String): Turn = {
    val (host, after) = agents.gone(agentId, executor, books.nextId - 1)
    if (isOver) turn() else Turn(copy(agents = after), host.map(AgentLost(agentId, _, why)).toSeq)
  }

  /** Nothing more is launched on an agent. What runs there for Spark is to hand on what it has, and is replaced as soon as Spark
    * agrees ([[leaving]]); what has not registered yet holds nothing, and ends.
    */
  private def leaves(agentId: String, why: String, now: Long): Turn = {
    val there = books.executors.values.filter(one => one.agentId == agentId && !standing(one.id).isUnwanted).toSeq.sortBy(_.id)
    val (registered, others) = there.partition(one => standing(one.id).hasRegistered)
    val able = if (isOver) Nil else registered.filterNot(_.isEnding).map(_.id)
    val left = others.foldLeft(copy(books = books.draining(agentId, true)))(_.dismissing(_, now))
    Turn(left, (if (able.isEmpty) Nil else Seq(Decommission(able, why))) ++ others.map(kill))
  }

  /** The end of an executor is asked for. */
  private def dismissing(executor: Executor, now: Long): Roster =
    copy(books = books.ending(executor.id, now)).marked(executor.id)(_.copy(isKilled = true))

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
    there.foldLeft(this)(_.dismissing(_, now)).settled(there.map(kill))
  }

  /** Spark lets these executors hand on what they hold and end; it may want others in their place.
    *
    * @param hadSignal they say so themselves, since they got the signal
    */
  def leaving(ids: Seq[String], hadSignal: Boolean, now: Long): Turn = {
    val there = ids.filter(id => books.executors.get(id).exists(!_.isEnding))
    val known = ids.foldLeft(this)(_.marked(_) { mine =>
      val left = mine.copy(isLeaving = true)
      if (hadSignal) left.signalled(now) else left
    })
    known.copy(books = there.foldLeft(books)(_.ending(_, now))).reviving(Nil, there.nonEmpty)
  }

  /** An executor asks to be let in; whether it is one of ours. One that Mesos, or Spark, has given up is not, nor one that is to
    * end.
    */
  def knocks(id: String): (Boolean, Roster) = {
    val isOurs = !isOver && books.executors.contains(id) && !standing(id).isUnwanted
    (isOurs, if (isOurs) marked(id)(_.copy(hasRegistered = true)) else this)
  }

  /** An executor asks to be let in, and Spark takes none of its host now (spark.excludeOnFailure). */
  def refused(id: String): Roster = marked(id)(_.copy(isRefused = true))

  /** Whether a task that failed on an executor is charged with it, as far as that is known: [[Standing.charges]]. */
  def charges(id: String, failedAt: Long, now: Long): Option[Boolean] =
    if (settings.leaving.graceMillis.isEmpty) Some(true)
    else if (books.executors.contains(id)) standing(id).charges(failedAt, now)
    else justEnded.get(id).fold(Option(true)) { case (was, _) => was.charges(failedAt, now) }

  /** An executor has told Spark that it is ready for tasks (LaunchedExecutor): its agent can run executors, and has its earlier
    * failures forgiven. That it registered does not say so: it looks for its shuffle service, for one, only then.
    */
  def launched(id: String): Roster = books.executors.get(id).filter(_ => standing(id).hasRegistered).fold(this) { executor =>
    copy(books = books.copy(failures = books.failures - executor.agentId)).marked(id)(_.copy(hasStarted = true))
  }

  /** An executor has been cut off from the driver for a while, and Mesos has said nothing of it. It does not come back by itself:
    * it ends when it finds that the driver is away.
    */
  def silent(id: String, now: Long): Turn = books.executors.get(id) match {
    case Some(executor) if !isOver && !standing(id).isRemoved => givenUp(executor, Losses.silent(executor.hostname), now).settled
    case _ => turn()
  }

  private def givenUp(executor: Executor, loss: Loss, now: Long): Turn = {
    val after = copy(books = books.ending(executor.id, now)).marked(executor.id)(_.copy(isRemoved = true))
    after.turn(Remove(executor.id, executor.hostname, loss), kill(executor))
  }

  /** Spark has these executors. Those of ours that it has dropped, and those that never come to it, while Mesos says that they
    * run, hang: nobody but we would ever end them.
    *
    * @param known asked for at most a moment ago
    */
  def compared(known: Set[String], now: Long): Turn = if (isOver) turn() else {
    val ours = books.executors.values.filterNot(one => standing(one.id).isUnwanted).toSeq.sortBy(_.id)
    val (registered, others) = ours.partition(one => standing(one.id).hasRegistered)
    val noted = registered.foldLeft(this) { (roster, one) =>
      roster.marked(one.id)(mine => mine.copy(missingSince = if (known(one.id)) None else mine.missingSince.orElse(Some(now))))
    }
    val dropped = registered.filter(one => noted.standing(one.id).missingSince.exists(now - _ >= MissingMillis))
    val strange = others.filter(one => one.state == ExecutorState.Running && now - one.since >= RegistrationMillis)
    val without = dropped.foldLeft(noted.turn()) { (before, one) =>
      val next = before.roster.givenUp(one, Losses.dropped(one.hostname), now)
      Turn(next.roster, before.effects ++ next.effects)
    }
    strange.foldLeft(without) { (before, one) =>
      // Its end, when it comes, is our doing, and counts against nobody again.
      val counted = before.roster.dismissing(one, now)
      val next = counted.copy(books = counted.books.failed(one.agentId, now)).givenUp(one, Losses.neverRegistered(one.hostname), now)
      Turn(next.roster, before.effects ++ next.effects)
    }.settled
  }

  /** The application ends. Executors that Spark cannot tell so are ended by Mesos. */
  def over: Turn = {
    val unaware = books.executors.values.filter(one => !standing(one.id).hasRegistered).toSeq.sortBy(_.id)
    unaware.foldLeft(copy(isOver = true)) { (roster, one) => roster.marked(one.id)(_.copy(isKilled = true)) }
      .settled(unaware.map(kill))
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
    Map.empty,
    KnownAgents(Map.empty),
    Map.empty,
    isQuiet = false,
    isOver = false)

  /** For how long Spark may not know an executor that has registered: for a moment it does not, between letting it in and noting
    * it down, and executors that end by themselves tell it so before they do.
    */
  private[backend] val MissingMillis = 60000L
  /** Within this time each process of an executor registers or ends by itself (spark.network.timeout, twice, and time to start).
    * Spark's backend for Kubernetes gives up as late (spark.kubernetes.allocation.executor.timeout).
    */
  private[backend] val RegistrationMillis = 600000L

  private def isEnding(update: TaskUpdate) = update.state == "KILLING"

  private implicit class Settling(val turn: Turn) extends AnyVal {
    def settled: Turn = turn.roster.settled(turn.effects)
  }
}

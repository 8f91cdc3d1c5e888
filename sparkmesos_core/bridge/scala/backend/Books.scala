package org.sparkmesos.backend

/** How far an executor is: launched, running as Mesos says, or on its way out, so that nobody counts on it any more. */
sealed trait ExecutorState
object ExecutorState {
  case object Launching extends ExecutorState
  case object Running extends ExecutorState
  case object Ending extends ExecutorState
}

/** An executor that holds, or may hold, resources.
  *
  * @param id that of its task, too
  * @param cores the cpus it holds
  * @param since when it came into its state, in milliseconds
  */
final case class Executor(
    id: String,
    agentId: String,
    hostname: String,
    profileId: Int,
    cores: Int,
    gpus: Int,
    state: ExecutorState,
    since: Long) {
  def isEnding: Boolean = state == ExecutorState.Ending
  /** The higher, the later it was launched. */
  def number: Int = id.toInt
}

/** All that is known of an application's executors, from which the [[Planner]] decides. It never changes: what happens
  * makes new books. Times are in milliseconds of one clock, whichever.
  *
  * @param executors by their ids; whoever is in here counts against spark.cores.max
  * @param nextId the number of the next executor
  * @param failures when executors failed, by agents
  * @param draining agents that are to be left, by their ids: they get no executors
  * @param wanted how many executors Spark wants of each profile; None: as many as fit of the default one
  * @param localTasks how many tasks of each profile would be local to which hosts
  * @param seekingSince since when executors are sought for what is wanted, if any are
  */
final case class Books(
    executors: Map[String, Executor],
    nextId: Int,
    failures: Map[String, Vector[Long]],
    draining: Set[String],
    wanted: Option[Map[Int, Int]],
    localTasks: Map[Int, Map[String, Int]],
    seekingSince: Option[Long]) {

  /** The cpus that all executors hold. */
  def cores: Int = executors.valuesIterator.map(_.cores).sum
  def gpus: Int = executors.valuesIterator.map(_.gpus).sum
  /** The executors of a profile that are there to stay. */
  def living(profileId: Int): Iterable[Executor] =
    executors.values.filter(one => one.profileId == profileId && !one.isEnding)

  /** How many executors of a profile are missing; without a number of Spark's, the default one has never enough. */
  def missing(profileId: Int): Int = wanted match {
    case Some(numbers) => math.max(0, numbers.getOrElse(profileId, 0) - living(profileId).size)
    case None => if (profileId == Profiles.Default) Int.MaxValue else 0
  }

  /** Executors are being launched. */
  def launched(those: Iterable[Executor]): Books = copy(executors = executors ++ those.map(one => one.id -> one))

  /** Mesos says that an executor runs. One that is ending stays so. */
  def running(id: String, now: Long): Books = moved(id, ExecutorState.Running, now)(_.state == ExecutorState.Launching)

  /** An executor is being ended, by Spark or by us: it holds its resources until Mesos says that it is gone, but
    * another one may take its place.
    */
  def ending(id: String, now: Long): Books = moved(id, ExecutorState.Ending, now)(!_.isEnding)

  /** An executor has ended, or was given up. Nothing happens for one that is unknown.
    *
    * @param isFailure whether its agent may be the cause; not when somebody ended it on purpose
    */
  def ended(id: String, isFailure: Boolean, now: Long): Books = executors.get(id).fold(this) { one =>
    val without = copy(executors = executors - id)
    if (isFailure) without.failed(one.agentId, now) else without
  }

  /** An executor failed on an agent. */
  def failed(agentId: String, now: Long): Books =
    copy(failures = failures.updated(agentId, failures.getOrElse(agentId, Vector.empty) :+ now))

  /** Spark wants so many executors of each profile, and no other ones. The wait for local offers begins anew, as in
    * Spark (`MesosCoarseGrainedSchedulerBackend.doRequestTotalExecutors`).
    */
  def wanted(numbers: Map[Int, Int], now: Long): Books =
    copy(wanted = Some(numbers), seekingSince = seekingSince.map(_ => now))

  /** Spark tells where tasks would find their data: for each profile, how many at which host. */
  def localTasks(hosts: Map[Int, Map[String, Int]]): Books = copy(localTasks = hosts)

  /** An agent is to be left, or no longer. */
  def draining(agentId: String, isDraining: Boolean): Books =
    copy(draining = if (isDraining) draining + agentId else draining - agentId)

  /** The failures of an agent that count. */
  def failuresOf(agentId: String, limit: FailureLimit, now: Long): Int =
    failures.getOrElse(agentId, Vector.empty).count(at => now - at < limit.expiryMillis)

  /** Whether an agent gets no executors for its failures. */
  def isExcluded(agentId: String, limit: FailureLimit, now: Long): Boolean =
    limit.max > 0 && failuresOf(agentId, limit, now) >= limit.max

  /** Without the failures that do not count any more. */
  def expired(limit: FailureLimit, now: Long): Books = {
    val kept = failures.view.mapValues(_.filter(at => now - at < limit.expiryMillis)).filter(_._2.nonEmpty).toMap
    if (kept == failures) this else copy(failures = kept)
  }

  private def moved(id: String, state: ExecutorState, now: Long)(applies: Executor => Boolean): Books =
    executors.get(id).filter(applies).fold(this) { one =>
      copy(executors = executors.updated(id, one.copy(state = state, since = now)))
    }
}

object Books {
  /** Those of an application that begins: with dynamic allocation nothing is wanted until Spark says so. */
  def initial(settings: Settings): Books =
    Books(Map.empty, 0, Map.empty, Set.empty, if (settings.isDynamic) Some(Map.empty) else None, Map.empty, None)
}

package org.sparkmesos.backend

import scala.annotation.tailrec

import com.fasterxml.jackson.databind.node.ObjectNode

/** Puts executors on offers that meet the constraints.
  *
  * @param asking the profiles that have too few executors, in the order in which they are served
  */
private[backend] final class Placement(
    settings: Settings,
    profiles: Map[Int, Profile],
    asking: Vector[Profile],
    books: Books,
    offers: Vector[Offer],
    now: Long) {
  import Placement._

  // Where executors are told to need GPUs, those that can do without leave them alone.
  private val gpusAreAsked = profiles.values.exists(_.gpus > 0)
  private val waited = now - books.seekingSince.getOrElse(now)
  private val unfit: Vector[Option[String]] = offers.map(offer => agentProblem(offer.agentId))

  /** The whole plan; `others` are the answers to offers that do not meet the constraints. */
  def plan(others: Seq[Answer]): Plan = {
    val start = Filling(
      offers.map(_.resources),
      offers.map(_ => Vector.empty),
      Planner.coresLeft(settings, books),
      math.max(0, settings.gpusMax - books.gpus),
      asking.map(profile => profile.id -> books.missing(profile.id)).toMap,
      asking.map(profile => profile.id -> books.living(profile.id).map(_.hostname).toSet).toMap,
      books.nextId)
    val filled = asking.foldLeft(start)(fill)
    val answers = offers.indices.map { index =>
      val launched = filled.planned(index)
      if (launched.isEmpty) decline(filled, index) else Launch(offers(index), launched)
    }
    Plan(books.copy(nextId = filled.nextId).launched(executors(filled)), others ++ answers)
  }

  /** Passes over the offers, until one adds nothing. */
  @tailrec
  private def fill(filling: Filling, profile: Profile): Filling = {
    val next = offers.indices.foldLeft(filling) { (current, index) =>
      need(current, index, profile).fold(_ => current, place(current, index, profile, _))
    }
    if (next.nextId == filling.nextId) filling else fill(next, profile)
  }

  /** What an executor would take of what is left of an offer, or why it cannot (`canLaunchTask`). */
  private def need(filling: Filling, index: Int, profile: Profile): Either[String, Need] = {
    val left = filling.left(index)
    val offered = (Resources.total("cpus", left) / 1000).toInt // only whole cpus are of use
    val cores = profile.cores.getOrElse(filling.cores.fold(offered)(math.min(offered, _)))
    val least = profile.leastCores(settings.extraCores)
    val memory = Resources.total("mem", left)
    val free = (Resources.total("gpus", left) / 1000).toInt
    val gpus = if (profile.gpus > 0) profile.gpus else if (gpusAreAsked) 0 else math.min(free, filling.gpus)
    val problem =
      if (filling.missing(profile.id) <= 0) Some("all executors that are wanted are launched")
      else if (unfit(index).isDefined) unfit(index)
      else if (filling.cores.exists(_ < least)) Some(ReachedMaxCores)
      else if (offered < least) Some(s"an executor needs ${count(least, "cpu")}, and it has $offered")
      else if (memory < profile.memoryMiB * 1000)
        Some(s"an executor needs ${profile.memoryMiB} MB of memory, and it has ${memory / 1000}")
      else if (filling.gpus < gpus)
        Some(s"an executor needs ${count(gpus, "GPU")}, and spark.mesos.gpus.max leaves ${filling.gpus}")
      else if (free < gpus) Some(s"an executor needs ${count(gpus, "GPU")}, and it has $free")
      else if (port.exists(Resources.takePort(_, left).isEmpty))
        Some(s"it does not have the port ${port.get} (spark.blockManager.port)")
      else if (!isLocal(filling, profile, offers(index).hostname))
        Some("hosts with data for waiting tasks are preferred for a while")
      else None
    problem.toLeft(Need(cores, gpus))
  }

  private def port: Option[Int] = settings.blockManagerPort

  /** Whether an executor there would be local to tasks of its profile, or nobody waits for such any more
    * (`satisfiesLocality`).
    */
  private def isLocal(filling: Filling, profile: Profile, hostname: String): Boolean = {
    val desired = books.localTasks.getOrElse(profile.id, Map.empty).keySet
    !settings.isDynamic || desired.isEmpty || (desired -- filling.hosts(profile.id)).contains(hostname) ||
    waited > settings.localityWaitMillis
  }

  private def agentProblem(agentId: String): Option[String] = {
    val failures = books.failuresOf(agentId, settings.agentFailures, now)
    if (books.draining(agentId)) Some("its agent is to be left")
    else if (books.isExcluded(agentId, settings.agentFailures, now))
      Some(s"${count(failures, "executor")} failed on its agent; is Spark installed there?")
    else None
  }

  /** Takes what an executor needs, in the order in which Spark's tasks have it: cpus, mem, ports, gpus. */
  private def place(filling: Filling, index: Int, profile: Profile, need: Need): Filling = {
    val (cpus, withoutCpus) = Resources.take("cpus", need.cores * 1000L, filling.left(index))
    val (memory, withoutMemory) = Resources.take("mem", profile.memoryMiB * 1000, withoutCpus)
    val (gpus, withoutGpus) = Resources.take("gpus", need.gpus * 1000L, withoutMemory)
    val (ports, left) = port.flatMap(Resources.takePort(_, withoutGpus)) match {
      case Some((taken, rest)) => (Vector(taken), rest)
      case None => (Vector.empty, withoutGpus)
    }
    val resources: Seq[ObjectNode] = (cpus ++ memory ++ ports ++ gpus).map(_.json)
    val one = Planned(filling.nextId.toString, profile, need.cores, need.gpus, resources, port.toSeq)
    filling.copy(
      left = filling.left.updated(index, left),
      planned = filling.planned.updated(index, filling.planned(index) :+ one),
      cores = filling.cores.map(_ - need.cores),
      gpus = filling.gpus - need.gpus,
      missing = filling.missing.updated(profile.id, filling.missing(profile.id) - 1),
      hosts = filling.hosts.updated(profile.id, filling.hosts(profile.id) + offers(index).hostname),
      nextId = filling.nextId + 1)
  }

  /** Of an offer that nothing is launched on. Once no executor has room in spark.cores.max any more, others get it for
    * long.
    */
  private def decline(filling: Filling, index: Int): Decline = {
    val least = asking.map(_.leastCores(settings.extraCores)).min
    if (filling.cores.exists(_ < least))
      Decline(offers(index), Some(settings.refuse.reachedMaxCores.toDouble), ReachedMaxCores)
    else Decline(offers(index), None, asking.flatMap(need(filling, index, _).left.toOption).distinct.mkString("; "))
  }

  private def executors(filling: Filling): Seq[Executor] =
    for ((offer, planned) <- offers.zip(filling.planned); one <- planned) yield {
      val state = ExecutorState.Launching
      Executor(one.id, offer.agentId, offer.hostname, one.profile.id, one.cores, one.gpus, state, now)
    }
}

private object Placement {
  private val ReachedMaxCores = "spark.cores.max is reached"

  private final case class Need(cores: Int, gpus: Int)

  /** How far the placement is; vectors are by offers, maps by profiles.
    *
    * @param left what is left of each offer
    * @param cores what spark.cores.max leaves, if it is set; `gpus` likewise
    * @param missing executors to be launched yet
    * @param hosts where a profile has executors
    */
  private final case class Filling(
      left: Vector[Vector[Resource]],
      planned: Vector[Vector[Planned]],
      cores: Option[Int],
      gpus: Int,
      missing: Map[Int, Int],
      hosts: Map[Int, Set[String]],
      nextId: Int)

  private def count(number: Int, thing: String) = if (number == 1) s"1 $thing" else s"$number ${thing}s"
}

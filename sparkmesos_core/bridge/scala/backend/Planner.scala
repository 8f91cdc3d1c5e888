package org.sparkmesos.backend

import com.fasterxml.jackson.databind.node.ObjectNode

/** An executor to launch on an offer.
  *
  * @param id that of its task
  * @param cores the cpus that it takes; what it advertises is more by `spark.mesos.extra.cores`
  * @param resources what it takes, as Resources of the v1 API: cpus, mem, ports, gpus, piece by piece of the offer
  * @param ports the fixed ports among them
  */
final case class Planned(
    id: String,
    profile: Profile,
    cores: Int,
    gpus: Int,
    resources: Seq[ObjectNode],
    ports: Seq[Int])

/** What to say to an offer. */
sealed trait Answer { def offer: Offer }
final case class Launch(offer: Offer, executors: Seq[Planned]) extends Answer
/** @param refuseSeconds for how long Mesos is to keep it back; None leaves that to Mesos (5 seconds)
  * @param why for the log
  */
final case class Decline(offer: Offer, refuseSeconds: Option[Double], why: String) extends Answer

/** The books after the launches, and one answer to each offer. */
final case class Plan(books: Books, answers: Seq[Answer])

/** Which executors to launch on which offers. Rules are those of Spark 3.5
  * (`MesosCoarseGrainedSchedulerBackend.resourceOffers` and what it calls), for several profiles at once.
  */
object Planner {
  /** Whether offers are of any use: an executor is wanted, and spark.cores.max has room for it. */
  def wants(settings: Settings, profiles: Map[Int, Profile], books: Books): Boolean = {
    val left = coresLeft(settings, books)
    asking(profiles, books).exists(profile => left.forall(_ >= profile.leastCores(settings.extraCores)))
  }

  /** Answers offers.
    *
    * Each pass over the offers puts at most one executor on each, so that executors spread and share no machine without
    * need; the profiles are served in the order of their ids. An executor is on one offer only.
    *
    * @param profiles by their ids; one that Spark wants executors of and that is not here gets none
    * @param offers each with an id of its own
    * @param now in milliseconds, of the clock of the books
    */
  def decide(settings: Settings, profiles: Map[Int, Profile], books: Books, offers: Seq[Offer], now: Long): Plan = {
    val wanted = asking(profiles, books)
    if (wanted.isEmpty) // Spark looks at nothing else then, not even at constraints
      Plan(books.copy(seekingSince = None), offers.map(Decline(_, None, "all executors that are wanted are there")))
    else {
      val current = books.copy(seekingSince = books.seekingSince.orElse(Some(now)))
      val judged = offers.map(offer => offer -> settings.constraints.unmet(offer.attributes))
      val unmatched = judged.collect { case (offer, Some(constraint)) =>
        Decline(offer, Some(settings.refuse.unmetConstraints.toDouble), s"it does not meet the constraint $constraint")
      }
      val matched = judged.collect { case (offer, None) => offer }.toVector
      new Placement(settings, profiles, wanted, current, matched, now).plan(unmatched)
    }
  }

  /** The profiles that have too few executors, by their ids. */
  private def asking(profiles: Map[Int, Profile], books: Books): Vector[Profile] =
    profiles.values.filter(profile => books.missing(profile.id) > 0).toVector.sortBy(_.id)

  private[backend] def coresLeft(settings: Settings, books: Books): Option[Int] =
    settings.coresMax.map(most => math.max(0, most - books.cores))
}

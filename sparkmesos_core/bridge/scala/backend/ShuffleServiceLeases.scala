package org.sparkmesos.backend

/** For how long a shuffle service keeps the files of an application.
  *
  * @param timeout milliseconds without a word of it, as its driver said; None if no driver has told of it
  * @param heard when something was heard of it last
  */
final case class ShuffleLease(timeout: Option[Long], heard: Long)

/** The applications that a shuffle service keeps files of. Nobody tells it when one has ended, so it is what is heard of them
  * that keeps their files: Spark 3.5's service for Mesos does the same (`MesosExternalBlockHandler`), but forgets none whose
  * driver it does not know, and takes its own standstill for silence of the others.
  *
  * Times are milliseconds of a clock without steps.
  *
  * @param timeout for those whose drivers sent beats, but not for how long to wait
  * @param looked when it was looked last whose time is up
  */
final case class ShuffleServiceLeases(timeout: Long, applications: Map[String, ShuffleLease], looked: Long) {
  import ShuffleServiceLeases._

  /** A driver says that its application lives, and for how long to wait after that; 0: it has ended. */
  def told(application: String, timeout: Long, now: Long): ShuffleServiceLeases =
    copy(applications = applications + (application -> ShuffleLease(Some(timeout), now)))

  /** A driver of Spark 3.5 says that it lives. After a restart of the service it does not say more. */
  def beat(application: String, now: Long): ShuffleServiceLeases = applications.get(application) match {
    case Some(lease) => told(application, lease.timeout.getOrElse(timeout), now)
    case None => this
  }

  /** An executor has told where its files are. */
  def registered(application: String, now: Long): ShuffleServiceLeases =
    if (applications.contains(application)) used(application, now)
    else copy(applications = applications + (application -> ShuffleLease(None, now)))

  /** Somebody reads files of it. This is called often: the same leases come back if they are near enough. */
  def used(application: String, now: Long): ShuffleServiceLeases = applications.get(application) match {
    case Some(lease) if now - lease.heard >= CoarseMillis =>
      copy(applications = applications + (application -> lease.copy(heard = now)))
    case _ => this
  }

  /** Whose files are to be removed, and the leases without them.
    *
    * If nobody has looked for far longer than `interval` milliseconds, it was this process that stood still, and words for it
    * may wait to be read: then all get their time anew.
    */
  def expired(interval: Long, now: Long): (Set[String], ShuffleServiceLeases) =
    if (now - looked > interval * LateIntervals)
      (Set.empty, copy(applications = applications.map { case (name, lease) => name -> lease.copy(heard = now) }, looked = now))
    else {
      val (over, left) = applications.partition { case (_, lease) =>
        now - lease.heard > lease.timeout.getOrElse(timeout * UnclaimedTimeouts)
      }
      (over.keySet, copy(applications = left, looked = now))
    }
}

object ShuffleServiceLeases {
  /** An application that no driver tells of gets so many timeouts: it may be one whose driver cannot reach this service. */
  private val UnclaimedTimeouts = 10L
  private val LateIntervals = 3L
  private val CoarseMillis = 1000L

  /** @param timeout see there
    * @param recovered those whose executors were known before a restart
    */
  def initial(timeout: Long, recovered: Set[String], now: Long): ShuffleServiceLeases =
    ShuffleServiceLeases(timeout, recovered.map(_ -> ShuffleLease(None, now)).toMap, now)
}

package org.sparkmesos.backend

/** What is known of an executor beside the books. Times are in milliseconds of their clock.
  *
  * @param hasRegistered it has registered with the driver
  * @param hasStarted it has told the driver that it is ready for tasks, which executors are only some time after they registered
  * @param isRefused it came to the driver, which sent it away for its host's sake (spark.excludeOnFailure)
  * @param isKilled its end was asked for
  * @param isLeaving it hands on what it has, and ends by itself then
  * @param isRemoved Spark has been told that it is lost, and would not take it back
  * @param signalledSince since when its processes are being ended: Mesos sends SIGTERM to all of them at once
  * @param missingSince since when Spark does not know it any more
  */
final case class Standing(
    hasRegistered: Boolean = false,
    hasStarted: Boolean = false,
    isRefused: Boolean = false,
    isKilled: Boolean = false,
    isLeaving: Boolean = false,
    isRemoved: Boolean = false,
    signalledSince: Option[Long] = None,
    missingSince: Option[Long] = None) {
  /** It is to end, whatever Mesos says of it. */
  def isUnwanted: Boolean = isKilled || isRemoved

  /** Its processes are ended from now on, if they were not yet. */
  def signalled(now: Long): Standing = copy(signalledSince = signalledSince.orElse(Some(now)))

  /** Whether a task that failed there is charged with it, as far as that is known.
    *
    * One whose process Mesos has ended (a worker of R, the child of a pipe, the program that Python called) says so itself, as
    * long as the executor lives on to decommission; what Mesos and the executor say of the signal may come a moment later. Who
    * fails long behind the signal does so by itself. As Spark starts no tasks on executors that decommission, a task is, as a
    * rule, forgiven one failure of each executor that is ended.
    *
    * @param failedAt when the driver heard of the failure
    * @return None: not yet known, ask again after [[Standing.HoldMillis]]
    */
  def charges(failedAt: Long, now: Long): Option[Boolean] = signalledSince match {
    case Some(since) => Some(failedAt - since > Standing.ForgivenMillis)
    case None => if (now - failedAt < Standing.HoldMillis) None else Some(true)
  }
}

object Standing {
  /** For how long a failure waits for what Mesos says, which comes by way of the agent and the master. */
  private[backend] val HoldMillis = 1000L
  /** For so long behind the signal it may be what made a task fail. */
  private[backend] val ForgivenMillis = 10000L
}

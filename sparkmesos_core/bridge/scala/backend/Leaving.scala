package org.sparkmesos.backend

import java.util.concurrent.TimeUnit

/** How executors leave agents that an operator wants back.
  *
  * @param handsOn whether executors that are to end hand on what they have before
  * @param graceMillis how long the executors of a drained agent may take to hand on what they have; None: Mesos ends them at
  *   once. Mesos takes less if the operator says so (DRAIN_AGENT's max_grace_period).
  * @param leadMillis how long before the maintenance of a machine its agents are left
  */
final case class Leaving(handsOn: Boolean, graceMillis: Option[Long], leadMillis: Long)

/** Mesos ends a task with SIGTERM, to all its processes at once, and with SIGKILL behind the grace period of its kill policy
  * (`CommandExecutor::kill` in Mesos' src/launcher/executor.cpp). An executor of Spark that takes SIGTERM for the signal to
  * decommission tells its driver then, gets no more tasks, and hands on its blocks (`CoarseGrainedExecutorBackend.onStart`).
  * The driver says no for one that it has asked to kill; that executor ends at once, as without decommissioning. But one that
  * decommissions already takes SIGTERM for the same signal once more (`ExecutorDecommissionSigReceived`): is it to end, SIGKILL
  * ends it behind KillMillis, without Spark's own tidying up of files outside its sandbox.
  */
object Leaving {
  val Signal = "spark.executor.decommission.signal"
  /** That of Mesos' own kills. */
  val SignalOfMesos = "TERM"
  /** What Mesos' command executor gives tasks without a kill policy: for executors that have nothing to hand on. */
  val KillMillis = 3000L

  private val Grace = "spark.mesos.executor.decommission.gracePeriod"
  private val Lead = "spark.mesos.maintenance.leadTime"
  /** Executors that hand their blocks on need some minutes. */
  private val DefaultMillis = 300000L

  /** Reads the properties. Throws SettingsError. An application that has chosen another signal does without Mesos'. */
  private[backend] def read(values: SettingValues): Leaving = {
    val grace = values.time(Grace, TimeUnit.MILLISECONDS).getOrElse(DefaultMillis)
    val handsOn = values.boolean("spark.decommission.enabled").contains(true)
    val hearsMesos = values.text(Signal).forall(_ == SignalOfMesos) // blanks count, as for Spark
    Leaving(
      handsOn,
      if (handsOn && hearsMesos) Some(grace) else None,
      values.time(Lead, TimeUnit.MILLISECONDS).getOrElse(grace))
  }
}

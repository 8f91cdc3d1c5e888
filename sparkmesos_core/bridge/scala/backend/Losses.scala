package org.sparkmesos.backend

/** Why an executor is no more, as far as Spark and the books want to know.
  *
  * @param exitCode of its process, if it is known
  * @param byApplication its tasks count against spark.task.maxFailures
  * @param agentFailed it counts against its agent: whatever is launched there may end so
  * @param agentGone nothing of its agent can be reached any more, what a shuffle service there keeps included
  * @param hasQuit it ended as if all were well, in the midst of its work, and nobody had asked it to
  */
final case class Loss(
    exitCode: Option[Int],
    byApplication: Boolean,
    agentFailed: Boolean,
    agentGone: Boolean,
    message: String,
    hasQuit: Boolean = false)

/** What the end of an executor means: decided from values alone. States and reasons are those that Mesos 1.12 was recorded
  * with, and those of its mesos.proto.
  */
object Losses {
  /** @param mine what is known of the executor. Where it had started, its agent can run executors; where its end was asked for,
    *   Spark knows best whether its tasks are to count
    * @param quits how often a task that ran on it has lost an executor that had quit
    */
  def of(update: TaskUpdate, hostname: String, mine: Standing, quits: Int): Loss = {
    val code = exitCode(update)
    val isGone = AgentGone(update.reason) || StatesOfAgents(update.state)
    val byMesos = isGone || ByMesos(update.reason) || !StatesOfProcesses(update.state)
    // An executor whose connection to the driver breaks ends so (`CoarseGrainedExecutorBackend.onDisconnected`), as one does in
    // which System.exit(0) is called: nothing tells the two apart but that it happens to the same task again.
    val hasQuit = update.state == "FINISHED" && mine.hasStarted && !mine.isKilled && !mine.isLeaving && mine.signalledSince.isEmpty
    Loss(
      exitCode = code,
      byApplication = mine.isKilled || !(byMesos || code.exists(ByItsHost) || hasQuit && quits == 0),
      agentFailed = !mine.hasStarted && !mine.isKilled && !mine.isRefused && countsAgainstAgent(update, isGone),
      agentGone = isGone && !StaysThere(update.reason),
      message = s"The executor on $hostname is lost: $update" + (if (hasQuit) QuitAdvice else advice(update, code, mine)),
      hasQuit = hasQuit)
  }

  /** An executor cut off from the driver of which Mesos says nothing: had its process ended on an agent that can be reached,
    * Mesos would have said so.
    */
  def silent(hostname: String): Loss = Loss(None, byApplication = false, agentFailed = false, agentGone = false,
    s"The executor on $hostname is lost: its connection to the driver has ended, and Mesos has not said why. " +
      "Its agent, or the network, may be away")

  /** An executor that has taken leave of the driver, and whose process does not end. */
  def dropped(hostname: String): Loss = Loss(None, byApplication = false, agentFailed = false, agentGone = false,
    s"The executor on $hostname has left the driver, but its process has not ended, and is ended now")

  /** An executor that runs for long and never came to the driver. */
  def neverRegistered(hostname: String): Loss = Loss(None, byApplication = false, agentFailed = true, agentGone = false,
    s"The executor on $hostname runs, but has not reached the driver, and is ended now; stderr in its sandbox on the agent tells more")

  /** Exit codes (`ExecutorExitCode`) that are charged to nobody: those that Spark's standalone backend does not charge either,
    * DISK_STORE_FAILED_TO_CREATE_DIR and HEARTBEAT_FAILURE, and BLOCK_MANAGER_REREGISTRATION_FAILED, with which an executor ends
    * that the driver has given up when its connection broke.
    */
  private val ByItsHost = Set(53, 56, 58)

  private val StatesOfProcesses = Set("FINISHED", "FAILED")
  private val StatesOfAgents = Set("UNREACHABLE", "GONE", "GONE_BY_OPERATOR")
  private val AgentGone =
    Set("AGENT_REMOVED", "AGENT_REMOVED_BY_OPERATOR", "AGENT_UNKNOWN", "AGENT_DISCONNECTED", "AGENT_RESTARTED")
  /** The agent's process was away for a moment, and what others keep on its machine has not noticed. If it stays away, Mesos says
    * that the agent is lost.
    */
  private val StaysThere = Set("AGENT_DISCONNECTED", "AGENT_RESTARTED")
  private val QuitAdvice = ". Its connection to the driver has ended, or something in it has called System.exit; stderr in its " +
    "sandbox on the agent tells more. A task that loses executors so again and again fails in the end"
  /** Ends of a task that its own process did not bring about. */
  private val ByMesos = Set(
    "AGENT_DRAINING", "CONTAINER_LAUNCH_FAILED", "CONTAINER_PREEMPTED", "CONTAINER_UPDATE_FAILED", "EXECUTOR_PREEMPTED",
    "EXECUTOR_REGISTRATION_TIMEOUT", "EXECUTOR_REREGISTRATION_TIMEOUT", "EXECUTOR_TERMINATED", "EXECUTOR_UNREGISTERED",
    "FRAMEWORK_REMOVED", "GC_ERROR", "IO_SWITCHBOARD_EXITED", "MASTER_DISCONNECTED", "TASK_KILLED_DURING_LAUNCH")
  /** A launch that came to nothing for reasons that pass by themselves. */
  private val Passing = Set("INVALID_OFFERS", "MASTER_DISCONNECTED", "RECONCILIATION", "TASK_KILLED_DURING_LAUNCH",
    "FRAMEWORK_REMOVED", "AGENT_DRAINING", "CONTAINER_PREEMPTED", "EXECUTOR_PREEMPTED")

  /** Spark 3.5 counts each task that failed or was lost. What an operator ended (TASK_KILLED), and what the agent's or the
    * master's being away ended, says nothing of the next executor there.
    */
  private def countsAgainstAgent(update: TaskUpdate, isGone: Boolean): Boolean =
    !isGone && !Passing(update.reason) && update.state != "KILLED" && !isDuplicate(update)

  /** The id is that of a task of an earlier driver with the same framework id. */
  private def isDuplicate(update: TaskUpdate) = update.state == "ERROR" && update.message.contains("duplicate ID")

  private val Exited = "(?:Command|Container) exited with status (\\d{1,3}).*".r
  private val Signalled = "(?:Command|Container) terminated with signal ([A-Za-z ]+?)(?: \\(core dumped\\))?".r
  private val Signals = Map("Hangup" -> 1, "Interrupt" -> 2, "Quit" -> 3, "Illegal instruction" -> 4, "Aborted" -> 6,
    "Bus error" -> 7, "Floating point exception" -> 8, "Killed" -> 9, "Segmentation fault" -> 11, "Terminated" -> 15)

  /** As shells count: that of a process which a signal ended is 128 more than the signal's number. */
  private[backend] def exitCode(update: TaskUpdate): Option[Int] = update.message match {
    case Exited(code) => code.toIntOption
    case Signalled(name) => Signals.get(name).map(_ + 128)
    case _ => None
  }

  private def advice(update: TaskUpdate, code: Option[Int], mine: Standing) =
    if (mine.isKilled) ""
    else if (update.reason == "CONTAINER_LIMITATION_MEMORY" || code.contains(137))
      ". It may have needed more memory than its container has: raise spark.executor.memoryOverhead"
    else if (update.reason == "CONTAINER_LIMITATION_DISK") ". It needed more disk than it has"
    else if (update.state != "FAILED" || mine.hasStarted) ""
    else if (mine.hasRegistered)
      ". It had reached the driver, and ended before it was ready for tasks, as executors do that find no shuffle service on their " +
        "agent (spark.shuffle.service.enabled); stderr in its sandbox on the agent tells more"
    else ". It had not reached the driver; stderr in its sandbox on the agent tells more"
}

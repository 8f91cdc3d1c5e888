package org.apache.spark.sparkmesos

import java.util.concurrent.atomic.AtomicBoolean

import scala.concurrent.Future

import org.apache.spark.{SecurityManager, SparkConf, SparkContext, SparkException, TaskState}
import org.apache.spark.deploy.security.HadoopDelegationTokenManager
import org.apache.spark.internal.config
import org.apache.spark.launcher.{LauncherBackend, SparkAppHandle}
import org.apache.spark.resource.ResourceProfile
import org.apache.spark.rpc.{RpcAddress, RpcCallContext, RpcEndpointAddress}
import org.apache.spark.scheduler.{ExecutorDecommissionInfo, ExecutorExited, ExecutorLossReason, ExecutorProcessLost, TaskSchedulerImpl}
import org.apache.spark.scheduler.cluster.CoarseGrainedClusterMessages.{LaunchedExecutor, RegisterExecutor, RemoveExecutor, StatusUpdate}
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend
import org.apache.spark.util.Utils
import org.slf4j.LoggerFactory
import org.sparkmesos.backend.{Application, DriverLogs, Fleet, FleetError, FleetOwner, Framework, FrameworkIds, Loss, Profile,
  QuitTasks, Settings, ShellInterrupts, ShuffleServiceContacts}
import org.sparkmesos.bridge.{Conversation, Masters, Needs, StartWatch}

// All that the backend uses of Spark's internals is in this file, ClusterManager.scala and ForgivenFailure.scala, for they change
// from release to release: Spark 4.0 to 4.3. Those of the shuffle service, which is a program of its own, are in
// ShuffleService.scala, ShuffleServiceHandler.scala and ShuffleServiceClient.scala; what all releases since 2.4 have, in
// conversation/SparkApplication.scala.

/** Runs an application on executors that are Mesos tasks. Which there are, the [[Fleet]] knows; this tells Spark, and asks it. */
private[spark] class MesosBackend(scheduler: TaskSchedulerImpl, sc: SparkContext, settings: Settings, masters: Masters)
  extends CoarseGrainedSchedulerBackend(scheduler, sc.env.rpcEnv) {
  import MesosBackend.{log, quoted}

  private val isStopped = new AtomicBoolean
  @volatile private var fleet: Fleet = _
  @volatile private var frameworkId = Option.empty[String]
  @volatile private var shuffleServices = Option.empty[ShuffleServiceContacts]
  private val quitTasks = new QuitTasks

  private val launcher = new LauncherBackend {
    override protected def conf: SparkConf = sc.conf
    override protected def onStopRequest(): Unit = stop(SparkAppHandle.State.KILLED)
  }

  // ---- life --------------------------------------------------------------------------------------------------------

  override def start(): Unit = {
    super.start()
    if (sc.deployMode == "client") launcher.connect()
    val info = Framework.json(
      settings, sc.sparkUser, sc.appName,
      Option(System.getenv("SPARK_PUBLIC_DNS")).getOrElse(conf.get(config.DRIVER_HOST_ADDRESS)),
      sc.ui.map(_.webUrl), settings.frameworkId.map(_ + FrameworkIds.suffix()))
    launcher.setState(SparkAppHandle.State.SUBMITTED)
    fleet = new Fleet(settings, masters, info, owner)
    if (isStopped.get) fleet.stop() // by the launcher, which has seen no fleet
    val id =
      try Moved.told(fleet.start())
      catch { case e: FleetError => throw new SparkException(e.getMessage) }
    launcher.setAppId(id)
    launcher.setState(SparkAppHandle.State.RUNNING)
    sc.addSparkListener(quitTasks)
    if (ShellInterrupts.isShell) sc.addSparkListener(new ShellInterrupts(sc))
  }

  override def stop(): Unit = stop(SparkAppHandle.State.FINISHED)

  private def stop(state: SparkAppHandle.State): Unit = if (isStopped.compareAndSet(false, true)) {
    try {
      if (fleet != null) fleet.beginStop()
      super.stop()
      if (fleet != null) {
        val left = fleet.awaitEnd(settings.shutdownTimeoutMillis)
        if (left > 0)
          log.warn(s"$left executors have not ended within ${settings.shutdownTimeoutMillis} ms (spark.mesos.coarse.shutdownTimeout)." +
            " Mesos ends them; they may leave temporary files on their agents")
      }
    } finally {
      if (fleet != null) fleet.stop()
      shuffleServices.foreach(_.stop()) // behind the last executor
      launcher.setState(state)
      launcher.close()
    }
  }

  // ---- what Spark asks ---------------------------------------------------------------------------------------------

  override def applicationId(): String = frameworkId.getOrElse(super.applicationId())

  /** As Spark 3.5 on Mesos: the cores of all executors that have registered. */
  override def sufficientResourcesRegistered(): Boolean =
    totalCoreCount.get >= settings.coresMax.getOrElse(0) * minRegisteredRatio

  override def doRequestTotalExecutors(numbers: Map[ResourceProfile, Int]): Future[Boolean] = {
    if (fleet == null) Future.successful(false)
    else {
      // Whoever calls this holds the lock that guards rpHostToLocalTaskCount.
      fleet.wanted(numbers.map { case (profile, n) => profileOf(profile) -> n }, rpHostToLocalTaskCount)
      Future.successful(true)
    }
  }

  override def doKillExecutors(executorIds: Seq[String]): Future[Boolean] = {
    if (fleet != null) fleet.kill(executorIds)
    Future.successful(fleet != null)
  }

  /** Spark does so for Mesos' sake (see the owner below), and by itself: dynamic allocation with executors that are idle, and where
    * somebody has sent an executor the signal. They hand on what they hold, and end; others may take their place at once.
    */
  override def decommissionExecutors(
      executors: Array[(String, ExecutorDecommissionInfo)],
      adjustTargetNumExecutors: Boolean,
      triggeredByExecutor: Boolean): Seq[String] = {
    val leaving = super.decommissionExecutors(executors, adjustTargetNumExecutors, triggeredByExecutor)
    if (fleet != null && leaving.nonEmpty) fleet.leaving(leaving, hadSignal = triggeredByExecutor)
    leaving
  }

  override def createTokenManager(): Option[HadoopDelegationTokenManager] =
    Some(new HadoopDelegationTokenManager(conf, sc.hadoopConfiguration, driverEndpoint))

  override def getDriverLogUrls: Option[Map[String, String]] = DriverLogs.urls(sys.env)

  /** Asked when an executor registers. */
  override protected def isExecutorExcluded(executorId: String, hostname: String): Boolean =
    fleet == null || !fleet.letsIn(executorId)

  override def createDriverEndpoint(): DriverEndpoint = new MesosDriverEndpoint

  private class MesosDriverEndpoint extends DriverEndpoint {
    private val failures = new HeldFailures(super.receive(_))

    /** Whether tasks of an executor count as failed, Mesos knows a moment later. */
    override def onDisconnected(remoteAddress: RpcAddress): Unit =
      addressToExecutorId.get(remoteAddress).foreach { id =>
        failures.releaseOf(id)
        if ((disableExecutor(id) || isDecommissioned(id)) && fleet != null) fleet.cutOff(id)
      }

    /** Executors that are ready for tasks say so a while after they have registered. What tasks have thrown waits for what Mesos
      * says of their executor, if it may end that while it lives; until then Spark believes that they run.
      */
    override def receive: PartialFunction[Any, Unit] = {
      val asSpark = super.receive
      val first: PartialFunction[Any, Unit] = {
        case message: LaunchedExecutor =>
          if (fleet != null) fleet.launched(message.executorId)
          asSpark(message)
        case update: StatusUpdate if update.state == TaskState.FAILED && settings.leaving.graceMillis.isDefined && fleet != null =>
          ForgivenFailure.exception(update).fold(asSpark(update)) { failure =>
            val counts = fleet.failed(update.executorId)(whileItRuns(driverEndpoint.send(FailureJudged(update.taskId))))
            failures.hold(update, failure, counts)
          }
        case FailureJudged(task) => failures.release(task)
        case message: RemoveExecutor =>
          failures.releaseOf(message.executorId)
          asSpark(message)
      }
      first.orElse(asSpark)
    }

    override def receiveAndReply(context: RpcCallContext): PartialFunction[Any, Unit] = {
      val asSpark = super.receiveAndReply(context)
      val first: PartialFunction[Any, Unit] = {
        case message: RegisterExecutor =>
          // As Spark is about to find, which does not ask isExecutorExcluded then.
          if (fleet != null && scheduler.excludedNodes().contains(message.hostname)) fleet.refused(message.executorId)
          asSpark(message)
      }
      first.orElse(asSpark)
    }

    /** Such an executor, which gets no tasks anyway, Spark does not disable. */
    private def isDecommissioned(id: String) = MesosBackend.this.synchronized(executorsPendingDecommission.contains(id))
  }

  /** Tells Spark, which throws something once its endpoint has ended. */
  private def whileItRuns(tell: => Any): Unit =
    try if (!isStopped.get) tell
    catch { case e: SparkException if isStopped.get => log.debug("Nobody hears of executors any more", e) }

  private def profileOf(profile: ResourceProfile): Profile =
    if (profile.id == ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID) settings.defaultProfile
    else settings.sizing.profile(
      profile.id,
      profile.executorResources.map { case (name, request) => name -> request.amount },
      profile.taskResources.get(ResourceProfile.CPUS).map(request => math.ceil(request.amount).toInt))

  // ---- what Mesos says ---------------------------------------------------------------------------------------------

  private object owner extends FleetOwner {
    def application(id: String): Application = {
      frameworkId = Some(id)
      shuffleServices = ShuffleServiceClient.contacts(conf, sc.env.securityManager, id, fleet.hasExecutorsOn)
      val url = RpcEndpointAddress(conf.get(config.DRIVER_HOST_ADDRESS), conf.get(config.DRIVER_PORT),
        CoarseGrainedSchedulerBackend.ENDPOINT_NAME)
      val security = sc.env.securityManager
      val isSecure = security.isAuthenticationEnabled() || security.isSslRpcEnabled()
      val secret = Option(security.getSecretKey()).filter(_ => security.isAuthenticationEnabled())
      val variables =
        sc.executorEnvs.toSeq ++ secret.map(SecurityManager.ENV_AUTH_SECRET -> _) ++ security.getEnvironmentForSslRpcPasswords
      // Executors ask for most properties once they are connected; these they need before.
      val startup = if (isSecure) Utils.sparkJavaOpts(conf, SparkConf.isExecutorStartupConf).map(quoted) else Nil
      val options = startup ++ conf.get(config.EXECUTOR_JAVA_OPTIONS)
      Application(id, sc.appName, url.toString, variables, options.mkString(" "))
    }

    def excludedHosts: Set[String] = scheduler.excludedNodes()

    def quits(executor: String): Int = quitTasks.quits(executor)

    def watch(conversation: Conversation): Option[StartWatch] = StartWatch.forSpark(conversation, _ => {
      val one = settings.defaultProfile
      Needs(one.leastCores(settings.extraCores), one.memoryMiB.toInt, (one.memoryMiB - one.heapMiB).toInt, settings.coresMax,
        settings.role.getOrElse(""), conf.getWithSubstitution("spark.mesos.constraints").getOrElse(""))
    })

    def isConnected(is: Boolean): Unit =
      launcher.setState(if (is) SparkAppHandle.State.RUNNING else SparkAppHandle.State.SUBMITTED)

    def executors: Set[String] = getExecutorIds().toSet

    def runs(hostname: String): Unit = if (!isStopped.get) shuffleServices.foreach(_.running(hostname))

    def remove(executor: String, hostname: String, loss: Loss): Unit = {
      if (loss.hasQuit) quitTasks.quit(executor) // before Spark ends its tasks
      whileItRuns(removeExecutor(executor, reasonOf(hostname, loss)))
    }

    def decommission(executors: Seq[String], why: String): Unit =
      if (settings.leaving.handsOn)
        whileItRuns(decommissionExecutors(
          executors.map(_ -> ExecutorDecommissionInfo(why)).toArray, adjustTargetNumExecutors = false, triggeredByExecutor = false))

    /** What was written there has to be written again. Of an executor whose connection broke before its agent's loss was known,
      * Spark was told without that, and would look for its files there.
      */
    def agentLost(agentId: String, hostname: String, why: String): Unit =
      if (conf.get(config.SHUFFLE_SERVICE_ENABLED)) whileItRuns(removeWorker(agentId, hostname, why))

    /** As Spark's standalone backend does when its master has removed the application. */
    def ended(message: String): Unit = {
      log.error(s"Mesos has ended this application: $message")
      try scheduler.error(message) // throws if no job runs
      catch { case e: SparkException => log.info(s"No job runs that could be aborted: ${e.getMessage}") }
      // Jobs to come would wait for executors.
      SparkApplication.stop(MesosBackend.this)
    }
  }

  private def reasonOf(hostname: String, loss: Loss): ExecutorLossReason = loss match {
    // What a shuffle service keeps for an executor outlives it, but not its agent.
    case Loss(_, false, _, true, message, _) if conf.get(config.SHUFFLE_SERVICE_ENABLED) =>
      ExecutorProcessLost(message, Some(hostname), false)
    case Loss(Some(code), byApplication, _, _, message, _) => ExecutorExited(code, byApplication, message)
    case Loss(None, byApplication, _, _, message, _) => ExecutorProcessLost(message, None, byApplication)
  }
}

private object MesosBackend {
  private val log = LoggerFactory.getLogger(classOf[MesosBackend])

  /** A word of options, as Spark's launcher splits them again (`CommandBuilderUtils.parseOptionString`). */
  private def quoted(word: String): String = "\"" + word.replace("\\", "\\\\").replace("\"", "\\\"") + "\""
}

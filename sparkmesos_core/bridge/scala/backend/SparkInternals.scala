package org.apache.spark.sparkmesos

import java.lang.reflect.Modifier
import java.util.concurrent.atomic.AtomicBoolean

import scala.concurrent.Future

import org.apache.spark.{SecurityManager, SparkConf, SparkContext, SparkException}
import org.apache.spark.deploy.security.HadoopDelegationTokenManager
import org.apache.spark.internal.config
import org.apache.spark.launcher.{LauncherBackend, SparkAppHandle}
import org.apache.spark.resource.{ResourceProfile, ResourceProfileManager}
import org.apache.spark.rpc.{RpcAddress, RpcEndpointAddress}
import org.apache.spark.scheduler.{ExecutorDecommissionInfo, ExecutorExited, ExecutorLossReason, ExecutorProcessLost,
  ExternalClusterManager, SchedulerBackend, TaskScheduler, TaskSchedulerImpl}
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend
import org.apache.spark.util.Utils
import org.slf4j.LoggerFactory
import org.sparkmesos.backend.{Application, DriverLogs, Fleet, FleetError, FleetOwner, Framework, FrameworkIds, Loss, Profile, Settings,
  SettingsError, ShuffleServiceContacts}
import org.sparkmesos.bridge.{Conversation, Masters, Needs, StartWatch}

// All that the backend uses of Spark's internals is in this file, for they change from release to release: Spark 4.0 to 4.3.

/** What Spark finds by its ServiceLoader: runs applications on Mesos whose master is `spark+mesos://…`, as spark-submit of
  * Spark 4 lets it through, or `mesos://…`, as they may set it themselves.
  */
class MesosClusterManager extends ExternalClusterManager {
  override def canCreate(masterURL: String): Boolean = MesosClusterManager.Schemes.exists(scheme => masterURL.startsWith(scheme))

  override def createTaskScheduler(sc: SparkContext, masterURL: String): TaskScheduler = new TaskSchedulerImpl(sc)

  override def createSchedulerBackend(sc: SparkContext, masterURL: String, scheduler: TaskScheduler): SchedulerBackend =
    try {
      val settings = Settings.read(sc.conf.getAll.toMap, sys.env)
      val masters = Masters.of(masterURL.stripPrefix("spark+"))
      StageLevel.allow(sc.resourceProfileManager)
      new MesosBackend(scheduler.asInstanceOf[TaskSchedulerImpl], sc, settings, masters)
    } catch {
      // Spark would hide another exception behind "External scheduler cannot be instantiated".
      case e: SettingsError => throw new SparkException(e.getMessage)
      case e: IllegalArgumentException => // not with the URL, which may hold ZooKeeper's password
        throw new SparkException(s"The master of this application cannot be understood: ${e.getMessage}")
    }

  override def initialize(scheduler: TaskScheduler, backend: SchedulerBackend): Unit =
    scheduler.asInstanceOf[TaskSchedulerImpl].initialize(backend)
}

private object MesosClusterManager {
  private val Schemes = Seq("spark+mesos://", "mesos://")
}

/** Runs an application on executors that are Mesos tasks. Which there are, the [[Fleet]] knows; this tells Spark, and asks it. */
private[spark] class MesosBackend(scheduler: TaskSchedulerImpl, sc: SparkContext, settings: Settings, masters: Masters)
  extends CoarseGrainedSchedulerBackend(scheduler, sc.env.rpcEnv) {
  import MesosBackend.{log, quoted}

  private val isStopped = new AtomicBoolean
  @volatile private var fleet: Fleet = _
  @volatile private var frameworkId = Option.empty[String]
  @volatile private var shuffleServices = Option.empty[ShuffleServiceContacts]

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
    val id =
      try fleet.start()
      catch { case e: FleetError => throw new SparkException(e.getMessage) }
    launcher.setAppId(id)
    launcher.setState(SparkAppHandle.State.RUNNING)
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

  override def createTokenManager(): Option[HadoopDelegationTokenManager] =
    Some(new HadoopDelegationTokenManager(conf, sc.hadoopConfiguration, driverEndpoint))

  override def getDriverLogUrls: Option[Map[String, String]] = DriverLogs.urls(sys.env)

  /** Asked when an executor registers. */
  override protected def isExecutorExcluded(executorId: String, hostname: String): Boolean =
    fleet == null || !fleet.letsIn(executorId)

  override def createDriverEndpoint(): DriverEndpoint = new MesosDriverEndpoint

  private class MesosDriverEndpoint extends DriverEndpoint {
    /** Whether tasks of an executor count as failed, Mesos knows a moment later. */
    override def onDisconnected(remoteAddress: RpcAddress): Unit =
      addressToExecutorId.get(remoteAddress).foreach { id => if (disableExecutor(id) && fleet != null) fleet.cutOff(id) }
  }

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
      shuffleServices = ShuffleServiceClient.contacts(conf, sc.env.securityManager, id)
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

    def watch(conversation: Conversation): Option[StartWatch] = StartWatch.forSpark(conversation, _ => {
      val one = settings.defaultProfile
      Needs(one.leastCores(settings.extraCores), one.memoryMiB.toInt, (one.memoryMiB - one.heapMiB).toInt, settings.coresMax,
        settings.role.getOrElse(""), conf.get("spark.mesos.constraints", ""))
    })

    def isConnected(is: Boolean): Unit =
      launcher.setState(if (is) SparkAppHandle.State.RUNNING else SparkAppHandle.State.SUBMITTED)

    def runs(agentId: String, hostname: String): Unit = if (!isStopped.get) shuffleServices.foreach(_.running(agentId, hostname))

    def remove(executor: String, hostname: String, loss: Loss): Unit =
      try if (!isStopped.get) removeExecutor(executor, reasonOf(hostname, loss))
      catch { case e: SparkException if isStopped.get => log.debug("Nobody hears of a loss any more", e) }

    def decommission(executors: Seq[String], why: String): Unit =
      if (!isStopped.get && conf.get(config.DECOMMISSION_ENABLED))
        decommissionExecutors(executors.map(_ -> ExecutorDecommissionInfo(why)).toArray, adjustTargetNumExecutors = false,
          triggeredByExecutor = false)

    /** As Spark's standalone backend does when its master has removed the application. */
    def ended(message: String): Unit = {
      log.error(s"Mesos error: $message")
      try scheduler.error(message) // throws if no job runs
      catch { case e: SparkException => log.info(s"No job runs that could be aborted: ${e.getMessage}") }
      // Jobs to come would wait for executors.
      SparkApplication.stop(MesosBackend.this)
    }
  }

  private def reasonOf(hostname: String, loss: Loss): ExecutorLossReason = loss match {
    // What a shuffle service keeps for an executor outlives it, but not its agent.
    case Loss(_, false, _, true, message) if conf.get(config.SHUFFLE_SERVICE_ENABLED) =>
      ExecutorProcessLost(message, Some(hostname), false)
    case Loss(Some(code), byApplication, _, _, message) => ExecutorExited(code, byApplication, message)
    case Loss(None, byApplication, _, _, message) => ExecutorProcessLost(message, None, byApplication)
  }
}

private object MesosBackend {
  private val log = LoggerFactory.getLogger(classOf[MesosBackend])

  /** A word of options, as Spark's launcher splits them again (`CommandBuilderUtils.parseOptionString`). */
  private def quoted(word: String): String = "\"" + word.replace("\\", "\\\\").replace("\"", "\\\"") + "\""
}

/** Resource profiles of stages. Spark takes them only with masters whose URL it knows: YARN, Kubernetes, `spark://`. */
private object StageLevel {
  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.StageLevel")

  /** Lets the manager of an application believe that its master is one of these, standalone, which runs executors as we do. */
  def allow(manager: ResourceProfileManager): Unit =
    try {
      val field = classOf[ResourceProfileManager].getDeclaredField("isStandaloneOrLocalCluster")
      if (field.getType != classOf[Boolean] || Modifier.isStatic(field.getModifiers)) throw new NoSuchFieldException(field.toString)
      field.setAccessible(true)
      field.setBoolean(manager, true)
    } catch {
      case e: ReflectiveOperationException =>
        log.warn(s"Resource profiles of stages will be refused: this Spark has changed how it knows its master ($e)")
    }
}

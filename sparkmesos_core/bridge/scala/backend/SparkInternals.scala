package org.apache.spark.sparkmesos

import java.lang.reflect.Modifier
import java.util.concurrent.atomic.AtomicBoolean

import scala.concurrent.Future

import org.apache.spark.{SPARK_VERSION, SecurityManager, SparkConf, SparkContext, SparkException}
import org.apache.spark.deploy.security.HadoopDelegationTokenManager
import org.apache.spark.internal.config
import org.apache.spark.launcher.{LauncherBackend, SparkAppHandle}
import org.apache.spark.resource.{ResourceProfile, ResourceProfileManager}
import org.apache.spark.rpc.{RpcAddress, RpcEndpointAddress}
import org.apache.spark.scheduler.{ExecutorDecommissionInfo, ExecutorExited, ExecutorLossReason, ExecutorProcessLost,
  ExternalClusterManager, SchedulerBackend, TaskScheduler, TaskSchedulerImpl}
import org.apache.spark.scheduler.cluster.CoarseGrainedClusterMessages.LaunchedExecutor
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend
import org.apache.spark.util.Utils
import org.slf4j.LoggerFactory
import org.sparkmesos.backend.{Application, DriverLogs, Fleet, FleetError, FleetOwner, Framework, FrameworkIds, Leaving, Loss,
  Profile, Settings, SettingsError, ShellInterrupts, ShuffleServiceContacts}
import org.sparkmesos.bridge.{Conversation, Masters, Needs, StartWatch}

// All that the backend uses of Spark's internals is in this file, for they change from release to release: Spark 4.0 to 4.3.
// Those of the shuffle service, which is a program of its own, are in ShuffleService.scala, ShuffleServiceHandler.scala and
// ShuffleServiceClient.scala; what all releases since 2.4 have, in conversation/SparkApplication.scala.

/** What Spark finds by its ServiceLoader: runs applications on Mesos whose master is `spark+mesos://…`, as spark-submit of
  * Spark 4 lets it through, or `mesos://…`, as they may set it themselves.
  */
class MesosClusterManager extends ExternalClusterManager {
  override def canCreate(masterURL: String): Boolean = MesosClusterManager.Schemes.exists(scheme => masterURL.startsWith(scheme))

  override def createTaskScheduler(sc: SparkContext, masterURL: String): TaskScheduler =
    Moved.told(new TaskSchedulerImpl(sc))

  override def createSchedulerBackend(sc: SparkContext, masterURL: String, scheduler: TaskScheduler): SchedulerBackend =
    try Moved.told {
      val settings = Settings.read(MesosClusterManager.properties(sc.conf), sys.env)
      val masters = Masters.of(masterURL.stripPrefix("spark+"))
      StageLevel.allow(sc.resourceProfileManager)
      // Executors are told before the first of them asks; what the application has chosen counts.
      if (settings.leaving.graceMillis.isDefined) sc.conf.setIfMissing(Leaving.Signal, Leaving.SignalOfMesos)
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

  /** All properties, with what references in them stand for (`${env:NAME}`, `${spark.key}`), as Spark reads its own. One that
    * leads back to itself stays as it is: not each property is ever read.
    */
  private def properties(conf: SparkConf): Map[String, String] = conf.getAll.toMap.map { case (name, text) =>
    try name -> conf.getWithSubstitution(name).getOrElse(text)
    catch { case _: IllegalArgumentException => name -> text }
  }
}

/** What is said when this Spark lacks something of its own that the bridge needs. One that does not compile says so there, but
  * somebody may run a bridge that was compiled for another Spark.
  */
private object Moved {
  def told[T](work: => T): T =
    try work
    catch { case e: LinkageError => throw new SparkException(sentence(e), e) }

  private def sentence(e: LinkageError): String = {
    val ours = classOf[MesosClusterManager]
    val made = Option(ours.getPackage).flatMap(one => Option(one.getImplementationVersion)).getOrElse("another Spark")
    val where = Option(ours.getProtectionDomain.getCodeSource).map(_.getLocation).fold("")(jar => s" ($jar)")
    s"The bridge to Mesos$where was compiled for $made, and this is Spark $SPARK_VERSION, which lacks what it needs: $e. " +
      "Compile it with this Spark (`sparkmesos submit` does so by itself, `sparkmesos bridge build` writes a jar), or look for a " +
      "newer sparkmesos"
  }
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
    if (isStopped.get) fleet.stop() // by the launcher, which has seen no fleet
    val id =
      try Moved.told(fleet.start())
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

  /** Spark does so for Mesos' sake (see the owner below), and by itself: dynamic allocation with executors that are idle, and where
    * somebody has sent an executor the signal. They hand on what they hold, and end; others may take their place at once.
    */
  override def decommissionExecutors(
      executors: Array[(String, ExecutorDecommissionInfo)],
      adjustTargetNumExecutors: Boolean,
      triggeredByExecutor: Boolean): Seq[String] = {
    val leaving = super.decommissionExecutors(executors, adjustTargetNumExecutors, triggeredByExecutor)
    if (fleet != null && leaving.nonEmpty) fleet.leaving(leaving)
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
    /** Whether tasks of an executor count as failed, Mesos knows a moment later. */
    override def onDisconnected(remoteAddress: RpcAddress): Unit =
      addressToExecutorId.get(remoteAddress).foreach { id =>
        if ((disableExecutor(id) || isDecommissioned(id)) && fleet != null) fleet.cutOff(id)
      }

    /** Executors that are ready for tasks say so a while after they have registered. */
    override def receive: PartialFunction[Any, Unit] = {
      val asSpark = super.receive
      val ready: PartialFunction[Any, Unit] = {
        case message: LaunchedExecutor =>
          if (fleet != null) fleet.launched(message.executorId)
          asSpark(message)
      }
      ready.orElse(asSpark)
    }

    /** Such an executor, which gets no tasks anyway, Spark does not disable. */
    private def isDecommissioned(id: String) = MesosBackend.this.synchronized(executorsPendingDecommission.contains(id))
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

    def watch(conversation: Conversation): Option[StartWatch] = StartWatch.forSpark(conversation, _ => {
      val one = settings.defaultProfile
      Needs(one.leastCores(settings.extraCores), one.memoryMiB.toInt, (one.memoryMiB - one.heapMiB).toInt, settings.coresMax,
        settings.role.getOrElse(""), conf.getWithSubstitution("spark.mesos.constraints").getOrElse(""))
    })

    def isConnected(is: Boolean): Unit =
      launcher.setState(if (is) SparkAppHandle.State.RUNNING else SparkAppHandle.State.SUBMITTED)

    def executors: Set[String] = getExecutorIds().toSet

    def runs(hostname: String): Unit = if (!isStopped.get) shuffleServices.foreach(_.running(hostname))

    def remove(executor: String, hostname: String, loss: Loss): Unit =
      whileItRuns(removeExecutor(executor, reasonOf(hostname, loss)))

    def decommission(executors: Seq[String], why: String): Unit =
      if (settings.leaving.handsOn)
        whileItRuns(decommissionExecutors(
          executors.map(_ -> ExecutorDecommissionInfo(why)).toArray, adjustTargetNumExecutors = false, triggeredByExecutor = false))

    /** What was written there has to be written again. Of an executor whose connection broke before its agent's loss was known,
      * Spark was told without that, and would look for its files there.
      */
    def agentLost(agentId: String, hostname: String, why: String): Unit =
      if (conf.get(config.SHUFFLE_SERVICE_ENABLED)) whileItRuns(removeWorker(agentId, hostname, why))

    /** Tells Spark, which throws something once its endpoint has ended. */
    private def whileItRuns(tell: => Any): Unit =
      try if (!isStopped.get) tell
      catch { case e: SparkException if isStopped.get => log.debug("Nobody hears of executors any more", e) }

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

package org.sparkmesos.backend

import java.util.concurrent.TimeUnit

/** For how long Mesos is to keep refused offers back, in seconds (`spark.mesos.rejectOfferDuration…`). */
final case class RefuseSeconds(unmetConstraints: Long, reachedMaxCores: Long)

/** When an agent gets no more executors: after so many failures, until they are so long ago.
  *
  * @param max 0: agents are never excluded
  */
final case class FailureLimit(max: Int, expiryMillis: Long)

/** All that the backend wants to know of an application's properties, read and checked once, before anything is asked
  * of Mesos: in an offer callback, where Spark's own backend reads many, it is too late to tell who wrote a bad one.
  *
  * @param coresMax spark.cores.max as it is set; what is too little for one more executor is left over
  * @param extraCores what each executor advertises beyond the cpus it has
  * @param gpusMax the most GPUs to hold at once
  * @param isDynamic whether Spark says how many executors it wants; else as many as fit are started
  * @param localityWaitMillis how long offers of hosts without local data are refused, with dynamic allocation
  * @param blockManagerPort the fixed port of each executor, which makes it one per host
  * @param failoverTimeoutSeconds how long Mesos keeps the executors of a driver that lost its connection
  * @param frameworkId the id to register with, when somebody chose one
  * @param checkpoint what to say of checkpointing, if anything: with it, executors survive a restart of their agent
  * @param webUiUrl where Mesos' page links to, in place of Spark's own UI
  * @param leaving how agents are left that are drained or maintained
  * @param sparkPlace where executors find Spark
  * @param uris what agents fetch besides
  */
final case class Settings(
    coresMax: Option[Int],
    extraCores: Int,
    gpusMax: Int,
    isDynamic: Boolean,
    localityWaitMillis: Long,
    blockManagerPort: Option[Int],
    constraints: Constraints,
    refuse: RefuseSeconds,
    agentFailures: FailureLimit,
    sizing: Sizing,
    role: Option[String],
    credentials: Credentials,
    failoverTimeoutSeconds: Double,
    frameworkId: Option[String],
    checkpoint: Option[Boolean],
    webUiUrl: Option[String],
    shutdownTimeoutMillis: Long,
    leaving: Leaving,
    sparkPlace: SparkPlace,
    uris: Seq[FetchedUri],
    fetcherCache: Boolean,
    container: ContainerSettings,
    taskLabels: Seq[Label],
    secrets: Seq[Secret]) {

  /** What an executor of the default profile needs. */
  def defaultProfile: Profile = sizing.default
  /** The framework's, with a secret or without. */
  def principal: Option[String] = credentials.principal

  /** Why no executor of a profile can ever be launched, whatever Mesos offers, and which property to change. */
  def neverFits(profile: Profile): Option[String] = {
    val cores = profile.leastCores(extraCores)
    def limit(needs: String, property: String, most: Int) =
      Some(s"it needs $needs, but $property=$most is the most that all executors may have together. Raise $property")
    if (profile.gpus > gpusMax) limit(s"GPUs: ${profile.gpus}", "spark.mesos.gpus.max", gpusMax)
    else coresMax.filter(_ < cores).flatMap(limit(s"cores: $cores", "spark.cores.max", _))
  }
}

object Settings {
  /** Reads an application's properties, and the variables that stand in for some of them.
    *
    * Throws SettingsError, whose message says which property, what is wrong and what to write.
    *
    * @param file reads a text file, those with credentials
    */
  def read(
      conf: Map[String, String],
      environment: Map[String, String],
      file: String => String = Credentials.fileText): Settings = {
    val values = new SettingValues(conf)
    refuseUnsupported(values)
    val refuse = values.time("spark.mesos.rejectOfferDuration", TimeUnit.SECONDS).getOrElse(120L)
    def refuseFor(what: String) =
      values.time(s"spark.mesos.rejectOfferDurationFor$what", TimeUnit.SECONDS).getOrElse(refuse)
    val settings = Settings(
      coresMax = values.whole("spark.cores.max", 1),
      extraCores = values.whole("spark.mesos.extra.cores", 0).getOrElse(0),
      gpusMax = values.whole("spark.mesos.gpus.max", 0).getOrElse(0),
      isDynamic = values.boolean("spark.dynamicAllocation.enabled").contains(true),
      localityWaitMillis = values.time("spark.locality.wait", TimeUnit.MILLISECONDS).getOrElse(3000L),
      blockManagerPort = port(values, "spark.blockManager.port"),
      constraints = Constraints.parse(values.text("spark.mesos.constraints").getOrElse(""), "spark.mesos.constraints"),
      refuse = RefuseSeconds(refuseFor("UnmetConstraints"), refuseFor("ReachedMaxCores")),
      agentFailures = FailureLimit(
        values.whole("spark.mesos.executor.agentFailures.max", 0).getOrElse(2),
        values.time("spark.mesos.executor.agentFailures.expiry", TimeUnit.MILLISECONDS).getOrElse(3600000L)),
      sizing = Profiles.sizing(conf, environment),
      role = nonEmpty(values, "spark.mesos.role"),
      credentials = Credentials.read(conf, environment, file),
      failoverTimeoutSeconds = values.number("spark.mesos.driver.failoverTimeout").getOrElse(0.0),
      frameworkId = nonEmpty(values, "spark.mesos.driver.frameworkId"),
      checkpoint = values.boolean("spark.mesos.checkpoint"),
      webUiUrl = nonEmpty(values, "spark.mesos.driver.webui.url"),
      shutdownTimeoutMillis =
        values.time("spark.mesos.coarse.shutdownTimeout", TimeUnit.MILLISECONDS).getOrElse(10000L),
      leaving = Leaving.read(values),
      sparkPlace = SparkPlace.parse(conf, environment),
      uris = FetchedUris.parse(conf, "spark.mesos.uris"),
      fetcherCache = values.boolean("spark.mesos.fetcherCache.enable").contains(true),
      container = Containers.parse(conf),
      taskLabels = Labels.parse(values.text("spark.mesos.task.labels").getOrElse(""), "spark.mesos.task.labels"),
      secrets = Secrets.parse(conf, "executor"))
    check(settings)
    settings
  }

  private def nonEmpty(values: SettingValues, name: String): Option[String] =
    values.text(name).map(_.trim).filter(_.nonEmpty)

  /** A fixed port of executors; 0 leaves the choice to them (`Utils.startServiceOnPort` says which there are). */
  private def port(values: SettingValues, name: String): Option[Int] =
    values.whole(name, 0, 65535).filter(_ != 0).map { port =>
      if (port < 1024)
        SettingValues.wrong(name, s"$port", "no port that Spark takes", "Write 0 or a port from 1024 to 65535.")
      port
    }

  private def refuseUnsupported(values: SettingValues): Unit = {
    if (values.boolean("spark.mesos.coarse").contains(false))
      throw new SettingsError("spark.mesos.coarse=false asks for fine-grained mode, which Spark 4 does not have on " +
        "Mesos. Leave it out.")
  }

  /** What no executor could ever be started with. */
  private def check(settings: Settings): Unit = {
    val gpus = settings.sizing.gpus
    if (gpus > settings.gpusMax)
      throw new SettingsError(s"spark.executor.resource.gpu.amount=$gpus, but spark.mesos.gpus.max=" +
        s"${settings.gpusMax} is the most that all executors may have. Raise spark.mesos.gpus.max.")
  }
}

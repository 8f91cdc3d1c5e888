package org.sparkmesos.bridge

/** What an agent tells the executors that it starts, through their environment.
  *
  * @param agent where the agent listens
  * @param path of its executor API
  * @param checkpoint whether the executor is to outlive its agent's process and wait for the next one
  * @param recoveryMillis how long it waits for it
  * @param backoffMillis the longest pause between two attempts to subscribe
  * @param graceMillis how long an executor may take to end once it was told to
  * @param token proves to an agent that demands it that this is the executor it started
  * @param local whether the executor shares its process with others, as in tests: then nobody may end the process
  */
final case class ExecutorEnvironment(
    agent: Endpoint,
    path: String,
    frameworkId: String,
    executorId: String,
    agentId: String,
    checkpoint: Boolean,
    recoveryMillis: Long,
    backoffMillis: Long,
    graceMillis: Long,
    token: Option[String],
    local: Boolean)

object ExecutorEnvironment {
  private val Amount = """\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*""".r
  private val MillisOf = Map("ns" -> 1e-6, "us" -> 1e-3, "ms" -> 1.0, "secs" -> 1e3, "mins" -> 6e4, "hrs" -> 3.6e6,
    "days" -> 8.64e7, "weeks" -> 6.048e8)

  /** Reads the variables that Mesos' document on the executor HTTP API names, with the defaults of libmesos. Throws
    * IllegalArgumentException, which names the variable, when one is missing or cannot be understood.
    */
  def read(variable: String => Option[String]): ExecutorEnvironment = {
    def present(name: String): Option[String] = variable(name).filter(_.nonEmpty)
    def needed(name: String): String = present(name).getOrElse(throw new IllegalArgumentException(
      s"$name is not set: an executor is started by a Mesos agent, which sets it"))
    def duration(name: String, default: Long): Long = present(name).map(millis(name, _)).getOrElse(default)
    val endpoint = needed("MESOS_AGENT_ENDPOINT")
    val agent =
      try Endpoint.parse(endpoint, https = Set("1", "true")(present("LIBPROCESS_SSL_ENABLED").getOrElse("")))
      catch {
        case _: IllegalArgumentException =>
          throw new IllegalArgumentException(s"MESOS_AGENT_ENDPOINT=$endpoint is no address of an agent (host:port)")
      }
    // An agent is one of the processes behind its port, and the first part of its id names it: slave(1)@host:port.
    val process = present("MESOS_SLAVE_PID").map(_.takeWhile(_ != '@')).filter(_.nonEmpty).getOrElse("slave(1)")
    ExecutorEnvironment(
      agent = agent,
      path = s"/$process/api/v1/executor",
      frameworkId = needed("MESOS_FRAMEWORK_ID"),
      executorId = needed("MESOS_EXECUTOR_ID"),
      agentId = needed("MESOS_SLAVE_ID"),
      checkpoint = present("MESOS_CHECKPOINT").contains("1"),
      recoveryMillis = duration("MESOS_RECOVERY_TIMEOUT", 900000L),
      backoffMillis = duration("MESOS_SUBSCRIPTION_BACKOFF_MAX", 2000L),
      graceMillis = duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", 5000L),
      token = present("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"),
      local = variable("MESOS_LOCAL").isDefined)
  }

  /** A duration as Mesos writes it: 5secs, 15mins, 1.5hrs. */
  private def millis(name: String, text: String): Long = text match {
    case Amount(number, unit) if MillisOf.contains(unit) => math.round(number.toDouble * MillisOf(unit))
    case _ => throw new IllegalArgumentException(s"$name=$text is no duration as Mesos writes it, such as 5secs or 15mins")
  }
}

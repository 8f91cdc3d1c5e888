package org.sparkmesos.backend

/** Links to what a driver writes, for the page of executors. */
object DriverLogs {
  private val Prefix = "SPARK_DRIVER_LOG_URL_" // as with Spark's standalone backend

  /** As variables name them; else, for a driver that is a Mesos task itself, those into its sandbox. None for others.
    *
    * @param environment of the driver. Mesos tells a task its ids and its agent (Mesos' docs/executor-http-api.md)
    */
  def urls(environment: Map[String, String]): Option[Map[String, String]] = {
    val named = environment.collect { case (name, url) if name.startsWith(Prefix) => name.stripPrefix(Prefix).toLowerCase -> url }
    val sandbox = for {
      agent <- environment.get("MESOS_AGENT_ENDPOINT")
      framework <- environment.get("MESOS_FRAMEWORK_ID")
      executor <- environment.get("MESOS_EXECUTOR_ID")
    } yield Seq("stdout", "stderr").map { file =>
      file -> s"http://$agent/files/download?path=/frameworks/$framework/executors/$executor/runs/latest/$file"
    }.toMap
    if (named.nonEmpty) Some(named) else sandbox
  }
}

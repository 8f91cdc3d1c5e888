package org.sparkmesos.backend

import java.net.URLEncoder
import java.nio.charset.StandardCharsets.UTF_8

import scala.collection.immutable.VectorMap

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}
import org.sparkmesos.bridge.Calls

/** What executors are told of their application.
  *
  * @param id that of the framework
  * @param driverUrl where the driver listens for executors: `spark://CoarseGrainedScheduler@host:port`
  * @param executorEnvironment variables, of which later ones replace earlier ones
  * @param executorOptions of the executors' JVMs, with `{{APP_ID}}` and `{{EXECUTOR_ID}}` where these are to stand
  */
final case class Application(
    id: String,
    name: String,
    driverUrl: String,
    executorEnvironment: Seq[(String, String)],
    executorOptions: String) {
  override def toString: String = s"Application($id, $name, $driverUrl)" // variables may be secret
}

/** The Mesos task that an executor is, as Spark 3.5 describes it (MesosCoarseGrainedSchedulerBackend.createCommand and
  * buildMesosTasks). What differs stands in tests/integration/spark_differences.py.
  */
object ExecutorTask {
  private val ExecutorClass = "org.apache.spark.executor.CoarseGrainedExecutorBackend"

  /** A v1 TaskInfo. */
  def json(settings: Settings, planned: Planned, offer: Offer, application: Application): ObjectNode = {
    val task = JsonNodeFactory.instance.objectNode()
    task.put("name", s"${application.name} ${planned.id}")
    task.putObject("task_id").put("value", planned.id)
    task.putObject("agent_id").put("value", offer.agentId)
    val resources = task.putArray("resources")
    planned.resources.foreach(resources.add(_))
    task.replace("command", command(settings, planned, offer, application))
    task.replace("container", Containers.json(settings.container, settings.secrets))
    task.replace("labels", Labels.json(settings.taskLabels))
    settings.leaving.graceMillis.foreach(millis => task.replace("kill_policy", Calls.killPolicy(millis)))
    task
  }

  private def command(settings: Settings, planned: Planned, offer: Offer, application: Application): ObjectNode = {
    val command = JsonNodeFactory.instance.objectNode()
    val uris = settings.sparkPlace.archive.toSeq ++ settings.uris
    if (uris.nonEmpty) {
      val array = command.putArray("uris")
      uris.foreach(uri => array.add(uri.json(settings.fetcherCache)))
    }
    val array = command.putObject("environment").putArray("variables")
    variables(settings, planned, offer, application).foreach(array.add(_))
    val words = arguments(settings, planned, offer, application).map(ShellWords.word)
    val decommissions = settings.leaving.graceMillis.isDefined
    // A shell that stayed would be the task to Mesos, which ends all that is left of it once the shell is gone.
    val sparkClass = settings.sparkPlace.sparkClass(if (decommissions) PythonDaemon.script else "", isInPlaceOfShell = decommissions)
    command.put("value", (sparkClass +: ExecutorClass +: words).mkString(" "))
  }

  private def arguments(settings: Settings, planned: Planned, offer: Offer, application: Application): Seq[String] = {
    // In a network of its own an executor finds its address by itself.
    val hostname = if (settings.container.network.isEmpty) Seq("--hostname", offer.hostname) else Nil
    val profile = if (planned.profile.id == Profiles.Default) Nil else Seq("--resourceProfileId", planned.profile.id.toString)
    Seq("--driver-url", application.driverUrl, "--executor-id", planned.id) ++
      Seq("--cores", (planned.cores + settings.extraCores).toString, "--app-id", application.id) ++ hostname ++ profile
  }

  /** v1 Environment.Variables, each name once. */
  private def variables(settings: Settings, planned: Planned, offer: Offer, application: Application): Seq[ObjectNode] = {
    val theirs = application.executorOptions.replace("{{APP_ID}}", application.id).replace("{{EXECUTOR_ID}}", planned.id)
    val options = (settings.sparkPlace.archiveOptions :+ theirs).mkString(" ")
    // Spark 4 gives executors no SPARK_EXECUTOR_MEMORY any more, which is where bin/spark-class has their heap from.
    val own = settings.sparkPlace.fullClassPath.map("SPARK_EXECUTOR_CLASSPATH" -> _).toSeq ++
      Seq("SPARK_EXECUTOR_OPTS" -> options, "SPARK_EXECUTOR_MEMORY" -> s"${planned.profile.heapMiB}m") ++
      logUrls(planned.id, offer, application.id)
    val typed = settings.container.takesSecrets
    val plain = for ((name, value) <- own ++ application.executorEnvironment if name.nonEmpty) yield name -> {
      if (Secrets.isSecretName(name)) Secrets.variable(name, value, typed)
      else JsonNodeFactory.instance.objectNode().put("name", name).put("value", value)
    }
    val secret = Secrets.variables(settings.secrets, typed).map(variable => variable.path("name").asText -> variable)
    VectorMap.from(plain ++ secret).values.toSeq
  }

  /** Variables that an executor tells its driver, for the links to its logs on the page of executors. The agent has the sandbox
    * of the executor's latest run at this path (`Slave::_run`), and an executor is called like its task.
    */
  private def logUrls(task: String, offer: Offer, framework: String): Seq[(String, String)] =
    for (agent <- offer.agentUrl.toSeq; file <- Seq("stdout", "stderr")) yield {
      val path = s"/frameworks/${escaped(framework)}/executors/${escaped(task)}/runs/latest/$file"
      s"SPARK_LOG_URL_${file.toUpperCase}" -> s"$agent/files/download?path=$path"
    }

  private def escaped(text: String) = URLEncoder.encode(text, UTF_8).replace("+", "%20")
}

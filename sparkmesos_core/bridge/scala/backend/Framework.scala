package org.sparkmesos.backend

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

/** What an application tells Mesos of itself when it subscribes. */
object Framework {
  /** A v1 FrameworkInfo (MesosSchedulerUtils.createSchedulerDriver of Spark 3.5).
    *
    * @param user who executors are to run as
    * @param name the application's
    * @param hostname where the driver is, for Mesos' page: SPARK_PUBLIC_DNS, else spark.driver.host
    * @param webUiUrl of Spark's UI, if there is one; `spark.mesos.driver.webui.url` counts before it
    * @param id to register with, or to come back under; None lets Mesos choose
    */
  def json(
      settings: Settings,
      user: String,
      name: String,
      hostname: String,
      webUiUrl: Option[String],
      id: Option[String]): ObjectNode = {
    val info = JsonNodeFactory.instance.objectNode().put("user", user).put("name", name)
    id.foreach(info.putObject("id").put("value", _))
    info.put("failover_timeout", settings.failoverTimeoutSeconds)
    settings.checkpoint.foreach(info.put("checkpoint", _))
    settings.role.foreach(info.put("role", _))
    info.put("hostname", hostname)
    settings.credentials.principal.foreach(info.put("principal", _))
    settings.webUiUrl.orElse(webUiUrl).foreach(info.put("webui_url", _))
    // Mesos tells only those that ask for it that it has begun to end a task.
    val capabilities = (if (settings.gpusMax > 0) Seq("GPU_RESOURCES") else Nil) ++
      settings.leaving.graceMillis.map(_ => "TASK_KILLING_STATE")
    if (capabilities.nonEmpty) {
      val array = info.putArray("capabilities")
      capabilities.foreach(array.addObject().put("type", _))
    }
    info
  }
}

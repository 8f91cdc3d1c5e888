package org.sparkmesos.backend

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

/** A path in a container, on a path of the agent or, without `host`, on whatever the image has there. */
final case class Volume(container: String, host: Option[String], readOnly: Boolean)

/** A port of the agent that leads to one of the container. */
final case class PortMap(host: Int, container: Int, protocol: String)

/** An option of `docker run`, without its dashes. */
final case class DockerParameter(key: String, value: String) {
  override def toString: String = s"DockerParameter($key, ***)" // which may set a variable to a secret
}

/** The image of a container. Only the Docker containerizer knows of ports and parameters. */
final case class Image(
    name: String,
    forcePull: Boolean,
    inDocker: Boolean,
    volumes: Seq[Volume],
    ports: Seq[PortMap],
    parameters: Seq[DockerParameter])

/** A network (CNI, or one of Docker) that a container is in. */
final case class Network(name: String, labels: Seq[Label])

/** The container of executors. */
final case class ContainerSettings(image: Option[Image], network: Option[Network]) {
  /** Whether it takes variables of the type SECRET. */
  def takesSecrets: Boolean = !image.exists(_.inDocker)
}

/** `spark.mesos.executor.docker.*`, `spark.mesos.containerizer` and `spark.mesos.network.*` (MesosSchedulerBackendUtil of Spark
  * 3.5). Spark skips an entry that it cannot read with a warning in a log; here it is an error.
  */
object Containers {
  private val Prefix = "spark.mesos.executor.docker"
  private val Modes = Set("rw", "ro")
  private val Protocols = Set("tcp", "udp", "sctp")
  private val LastPort = 65535
  private def nodes = JsonNodeFactory.instance

  /** Without an image there is nothing that its properties would be of. Throws SettingsError. */
  def parse(conf: Map[String, String]): ContainerSettings = {
    val values = new SettingValues(conf)
    def named(property: String) = conf.get(property).map(_.trim).filter(_.nonEmpty)
    val image = named(s"$Prefix.image").map { name =>
      Image(
        name,
        values.boolean(s"$Prefix.forcePullImage").contains(true),
        usesDocker(values),
        values.list(s"$Prefix.volumes").map(volume(s"$Prefix.volumes", _)),
        values.list(s"$Prefix.portmaps").map(portMap(s"$Prefix.portmaps", _)),
        values.list(s"$Prefix.parameters").zipWithIndex.map { case (entry, index) => parameter(entry, index) })
    }
    val labels = "spark.mesos.network.labels"
    val network = named("spark.mesos.network.name").map(Network(_, Labels.parse(conf.getOrElse(labels, ""), labels)))
    ContainerSettings(image, network)
  }

  private def usesDocker(values: SettingValues): Boolean = {
    val property = "spark.mesos.containerizer"
    values.text(property).map(_.trim).getOrElse("docker") match {
      case "docker" => true
      case "mesos" => false
      case other => SettingValues.wrong(property, other, "no containerizer", "Write docker or mesos.")
    }
  }

  private def volume(property: String, entry: String): Volume = {
    def fail() = throw new SettingsError(s"$property: '$entry' is not a volume. Write CONTAINER or HOST:CONTAINER, with :rw or " +
      ":ro behind it if you like, as in /data:/data:ro.")
    val pieces = entry.split(":").toSeq
    val mode = if (pieces.size > 1) pieces.lastOption.filter(Modes) else None
    val paths = pieces.dropRight(mode.size)
    if (paths.exists(_.isEmpty)) fail()
    paths match {
      case Seq(container) => Volume(container, None, mode.contains("ro"))
      case Seq(host, container) => Volume(container, Some(host), mode.contains("ro"))
      case _ => fail()
    }
  }

  private def portMap(property: String, entry: String): PortMap = {
    def fail(reason: String) = throw new SettingsError(s"$property: '$entry' is not a port mapping$reason. Write " +
      "HOST:CONTAINER, with :tcp or :udp behind it if you like, as in 8080:80:tcp.")
    def port(text: String, first: Int) = text.toIntOption.filter(number => number >= first && number <= LastPort)
      .getOrElse(fail(s": '$text' is not a port"))
    val pieces = entry.split(":").toSeq
    if (pieces.size < 2 || pieces.size > 3) fail("")
    val protocol = pieces.lift(2).fold("tcp")(_.toLowerCase)
    if (!Protocols(protocol)) fail(s": there is no protocol '${pieces(2)}'")
    PortMap(port(pieces(0), 0), port(pieces(1), 1), protocol) // Docker chooses a port of the agent if that is 0
  }

  /** Nothing of the entry is shown, for it may be what a comma has left of a password. */
  private def parameter(entry: String, index: Int): DockerParameter = entry.split("=", 2) match {
    case Array(key, value) if key.nonEmpty => DockerParameter(key, value)
    case pieces => throw new SettingsError(s"$Prefix.parameters: item ${index + 1} is not a parameter: it has no " +
        s"${if (pieces.length < 2) "'='" else "key"}. Write KEY=VALUE,KEY=VALUE; a comma always separates, so a value cannot " +
        "hold one.")
  }

  /** A v1 ContainerInfo. Volumes belong to images; files with secrets do not. */
  def json(settings: ContainerSettings, secrets: Seq[Secret]): ObjectNode = {
    val info = nodes.objectNode().put("type", if (settings.image.exists(_.inDocker)) "DOCKER" else "MESOS")
    settings.image.foreach { image =>
      if (image.inDocker) info.replace("docker", docker(image, settings.network))
      else {
        val found = info.putObject("mesos").putObject("image").put("type", "DOCKER").put("cached", !image.forcePull)
        found.putObject("docker").put("name", image.name)
      }
    }
    val volumes = settings.image.toSeq.flatMap(_.volumes).map(json) ++ Secrets.volumes(secrets)
    if (volumes.nonEmpty) {
      val array = info.putArray("volumes")
      volumes.foreach(array.add(_))
    }
    settings.network.foreach { network =>
      info.putArray("network_infos").addObject().put("name", network.name).replace("labels", Labels.json(network.labels))
    }
    info
  }

  private def docker(image: Image, network: Option[Network]): ObjectNode = {
    val docker = nodes.objectNode().put("image", image.name).put("force_pull_image", image.forcePull)
    // Mesos wants the network in network_infos, and Docker as its option.
    network.foreach(_ => docker.put("network", "USER"))
    if (image.ports.nonEmpty) {
      val ports = docker.putArray("port_mappings")
      image.ports.foreach { map =>
        ports.addObject().put("host_port", map.host).put("container_port", map.container).put("protocol", map.protocol)
      }
    }
    val parameters = image.parameters ++ network.map(one => DockerParameter("net", one.name))
    if (parameters.nonEmpty) {
      val array = docker.putArray("parameters")
      parameters.foreach(one => array.addObject().put("key", one.key).put("value", one.value))
    }
    docker
  }

  private def json(volume: Volume): ObjectNode = {
    val node = nodes.objectNode().put("container_path", volume.container)
    volume.host.foreach(node.put("host_path", _))
    node.put("mode", if (volume.readOnly) "RO" else "RW")
  }
}

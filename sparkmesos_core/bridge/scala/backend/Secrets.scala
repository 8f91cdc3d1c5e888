package org.sparkmesos.backend

import java.nio.charset.StandardCharsets.UTF_8
import java.util.Base64

import com.fasterxml.jackson.databind.node.{JsonNodeFactory, ObjectNode}

/** A secret of executors, and where they find it: in a variable, a file, both, or, without effect, nowhere.
  *
  * @param variable the name of the environment variable that holds it
  * @param file the path in the container where it is mounted, read-only; this needs the Mesos containerizer
  */
final case class Secret(content: SecretContent, variable: Option[String], file: Option[String])

sealed trait SecretContent

/** A name in the store of secrets that the agents' resolver asks. */
final case class SecretReference(name: String) extends SecretContent

final case class SecretValue(text: String) extends SecretContent {
  override def toString: String = "SecretValue(***)"
}

/** `spark.mesos.executor.secret.{names,values,envkeys,filenames}`, and what else of a task nobody is to see. */
object Secrets {
  // The names of sparkmesos_core/redaction.py: those that Spark hides (spark.redaction.regex), and more that are in use.
  private val Name = ("(?i)secret|password|passwd|passphrase|pwd|token(?!iz)|credential" +
    "|access[._-]?key|api[._-]?key|account[._-]?key").r
  private val About = ("(?i)(?:files?|paths?|dir|directory|location|names?|envkeys?|providers?|class|algorithm|enabled" +
    "|length|interval|lifetime|timeout|ratio)$").r

  /** Whether a variable of this name holds a secret. */
  def isSecretName(name: String): Boolean = Name.findFirstIn(name).nonEmpty && About.findFirstIn(name).isEmpty

  /** The secrets of `spark.mesos.WHOSE.secret.*`, position by position (MesosSchedulerBackendUtil of Spark 3.5): items are
    * trimmed and empty ones dropped. Throws SettingsError, which never shows a value, if both names and values are given, if
    * there are not as many destinations as secrets, and, unlike Spark, if two have the same one or a variable has no
    * possible name.
    */
  def parse(conf: Map[String, String], whose: String): Seq[Secret] = {
    val prefix = s"spark.mesos.$whose.secret"
    def items(name: String) = SettingValues.list(conf.getOrElse(s"$prefix.$name", ""))
    val references = items("names")
    val values = items("values")
    if (references.nonEmpty && values.nonEmpty) throw new SettingsError(
      s"$prefix.names and $prefix.values are both set. Set one of them: a secret is given by its name or by its value.")
    val contents = if (references.nonEmpty) references.map(SecretReference(_)) else values.map(SecretValue(_))
    val variables = destinations(s"$prefix.envkeys", items("envkeys"), contents.size)
    val files = destinations(s"$prefix.filenames", items("filenames"), contents.size)
    variables.flatten.find(name => name.exists(c => c == '=' || c == 0)).foreach(name => throw new SettingsError(
      s"$prefix.envkeys: '$name' is not the name of a variable. Write one without '=' and without NUL."))
    contents.zip(variables.zip(files)).map { case (content, (variable, file)) => Secret(content, variable, file) }
  }

  /** One place for each of `count` secrets; None for each if no place is named. */
  private def destinations(property: String, places: Seq[String], count: Int): Seq[Option[String]] =
    if (places.isEmpty) Seq.fill(count)(None)
    else if (places.size != count) throw new SettingsError(
      s"$property has ${places.size} ${if (places.size == 1) "item" else "items"} for $count " +
        s"${if (count == 1) "secret" else "secrets"}. Write one for each, in the same order; a comma always separates.")
    else {
      places.diff(places.distinct).headOption.foreach(twice => throw new SettingsError(
        s"$property names '$twice' for two secrets. Give each secret a place of its own."))
      places.map(Some(_))
    }

  /** v1 Environment.Variables of those that are to be variables; `typed` is as in `variable`. */
  def variables(secrets: Seq[Secret], typed: Boolean): Seq[ObjectNode] =
    for (secret <- secrets; name <- secret.variable.toSeq) yield secret.content match {
      case SecretValue(text) => variable(name, text, typed)
      case reference => typedVariable(name, reference)
    }

  /** A v1 Environment.Variable that holds a secret. Agents since Mesos 1.4 show nobody what a variable of the type SECRET
    * holds, and need no module for it, but the Docker containerizer sets it empty (docs/secrets.md). `typed` says whether the
    * container takes that type; else everybody sees it who may read the agent's state, for without it the task could not run.
    */
  def variable(name: String, value: String, typed: Boolean): ObjectNode =
    if (typed) typedVariable(name, SecretValue(value))
    else JsonNodeFactory.instance.objectNode().put("name", name).put("value", value)

  /** v1 Volumes of those that are to be files. */
  def volumes(secrets: Seq[Secret]): Seq[ObjectNode] =
    for (secret <- secrets; path <- secret.file.toSeq) yield {
      val volume = JsonNodeFactory.instance.objectNode().put("container_path", path).put("mode", "RO")
      volume.putObject("source").put("type", "SECRET").replace("secret", json(secret.content))
      volume
    }

  private def typedVariable(name: String, content: SecretContent): ObjectNode = {
    val variable = JsonNodeFactory.instance.objectNode().put("name", name).put("type", "SECRET")
    variable.replace("secret", json(content))
    variable
  }

  private def json(content: SecretContent): ObjectNode = {
    val secret = JsonNodeFactory.instance.objectNode()
    content match {
      case SecretReference(name) => secret.put("type", "REFERENCE").putObject("reference").put("name", name)
      case SecretValue(text) =>
        secret.put("type", "VALUE").putObject("value").put("data", Base64.getEncoder.encodeToString(text.getBytes(UTF_8)))
    }
    secret
  }
}

package org.sparkmesos.backend

import java.io.IOException
import java.nio.ByteBuffer
import java.nio.charset.{CharacterCodingException, StandardCharsets}
import java.nio.file.{Files, InvalidPathException, NoSuchFileException, Paths}

/** Who the framework is to Mesos. The secret is never printed.
  *
  * @param principal goes into FrameworkInfo, with a secret or without
  */
final case class Credentials(principal: Option[String], secret: Option[String]) {
  /** What to authenticate with; None where there is no secret. */
  def pair: Option[(String, String)] = for (name <- principal; word <- secret) yield (name, word)

  override def toString: String = s"Credentials($principal, ${if (secret.isEmpty) "no secret" else "a secret"})"
}

private[backend] object Credentials {
  /** Each of the two from its property, its variable, the file that a property names or the file that a variable names,
    * in this order (`MesosSchedulerUtils.buildCredentials`). A line end at the end of a file, which editors put there,
    * belongs to neither; for Spark it does.
    *
    * @param file reads a text file
    */
  def read(conf: Map[String, String], environment: Map[String, String], file: String => String): Credentials = {
    def one(property: String, variable: String): Option[String] = {
      def content(name: String, path: String) =
        try file(path).stripSuffix("\n").stripSuffix("\r")
        catch {
          case e @ (_: IOException | _: InvalidPathException) =>
            throw new SettingsError(
              s"$name=$path cannot be read: ${reason(e)}. Name a text file that this user may read.")
        }
      def named(name: String, from: Map[String, String]) = from.get(name).map(content(name, _))
      conf.get(property).orElse(environment.get(variable))
        .orElse(named(s"$property.file", conf)).orElse(named(s"${variable}_FILE", environment))
    }
    val found = Credentials(
      one("spark.mesos.principal", "SPARK_MESOS_PRINCIPAL"),
      one("spark.mesos.secret", "SPARK_MESOS_SECRET"))
    if (found.secret.isDefined && found.principal.isEmpty)
      throw new SettingsError("There is a secret to authenticate to Mesos with, but no principal. Set " +
        "spark.mesos.principal, or SPARK_MESOS_PRINCIPAL, or name a file with it in spark.mesos.principal.file.")
    found
  }

  /** A text file of the machine: the only thing that settings read. */
  def fileText(path: String): String =
    StandardCharsets.UTF_8.newDecoder.decode(ByteBuffer.wrap(Files.readAllBytes(Paths.get(path)))).toString

  private def reason(e: Throwable) = e match {
    case _: NoSuchFileException => "there is no such file"
    case _: CharacterCodingException => "it is no UTF-8 text"
    case other => other.getClass.getSimpleName
  }
}

package org.sparkmesos.harness

import java.nio.file.NoSuchFileException

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.{Profile, Settings}

object SettingsCommands extends Commands {
  /** `settings`: {"properties", "environment", "files": text by path, "profiles"} to all that was read of them, the
    * profiles, why some of these never fit, and what is printed of the credentials.
    */
  def commands: Map[String, JsonNode => JsonNode] = Map("settings" -> (argument => {
    val settings = read(argument)
    Json.of(Map(
      "settings" -> settings,
      "profiles" -> profiles(settings, argument).values,
      "neverFits" -> profiles(settings, argument).values.flatMap(one => settings.neverFits(one).map(one.id -> _)).toMap,
      "printed" -> settings.toString))
  }))

  /** The settings of an argument with "properties" and "environment". Spark's home is there, if nobody says otherwise.
    */
  def read(argument: JsonNode): Settings = {
    val files = Json.texts(argument.path("files"))
    Settings.read(
      Json.texts(argument.path("properties")),
      if (argument.has("environment")) Json.texts(argument.get("environment")) else Map("SPARK_HOME" -> "/opt/spark"),
      path => files.getOrElse(path, throw new NoSuchFileException(path)))
  }

  /** The default profile and the "profiles" of an argument: {"id", "asked": amounts of executor resources, "taskCpus"}.
    */
  def profiles(settings: Settings, argument: JsonNode): Map[Int, Profile] = {
    val own = Json.items(argument.path("profiles")).map { one =>
      val asked = Json.entries(one.path("asked")).map { case (name, amount) => name -> amount.asLong }.toMap
      settings.sizing.profile(one.get("id").asInt, asked, Option(one.get("taskCpus")).map(_.asInt))
    }
    (settings.defaultProfile +: own).map(profile => profile.id -> profile).toMap
  }
}

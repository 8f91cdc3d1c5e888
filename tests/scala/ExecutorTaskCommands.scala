package org.sparkmesos.harness

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.{Application, Books, ExecutorTask, FetchedUris, Framework, Launch, Offer, Planner, Secrets}

/** What Mesos is told of executors and of their application. */
object ExecutorTaskCommands extends Commands {
  def commands: Map[String, JsonNode => JsonNode] = Map(
    "tasks" -> tasks,
    "framework" -> framework,
    "fetched_uri" -> (argument => Json.of(FetchedUris.one(argument.path("uri").asText, argument.path("property").asText))),
    "secret_names" -> (argument => Json.of(Json.items(argument).map(_.asText).filter(Secrets.isSecretName))))

  /** {"properties", "environment", "profiles", "application", "events" as of a story} to all TaskInfos that are launched. */
  private def tasks(argument: JsonNode): JsonNode = {
    val settings = SettingsCommands.read(argument)
    val profiles = SettingsCommands.profiles(settings, argument)
    val told = argument.get("application")
    val application = Application(
      told.get("id").asText,
      told.get("name").asText,
      told.get("driverUrl").asText,
      Json.entries(told.get("executorEnvironment")).map { case (name, value) => name -> value.asText },
      told.get("executorOptions").asText)
    val start = (Books.initial(settings), Vector.empty[JsonNode])
    val (_, launched) = Json.items(argument.get("events")).foldLeft(start) { case ((books, before), event) =>
      val at = event.path("at").asLong
      if (!event.has("offers")) (PlannerCommands.happen(books, event, at), before)
      else {
        val plan = Planner.decide(settings, profiles, books, Json.items(event.get("offers")).map(Offer.parse), at)
        val tasks = plan.answers.collect { case Launch(offer, executors) =>
          executors.map(ExecutorTask.json(settings, _, offer, application))
        }
        (plan.books, before ++ tasks.flatten)
      }
    }
    Json.of(launched)
  }

  /** {"properties", "environment", "user", "name", "hostname", "webUiUrl"} to a FrameworkInfo. */
  private def framework(argument: JsonNode): JsonNode = {
    val settings = SettingsCommands.read(argument)
    def text(name: String) = argument.path(name).asText
    val ui = Option(argument.get("webUiUrl")).map(_.asText)
    Framework.json(settings, text("user"), text("name"), text("hostname"), ui, settings.frameworkId)
  }
}

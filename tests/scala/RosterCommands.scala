package org.sparkmesos.harness

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.{Acknowledge, AcceptInverse, Answered, Calls, Decline, Decommission, DriverLogs, Effect,
  FrameworkIds, Kill, Launch, Losses, Maintenance, Offer, Reconcile, ReconcileAll, Remove, Revive, Roster, Suppress, TaskUpdate,
  Turn}

/** A story of an application, told to its roster. */
object RosterCommands extends Commands {
  /** `roster`: {"properties", "environment", "profiles", "events"}. Events, each with "at" in milliseconds:
    *
    *   - {"subscribed": isAgain}, {"offers": body of OFFERS, "excluded": hosts, "wall": milliseconds}, {"update": TaskStatus},
    *     {"notLaunched": ids, "isCertain"}, {"inverse": body of INVERSE_OFFERS, "wall"}
    *   - {"wanted": number by profile, "localTasks": by profile, then by host}, {"killed": ids}, {"knocks": id}, {"silent": id},
    *     {"over": true}
    *
    * The result has, for each event, the "effects", and the roster behind it: "executors" by their states, "cores", "isQuiet",
    * "failures" and "draining" agents; for a knock "isOurs".
    *
    * `loss`: {"status": TaskStatus, "hadStarted", "wasKilled"}. `driver_logs`: variables. `framework_suffix`: how many before.
    * `accepted`: {"offer", "tasks"} to the body of a call, and so on for `declined`, `reconciled`.
    */
  def commands: Map[String, JsonNode => JsonNode] = Map(
    "roster" -> story,
    "loss" -> (argument => Json.of(Losses.of(
      TaskUpdate.parse(argument.get("status")), "host", argument.path("hadStarted").asBoolean, argument.path("wasKilled").asBoolean))),
    "driver_logs" -> (argument => Json.of(DriverLogs.urls(Json.texts(argument)))),
    "framework_suffix" -> (argument => Json.of(FrameworkIds.suffixAfter(argument.asInt))),
    "declined" -> (argument => Calls.decline(argument.get("offer").asText, Option(argument.get("seconds")).map(_.asDouble))),
    "reconciled" -> (argument => Calls.reconcile(Json.entries(argument).map { case (task, agent) => task -> Option(agent.asText) })))

  private def story(argument: JsonNode): JsonNode = {
    val settings = SettingsCommands.read(argument)
    val start = Turn(Roster.initial(settings), Nil)
    val told = Json.items(argument.get("events")).scanLeft((start, Option.empty[Boolean])) { case ((before, _), event) =>
      happen(before.roster.copy(profiles = before.roster.profiles ++ SettingsCommands.profiles(settings, argument)), event)
    }
    Json.of(told.drop(1).map { case (turn, isOurs) =>
      val books = turn.roster.books
      Map(
        "effects" -> turn.effects.map(effect),
        "executors" -> books.executors.map { case (id, one) => id -> one.state.toString },
        "profiles" -> books.executors.map { case (id, one) => id -> one.profileId },
        "cores" -> books.cores,
        "isQuiet" -> turn.roster.isQuiet,
        "failures" -> books.failures.map { case (agent, times) => agent -> times.size },
        "draining" -> books.draining,
        "isOurs" -> isOurs)
    })
  }

  private def happen(roster: Roster, event: JsonNode): (Turn, Option[Boolean]) = {
    val at = event.path("at").asLong
    val (name, what) = Json.entries(event).filterNot(_._1 == "at").head
    def ids = Json.items(what).map(_.asText)
    val wall = event.path("wall").asLong
    val turn = name match {
      case "subscribed" => roster.subscribed(what.asBoolean)
      case "offers" =>
        val excluded = Json.items(event.path("excluded")).map(_.asText).toSet
        roster.offered(Json.items(what.get("offers")).map(Offer.parse), Maintenance.leaving(what, wall), excluded, at)
      case "update" => roster.updated(TaskUpdate.parse(what), at)
      case "notLaunched" => roster.notLaunched(ids, "no master", event.path("isCertain").asBoolean, at)
      case "inverse" => roster.askedBack(Maintenance.parse(what), wall, at)
      case "wanted" =>
        val hosts = Json.entries(event.path("localTasks")).map { case (id, tasks) =>
          id.toInt -> Json.entries(tasks).map { case (host, number) => host -> number.asInt }.toMap
        }
        roster.wanted(Json.entries(what).map { case (id, number) => roster.profiles(id.toInt) -> number.asInt }.toMap, hosts.toMap, at)
      case "killed" => roster.killed(ids, at)
      case "silent" => roster.silent(what.asText, at)
      case "over" => roster.over
      case "knocks" =>
        val (isOurs, next) = roster.knocks(what.asText)
        return (Turn(next, Nil), Some(isOurs))
    }
    (turn, None)
  }

  /** As a list that begins with what it is. */
  private def effect(one: Effect): Seq[Any] = one match {
    case Remove(executor, _, loss) => Seq("remove", executor, loss)
    case Decommission(executors, why) => Seq("decommission", executors, why)
    case Answered(Launch(offer, executors)) => Seq("launch", offer.id, executors.map(_.id))
    case Answered(Decline(offer, seconds, why)) => Seq("decline", offer.id, seconds, why)
    case Acknowledge(task, agent, uuid) => Seq("acknowledge", task, agent, uuid)
    case Kill(task, agent) => Seq("kill", task, agent)
    case Reconcile(tasks) => Seq("reconcile", tasks.toSeq.sorted)
    case ReconcileAll => Seq("reconcile all")
    case Revive => Seq("revive")
    case Suppress => Seq("suppress")
    case AcceptInverse(id, seconds) => Seq("accept inverse", id, seconds)
  }
}

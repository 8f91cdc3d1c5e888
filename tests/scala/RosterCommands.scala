package org.sparkmesos.harness

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.{Acknowledge, AcceptInverse, AgentLost, Answered, Decline, Decommission, DriverLogs, Effect,
  FrameworkIds, Kill, Late, Launch, Losses, Maintenance, Offer, Quits, Reconcile, ReconcileAll, Remove, Revive, Roster, Standing,
  Suppress, TaskOfStage, TaskUpdate, Turn}
import org.sparkmesos.bridge.Calls

/** A story of an application, told to its roster. */
object RosterCommands extends Commands {
  /** `roster`: {"properties", "environment", "profiles", "events"}. Events, each with "at" in milliseconds:
    *
    *   - {"subscribed": isAgain}, {"offers": body of OFFERS, "excluded": hosts, "wall": milliseconds}, {"update": TaskStatus,
    *     "quits"}, {"notLaunched": ids, "isCertain"}, {"inverse": body of INVERSE_OFFERS, "wall"}, {"agentFailed": id}
    *   - {"wanted": number by profile, "localTasks": by profile, then by host}, {"killed": ids}, {"leaving": ids, "hadSignal"},
    *     {"knocks": id}, {"refused": id}, {"launched": id}, {"silent": id}, {"compared": ids that Spark has},
    *     {"reconsidered": true}, {"over": true}, {"taskFailed": on this executor, "since": when that was heard of}
    *
    * The result has, for each event, the "effects", and the roster behind it: "executors" by their states, "cores", "isQuiet",
    * "failures" and "draining" agents, "doomed" tasks; for a knock "isOurs", for a task that failed whether it "counts".
    *
    * Where events depend on what followed from those before, `begin` takes all but the "events" of a story, and `next` one event
    * after the other.
    *
    * `loss`: {"status": TaskStatus, "hadRegistered", "hadStarted", "wasKilled", "wasLeaving", "quits"}. `quits`: [{"started":
    * executor, "attempt", "stage", "index"}, {"ended": executor, "attempt"}, {"quit": executor}, {"completed": stage} or {"of":
    * executor}], to what the last ones are answered with. `driver_logs`: variables.
    * `framework_suffix`: how many before. `declined`: {"offer", "seconds"} to the body of a call. `reconciled`: agents by tasks.
    */
  def commands: Map[String, JsonNode => JsonNode] = Map(
    "roster" -> (argument => {
      begin(argument)
      Json.of(Json.items(argument.get("events")).map(next))
    }),
    "begin" -> (argument => {
      begin(argument)
      Json.of(None)
    }),
    "next" -> next,
    "loss" -> (argument => {
      def is(name: String) = argument.path(name).asBoolean
      val mine = Standing(
        hasRegistered = is("hadRegistered"), hasStarted = is("hadStarted"), isKilled = is("wasKilled"), isLeaving = is("wasLeaving"))
      Json.of(Losses.of(TaskUpdate.parse(argument.get("status")), "host", mine, argument.path("quits").asInt))
    }),
    "quits" -> (argument => {
      val answers = Json.items(argument).scanLeft((Quits.initial, Option.empty[Int])) { case ((books, _), event) =>
        def number(name: String) = event.get(name).asInt
        val (name, what) = Json.entries(event).head
        name match {
          case "started" =>
            (books.started(what.asText, number("attempt"), TaskOfStage(number("stage"), number("index"))), None)
          case "ended" => (books.ended(what.asText, number("attempt")), None)
          case "quit" => (books.quit(what.asText), None)
          case "completed" => (books.completed(what.asInt), None)
          case "of" => (books, Some(books.of(what.asText)))
        }
      }
      Json.of(answers.flatMap(_._2))
    }),
    "driver_logs" -> (argument => Json.of(DriverLogs.urls(Json.texts(argument)))),
    "framework_suffix" -> (argument => Json.of(FrameworkIds.suffixAfter(argument.asInt))),
    "declined" -> (argument => Calls.decline(
      Seq(argument.get("offer").asText), Calls.filters(Option(argument.get("seconds")).map(_.asDouble)))),
    "killed" -> (argument => Calls.kill(
      argument.get("task").asText, Option(argument.get("agent")).map(_.asText), Option(argument.get("grace")).map(_.asLong))),
    "reconciled" -> (argument => Calls.reconcile(Json.entries(argument).map { case (task, agent) => task -> Option(agent.asText) })))

  /** The roster of the story that is being told. */
  private var current: Roster = _

  private def begin(argument: JsonNode): Unit = {
    val settings = SettingsCommands.read(argument)
    val start = Roster.initial(settings)
    current = start.copy(profiles = start.profiles ++ SettingsCommands.profiles(settings, argument))
  }

  private def next(event: JsonNode): JsonNode = {
    val (turn, said) = happen(current, event)
    current = turn.roster
    val books = current.books
    Json.of(Map(
      "effects" -> turn.effects.map(effect),
      "executors" -> books.executors.map { case (id, one) => id -> one.state.toString },
      "profiles" -> books.executors.map { case (id, one) => id -> one.profileId },
      "cores" -> books.cores,
      "isQuiet" -> current.isQuiet,
      "failures" -> books.failures.map { case (agent, times) => agent -> times.size },
      "draining" -> books.draining,
      "doomed" -> current.doomed.keySet,
      "isOurs" -> said,
      "counts" -> said))
  }

  private def happen(roster: Roster, event: JsonNode): (Turn, Option[Boolean]) = {
    val at = event.path("at").asLong
    val (name, what) = Json.entries(event).filterNot(_._1 == "at").head
    def ids = Json.items(what).map(_.asText)
    val wall = event.path("wall").asLong
    val turn = name match {
      case "subscribed" => roster.subscribed(what.asBoolean)
      case "offers" =>
        val leaving = Maintenance.leaving(what, wall, roster.settings.leaving.leadMillis)
        val excluded = Json.items(event.path("excluded")).map(_.asText).toSet
        roster.offered(Json.items(what.get("offers")).map(Offer.parse), leaving, excluded, at)
      case "update" => roster.updated(TaskUpdate.parse(what), event.path("quits").asInt, at)
      case "agentFailed" => roster.agentFailed(what.asText)
      case "notLaunched" => roster.notLaunched(ids, "no master", event.path("isCertain").asBoolean, at)
      case "inverse" => roster.askedBack(Maintenance.parse(what), wall, at)
      case "wanted" =>
        val hosts = Json.entries(event.path("localTasks")).map { case (id, tasks) =>
          id.toInt -> Json.entries(tasks).map { case (host, number) => host -> number.asInt }.toMap
        }
        roster.wanted(Json.entries(what).map { case (id, number) => roster.profiles(id.toInt) -> number.asInt }.toMap, hosts.toMap, at)
      case "killed" => roster.killed(ids, at)
      case "leaving" => roster.leaving(ids, event.path("hadSignal").asBoolean, at)
      case "launched" => Turn(roster.launched(what.asText), Nil)
      case "refused" => Turn(roster.refused(what.asText), Nil)
      case "taskFailed" => return (Turn(roster, Nil), roster.charges(what.asText, event.get("since").asLong, at))
      case "compared" => roster.compared(ids.toSet, at)
      case "reconsidered" => roster.reconsidered
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
    case Late(executor, loss) => Seq("late", executor, loss)
    case AgentLost(agent, _, why) => Seq("agent lost", agent, why)
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

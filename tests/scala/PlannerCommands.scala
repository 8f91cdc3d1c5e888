package org.sparkmesos.harness

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.{Books, Decline, Launch, Offer, Plan, Planner}

/** A story of an application, told to the planner: what happens to its books, and offers. */
object PlannerCommands extends Commands {
  /** `story`: {"properties", "environment", "profiles", "events"}. Events, each with "at" in milliseconds:
    *
    *   - {"offers": Offers of the v1 API}
    *   - {"running": id}, {"ending": id}, {"ended": id, "isFailure"}
    *   - {"wanted": number by profile}, {"localTasks": by profile, then by host}
    *   - {"draining": agent, "isDraining"}
    *
    * The result has, for each event, the "books" behind it, whether it "wants" offers, and for offers the "answers".
    */
  def commands: Map[String, JsonNode => JsonNode] = Map("story" -> (argument => {
    val settings = SettingsCommands.read(argument)
    val profiles = SettingsCommands.profiles(settings, argument)
    val start = (Plan(Books.initial(settings), Nil), false)
    val told = Json.items(argument.get("events")).scanLeft(start) { case ((before, _), event) =>
      val at = event.path("at").asLong
      if (event.has("offers")) {
        val offers = Json.items(event.get("offers")).map(Offer.parse)
        (Planner.decide(settings, profiles, before.books, offers, at), true)
      } else (Plan(happen(before.books, event, at), Nil), false)
    }
    Json.of(told.drop(1).map { case (plan, isAnswered) =>
      val wants = Planner.wants(settings, profiles, plan.books)
      val seen = Map("books" -> plan.books, "wants" -> wants, "cores" -> plan.books.cores, "gpus" -> plan.books.gpus)
      if (isAnswered) seen + ("answers" -> plan.answers.map {
        case Launch(offer, executors) => Map("offer" -> offer.id, "launch" -> executors)
        case Decline(offer, seconds, why) => Map("offer" -> offer.id, "refuse_seconds" -> seconds, "why" -> why)
      })
      else seen
    })
  }))

  def happen(books: Books, event: JsonNode, at: Long): Books = Json.entries(event).filterNot(_._1 == "at").head match {
    case ("running", id) => books.running(id.asText, at)
    case ("ending", id) => books.ending(id.asText, at)
    case ("ended", id) => books.ended(id.asText, event.path("isFailure").asBoolean, at)
    case ("wanted", numbers) =>
      books.wanted(Json.entries(numbers).map { case (id, number) => id.toInt -> number.asInt }.toMap, at)
    case ("localTasks", hosts) => books.localTasks(Json.entries(hosts).map { case (id, tasks) =>
      id.toInt -> Json.entries(tasks).map { case (host, number) => host -> number.asInt }.toMap
    }.toMap)
    case ("draining", agent) => books.draining(agent.asText, event.path("isDraining").asBoolean)
    case (other, _) => sys.error(s"nothing is known of $other")
  }
}

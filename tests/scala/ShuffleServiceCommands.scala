package org.sparkmesos.harness

import java.nio.ByteBuffer
import java.util.Base64
import java.util.concurrent.{ConcurrentLinkedQueue, CountDownLatch, TimeUnit}

import scala.jdk.CollectionConverters._
import scala.util.{Failure, Success, Try}

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.{ShuffleServiceContact, ShuffleServiceContacts, ShuffleServiceLeases, ShuffleServiceLine,
  ShuffleServiceMessages, ShuffleServiceTimes}

object ShuffleServiceCommands extends Commands {
  /** `leases`: {"timeout", "recovered", "events"}, each event with "at" in milliseconds, and one of {"told": application,
    * "timeout"}, {"beat": application}, {"registered": application}, {"used": application}, {"look": interval}. The result has,
    * for each event, who is "over", and the "known" applications behind it.
    *
    * `shuffle_message`: base64 to what it says, and to whose executors it is about, or to why it cannot be read.
    * `keep_message`: {"application", "timeout"} to base64.
    *
    * `contacts`: {"keep", "interval", "hosts": by name the answers of its service, the last one for good: "ours", "sparks" (of
    * Spark 3.5), "unknown", "away", "silent" (away, which takes "silence" milliseconds to find out) or
    * "hangs"}, "used": where executors
    * run all the time, "words": how many to wait for, "left": hosts to wait for that are told no more, "again": hosts where
    * another executor starts then} to the words that were sent: host, timeout, and milliseconds since the first one. "closed" is no
    * host, nor is "uncaught", for an exception that nobody caught.
    *
    * `outages`: {"keep", "interval", "look", "until", "takes": for how long one waits in vain, "away": [[from, to]], "sparks"} in
    * milliseconds, to when one service found that an application is "over" that an executor had told it of at first, if it did,
    * and when its driver sent "words".
    */
  def commands: Map[String, JsonNode => JsonNode] = Map(
    "leases" -> leases,
    "shuffle_message" -> (argument => message(ByteBuffer.wrap(Base64.getDecoder.decode(argument.asText)))),
    "keep_message" -> (argument => {
      val buffer = ShuffleServiceMessages.keep(argument.get("application").asText, argument.get("timeout").asLong)
      Json.of(Base64.getEncoder.encodeToString(buffer.array.take(buffer.limit())))
    }),
    "contacts" -> contacts,
    "outages" -> outages)

  private def leases(argument: JsonNode): JsonNode = {
    val start = ShuffleServiceLeases.initial(
      argument.get("timeout").asLong, Json.items(argument.path("recovered")).map(_.asText).toSet, 0)
    val told = Json.items(argument.get("events")).scanLeft((Set.empty[String], start)) { case ((_, before), event) =>
      val at = event.get("at").asLong
      val (name, what) = Json.entries(event).filterNot(_._1 == "at").head
      name match {
        case "told" => (Set.empty, before.told(what.asText, event.get("timeout").asLong, at))
        case "beat" => (Set.empty, before.beat(what.asText, at))
        case "registered" => (Set.empty, before.registered(what.asText, at))
        case "used" => (Set.empty, before.used(what.asText, at))
        case "look" => before.expired(what.asLong, at)
      }
    }
    Json.of(told.drop(1).map { case (over, after) => Map("over" -> over.toSeq.sorted, "known" -> after.applications.keys.toSeq.sorted) })
  }

  private def message(buffer: ByteBuffer): JsonNode = {
    val answer = Try(Map(
      "says" -> ShuffleServiceMessages.read(buffer),
      "executorsOf" -> ShuffleServiceMessages.ofExecutors(buffer)))
    Json.of(answer.getOrElse(Map("refused" -> answer.failed.get.getMessage)) + ("left" -> buffer.remaining))
  }

  private def contacts(argument: JsonNode): JsonNode = {
    val words = new ConcurrentLinkedQueue[(String, Long, Long)]
    val left = Json.entries(argument.get("hosts")).map { case (host, answers) =>
      host -> new ConcurrentLinkedQueue(Json.items(answers).map(_.asText).asJava)
    }.toMap
    object line extends ShuffleServiceLine {
      val port = 7337
      def send(host: String, message: ByteBuffer)(answered: Try[ByteBuffer] => Unit): Unit = {
        words.add((host, message.getLong(message.limit() - 8), System.nanoTime() / 1000000))
        val answers = left(host)
        (if (answers.size > 1) answers.poll() else answers.peek()) match {
          case "ours" => answered(Success(ShuffleServiceMessages.kept))
          case "sparks" => answered(Success(ByteBuffer.allocate(0)))
          case "unknown" => answered(Failure(new RuntimeException("IllegalArgumentException: Unknown message type: 4")))
          case "away" => throw new java.io.IOException(s"Failed to connect to $host")
          case "silent" =>
            Thread.sleep(argument.get("silence").asLong)
            throw new java.io.IOException(s"Connecting to $host timed out")
          case "hangs" => new CountDownLatch(1).await()
        }
      }
      def close(): Unit = note("closed")
    }
    def note(what: String) = words.add((what, 0, System.nanoTime() / 1000000))
    val used = Json.items(argument.path("used")).map(_.asText).toSet
    val contacts = new ShuffleServiceContacts("app", times(argument), line, used)
    left.keys.toSeq.sorted.foreach(contacts.running)
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30)
    def await(holds: => Boolean): Unit = while (!holds && System.nanoTime() < deadline) Thread.sleep(5)
    val wanted = argument.get("words").asInt
    await(words.size >= wanted)
    argument.path("left").forEach(host => await(!contacts.hosts(host.asText)))
    Json.items(argument.path("again")).map(_.asText).foreach(contacts.running)
    await(words.size >= wanted + argument.path("again").size)
    val before = Thread.getDefaultUncaughtExceptionHandler
    Thread.setDefaultUncaughtExceptionHandler((_, _) => note("uncaught"))
    contacts.stop()
    if (left.values.exists(_.contains("hangs"))) Thread.sleep(500) // its thread was interrupted at the very end
    Thread.setDefaultUncaughtExceptionHandler(before)
    val first = words.peek()._3
    Json.of(words.asScala.toSeq.map { case (host, timeout, at) => (host, timeout, at - first) })
  }

  private def times(argument: JsonNode) = ShuffleServiceTimes(argument.get("keep").asLong, argument.get("interval").asLong)

  private def outages(argument: JsonNode): JsonNode = {
    val plan = times(argument)
    val (look, until, takes) = (argument.get("look").asLong, argument.get("until").asLong, argument.get("takes").asLong)
    val away = Json.items(argument.get("away")).map(one => one.get(0).asLong -> one.get(1).asLong)
    val isSparks = argument.path("sparks").asBoolean
    var contact = ShuffleServiceContact.begun(plan, 0)
    var leases = ShuffleServiceLeases.initial(plan.keep, Set.empty, 0).registered("app", 0)
    var (over, next, looked) = (Option.empty[Long], 0L, look)
    val words = Seq.newBuilder[Long]
    while (over.isEmpty && math.min(next, looked) <= until)
      if (looked <= next) {
        val (gone, left) = leases.expired(look, looked)
        leases = left
        if (gone.nonEmpty) over = Some(looked)
        looked += look
      } else {
        words += next
        contact = contact.told(next)
        if (away.exists { case (from, to) => from <= next && next < to }) {
          contact = contact.failed
          next = math.max(contact.due, next + takes)
        } else {
          leases = leases.told("app", plan.keep, next)
          contact = contact.answered(isSparks)
          next = contact.due
        }
      }
    Json.of(Map("over" -> over, "words" -> words.result()))
  }
}

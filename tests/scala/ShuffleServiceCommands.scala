package org.sparkmesos.harness

import java.nio.ByteBuffer
import java.util.Base64
import java.util.concurrent.{ConcurrentLinkedQueue, TimeUnit}

import scala.jdk.CollectionConverters._
import scala.util.{Failure, Success, Try}

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.{ShuffleServiceContacts, ShuffleServiceLeases, ShuffleServiceLine, ShuffleServiceMessages}

object ShuffleServiceCommands extends Commands {
  /** `leases`: {"timeout", "recovered", "events"}, each event with "at" in milliseconds, and one of {"told": application,
    * "timeout"}, {"beat": application}, {"registered": application}, {"used": application}, {"look": interval}. The result has,
    * for each event, who is "over", and the "known" applications behind it.
    *
    * `shuffle_message`: base64 to what it says, and to whose executors it is about, or to why it cannot be read.
    * `keep_message`: {"application", "timeout"} to base64.
    *
    * `contacts`: {"keep", "interval", "agents": by id the answers of its service, the last one for good: "ours", "sparks" (of
    * Spark 3.5), "unknown" or "away"}, "words": how many to wait for, "again": agents where another executor starts then} to
    * the words that services got: agent, timeout, and milliseconds since the first one.
    */
  def commands: Map[String, JsonNode => JsonNode] = Map(
    "leases" -> leases,
    "shuffle_message" -> (argument => message(ByteBuffer.wrap(Base64.getDecoder.decode(argument.asText)))),
    "keep_message" -> (argument => {
      val buffer = ShuffleServiceMessages.keep(argument.get("application").asText, argument.get("timeout").asLong)
      Json.of(Base64.getEncoder.encodeToString(buffer.array.take(buffer.limit())))
    }),
    "contacts" -> contacts)

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
    val left = Json.entries(argument.get("agents")).map { case (agent, answers) =>
      agent -> new ConcurrentLinkedQueue(Json.items(answers).map(_.asText).asJava)
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
        }
      }
      def close(): Unit = words.add(("closed", 0, System.nanoTime() / 1000000))
    }
    val contacts = new ShuffleServiceContacts("app", argument.get("keep").asLong, argument.get("interval").asLong, line)
    left.keys.toSeq.sorted.foreach(agent => contacts.running(agent, agent))
    val wanted = argument.get("words").asInt
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30)
    while (words.size < wanted && System.nanoTime() < deadline) Thread.sleep(5)
    Json.items(argument.path("again")).map(_.asText).foreach(agent => contacts.running(agent, agent))
    val more = wanted + argument.path("again").size
    while (words.size < more && System.nanoTime() < deadline) Thread.sleep(5)
    contacts.stop()
    val first = words.peek()._3
    Json.of(words.asScala.toSeq.map { case (agent, timeout, at) => (agent, timeout, at - first) })
  }
}

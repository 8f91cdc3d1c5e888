package org.sparkmesos.bridge

import java.io.{ByteArrayOutputStream, PrintStream}
import java.util.concurrent.ConcurrentHashMap

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

/** What tests may do with a conversation without a driver, and with its parts: a session, the queue of the calls on it, and the
  * watch over the start of executors. Commands name the thing that they are for.
  */
object ConversationCommands {
  private val json = Conversation.mapper
  private val parts = new ConcurrentHashMap[String, Parts]()
  private val conversations = new ConcurrentHashMap[String, Conversation]()
  private val patienceMillis = 20000L

  /** Masters that are announced whenever the test says so. */
  private final class Announced extends Masters {
    @volatile var term = 0L
    @volatile var announced: Seq[Endpoint] = Nil
    def start(changed: () => Unit): Unit = ()
    def next(attempt: Int): Endpoint = throw new UnsupportedOperationException
    def close(): Unit = ()
    def join(millis: Long): Unit = ()
  }

  private final class Parts(name: String, chosenId: Option[String]) {
    val session = new Session(chosenId)
    val queue = new CallQueue(s"mesos-calls-of-$name", new MasterRequests(None), session, told => told())
    val masters = new Announced
    val routes = new ConcurrentHashMap[String, Route]() // by the ids of their streams
  }

  private def tell(name: String, callback: String, more: (String, String)*): Unit = {
    val line = json.createObjectNode().put("name", name).put("callback", callback)
    more.foreach { case (key, value) => line.put(key, value) }
    Probe.print(line)
  }

  def perform(what: String, command: JsonNode): Any = {
    val name = command.path("name").asText
    def text(key: String) = command.path(key).asText
    lazy val part = parts.get(name)
    what match {
      case "parts" =>
        parts.put(name, new Parts(name, Option(command.path("framework").asText(null))))
        "made"
      case "ask" => // a master for a subscription
        part.session.asking(new Exchange(Endpoint.parse(text("master"), https = false), 1000),
          Endpoint.parse(text("master"), https = false), part.masters.term, part.masters)
      case "subscribe" => // it grants it
        val master = Endpoint.parse(text("master"), https = false)
        part.session.asking(new Exchange(master, 1000), master, part.masters.term, part.masters)
        part.session.granted(master, Some(text("stream")))
        part.session.subscribed("F-0")(part.queue.renewed())
        part.routes.put(text("stream"), part.session.route.get)
        "subscribed"
      case "lose" => part.session.unsubscribed().map(_.toString).getOrElse("nothing")
      case "give up" => part.session.giveUp(part.routes.get(text("stream")))
      case "announce" =>
        part.masters.term += 1
        part.masters.announced = Seq(Endpoint.parse(text("master"), https = false))
        part.session.announced(part.masters)
        part.session.isSuperseded
      case "route" => part.session.route.flatMap(_.streamId).getOrElse("none")
      case "is current" => part.session.isCurrent(part.routes.get(text("stream")))
      case "is introduced" => part.session.isIntroduced
      case "stop session" => part.session.stop()
      case "end session" => part.session.end()
      case "start queue" => part.queue.start()
      case "pauses" => // whether the queue does, between two tries of a call
        Thread.getAllStackTraces.asScala.exists { case (thread, frames) =>
          thread.getName == s"mesos-calls-of-$name" && frames.exists(_.getClassName == classOf[Session].getName) &&
            thread.getState == Thread.State.TIMED_WAITING
        }
      case "backoff" => System.setProperty("sparkmesos.bridge.backoffMillis", text("millis"))
      case "add" =>
        val body = command.path("body") match { case body: ObjectNode => body; case _ => null }
        part.queue.add(new Call(text("kind"), body, (_, isCertain) =>
          tell(name, "lost", "kind" -> text("kind"), "certain" -> isCertain.toString)))
      case "tear down" => // from a thread of its own, which waits for the framework's end when this is answered
        val thread = new Thread(s"tearing-down-$name") {
          override def run(): Unit =
            tell(name, "torn down", "known" -> part.queue.tearDown(command.path("millis").asLong(patienceMillis)).toString)
        }
        thread.start()
        while (!Set(Thread.State.TIMED_WAITING, Thread.State.TERMINATED)(thread.getState)) Thread.sleep(5)
      case "finish" =>
        part.queue.finish(command.path("millis").asLong)
        part.session.end()
        part.queue.join(patienceMillis)

      case "converse" => // a conversation that is not started unless the command says so
        val framework = json.createObjectNode().put("user", "u").put("name", "n")
        if (command.has("framework")) framework.putObject("id").put("value", text("framework"))
        val listener = new ConversationListener {
          def subscribed(body: JsonNode, again: Boolean): Unit = tell(name, "subscribed")
          def event(kind: String, body: JsonNode): Unit = ()
          def disconnected(): Unit = tell(name, "disconnected")
          def failed(message: String): Unit = tell(name, "failed", "message" -> message)
        }
        val one = new Conversation(Masters.of(text("master")), framework, None, () => Nil, listener)
        conversations.put(name, one)
        if (command.path("start").asBoolean) one.start()
        "made"
      case "end conversation" => // why there is no subscription, in the end
        conversations.get(name).stop(teardown = command.path("teardown").asBoolean)
        conversations.get(name).problem

      case "watch" => watched(command)
    }
  }

  /** What a watch says of these events; returns when it has said something, or when it has nothing to do any more. */
  private def watched(command: JsonNode): String = {
    val settings = Seq("first", "again", "settled").map("sparkmesos.startWatch." + _)
    val conversation = new Conversation(Masters.of("127.0.0.1:1"), json.createObjectNode(), None, () => Nil, null)
    val needs = Needs(1, 1408, 384, None, "", "")
    val said = new ByteArrayOutputStream()
    val stderr = System.err
    def threads = Thread.getAllStackTraces.keySet.asScala.filter(_.getName == "sparkmesos-start-watch").toSet
    val before = threads
    try {
      System.setErr(new PrintStream(said, true, "UTF-8"))
      settings.foreach(System.setProperty(_, "0.2"))
      val watch = new StartWatch(conversation, needs, quiet = false, () => Some(command.path("hasExecutors").asBoolean))
      watch.registered()
      watch.launched(Map("t-1" -> Nil))
      command.path("events").elements().asScala.foreach(one => watch.event(one.path("type").asText, one.path("update")))
      watch.start()
      val until = System.nanoTime() + patienceMillis * 1000000
      while (said.size == 0 && (threads -- before).nonEmpty && System.nanoTime() < until) Thread.sleep(20)
      watch.stop()
      said.toString("UTF-8")
    } finally {
      System.setErr(stderr)
      settings.foreach(System.clearProperty(_))
    }
  }
}

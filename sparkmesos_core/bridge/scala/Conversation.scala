package org.sparkmesos.bridge

import java.io.{EOFException, IOException, InputStream}
import java.net.{SocketTimeoutException, UnknownHostException}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.{Base64, LinkedHashMap}
import java.util.concurrent.{LinkedBlockingDeque, LinkedBlockingQueue}
import java.util.concurrent.ThreadLocalRandom
import java.util.concurrent.atomic.AtomicInteger
import javax.net.ssl.SSLException

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.ObjectNode
import org.slf4j.LoggerFactory

/** What Mesos says; every method is called from one and the same thread, in the order of the events. */
trait ConversationListener {
  /** The framework is registered; `again` when it was before in this conversation. `body` holds framework_id and, usually,
    * master_info. All offers made before are void.
    */
  def subscribed(body: JsonNode, again: Boolean): Unit
  /** An event other than SUBSCRIBED, HEARTBEAT and ERROR, with the part of it that is named for its kind. */
  def event(kind: String, body: JsonNode): Unit
  /** The stream ended; a new subscription is being sought. */
  def disconnected(): Unit
  /** The conversation is over, and nothing here will change that. */
  def failed(message: String): Unit
}

/** A framework's conversation with Mesos over the v1 HTTP scheduler API in JSON.
  *
  * It knows no protobuf, no Mesos classes and no Mesos module of Spark: SchedulerDriver and cluster managers stand on it.
  * Rules come from Mesos' scheduler-http-api document and from recordings of Mesos 1.12: RecordIO framing, one stream id per
  * subscription, calls on other connections, 307 from masters that do not lead, 503 from one that is not ready yet.
  *
  * @param masters where masters may be found; whichever leads is found through redirects
  * @param framework FrameworkInfo in v1 JSON; with an `id` the framework of that id is taken over
  * @param credential principal and secret for basic authentication
  * @param suppressedRoles roles that want no offers at first
  */
final class Conversation(
    masters: Seq[Endpoint],
    framework: ObjectNode,
    credential: Option[(String, String)],
    suppressedRoles: Seq[String],
    listener: ConversationListener) {
  import Conversation._

  private final class Call(val kind: String, val body: ObjectNode, val lost: (String, Boolean) => Unit)

  private val number = counter.incrementAndGet()
  private val calls = new LinkedBlockingDeque[Call]()
  private val noMore = new Call("", null, ignore) // in the queue it ends the thread
  private val renewed = new Call("", null, ignore) // in the queue it stands for a new subscription
  private val callbacks = new LinkedBlockingQueue[Option[() => Unit]]()
  // Calls to make after the next subscription, each only once; used by the thread that makes calls only.
  private val kept = new LinkedHashMap[String, Call]()
  private val lock = new Object
  // Guarded by lock:
  private var id = Option(framework.path("id").path("value").asText(null)).filter(_.nonEmpty)
  private var leader: Option[Endpoint] = None
  private var streamId: Option[String] = None
  private var connected = false
  private var ended = false
  private var stream: Exchange = _
  private var calling: Exchange = _

  /** Why there is no subscription at the moment; empty when there is one. */
  @volatile var problem = ""

  private val reader = thread("subscription")(new Runnable { def run(): Unit = converse() })
  private val caller = thread("calls")(new Runnable { def run(): Unit = makeCalls() })
  private val notifier = thread("callbacks")(new Runnable { def run(): Unit = notifyListener() })

  def frameworkId: Option[String] = lock.synchronized(id)
  def isConnected: Boolean = lock.synchronized(connected)
  /** The master subscribed to, else the first one that was named. */
  def master: Endpoint = lock.synchronized(leader).getOrElse(masters.head)

  def start(): Unit = Seq(reader, caller, notifier).foreach(_.start())

  /** Queues a call. `body` is the part named for the kind, null when there is none.
    *
    * `lost` is told, on the listener's thread, that the call was in vain and why; its second argument is false when Mesos may
    * have got the call nevertheless. Calls that make sense later too (KILL, REVIVE, …) are not lost by a lost
    * connection: they are made after the next subscription, in the order in which they were asked for.
    */
  def call(kind: String, body: ObjectNode, lost: (String, Boolean) => Unit = ignore): Unit =
    calls.put(new Call(kind, body, lost))

  /** Runs something on the listener's thread, behind the events received so far. */
  def deliver(callback: () => Unit): Unit = callbacks.put(Some(callback))

  /** Reads an operator endpoint of the leading master: status and text. */
  def get(path: String): (Int, String) = {
    val exchange = new Exchange(master, ConnectMillis)
    try {
      exchange.send("GET", path, Seq("Accept" -> "application/json", "Connection" -> "close") ++ authorization,
        Array.empty, AnswerMillis)
      (exchange.status, exchange.text(64 << 20))
    } finally exchange.close()
  }

  /** Ends the conversation; with `teardown` Mesos removes the framework and kills its tasks. Returns when the last call
    * has been made, or after some seconds if the master does not answer. The listener hears nothing any more.
    */
  def stop(teardown: Boolean): Unit = {
    val tearing = lock.synchronized(connected && !ended) && teardown
    if (tearing) {
      calls.clear()
      calls.put(new Call("TEARDOWN", null, ignore))
    }
    calls.put(noMore)
    if (caller.isAlive && (Thread.currentThread ne caller)) caller.join(StopMillis)
    lock.synchronized(Option(calling)).foreach(_.close())
    callbacks.clear()
    end()
  }

  private def end(): Unit = {
    lock.synchronized {
      ended = true
      connected = false
      if (stream != null) stream.close()
      lock.notifyAll()
    }
    calls.put(noMore)
    callbacks.put(None)
  }

  private def fail(message: String): Unit = {
    deliver(() => listener.failed(message))
    end()
  }

  private def hasEnded = lock.synchronized(ended)

  private def authorization: Seq[(String, String)] = credential.toSeq.map { case (principal, secret) =>
    "Authorization" -> ("Basic " + Base64.getEncoder.encodeToString(s"$principal:$secret".getBytes(UTF_8)))
  }

  private def post(exchange: Exchange, body: ObjectNode, extra: Seq[(String, String)], millis: Int): Exchange =
    exchange.send("POST", Path,
      Seq("Content-Type" -> "application/json", "Accept" -> "application/json") ++ authorization ++ extra,
      mapper.writeValueAsBytes(body), millis)

  // ---- the subscription --------------------------------------------------------------------------------------------

  private def converse(): Unit =
    try keepSubscribed()
    catch {
      case e: Throwable => // an Error: trying again would not help, and without this thread nobody would hear of it
        log.error("The conversation with Mesos broke down", e)
        fail(s"The conversation with Mesos at ${masters.mkString(",")} broke down: $e")
    }

  private def keepSubscribed(): Unit = {
    var attempt = 0
    while (!hasEnded) {
      try {
        subscribe(masters(attempt % masters.size))
        problem = "the master closed the stream"
      } catch {
        case e: SocketTimeoutException if isConnected => problem = "the master went silent: heartbeats were missed"
        case e: Exception => problem = Option(e.getMessage).getOrElse(e.toString)
      }
      val was = lock.synchronized {
        val was = connected
        connected = false
        leader = None // the next master to ask may know better
        streamId = None
        if (stream != null) stream.close()
        stream = null
        was
      }
      if (was) {
        attempt = 0
        if (!hasEnded) deliver(() => listener.disconnected())
      }
      if (!hasEnded) {
        val millis = backoff(attempt)
        log.info(s"No subscription to Mesos at ${masters.mkString(",")}: $problem; trying again in $millis ms")
        pause(millis)
        attempt += 1
      }
    }
  }

  /** Subscribes, and stays until the stream ends. */
  private def subscribe(first: Endpoint): Unit = {
    var target = first
    var hops = 0
    var exchange: Exchange = null
    do {
      exchange = new Exchange(target, ConnectMillis)
      lock.synchronized {
        if (ended) return
        if (stream != null) stream.close()
        stream = exchange
      }
      try post(exchange, subscription(), Nil, AnswerMillis)
      catch { case e: IOException => throw new IOException(s"$target: ${reason(e)}", e) }
      if (isRedirect(exchange)) {
        hops += 1
        if (hops > MaxHops) throw new IOException(s"$target: the masters send us round in circles; no leader may be elected")
        target = exchange.header("Location").map(Endpoint.parse(_, target.https)).getOrElse(
          throw new IOException(s"$target: it does not lead and does not say who does"))
      }
    } while (isRedirect(exchange))
    val status = exchange.status
    if (status != 200) {
      val text = exchange.text(MaxText).trim
      status match {
        case 401 => fail(refusedCredentials(target))
        case 404 | 405 | 501 =>
          fail(s"$target answers $status on $Path: it is no Mesos master, or one older than Mesos 1.0")
        case n if n >= 500 || n == 408 || n == 429 => throw new IOException(s"$target: $n $text")
        case n => fail(s"Mesos master $target refuses the subscription: $text ($n)")
      }
    } else {
      lock.synchronized {
        leader = Some(target)
        streamId = exchange.header("Mesos-Stream-Id")
      }
      readEvents(exchange)
    }
  }

  private def refusedCredentials(target: Endpoint): String = credential match {
    case Some((principal, _)) =>
      s"Mesos master $target refuses the credentials of principal '$principal' (401): " +
        "check spark.mesos.principal and spark.mesos.secret"
    case None =>
      s"Mesos master $target demands authentication (401): set spark.mesos.principal and spark.mesos.secret"
  }

  private def subscription(): ObjectNode = {
    val call = mapper.createObjectNode().put("type", "SUBSCRIBE")
    val body = call.putObject("subscribe")
    val info = framework.deepCopy()
    body.replace("framework_info", info)
    frameworkId.foreach { value =>
      info.putObject("id").put("value", value)
      call.putObject("framework_id").put("value", value)
    }
    if (suppressedRoles.nonEmpty) {
      val roles = body.putArray("suppressed_roles")
      suppressedRoles.foreach(role => roles.add(role))
    }
    call
  }

  private def readEvents(exchange: Exchange): Unit = {
    var record = readRecord(exchange.body)
    while (record != null && !hasEnded) {
      val event = mapper.readTree(record)
      val kind = event.path("type").asText("")
      val body = event.path(kind.toLowerCase(java.util.Locale.ROOT))
      kind match {
        case "SUBSCRIBED" =>
          val interval = body.path("heartbeat_interval_seconds").asDouble(15.0)
          exchange.readMillis(math.max(1, math.min(interval * MissedHeartbeats * 1000, Int.MaxValue)).toInt)
          val again = lock.synchronized {
            val again = subscribedBefore
            subscribedBefore = true
            id = Some(body.path("framework_id").path("value").asText)
            connected = true
            calls.putFirst(renewed) // what was kept is older than what waits in the queue
            again
          }
          problem = ""
          deliver(() => listener.subscribed(body, again))
        case "HEARTBEAT" => // its arrival is all it says
        case "ERROR" => fail(body.path("message").asText("Mesos ended the subscription without saying why"))
        case _ => deliver(() => listener.event(kind, body))
      }
      record = if (hasEnded) null else readRecord(exchange.body)
    }
  }
  private var subscribedBefore = false

  // ---- calls -------------------------------------------------------------------------------------------------------

  private def makeCalls(): Unit = {
    var next = calls.take()
    while (next ne noMore) {
      if (next eq renewed) {
        kept.values.toArray(Array.empty[Call]).reverse.foreach(call => calls.putFirst(call))
        kept.clear()
      } else
        try make(next)
        catch {
          case e: Throwable =>
            log.error(s"The call ${next.kind} to Mesos went wrong", e)
            lost(next, e.toString, certain = false)
        }
      next = calls.take()
    }
  }

  private def make(call: Call): Unit = {
    var attempt = 0
    var again = true
    while (again) {
      again = false
      val (target, stream, framework) = lock.synchronized((if (connected) leader else None, streamId, id))
      if (target.isEmpty) undelivered(call, "not subscribed to a Mesos master")
      else {
        val exchange = new Exchange(target.get, ConnectMillis)
        lock.synchronized { calling = exchange }
        try {
          val json = mapper.createObjectNode().put("type", call.kind)
          framework.foreach(value => json.putObject("framework_id").put("value", value))
          if (call.body != null) json.replace(call.kind.toLowerCase(java.util.Locale.ROOT), call.body)
          val extra = stream.toSeq.map("Mesos-Stream-Id" -> _) :+ ("Connection" -> "close")
          post(exchange, json, extra, AnswerMillis)
          val status = exchange.status
          if (status / 100 != 2) {
            val text = s"${exchange.text(MaxText).trim} ($status)"
            if (lock.synchronized(streamId != stream)) undelivered(call, text)
            else if (status == 503 && attempt < MaxRetries) again = true
            else if (isRedirect(exchange) || status == 403 || status == 503) {
              log.warn(s"Mesos no longer takes ${call.kind}: $text; subscribing again")
              giveUp(stream)
              undelivered(call, text)
            } else {
              log.warn(s"Mesos refused ${call.kind}: $text")
              lost(call, text, certain = true)
            }
          }
        } catch {
          case e: IOException if !exchange.sent && attempt < MaxRetries => again = true
          case e: IOException if !exchange.sent =>
            giveUp(stream)
            undelivered(call, reason(e))
          case e: IOException =>
            log.warn(s"No answer from Mesos to ${call.kind}: ${reason(e)}")
            if (Repeatable(call.kind)) {
              giveUp(stream)
              undelivered(call, reason(e))
            } else lost(call, reason(e), certain = false)
        } finally {
          exchange.close()
          lock.synchronized { calling = null }
        }
        if (again) {
          pause(backoff(attempt))
          attempt += 1
          again = !hasEnded
        }
      }
    }
  }

  /** Mesos did not get the call. If there is a newer subscription already, `renewed` waits in the queue. */
  private def undelivered(call: Call, why: String): Unit =
    if (Passing(call.kind)) lost(call, why, certain = true)
    else {
      // REVIVE and SUPPRESS of all roles undo each other. What is asked for again moves to the end.
      if (call.body == null) kept.values.removeIf((other: Call) => Opposite.get(call.kind).contains(other.kind))
      val key = call.kind + call.body
      kept.remove(key)
      kept.put(key, call)
    }

  /** Ends the subscription `stream` if it is still the present one, so that a new one is sought. */
  private def giveUp(stream: Option[String]): Unit =
    lock.synchronized { if (this.stream != null && streamId == stream) this.stream.close() }

  private def lost(call: Call, why: String, certain: Boolean): Unit = deliver(() => call.lost(why, certain))

  private def notifyListener(): Unit = {
    var next = callbacks.take()
    while (next.isDefined) {
      try next.get.apply()
      catch { case e: Throwable => log.error("A callback of the Mesos scheduler failed", e) }
      next = callbacks.take()
    }
  }

  private def pause(millis: Long): Unit = lock.synchronized {
    val until = System.nanoTime() + millis * 1000000
    var left = millis
    while (!ended && left > 0) {
      lock.wait(left)
      left = (until - System.nanoTime()) / 1000000
    }
  }

  private def thread(role: String)(work: Runnable): Thread = {
    val thread = new Thread(work, s"mesos-$role-$number")
    thread.setDaemon(true)
    thread
  }
}

object Conversation {
  val Path = "/api/v1/scheduler"
  private val ConnectMillis = 5000
  private val AnswerMillis = 30000
  private val StopMillis = 5000
  private val MissedHeartbeats = 5
  private val MaxHops = 5
  private val MaxRetries = 5
  private val MaxText = 65536
  private val MaxRecord = 64 << 20
  /** Calls about offers and updates of one subscription, which mean nothing to the next. */
  private val Passing = Set("ACCEPT", "DECLINE", "ACKNOWLEDGE", "TEARDOWN")
  /** Calls that do no harm when Mesos gets them twice. */
  private val Repeatable = Set("KILL", "REVIVE", "SUPPRESS", "RECONCILE")
  private val Opposite = Map("REVIVE" -> "SUPPRESS", "SUPPRESS" -> "REVIVE")

  private val counter = new AtomicInteger
  private val log = LoggerFactory.getLogger("org.sparkmesos.bridge.Conversation")
  val mapper = new ObjectMapper()
  private val ignore: (String, Boolean) => Unit = (_, _) => ()

  /** Reads host:port or several of them separated by commas, each with or without http:// or https://. */
  def masters(text: String): Seq[Endpoint] = {
    val plain = text.trim.stripPrefix("mesos://")
    if (plain.startsWith("zk://"))
      throw new IllegalArgumentException(
        "The bridge to Mesos is given the leading master as host:port, not ZooKeeper's address (zk://): " +
          "start the application with `sparkmesos submit`, which asks ZooKeeper who leads")
    plain.split(",").toSeq.map(one => Endpoint.parse(one.trim, https = false))
  }

  private def isRedirect(exchange: Exchange) = Set(301, 302, 307, 308)(exchange.status)

  private def reason(e: IOException): String = {
    val text = Option(e.getMessage).getOrElse(e.getClass.getSimpleName)
    e match {
      case _: UnknownHostException => s"the host $text is unknown"
      case _: SSLException => s"$text (${Exchange.CaFileVariable} may name a file of the CA certificates to trust)"
      case _ => text
    }
  }

  /** Milliseconds to wait: doubling up to 15 s, of which a random half is taken away, so that the frameworks of a cluster do
    * not come all at once after their master comes back.
    */
  private def backoff(attempt: Int): Long = {
    val longest = math.min(15000L, java.lang.Long.getLong("sparkmesos.bridge.backoffMillis", 500L) << math.min(attempt, 10))
    math.max(1L, longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2 + 1))
  }

  /** The next record of RecordIO: its length in decimal digits, a line feed, that many bytes. Null at the end. */
  private[bridge] def readRecord(in: InputStream): Array[Byte] = {
    var length = -1L
    var c = in.read()
    while (c >= 0 && !(c == '\n' && length >= 0)) {
      if (c >= '0' && c <= '9') length = math.max(length, 0) * 10 + (c - '0')
      else if (c != '\n' && c != '\r' && c != ' ') throw new IOException("the stream is no RecordIO: a length was expected")
      if (length > MaxRecord) throw new IOException("a record of more than 64 MiB")
      c = in.read()
    }
    if (c < 0) {
      if (length >= 0) throw new EOFException("the stream ended within a record")
      null
    } else {
      val record = new Array[Byte](length.toInt)
      var n = 0
      while (n < record.length) {
        val more = in.read(record, n, record.length - n)
        if (more < 0) throw new EOFException("the stream ended within a record")
        n += more
      }
      record
    }
  }
}

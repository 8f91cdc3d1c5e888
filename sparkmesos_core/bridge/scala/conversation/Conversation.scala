package org.sparkmesos.bridge

import java.io.IOException
import java.net.SocketTimeoutException
import java.util.concurrent.{CountDownLatch, LinkedBlockingDeque, ThreadLocalRandom}
import java.util.concurrent.atomic.AtomicInteger

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
  * @param masters where masters may be found; whichever leads is found through redirects. It is started and closed here
  * @param framework FrameworkInfo in v1 JSON; with an `id` the framework of that id is taken over
  * @param credential principal and secret for basic authentication
  * @param suppressedRoles roles that want no offers at the moment; asked for each subscription, by its thread
  */
final class Conversation(
    masters: Masters,
    framework: ObjectNode,
    credential: Option[(String, String)],
    suppressedRoles: () => Seq[String],
    listener: ConversationListener) {
  import Conversation._

  private val requests = new MasterRequests(credential)
  private val number = counter.incrementAndGet()
  private val calls = new LinkedBlockingDeque[Call]()
  private val noMore = new Call("", null, ignore) // in the queue it ends the thread
  private val renewed = new Call("", null, ignore) // in the queue it stands for a new subscription
  private val callbacks = new Callbacks(s"mesos-callbacks-$number", "scheduler", log)
  // Calls to make after the next subscription, each only once; used by the thread that makes calls only.
  private val kept = new KeptCalls
  private val lock = new Object
  // Guarded by lock:
  private var id = Option(framework.path("id").path("value").asText(null)).filter(_.nonEmpty)
  private var leader: Option[Endpoint] = None
  private var streamId: Option[String] = None
  private var connected = false
  private var stopping = false // nobody hears anything any more; what is still done is for the end of the framework
  private var ended = false
  private var stream: Exchange = _
  private var target: Option[Endpoint] = None // where `stream` leads
  private var term = 0L // the one of `masters` in which `stream` was sought
  private var superseded = false // another leader was announced since
  private var announcements = 0
  private var calling: Exchange = _
  private val torn = new CountDownLatch(1) // until the framework has been torn down, or cannot be

  /** Why there is no subscription at the moment; empty when there is one. */
  @volatile var problem = ""

  private val reader = Daemon(s"mesos-subscription-$number")(converse())
  private val caller = Daemon(s"mesos-calls-$number")(makeCalls())

  def frameworkId: Option[String] = lock.synchronized(id)
  def isConnected: Boolean = lock.synchronized(connected)
  /** The master subscribed to. */
  def master: Option[Endpoint] = lock.synchronized(leader)
  /** The master subscribed to, else where masters are sought; for messages. */
  def where: String = master.map(_.toString).getOrElse(masters.toString)

  def start(): Unit = {
    masters.start(() => announced())
    Seq(reader, caller).foreach(_.start())
    callbacks.start()
  }

  /** Queues a call. `body` is the part named for the kind, null when there is none.
    *
    * `lost` is told, on the listener's thread, that the call was in vain and why; its second argument is false when Mesos may
    * have got the call nevertheless. Calls that make sense later too (KILL, REVIVE, …) are not lost by a lost
    * connection: they are made after the next subscription, in the order in which they were asked for.
    */
  def call(kind: String, body: ObjectNode, lost: (String, Boolean) => Unit = ignore): Unit =
    calls.put(new Call(kind, body, lost))

  /** Runs something on the listener's thread, behind the events received so far. */
  def deliver(callback: () => Unit): Unit = if (!lock.synchronized(stopping)) callbacks.add(callback)

  /** Reads an operator endpoint of the leading master: status and text. */
  def get(path: String): (Int, String) =
    requests.get(master.getOrElse(throw new IOException("not subscribed to a Mesos master")), path)

  /** Ends the conversation; with `teardown` Mesos removes the framework and kills its tasks. While there is no subscription
    * one is sought for that, but only for some seconds. Returns when the last call has been made and all threads have
    * ended, or after some seconds if the master does not answer. The listener hears nothing any more.
    */
  def stop(teardown: Boolean): Unit = {
    // Without an id there is nothing to tear down, unless Mesos is just about to give one.
    val tearing = lock.synchronized {
      stopping = true
      lock.notifyAll()
      teardown && !ended && (id.isDefined || (stream != null && stream.sent))
    }
    if (tearing) {
      calls.clear()
      calls.put(new Call(Call.Teardown, null, ignore))
      if (!Undisturbed.await(torn, StopMillis))
        frameworkId.foreach { value =>
          val why = if (problem.isEmpty) s"$where does not answer" else problem
          log.warn(s"Mesos could not be told that framework $value has ended ($why). " +
            "It will remove the framework when its failover timeout is over")
        }
    }
    calls.put(noMore)
    callbacks.clear()
    Undisturbed.join(caller, if (tearing) EndMillis else StopMillis) // what was asked for before, like SUPPRESS
    lock.synchronized(Option(calling)).foreach(_.close())
    end()
    Seq(caller, reader).foreach(Undisturbed.join(_, EndMillis))
    callbacks.join(EndMillis)
    masters.join(EndMillis)
  }

  private def end(): Unit = {
    lock.synchronized {
      ended = true
      connected = false
      if (stream != null) stream.close()
      lock.notifyAll()
    }
    masters.close()
    torn.countDown()
    calls.put(noMore)
    callbacks.end()
  }

  private def fail(message: String): Unit = {
    problem = message
    deliver(() => listener.failed(message))
    end()
  }

  private def hasEnded = lock.synchronized(ended)

  // ---- the subscription --------------------------------------------------------------------------------------------

  private def converse(): Unit =
    try keepSubscribed()
    catch {
      case e: Throwable => // an Error: trying again would not help, and without this thread nobody would hear of it
        log.error("The conversation with Mesos broke down", e)
        fail(s"The conversation with Mesos at $where broke down: $e")
    }

  private def keepSubscribed(): Unit = {
    var attempt = 0
    while (!hasEnded) {
      val seen = lock.synchronized { superseded = false; announcements }
      var lost = Option.empty[Endpoint]
      try {
        subscribe(attempt)
        problem = s"$where: the connection was closed"
      } catch {
        case e: Hopeless if !subscribedBefore => fail(e.getMessage)
        case _: IOException if lock.synchronized(superseded) => problem = "ZooKeeper names another leading master"
        case _: SocketTimeoutException if isConnected => problem = s"$where went silent: heartbeats were missed"
        case e: Exception => problem = (if (isConnected) s"$where: " else "") + Refusals.reason(e)
      }
      lock.synchronized {
        if (connected) lost = leader
        connected = false
        leader = None // the next master to ask may know better
        streamId = None
        if (stream != null) stream.close()
        stream = null
        target = None
      }
      if (lost.isDefined) {
        // Who loses each subscription soon after it was made has to wait ever longer as well.
        if (System.nanoTime() - subscribedAt > LongestPauseMillis * 1000000) attempt = 0
        deliver(() => listener.disconnected())
      }
      if (lock.synchronized(stopping && id.isEmpty)) end() // there is nothing to tear down
      if (!hasEnded) {
        tellOfAbsence(lost)
        pause(attempt, seen)
        attempt += 1
      }
    }
  }

  private def tellOfAbsence(lost: Option[Endpoint]): Unit =
    absence.away(System.nanoTime() / 1000000) match {
      case _ if lock.synchronized(stopping) =>
      case Some(_) if lost.isDefined =>
        log.warn(s"The connection to the Mesos master is lost: $problem. Seeking a master at $masters")
      case Some(0) => log.warn(s"No Mesos master answers yet: $problem. Trying again until one does")
      case Some(millis) => log.warn(s"There has been no Mesos master for ${millis / 1000} s: $problem. Still trying")
      case None => log.info(s"No subscription to Mesos at $masters: $problem; trying again")
    }

  /** `masters` has news: wakes who waits for a leader, and leaves a master that leads no longer. */
  private def announced(): Unit = lock.synchronized {
    announcements += 1
    leaveIfSuperseded()
    lock.notifyAll()
  }

  private def leaveIfSuperseded(): Unit = {
    val leaders = masters.announced
    if (stream != null && masters.term != term && leaders.nonEmpty && !leaders.exists(target.contains)) {
      superseded = true
      stream.close()
    }
  }

  /** Subscribes, and stays until the stream ends. */
  private def subscribe(attempt: Int): Unit = {
    val begun = masters.term
    var endpoint = masters.next(attempt)
    var hops = 0
    var exchange: Exchange = null
    do {
      exchange = requests.exchange(endpoint)
      lock.synchronized {
        if (ended) return
        if (stream != null) stream.close()
        stream = exchange
        target = Some(endpoint)
        term = begun
        leaveIfSuperseded()
      }
      try requests.post(exchange, subscription(), Nil)
      catch {
        case e: Hopeless => throw e
        case e: IOException if Refusals.isUntrusted(e) => throw new Hopeless(s"$endpoint: ${Refusals.reason(e)}", e)
        case e: IOException => throw new IOException(s"$endpoint: ${Refusals.reason(e)}", e)
      }
      if (isRedirect(exchange)) {
        hops += 1
        if (hops > MaxHops) throw new IOException(s"$endpoint: the masters send us round in circles; no leader may be elected")
        endpoint = redirection(exchange, endpoint)
      }
    } while (isRedirect(exchange))
    val status = exchange.status
    if (status != 200) {
      val text = exchange.text(MaxText).trim
      if (Refusals.isPassing(status)) throw new IOException(s"$endpoint: $status $text")
      val version = if (Refusals.isUnknownPath(status)) requests.version(endpoint) else None
      fail(Refusals.explain(endpoint, status, text, requests.principal, version))
    } else {
      val kind = exchange.header("Content-Type").getOrElse("application/json")
      if (!kind.startsWith("application/")) throw new Hopeless(s"$endpoint is no Mesos master: it answers $Path with $kind")
      lock.synchronized {
        leader = Some(endpoint)
        streamId = exchange.header("Mesos-Stream-Id")
      }
      readEvents(exchange, endpoint)
    }
  }

  private def redirection(exchange: Exchange, from: Endpoint): Endpoint = {
    val location = exchange.header("Location").getOrElse(
      throw new IOException(s"$from: it does not lead and does not say who does"))
    val to = Endpoint.redirect(location, from.https)
    if (from.https && !to.https) throw new Hopeless(s"$from redirects from https to $location, where anybody could listen: " +
      "let all masters speak https, or name them without it")
    to
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
    val quiet = suppressedRoles()
    if (quiet.nonEmpty) {
      val roles = body.putArray("suppressed_roles")
      quiet.foreach(role => roles.add(role))
    }
    call
  }

  private def readEvents(exchange: Exchange, endpoint: Endpoint): Unit = {
    var record = RecordIO.read(exchange.body)
    while (record != null && !hasEnded) {
      val event = mapper.readTree(record)
      val kind = event.path("type").asText("")
      val body = event.path(kind.toLowerCase(java.util.Locale.ROOT))
      kind match {
        case "SUBSCRIBED" => tooOld(body, endpoint) match {
          case Some(why) =>
            takeBack(endpoint, body.path("framework_id").path("value").asText(""))
            fail(s"$endpoint: $why")
          case None => subscribed(body, exchange, endpoint)
        }
        case "HEARTBEAT" => // its arrival is all it says
        case "ERROR" => fail(body.path("message").asText("Mesos ended the subscription without saying why"))
        case _ => deliver(() => listener.event(kind, body))
      }
      record = if (hasEnded) null else RecordIO.read(exchange.body)
    }
  }

  private def subscribed(body: JsonNode, exchange: Exchange, endpoint: Endpoint): Unit = {
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
    subscribedAt = System.nanoTime()
    problem = ""
    absence.back(System.nanoTime() / 1000000).foreach { millis =>
      val again = frameworkId.map(value => s" as framework $value").getOrElse("")
      log.warn(s"Subscribed to Mesos at $endpoint$again after ${millis / 1000} s without a master")
    }
    deliver(() => listener.subscribed(body, again))
  }

  /** Lets a master that cannot be used forget the framework that it has just made for us: it would keep it until its failover
    * timeout. One that existed before is left alone, with its tasks.
    */
  private def takeBack(endpoint: Endpoint, made: String): Unit = if (frameworkId.isEmpty && made.nonEmpty) {
    val exchange = requests.exchange(endpoint)
    try {
      val extra = lock.synchronized(streamId).toSeq.map("Mesos-Stream-Id" -> _) :+ ("Connection" -> "close")
      val status = requests.post(exchange, envelope(Call.Teardown, Some(made)), extra, TakeBackMillis).status
      if (status / 100 != 2) log.warn(s"$endpoint keeps the framework $made until its failover timeout is over ($status)")
    } catch {
      case e: IOException =>
        log.warn(s"$endpoint keeps the framework $made until its failover timeout is over: ${Refusals.reason(e)}")
    } finally exchange.close()
  }

  // Used by the thread of the subscription only:
  private var subscribedBefore = false
  private var subscribedAt = 0L // nanoseconds of the clock without steps
  private val absence = new Absence

  /** What is to be said if the master is older than Mesos 1.0, of which the late ones take subscriptions, too. */
  private def tooOld(subscribed: JsonNode, endpoint: Endpoint): Option[String] = {
    val info = subscribed.path("master_info")
    val version = if (info.isObject) Option(info.path("version").asText("")).filter(_.nonEmpty) else requests.version(endpoint)
    version.flatMap(OldMesos.complaint)
  }

  // ---- calls -------------------------------------------------------------------------------------------------------

  private def makeCalls(): Unit = {
    var next = calls.take()
    while (next ne noMore) {
      if (next eq renewed) kept.drain().reverse.foreach(call => calls.putFirst(call))
      else
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
        val exchange = requests.exchange(target.get)
        lock.synchronized { calling = exchange }
        try {
          val json = envelope(call.kind, framework)
          if (call.body != null) json.replace(call.kind.toLowerCase(java.util.Locale.ROOT), call.body)
          val extra = stream.toSeq.map("Mesos-Stream-Id" -> _) :+ ("Connection" -> "close")
          requests.post(exchange, json, extra)
          val status = exchange.status
          if (status / 100 == 2) made(call)
          else {
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
          case e: IOException if !exchange.sent && attempt < MaxRetries && !lock.synchronized(stopping) => again = true
          case e: IOException if !exchange.sent =>
            giveUp(stream)
            undelivered(call, Refusals.reason(e))
          case e: IOException =>
            log.warn(s"No answer from Mesos to ${call.kind}: ${Refusals.reason(e)}")
            if (call.isRepeatable) {
              giveUp(stream)
              undelivered(call, Refusals.reason(e))
            } else lost(call, Refusals.reason(e), certain = false)
        } finally {
          exchange.close()
          lock.synchronized { calling = null }
        }
        if (again) {
          pause(attempt)
          attempt += 1
          again = !hasEnded
        }
      }
    }
  }

  private def made(call: Call): Unit = if (call.isTeardown) torn.countDown()

  /** Mesos did not get the call. If there is a newer subscription already, `renewed` waits in the queue. */
  private def undelivered(call: Call, why: String): Unit =
    if (call.isPassing) lost(call, why, certain = true) else kept.add(call)

  /** Ends the subscription `stream` if it is still the present one, so that a new one is sought. */
  private def giveUp(stream: Option[String]): Unit =
    lock.synchronized { if (this.stream != null && streamId == stream) this.stream.close() }

  private def lost(call: Call, why: String, certain: Boolean): Unit = {
    if (call.isTeardown) torn.countDown() // Mesos knows no such framework
    deliver(() => call.lost(why, certain))
  }

  /** Waits before the next attempt; shorter if `masters` has news since its announcement number `seen`, or if stop() has
    * been called or is called meanwhile.
    */
  private def pause(attempt: Int, seen: Int = -1): Unit = lock.synchronized {
    val millis = if (stopping) math.min(backoff(0), StopPauseMillis) else backoff(attempt)
    val until = System.nanoTime() + millis * 1000000
    val stoppingAlready = stopping
    var left = millis
    while (!ended && left > 0 && stopping == stoppingAlready && (seen < 0 || announcements == seen)) {
      lock.wait(left)
      left = (until - System.nanoTime()) / 1000000
    }
  }
}

object Conversation {
  val Path = "/api/v1/scheduler"
  private val StopMillis = 5000L
  private val StopPauseMillis = 250L
  private val EndMillis = 1000L
  private val TakeBackMillis = 5000
  private val LongestPauseMillis = 15000L
  private val MissedHeartbeats = 5
  private val MaxHops = 5
  private val MaxRetries = 5
  private val MaxText = 65536

  private val counter = new AtomicInteger
  private val log = LoggerFactory.getLogger("org.sparkmesos.bridge.Conversation")
  val mapper = new ObjectMapper()
  private val ignore: (String, Boolean) => Unit = (_, _) => ()

  /** A call without the part that is named for its kind. */
  private def envelope(kind: String, framework: Option[String]): ObjectNode = {
    val call = mapper.createObjectNode().put("type", kind)
    framework.foreach(value => call.putObject("framework_id").put("value", value))
    call
  }

  private def isRedirect(exchange: Exchange) = Set(301, 302, 307, 308)(exchange.status)

  /** Milliseconds to wait: doubling up to 15 s, of which a random half is taken away, so that the frameworks of a cluster do
    * not come all at once after their master comes back.
    */
  private def backoff(attempt: Int): Long = {
    val first = java.lang.Long.getLong("sparkmesos.bridge.backoffMillis", 500L)
    val longest = math.min(LongestPauseMillis, first << math.min(attempt, 10))
    math.max(1L, longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2 + 1))
  }
}

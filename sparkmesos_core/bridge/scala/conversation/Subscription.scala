package org.sparkmesos.bridge

import java.io.IOException
import java.net.SocketTimeoutException

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode

/** Keeps a framework subscribed with the leading master, and hands on what that says, in a thread of its own.
  *
  * Parameters are as those of [[Conversation]], to which all is told.
  */
private[bridge] final class Subscription(
    thread: String,
    masters: Masters,
    framework: ObjectNode,
    suppressedRoles: () => Seq[String],
    requests: MasterRequests,
    session: Session,
    conversation: Subscription.Owner) {
  import Conversation.{log, mapper}
  import Subscription._

  private val reader = Daemon(thread)(converse())
  // Used by the thread only:
  private var subscribedBefore = false
  private var subscribedAt = 0L // nanoseconds of the clock without steps
  private val absence = new Absence

  def start(): Unit = reader.start()
  def join(millis: Long): Unit = Undisturbed.join(reader, millis)

  private def converse(): Unit =
    try keepSubscribed()
    catch {
      case e: Throwable => // an Error: trying again would not help, and without this thread nobody would hear of it
        log.error("The conversation with Mesos broke down", e)
        conversation.fail(s"The conversation with Mesos at $where broke down: $e")
    }

  /** The master subscribed to, else where masters are sought. */
  private def where = session.master.map(_.toString).getOrElse(masters.toString)

  private def keepSubscribed(): Unit = {
    var attempt = 0
    var shortLived = 0 // subscriptions in a row that were lost soon after they were made
    while (!session.hasEnded) {
      val seen = session.seek()
      try {
        subscribe(attempt)
        trouble(s"$where: the connection was closed")
      } catch {
        case e: Hopeless if !subscribedBefore => conversation.fail(e.getMessage)
        case _: IOException if session.isSuperseded => trouble("ZooKeeper names another leading master")
        case _: SocketTimeoutException if session.isConnected => trouble(s"$where went silent: heartbeats were missed")
        case e: Exception => trouble((if (session.isConnected) s"$where: " else "") + Refusals.reason(e))
      }
      val lost = session.unsubscribed()
      if (lost.isDefined) {
        // Who loses each of them so has to wait ever longer as well; but not for what was tried in vain before.
        shortLived = if (System.nanoTime() - subscribedAt > Backoff.LongestMillis * 1000000) 0 else shortLived + 1
        attempt = shortLived
        conversation.lost()
      }
      if (session.isStopping && !session.isIntroduced) conversation.end() // there is nothing to tear down
      if (!session.hasEnded) {
        tellOfAbsence(lost)
        session.pauseSeeking(attempt, seen)
        attempt += 1
      }
    }
  }

  /** Notes why there is no subscription, unless it is known already why there will be none any more. */
  private def trouble(why: String): Unit = if (!session.hasEnded) session.problem = why

  private def tellOfAbsence(lost: Option[Endpoint]): Unit =
    absence.away(System.nanoTime() / 1000000) match {
      case _ if session.isStopping =>
      case Some(_) if lost.isDefined =>
        log.warn(s"The connection to the Mesos master is lost: ${session.problem}. Seeking a master at $masters")
      case Some(0) => log.warn(s"No Mesos master answers yet: ${session.problem}. Trying again until one does")
      case Some(millis) =>
        log.warn(s"There has been no Mesos master for ${millis / 1000} s: ${session.problem}. Still trying")
      case None => log.info(s"No subscription to Mesos at $masters: ${session.problem}; trying again")
    }

  /** Subscribes, and stays until the stream ends. */
  private def subscribe(attempt: Int): Unit = {
    val begun = masters.term
    var endpoint = masters.next(attempt)
    var hops = 0
    var exchange: Exchange = null
    do {
      exchange = requests.exchange(endpoint)
      if (!session.asking(exchange, endpoint, begun, masters)) return
      try requests.post(exchange, subscription(), Nil)
      catch {
        case e: Hopeless => throw e
        case e: IOException if Refusals.isUntrusted(e) => throw new Hopeless(s"$endpoint: ${Refusals.reason(e)}", e)
        case e: IOException => throw new IOException(s"$endpoint: ${Refusals.reason(e)}", e)
      }
      if (Refusals.isRedirect(exchange.status)) {
        hops += 1
        if (hops > MaxHops) throw new IOException(s"$endpoint: the masters send us round in circles; no leader may be elected")
        endpoint = redirection(exchange, endpoint)
      }
    } while (Refusals.isRedirect(exchange.status))
    val status = exchange.status
    if (status != 200) {
      val text = Refusals.shown(exchange.text(MaxText))
      if (Refusals.isTemporary(status)) throw new IOException(s"$endpoint: $status $text")
      val version = if (Refusals.isUnknownPath(status)) requests.version(endpoint) else None
      conversation.fail(Refusals.explain(endpoint, status, text, requests.principal, version))
    } else {
      val kind = exchange.header("Content-Type").getOrElse("application/json")
      if (!kind.startsWith("application/"))
        throw new Hopeless(s"$endpoint is no Mesos master: it answers ${Conversation.Path} with $kind")
      session.granted(endpoint, exchange.header("Mesos-Stream-Id"))
      EventStream.read(exchange.body, session.hasEnded)((kind, body) => take(kind, body, exchange, endpoint))
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
    val body = mapper.createObjectNode()
    val info = framework.deepCopy()
    body.replace("framework_info", info)
    val id = session.frameworkId
    id.foreach(value => info.putObject("id").put("value", value))
    val quiet = suppressedRoles()
    if (quiet.nonEmpty) {
      val roles = body.putArray("suppressed_roles")
      quiet.foreach(role => roles.add(role))
    }
    ApiCall.json("SUBSCRIBE", body, id.toSeq.map("framework_id" -> _): _*)
  }

  // ---- what the master says --------------------------------------------------------------------------------------------

  private def take(kind: String, body: JsonNode, exchange: Exchange, endpoint: Endpoint): Unit = kind match {
    case "SUBSCRIBED" => tooOld(body, endpoint) match {
      case Some(why) =>
        takeBack(endpoint, body.path("framework_id").path("value").asText(""), exchange)
        conversation.fail(s"$endpoint: $why")
      case None => subscribed(body, exchange, endpoint)
    }
    case "HEARTBEAT" => // its arrival is all it says
    case "ERROR" => conversation.fail(body.path("message").asText("Mesos ended the subscription without saying why"))
    case _ => conversation.event(kind, body)
  }

  private def subscribed(body: JsonNode, exchange: Exchange, endpoint: Endpoint): Unit = {
    val interval = body.path("heartbeat_interval_seconds").asDouble(15.0)
    exchange.readMillis(math.max(1, math.min(interval * MissedHeartbeats * 1000, Int.MaxValue)).toInt)
    val again = subscribedBefore
    subscribedBefore = true
    subscribedAt = System.nanoTime()
    session.subscribed(body.path("framework_id").path("value").asText)(conversation.renewed())
    absence.back(System.nanoTime() / 1000000).foreach { millis =>
      val as = session.frameworkId.map(value => s" as framework $value").getOrElse("")
      log.warn(s"Subscribed to Mesos at $endpoint$as after ${millis / 1000} s without a master")
    }
    conversation.subscribed(body, again)
  }

  /** Lets a master that cannot be used forget the framework that it has just made for us: it would keep it until its failover
    * timeout. One that existed before is left alone, with its tasks.
    */
  private def takeBack(endpoint: Endpoint, made: String, granted: Exchange): Unit =
    if (session.frameworkId.isEmpty && made.nonEmpty) {
      val exchange = requests.exchange(endpoint)
      try {
        val streamId = granted.header("Mesos-Stream-Id")
        val status = requests.call(exchange, Call.Teardown, null, Some(made), streamId, TakeBackMillis).status
        if (status / 100 != 2) log.warn(s"$endpoint keeps the framework $made until its failover timeout is over ($status)")
      } catch {
        case e: IOException =>
          log.warn(s"$endpoint keeps the framework $made until its failover timeout is over: ${Refusals.reason(e)}")
      } finally exchange.close()
    }

  /** What is to be said if the master is older than Mesos 1.0, of which the late ones take subscriptions, too. */
  private def tooOld(subscribed: JsonNode, endpoint: Endpoint): Option[String] = {
    val info = subscribed.path("master_info")
    val version = if (info.isObject) Option(info.path("version").asText("")).filter(_.nonEmpty) else requests.version(endpoint)
    version.flatMap(OldMesos.complaint)
  }
}

private[bridge] object Subscription {
  private val TakeBackMillis = 5000
  private val MissedHeartbeats = 5
  private val MaxHops = 5
  private val MaxText = 65536

  /** The conversation that a subscription is of. */
  trait Owner {
    /** Calls can be made again; told before any is, and without time to lose. */
    def renewed(): Unit
    def subscribed(body: JsonNode, again: Boolean): Unit
    def event(kind: String, body: JsonNode): Unit
    /** There was a subscription, and it is over. */
    def lost(): Unit
    /** Nothing more can be said, and nobody needs to know why. */
    def end(): Unit
    /** Nothing more can be said, for this reason. */
    def fail(message: String): Unit
  }
}

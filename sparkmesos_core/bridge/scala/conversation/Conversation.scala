package org.sparkmesos.bridge

import java.io.IOException
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

  private val number = counter.incrementAndGet()
  private val requests = new MasterRequests(credential)
  private val session = new Session(Option(framework.path("id").path("value").asText(null)).filter(_.nonEmpty))
  private val callbacks = new Callbacks(s"mesos-callbacks-$number", "scheduler", log)
  private val calls = new CallQueue(s"mesos-calls-$number", requests, session, deliver)
  private val subscription =
    new Subscription(s"mesos-subscription-$number", masters, framework, suppressedRoles, requests, session, owner)

  private object owner extends Subscription.Owner {
    def renewed(): Unit = calls.renewed()
    def subscribed(body: JsonNode, again: Boolean): Unit = deliver(() => listener.subscribed(body, again))
    def event(kind: String, body: JsonNode): Unit = deliver(() => listener.event(kind, body))
    def lost(): Unit = deliver(() => listener.disconnected())
    def end(): Unit = {
      session.end()
      masters.close()
      calls.end()
      callbacks.end()
    }
    def fail(message: String): Unit = {
      session.problem = message
      deliver(() => listener.failed(message))
      end()
    }
  }

  def frameworkId: Option[String] = session.frameworkId
  def isConnected: Boolean = session.isConnected
  /** Why there is no subscription at the moment; empty when there is one. */
  def problem: String = session.problem
  /** The master subscribed to. */
  def master: Option[Endpoint] = session.master
  /** The master subscribed to, else where masters are sought; for messages. */
  def where: String = master.map(_.toString).getOrElse(masters.toString)

  def start(): Unit = {
    masters.start(() => session.announced(masters))
    subscription.start()
    calls.start()
    callbacks.start()
  }

  /** Queues a call. `body` is the part named for the kind, null when there is none.
    *
    * `lost` is told, on the listener's thread, that the call was in vain and why; its second argument is false when Mesos may
    * have got the call nevertheless. Calls that make sense later too (KILL, REVIVE, …) are not lost by a lost
    * connection: they are made after the next subscription, in the order in which they were asked for. Offers that a call
    * was about are not lost either: who loses an ACCEPT or a DECLINE need not answer them again.
    */
  def call(kind: String, body: ObjectNode, lost: (String, Boolean) => Unit = Call.unheard): Unit =
    calls.add(new Call(kind, body, lost))

  /** Runs something on the listener's thread, behind the events received so far. */
  def deliver(callback: () => Unit): Unit = if (!session.isStopping) callbacks.add(callback)

  /** Reads an operator endpoint of the leading master: status and text. */
  def get(path: String): (Int, String) =
    requests.get(master.getOrElse(throw new IOException("not subscribed to a Mesos master")), path)

  /** Ends the conversation; with `teardown` Mesos removes the framework and kills its tasks. While there is no subscription
    * one is sought for that, but only for some seconds. Returns when the last call has been made and all threads have
    * ended, or after some seconds if the master does not answer. The listener hears nothing any more.
    */
  def stop(teardown: Boolean): Unit = {
    session.stop()
    val tearing = teardown && session.isIntroduced
    if (teardown && !tearing) session.end() // a master that is just being asked must not register what nobody would remove
    if (tearing && !calls.tearDown(StopMillis))
      frameworkId.foreach { value =>
        val why = if (problem.isEmpty) s"$where does not answer" else problem
        log.warn(s"Mesos could not be told that framework $value has ended ($why). " +
          "It will remove the framework when its failover timeout is over")
      }
    callbacks.clear()
    calls.finish(if (tearing) EndMillis else StopMillis) // what was asked for before, like SUPPRESS
    owner.end()
    calls.join(EndMillis)
    subscription.join(EndMillis)
    callbacks.join(EndMillis)
    masters.join(EndMillis)
  }
}

object Conversation {
  val Path = "/api/v1/scheduler"
  private val StopMillis = 5000L
  private val EndMillis = 1000L

  private val counter = new AtomicInteger
  private[bridge] val log = LoggerFactory.getLogger("org.sparkmesos.bridge.Conversation")
  val mapper = new ObjectMapper()
}

package org.sparkmesos.bridge

import java.io.IOException
import java.nio.ByteBuffer
import java.util.{Base64, UUID}
import java.util.concurrent.{LinkedBlockingQueue, ThreadLocalRandom}
import java.util.concurrent.atomic.AtomicInteger

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.slf4j.LoggerFactory

/** What an agent says to its executor; every method is called from one and the same thread, in the order of the events. */
trait ExecutorListener {
  /** The agent knows the executor; `again` when it did before in this conversation. `body` holds executor_info,
    * framework_info and agent_info.
    */
  def subscribed(body: JsonNode, again: Boolean): Unit
  /** LAUNCH, LAUNCH_GROUP, KILL, MESSAGE or one that is not known here, with the part of it that is named for its kind. */
  def event(kind: String, body: JsonNode): Unit
  /** The agent is gone; its return is being waited for. */
  def disconnected(): Unit
  /** The executor has to end: the agent says so, or is gone for good. Nothing more is heard, but updates still get out. */
  def shutdown(): Unit
  /** The conversation is over, and nothing here will change that. */
  def failed(message: String): Unit
}

/** An executor's conversation with its agent over the v1 HTTP executor API in JSON.
  *
  * It knows no protobuf and no Mesos classes. Rules come from Mesos' executor-http-api document, from the executor library
  * of Mesos (where the document is silent) and from recordings of Mesos 1.12: RecordIO framing, calls on connections other
  * than the subscription's, updates kept until they are acknowledged. Without checkpointing the agent's end is the
  * executor's; with it, the executor subscribes again for as long as the agent's recovery may take.
  */
final class ExecutorConversation(environment: ExecutorEnvironment, listener: ExecutorListener) {
  import ExecutorConversation._

  private final class Call(val kind: String, val body: ObjectNode, val uuid: String)

  private val number = counter.incrementAndGet()
  // Filled by add(), never by put(), which refuses to work in an interrupted thread: Spark interrupts those of its tasks.
  private val calls = new LinkedBlockingQueue[Call]()
  private val noMore = new Call("", null, null) // in the queue it ends the thread
  private val callbacks = new Callbacks(s"mesos-executor-callbacks-$number", "executor", log)
  private val lock = new Object
  // Guarded by lock:
  private val unacknowledged = new Unacknowledged
  private var connected = false
  private var shuttingDown = false
  private var ended = false
  private var stream: Exchange = _
  private var calling: Exchange = _
  // Used by the thread of the subscription only:
  private var subscribedBefore = false

  private val reader = Daemon(s"mesos-executor-subscription-$number")(converse())
  private val caller = Daemon(s"mesos-executor-calls-$number")(makeCalls())

  def start(): Unit = {
    Seq(reader, caller).foreach(_.start())
    callbacks.start()
  }

  /** Sends a task's status, a TaskStatus in v1 JSON, with all that only this side knows filled in. It is repeated after
    * each new subscription until the agent acknowledges it.
    */
  def update(status: ObjectNode): Unit = {
    val bytes = ByteBuffer.allocate(16)
    val random = UUID.randomUUID()
    bytes.putLong(random.getMostSignificantBits).putLong(random.getLeastSignificantBits)
    val uuid = Base64.getEncoder.encodeToString(bytes.array)
    status.put("uuid", uuid).put("timestamp", System.currentTimeMillis() / 1000.0).put("source", "SOURCE_EXECUTOR")
    status.putObject("executor_id").put("value", environment.executorId)
    status.putObject("agent_id").put("value", environment.agentId)
    val body = Conversation.mapper.createObjectNode()
    body.replace("status", status)
    lock.synchronized {
      unacknowledged.add(uuid, body)
      calls.add(new Call("UPDATE", body, uuid)) // under the lock, so that both have them in one order
    }
  }

  /** Sends bytes to the framework's scheduler. Nobody promises that they arrive. */
  def message(data: Array[Byte]): Unit = calls.add(new Call("MESSAGE",
    Conversation.mapper.createObjectNode().put("data", Base64.getEncoder.encodeToString(data)), null))

  /** Ends the conversation as soon as the calls asked for so far are made, or at once if the agent is away. */
  def finish(): Unit = {
    calls.add(noMore)
    if (!lock.synchronized(connected)) end()
  }

  /** The same, and waits for it, a few seconds at most. The listener hears nothing any more. */
  def stop(): Unit = {
    callbacks.clear()
    finish()
    Undisturbed.join(caller, StopMillis)
    end()
    lock.synchronized(Option(calling)).foreach(_.close())
  }

  private def end(): Unit = {
    lock.synchronized {
      ended = true
      connected = false
      if (stream != null) stream.close()
      lock.notifyAll()
    }
    calls.add(noMore)
    callbacks.end()
  }

  private def fail(message: String): Unit = {
    deliver(() => listener.failed(message))
    end()
  }

  private def hasEnded = lock.synchronized(ended)

  private def deliver(callback: () => Unit): Unit = callbacks.add(callback)

  private def post(exchange: Exchange, kind: String, body: ObjectNode, more: (String, String)*): Exchange = {
    val call =
      ApiCall.json(kind, body, "executor_id" -> environment.executorId, "framework_id" -> environment.frameworkId)
    val authorization = environment.token.toSeq.map(token => "Authorization" -> s"Bearer $token")
    ApiCall.post(exchange, environment.path, call, authorization ++ more, AnswerMillis)
  }

  // ---- the subscription --------------------------------------------------------------------------------------------

  private def converse(): Unit =
    try keepSubscribed()
    catch {
      case e: Throwable => // an Error: trying again would not help, and without this thread nobody would hear of it
        log.error("The conversation with the Mesos agent broke down", e)
        fail(s"The conversation with the Mesos agent at ${environment.agent} broke down: $e")
    }

  private def keepSubscribed(): Unit = {
    // When there is no subscription any more, and whether the agent can still bring one about.
    var since = System.nanoTime()
    while (!hasEnded) {
      val (problem, notReady) =
        try { subscribe(); ("it closed the stream", false) }
        catch {
          case e: NotReady => (e.getMessage, true)
          case e: Hopeless =>
            fail(s"The executor cannot speak to its Mesos agent: ${e.getMessage}")
            (e.getMessage, false)
          case e: Exception => (Option(e.getMessage).getOrElse(e.toString), false)
        }
      val (was, over) = lock.synchronized {
        val was = connected
        connected = false
        if (stream != null) stream.close()
        stream = null
        (was, ended || shuttingDown)
      }
      if (over) end()
      else {
        if (was) since = System.nanoTime()
        val limit = if (environment.checkpoint) environment.recoveryMillis else ReadyMillis
        val left = limit - (System.nanoTime() - since) / 1000000
        if (!environment.checkpoint && !notReady || left <= 0) {
          log.warn(s"The Mesos agent at ${environment.agent} is gone ($problem); the executor has to end")
          lock.synchronized { shuttingDown = true }
          deliver(() => listener.shutdown())
          end()
        } else {
          if (was) deliver(() => listener.disconnected())
          val millis = math.min(left, ThreadLocalRandom.current().nextLong(environment.backoffMillis + 1))
          log.info(s"No subscription to the Mesos agent at ${environment.agent}: $problem; trying again in $millis ms")
          pause(math.max(1L, millis))
        }
      }
    }
  }

  /** Subscribes, and stays until the stream ends. */
  private def subscribe(): Unit = {
    val exchange = new Exchange(environment.agent, ConnectMillis)
    val body = Conversation.mapper.createObjectNode()
    val repeated = lock.synchronized {
      if (ended) exchange.close() else stream = exchange
      unacknowledged.writeTo(body)
    }
    post(exchange, "SUBSCRIBE", body)
    exchange.status match {
      case 200 =>
        exchange.readMillis(0) // an agent may have nothing to say for hours
        EventStream.read(exchange.body, hasEnded)((kind, body) => take(kind, body, repeated))
      case status =>
        val text = Refusals.shown(exchange.text(MaxText))
        // 404: the agent's process has no routes yet; 503: it recovers
        if (status == 404 || status >= 500 || status == 408 || status == 429) throw new NotReady(s"$status $text")
        else fail(s"The Mesos agent at ${environment.agent} refuses the executor ${environment.executorId}: $text ($status)")
    }
  }

  private def take(kind: String, body: JsonNode, repeated: Seq[String]): Unit = kind match {
    case "ACKNOWLEDGED" => lock.synchronized {
      unacknowledged.acknowledged(body.path("task_id").path("value").asText, body.path("uuid").asText)
    }
    case _ if lock.synchronized(shuttingDown) => log.debug(s"$kind comes too late, the executor ends")
    case "SUBSCRIBED" =>
      lock.synchronized {
        connected = true
        unacknowledged.told(repeated)
        lock.notifyAll()
      }
      val again = subscribedBefore
      subscribedBefore = true
      deliver(() => listener.subscribed(body, again))
    case "HEARTBEAT" => // keeps routers from forgetting the connection
    case "SHUTDOWN" =>
      lock.synchronized { shuttingDown = true }
      deliver(() => listener.shutdown())
    case "ERROR" => fail(body.path("message").asText("The Mesos agent reported an error without saying which"))
    case _ =>
      lock.synchronized {
        if (kind == "LAUNCH") unacknowledged.launched(body.path("task"))
        else if (kind == "LAUNCH_GROUP") tasksOfGroup(body).foreach(unacknowledged.launched)
      }
      deliver(() => listener.event(kind, body))
  }

  // ---- calls -------------------------------------------------------------------------------------------------------

  private def makeCalls(): Unit = {
    var next = calls.take()
    while (next ne noMore) {
      try make(next)
      catch { case e: Throwable => log.error(s"The call ${next.kind} to the Mesos agent went wrong", e) }
      next = calls.take()
    }
    end()
  }

  /** Makes a call, again and again until the agent has it. A MESSAGE which it may have got is not repeated. */
  private def make(call: Call): Unit = {
    var attempt = 0
    var done = false
    while (!done) {
      val subscription = subscribedStream()
      if (subscription == null) done = true
      else if (call.uuid != null && !lock.synchronized(unacknowledged.isWaiting(call.uuid))) done = true
      else {
        val exchange = new Exchange(environment.agent, ConnectMillis)
        lock.synchronized { calling = exchange }
        var problem = ""
        try {
          post(exchange, call.kind, call.body, "Connection" -> "close")
          val status = exchange.status
          if (status / 100 == 2) {
            done = true
            if (call.uuid != null) lock.synchronized(unacknowledged.told(Seq(call.uuid)))
          } else {
            problem = s"${Refusals.shown(exchange.text(MaxText))} ($status)"
            // 403: it does not count us as subscribed; 404 and 503: it has just been started
            if (status != 403 && status != 404 && status < 500) {
              done = true
              fail(s"The Mesos agent at ${environment.agent} refuses the call ${call.kind}: $problem")
            }
          }
        } catch {
          case e: IOException =>
            problem = Option(e.getMessage).getOrElse(e.toString)
            if (call.uuid == null && exchange.sent) done = true
        } finally {
          exchange.close()
          lock.synchronized { calling = null }
        }
        if (problem.nonEmpty) log.warn(s"The Mesos agent did not take the call ${call.kind}: $problem")
        if (!done) {
          if (attempt == MaxRetries) {
            lock.synchronized { if (stream eq subscription) stream.close() }
            attempt = 0
          } else attempt += 1
          pause(RetryMillis << attempt)
        }
      }
    }
  }

  /** Waits for a subscription; null when none will come any more. */
  private def subscribedStream(): Exchange = lock.synchronized {
    while (!connected && !ended) lock.wait()
    if (ended) null else stream
  }

  private def pause(millis: Long): Unit = lock.synchronized { Waiting.during(lock, millis)(!ended) }
}

object ExecutorConversation {
  private val ConnectMillis = 5000
  private val AnswerMillis = 30000
  private val StopMillis = 5000
  /** How long an agent that has just started the executor may answer that it is not ready. */
  private val ReadyMillis = 60000L
  private val MaxRetries = 5
  private val RetryMillis = 50L
  private val MaxText = 65536

  private val counter = new AtomicInteger
  private val log = LoggerFactory.getLogger("org.sparkmesos.bridge.ExecutorConversation")

  private final class NotReady(message: String) extends IOException(message)

  /** The tasks of the event LAUNCH_GROUP, as TaskInfos in v1 JSON. */
  def tasksOfGroup(body: JsonNode): Seq[JsonNode] = {
    val tasks = Seq.newBuilder[JsonNode]
    val each = body.path("task_group").path("tasks").elements()
    while (each.hasNext) tasks += each.next()
    tasks.result()
  }
}

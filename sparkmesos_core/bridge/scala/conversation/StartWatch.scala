package org.sparkmesos.bridge

import scala.collection.mutable

import com.fasterxml.jackson.databind.JsonNode
import org.apache.spark.{SparkConf, SparkEnv}
import org.apache.spark.sparkmesos.SparkApplication
import org.slf4j.LoggerFactory

/** Tells the operator why no executor starts, instead of letting the application hang without a word.
  *
  * It says so on stderr 15 s after the start, and every 30 s from then on until an executor runs. With
  * SPARKMESOS_START_TIMEOUT=SECONDS in the environment it ends the application after that time, with exit code 6.
  *
  * It only advises: whatever goes wrong in it is written to the log and ends it, and nobody who tells it something hears of it.
  *
  * @param quiet nothing needs to start before there is work
  * @param hasExecutors whether Spark has executors, if it tells; asked by the thread of the watch
  */
final class StartWatch(conversation: Conversation, needs: Needs, quiet: Boolean, hasExecutors: () => Option[Boolean]) {
  import StartWatch._

  private val lock = new Object
  private val begun = System.nanoTime()
  private val limit = readLimit()
  // Guarded by lock:
  private var over = false
  private var known = false
  private val preparing = mutable.Map.empty[String, Seq[String]] // what is fetched for each task
  private val running = mutable.Map.empty[String, Long]
  private var finished = false // a task has, which in fine-grained mode an executor had run
  private var endings = 0
  private var lastEnd = ""
  private var lastUris = Seq.empty[String]
  private val offered = mutable.LinkedHashMap.empty[String, Room]

  def start(): Unit = advising(Daemon("sparkmesos-start-watch")(advising(watch())).start())

  def stop(): Unit = lock.synchronized { over = true; lock.notifyAll() }
  def registered(): Unit = advising(lock.synchronized { known = true })

  /** Tasks by their ids, each with the URIs that its agent fetches for it. */
  def launched(tasks: => Map[String, Seq[String]]): Unit = advising(lock.synchronized { preparing ++= tasks })

  /** Mesos has ended the conversation. */
  def failed(lines: Seq[String]): Unit = {
    stop()
    say(lines)
  }

  /** An event of Mesos in v1 JSON. */
  def event(kind: String, body: JsonNode): Unit = advising(kind match {
    case "OFFERS" =>
      val each = body.path("offers").elements()
      lock.synchronized {
        while (each.hasNext) {
          val offer = each.next()
          offered(offer.path("agent_id").path("value").asText) = roomOfOffer(offer)
        }
      }
    case "UPDATE" => lock.synchronized { update(body.path("status")) }
    case _ =>
  })

  private def advising(work: => Unit): Unit =
    try work
    catch {
      case e @ (_: Exception | _: LinkageError) =>
        if (!lock.synchronized(over)) log.warn("Whether executors start is no longer watched", e)
        stop()
    }

  private def update(status: JsonNode): Unit = {
    val task = status.path("task_id").path("value").asText
    val state = status.path("state").asText
    state match {
      case "TASK_RUNNING" =>
        preparing -= task
        if (!running.contains(task)) running(task) = System.nanoTime()
      case "TASK_STAGING" | "TASK_STARTING" | "TASK_KILLING" =>
      case _ =>
        if (state == "TASK_FINISHED") finished = true
        val host = offered.get(status.path("agent_id").path("value").asText).map(" on " + _.host).getOrElse("")
        endings += 1
        val why = Seq(status.path("message").asText, status.path("reason").asText).filter(_.nonEmpty).mkString(", ")
        lastEnd = s"$state$host" + (if (why.isEmpty) "" else s" ($why)")
        lastUris = preparing.getOrElse(task, Nil)
        preparing -= task
        running -= task
    }
    lock.notifyAll()
  }

  // ---- the thread --------------------------------------------------------------------------------------------------

  private def watch(): Unit = {
    var next = first
    var complained = Double.NegativeInfinity // when
    var done = false
    while (!done) {
      val now = seconds
      val (ended, began, lasts) = lock.synchronized(
        (over, running.nonEmpty, finished || running.values.exists(since => System.nanoTime() - since > settled * 1e9)))
      // Mesos calls a task running as soon as its shell is; whether that became an executor, only Spark knows. One that was
      // cut off from its driver at once has finished, too.
      val started = !ended && lasts && hasExecutors().getOrElse(true)
      val missing = !began || lasts && !started
      if (ended) done = true
      else if (started) {
        if (complained > 0) say(Seq(s"An executor runs now, ${now.toLong} s after the start."))
        done = true
      } else if (!quiet && limit.exists(now >= _) && missing) {
        if (now - complained > again / 2) complain(now)
        say(Seq(s"Giving up: no executor has started within ${text(limit.get)} s (--start-timeout or $LimitVariable)."))
        exit()
        done = true
      } else {
        if (now >= next) {
          if (missing && lock.synchronized(!(quiet && endings == 0 && known))) {
            complain(now)
            complained = now
          }
          next = now + again
        }
        val until = (Seq(next) ++ limit.filter(_ > now)).min
        lock.synchronized {
          val wake = if (running.isEmpty) until else math.min(until, now + settled / 2)
          if (!over) lock.wait(math.max(10L, ((wake - seconds) * 1000).toLong))
        }
      }
    }
  }

  private def seconds = (System.nanoTime() - begun) / 1e9

  private def complain(now: Double): Unit = {
    val why =
      try {
        val (rooms, offersOnly) = if (lock.synchronized(known)) look() else (None, false)
        StartAdvice.explain(lock.synchronized(Situation(needs, conversation.where, conversation.problem match {
          case "" if !known => "it does not answer"
          case other => other
        }, rooms, offersOnly, preparing.size, running.size, endings, lastEnd, lastUris)))
      } catch { case e: Exception => log.warn("Why no executor starts cannot be told", e); Nil }
    say(s"No executor has started within ${now.toLong} s." +: why)
  }

  /** The agents as the master lists them, else as it has offered them. */
  private def look(): (Option[Seq[Room]], Boolean) = {
    val listed =
      try {
        val (status, body) = conversation.get("/slaves")
        if (status == 200) Some(roomsOfAgents(Conversation.mapper.readTree(body), needs.role)) else None
      } catch { case _: java.io.IOException => None }
    if (listed.isDefined) (listed, false)
    else {
      val rooms = lock.synchronized(offered.values.toList)
      (if (rooms.isEmpty) None else Some(rooms), true)
    }
  }

  private def exit(): Unit = {
    Daemon("sparkmesos-exit")(System.exit(TimedOut)).start() // not from here: shutdown hooks stop this watch
  }
}

object StartWatch {
  val LimitVariable = "SPARKMESOS_START_TIMEOUT"
  private val TimedOut = 6
  private val OverheadFraction = 0.10 // as MesosSchedulerUtils.executorMemory
  private val OverheadMinimum = 384

  private val log = LoggerFactory.getLogger("org.sparkmesos.bridge.StartWatch")

  private def property(name: String, default: Double) =
    Option(System.getProperty("sparkmesos.startWatch." + name)).map(_.toDouble).getOrElse(default)
  private def first = property("first", 15)
  private def again = property("again", 30)
  private def settled = property("settled", 5)
  private def readLimit(): Option[Double] = Option(System.getenv(LimitVariable)).filter(_.nonEmpty).flatMap { text =>
    try Some(text.toDouble)
    catch { case _: NumberFormatException => say(Seq(s"$LimitVariable=$text is no number of seconds; it is ignored.")); None }
  }
  private def text(n: Double) = if (n == math.rint(n)) n.toLong.toString else n.toString

  /** Whether there is a Spark application in this JVM; in Spark's dispatcher there is none. */
  def inSpark: Boolean = SparkEnv.get != null

  /** A watch for the Spark application of this JVM; none without one, and none if its configuration cannot be read: what is
    * wrong there, Spark finds itself when it uses it.
    */
  def forSpark(conversation: Conversation): Option[StartWatch] = forSpark(conversation, conf => needs(conf))

  /** The same; `needs` tells what one executor needs. */
  def forSpark(conversation: Conversation, needs: SparkConf => Needs): Option[StartWatch] =
    try Option(SparkEnv.get).map(env =>
      new StartWatch(conversation, needs(env.conf), idle(env.conf), () => SparkApplication.hasExecutors))
    catch {
      case e @ (_: Exception | _: LinkageError) =>
        log.warn("Whether executors start is not watched", e)
        None
    }

  // Spark ignores blanks around the values of its own settings.
  private def trimmed(conf: SparkConf, name: String) = conf.getOption(name).map(_.trim)
  private def flag(conf: SparkConf, name: String, default: Boolean) =
    trimmed(conf, name).map(_.toBoolean).getOrElse(default)
  private def whole(conf: SparkConf, name: String, default: Int) = trimmed(conf, name).map(_.toInt).getOrElse(default)

  private[bridge] def needs(conf: SparkConf): Needs = {
    val fine = !flag(conf, "spark.mesos.coarse", default = true)
    val memory = conf.getOption("spark.executor.memory").map(_ => conf.getSizeAsMb("spark.executor.memory").toInt)
      .orElse(Seq("SPARK_EXECUTOR_MEMORY", "SPARK_MEM").flatMap(name => Option(System.getenv(name))).headOption
        .map(text => new SparkConf(false).set("m", text).getSizeAsMb("m").toInt))
      .getOrElse(1024)
    val overhead = whole(conf, "spark.mesos.executor.memoryOverhead",
      math.max(OverheadFraction * memory, OverheadMinimum).toInt)
    val cpus =
      if (fine)
        trimmed(conf, "spark.mesos.mesosExecutor.cores").map(_.toDouble).getOrElse(1.0) + whole(conf, "spark.task.cpus", 1)
      else whole(conf, "spark.executor.cores", 1).toDouble
    Needs(cpus, memory + overhead, overhead, trimmed(conf, "spark.cores.max").map(_.toInt),
      conf.get("spark.mesos.role", ""), conf.get("spark.mesos.constraints", ""))
  }

  /** With dynamic allocation from zero there is nothing to start until there is work. */
  private def idle(conf: SparkConf): Boolean =
    flag(conf, "spark.dynamicAllocation.enabled", default = false) &&
      Seq("spark.dynamicAllocation.initialExecutors", "spark.dynamicAllocation.minExecutors", "spark.executor.instances")
        .forall(name => whole(conf, name, 0) == 0)

  /** Agents as GET /slaves lists them; what is reserved for other roles than `role` is not counted as room. */
  private[bridge] def roomsOfAgents(answer: JsonNode, role: String): Seq[Room] = {
    val rooms = mutable.Buffer.empty[Room]
    val each = answer.path("slaves").elements()
    while (each.hasNext) {
      val agent = each.next()
      def of(name: String) = {
        val all = agent.path("resources").path(name).asDouble
        val open = agent.path("unreserved_resources")
        val ours = if (role.isEmpty || role == "*") 0.0 else agent.path("reserved_resources").path(role).path(name).asDouble
        val usable = if (open.isObject) open.path(name).asDouble + ours else all
        (usable, math.max(0, math.min(usable, all - agent.path("used_resources").path(name).asDouble)), all)
      }
      val (cpus, freeCpus, allCpus) = of("cpus")
      val (memory, freeMemory, allMemory) = of("mem")
      val attributes = mutable.Map.empty[String, String]
      val fields = agent.path("attributes").fields()
      while (fields.hasNext) { val field = fields.next(); attributes(field.getKey) = field.getValue.asText }
      if (agent.path("active").asBoolean(true))
        rooms += Room(agent.path("hostname").asText, cpus, memory, freeCpus, freeMemory, allCpus, allMemory, attributes.toMap)
    }
    rooms.toList
  }

  private def roomOfOffer(offer: JsonNode): Room = {
    def sum(name: String) = {
      var total = 0.0
      val each = offer.path("resources").elements()
      while (each.hasNext) {
        val resource = each.next()
        if (resource.path("name").asText == name) total += resource.path("scalar").path("value").asDouble
      }
      total
    }
    val attributes = mutable.Map.empty[String, String]
    val each = offer.path("attributes").elements()
    while (each.hasNext) {
      val attribute = each.next()
      attributes(attribute.path("name").asText) =
        if (attribute.has("text")) attribute.path("text").path("value").asText
        else if (attribute.has("scalar")) attribute.path("scalar").path("value").asText
        else "[" // ranges and sets are not judged
    }
    val (cpus, memory) = (sum("cpus"), sum("mem"))
    Room(offer.path("hostname").asText, cpus, memory, cpus, memory, cpus, memory, attributes.toMap)
  }

  private def say(lines: Seq[String]): Unit = System.err.synchronized {
    lines.foreach(line => System.err.println("sparkmesos: " + line))
    System.err.flush()
  }
}

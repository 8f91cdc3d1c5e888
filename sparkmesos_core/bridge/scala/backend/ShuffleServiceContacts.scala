package org.sparkmesos.backend

import java.nio.ByteBuffer
import java.util.concurrent.{ConcurrentHashMap, CountDownLatch, Future, RejectedExecutionException, ScheduledThreadPoolExecutor, TimeUnit}

import scala.jdk.CollectionConverters._
import scala.util.{Failure, Success, Try}
import scala.util.control.NonFatal

import org.slf4j.LoggerFactory
import org.sparkmesos.bridge.{Daemon, Undisturbed}

/** Messages to the shuffle services on agents. */
trait ShuffleServiceLine {
  /** Where all services listen. */
  def port: Int
  /** Sends a message. This may wait for a connection, and throws something if there is none; the answer comes later, on another
    * thread, once.
    */
  def send(host: String, message: ByteBuffer)(answered: Try[ByteBuffer] => Unit): Unit
  def close(): Unit
}

/** Tells the shuffle services on all agents where executors have run that their application lives, again and again, for they
  * keep its files only as long; and that it has ended, when it does so in an orderly way. One that cannot be told is tried
  * again, which is logged, and does no harm to the application.
  *
  * @param keepMillis for how long services are to keep files without a word
  * @param intervalMillis from word to word
  */
final class ShuffleServiceContacts(application: String, keepMillis: Long, intervalMillis: Long, line: ShuffleServiceLine) {
  import ShuffleServiceContacts._

  private val contacts = new ConcurrentHashMap[String, Contact]
  // More than one, as each may wait for an agent that is away.
  private val timer = new ScheduledThreadPoolExecutor(Threads, (work: Runnable) => Daemon("mesos-shuffle-contacts")(work.run()))
  timer.setRemoveOnCancelPolicy(true)
  @volatile private var isOver = false

  /** An executor runs on an agent. */
  def running(agentId: String, host: String): Unit = contacts.computeIfAbsent(agentId, _ => new Contact(host)).wanted()

  /** The application has ended, and so have its executors. Services are told if they can be within a moment. */
  def stop(): Unit = {
    isOver = true
    val reached = contacts.values.asScala.filter(_.isReached).toSeq
    val told = new CountDownLatch(reached.size)
    timer.getQueue.clear()
    reached.foreach(contact => timer.execute(() => contact.goodbye(() => told.countDown())))
    Undisturbed.await(told, GoodbyeMillis)
    timer.shutdownNow()
    line.close()
  }

  private final class Contact(host: String) {
    private var failures = 0 // in a row
    private var next: Option[Future[_]] = None // None while one is under way
    private var hasBegun = false
    @volatile var isReached = false

    /** Whoever has failed is tried again at once. */
    def wanted(): Unit = synchronized {
      if (!hasBegun || failures > 0 && next.exists(_.cancel(false))) {
        hasBegun = true
        schedule(0)
      }
    }

    def goodbye(done: () => Unit): Unit =
      try line.send(host, ShuffleServiceMessages.keep(application, 0))(_ => done())
      catch { case NonFatal(_) => done() }

    private def beat(): Unit = {
      synchronized { next = None }
      if (!isOver) try line.send(host, ShuffleServiceMessages.keep(application, keepMillis)) {
        case Success(answer) => succeeded(answer)
        case Failure(e) => failed(e)
      } catch {
        case NonFatal(e) => failed(e)
        case _: InterruptedException => // at the end
      }
    }

    private def succeeded(answer: ByteBuffer): Unit = synchronized {
      if (failures > 0) log.info(s"The shuffle service of $host:${line.port} knows this application")
      failures = 0
      isReached = true
      // That of Spark 3.5 warns of whoever tells it twice.
      schedule(if (answer.hasRemaining) intervalMillis else math.max(intervalMillis, keepMillis / 3))
    }

    private def failed(e: Throwable): Unit = synchronized {
      failures += 1
      isReached = false
      if (failures == 1) log.warn(advice(e)) else log.debug(s"$host:${line.port} again: $e")
      schedule(math.min(intervalMillis << math.min(failures - 1, 10), keepMillis * LongestInTimeouts))
    }

    private def advice(e: Throwable): String = {
      val where = s"$host:${line.port}"
      if (String.valueOf(e.getMessage).contains("Unknown message type"))
        s"What listens at $where is Spark's own shuffle service, which never removes the files of applications that have ended." +
          " Run that of sparkmesos there (start-shuffle-service), or remove them by hand"
      else
        s"The shuffle service of $where cannot be told that this application lives, and removes its files when it has heard nothing" +
          s" for long. Is it running (start-shuffle-service), and can it be reached from here? Trying again. $e"
    }

    private def schedule(millis: Long): Unit =
      if (!isOver)
        try next = Some(timer.schedule((() => beat()): Runnable, millis, TimeUnit.MILLISECONDS))
        catch { case _: RejectedExecutionException => } // it is over just now
  }
}

object ShuffleServiceContacts {
  private val Threads = 4
  private val GoodbyeMillis = 2000L
  /** A service that cannot be reached is tried again after this time at the latest: before it, started again meanwhile, gives up
    * an application that it knows from its executors alone.
    */
  private val LongestInTimeouts = 4L

  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.ShuffleServiceContacts")
}

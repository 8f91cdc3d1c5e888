package org.sparkmesos.backend

import java.nio.ByteBuffer
import java.util.concurrent.{ConcurrentHashMap, CountDownLatch, Future, PriorityBlockingQueue, RejectedExecutionException,
  ScheduledThreadPoolExecutor, ThreadPoolExecutor, TimeUnit}
import java.util.concurrent.atomic.AtomicLong

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
    * thread, once: a failure if nothing has come for a while.
    */
  def send(host: String, message: ByteBuffer)(answered: Try[ByteBuffer] => Unit): Unit
  def close(): Unit
}

/** Tells the shuffle services on all hosts where executors have run that their application lives, again and again, for they
  * keep its files only as long; and that it has ended, when it does so in an orderly way. One that cannot be told is tried
  * again, which is logged, and does no harm to the application. Agents of one host share a service.
  *
  * @param hasExecutors whether executors of the application are on a host now
  */
final class ShuffleServiceContacts(
    application: String, times: ShuffleServiceTimes, line: ShuffleServiceLine, hasExecutors: String => Boolean) {
  import ShuffleServiceContacts._

  private val contacts = new ConcurrentHashMap[String, Contact]
  private val timer = new ScheduledThreadPoolExecutor(1, (work: Runnable) => Daemon("mesos-shuffle-timer")(work.run()))
  timer.setRemoveOnCancelPolicy(true)
  private val workers = newWorkers()
  @volatile private var isOver = false

  /** An executor runs on a host. */
  def running(host: String): Unit = contacts.compute(host, (_, known) => {
    val contact = Option(known).getOrElse(new Contact(host))
    contact.wanted()
    contact
  })

  /** The hosts whose services are told. */
  def hosts: Set[String] = contacts.keySet.asScala.toSet

  /** The application has ended, and so have its executors. Services are told if they can be within a moment. */
  def stop(): Unit = {
    isOver = true
    val reached = contacts.values.asScala.filter(_.isReached).toSeq
    val told = new CountDownLatch(reached.size)
    timer.shutdownNow()
    workers.shutdownNow()
    val last = newWorkers() // those before may wait for agents that are away
    reached.foreach(contact => last.execute(new Word(0, () => contact.goodbye(() => told.countDown()))))
    Undisturbed.await(told, GoodbyeMillis)
    last.shutdownNow()
    line.close()
  }

  private final class Contact(host: String) {
    private var known = ShuffleServiceContact.begun(times, now)
    private var next: Option[Future[_]] = None // None while one is under way
    private var turn = 0L // only the word that was scheduled last is said: one that was cancelled may have begun to wait for us
    private var hasBegun = false

    def isReached: Boolean = synchronized(known.isReached)

    /** Whoever has failed is tried again at once. */
    def wanted(): Unit = synchronized {
      known = known.inUse(now)
      if (!hasBegun || known.failures > 0 && next.isDefined) {
        next.foreach(_.cancel(false))
        hasBegun = true
        schedule(0)
      }
    }

    def goodbye(done: () => Unit): Unit =
      try line.send(host, ShuffleServiceMessages.keep(application, 0))(_ => done())
      catch {
        case NonFatal(_) => done()
        case _: InterruptedException => // it has taken too long
      }

    private def tell(): Unit = {
      synchronized { known = known.told(now) }
      if (!isOver) try line.send(host, ShuffleServiceMessages.keep(application, times.keep)) {
        case Success(answer) => succeeded(answer)
        case Failure(e) => failed(e)
      } catch {
        case NonFatal(e) => failed(e)
        case _: InterruptedException => // at the end
      }
    }

    private def succeeded(answer: ByteBuffer): Unit = synchronized {
      if (known.failures > 0) log.info(s"The shuffle service of $host:${line.port} knows this application")
      known = known.answered(isSparks = !answer.hasRemaining)
      schedule(known.due - now)
    }

    private def failed(e: Throwable): Unit = {
      val isUsed = hasExecutors(host) // which takes a lock of its own
      val isGone = synchronized {
        known = (if (isUsed) known.inUse(now) else known).failed
        if (known.failures == 1) log.warn(advice(e)) else log.debug(s"$host:${line.port} again: $e")
        known.isGone(now)
      }
      if (isGone) dropped() else synchronized(schedule(known.due - now))
    }

    /** An executor that starts there later begins anew, unless it has just started. */
    private def dropped(): Unit = contacts.computeIfPresent(host, (_, _) => synchronized {
      if (known.isGone(now)) {
        log.info(s"The shuffle service of $host:${line.port} is told no more: it has not answered for long, and no executor is there")
        null
      } else {
        schedule(0)
        this
      }
    })

    private def advice(e: Throwable): String = {
      val where = s"$host:${line.port}"
      if (String.valueOf(e.getMessage).contains("Unknown message type"))
        s"What listens at $where is Spark's own shuffle service, which never removes the files of applications that have ended." +
          " Run that of sparkmesos there (start-shuffle-service), or remove them by hand"
      else
        s"The shuffle service of $where cannot be told that this application lives, and removes its files when it has heard nothing" +
          s" for long. Is it running (start-shuffle-service), and can it be reached from here? Trying again. $e"
    }

    private def schedule(millis: Long): Unit = if (!isOver) {
      val word = new Word(if (known.isReached) 0 else known.failures + 1, () => tell())
      turn += 1
      val mine = turn
      def hand(): Unit = {
        val isDue = synchronized {
          if (turn == mine) next = None
          turn == mine
        }
        if (isDue) workers.execute(word)
      }
      try next = Some(timer.schedule((() => hand()): Runnable, millis, TimeUnit.MILLISECONDS))
      catch { case _: RejectedExecutionException => } // it is over just now
    }
  }
}

object ShuffleServiceContacts {
  /** Each may wait for an agent that is away. */
  private val Threads = 32
  private val IdleSeconds = 15L
  private val GoodbyeMillis = 2000L

  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.ShuffleServiceContacts")
  private val words = new AtomicLong

  /** Something to say to a service. Those that answer go first, then new ones, however many do not answer.
    *
    * @param behind the less, the earlier
    */
  private final class Word(behind: Int, work: () => Unit) extends Runnable with Comparable[Word] {
    private val rank = (behind, words.incrementAndGet())
    def run(): Unit = work()
    def compareTo(other: Word): Int = Ordering[(Int, Long)].compare(rank, other.rank)
  }

  private def newWorkers(): ThreadPoolExecutor = {
    val threads = new ThreadPoolExecutor(Threads, Threads, IdleSeconds, TimeUnit.SECONDS, new PriorityBlockingQueue[Runnable],
      (work: Runnable) => Daemon("mesos-shuffle-contacts")(work.run()))
    threads.allowCoreThreadTimeOut(true)
    threads
  }

  /** Milliseconds of a clock without steps. */
  private def now: Long = System.nanoTime() / 1000000
}

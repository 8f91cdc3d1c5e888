package org.sparkmesos.bridge

import java.io.IOException
import java.net.SocketTimeoutException
import java.util.concurrent.{CountDownLatch, LinkedBlockingDeque}

/** Makes the calls of a conversation, one after the other in the order in which they were asked for, in a thread of its own.
  *
  * @param thread the name of the thread
  * @param deliver runs something on the listener's thread
  */
private[bridge] final class CallQueue(
    thread: String,
    requests: MasterRequests,
    session: Session,
    deliver: (() => Unit) => Unit) {
  import AfterFailure._
  import CallQueue._
  import Conversation.log

  private val calls = new LinkedBlockingDeque[Call]()
  private val noMore = new Call("", null) // in the queue it ends the thread
  private val renewal = new Call("", null) // in the queue it stands for a new subscription
  // Calls to make after the next subscription, each only once; used by the thread that makes calls only.
  private val kept = new KeptCalls
  private val torn = new CountDownLatch(1) // until the framework has been torn down, or cannot be
  @volatile private var calling: Exchange = _
  private val caller = Daemon(thread)(makeCalls())

  def start(): Unit = caller.start()

  def add(call: Call): Unit = calls.put(call)

  /** There is a new subscription: what was kept is older than what waits in the queue. */
  def renewed(): Unit = calls.putFirst(renewal)

  /** Forgets all other calls, and lets Mesos remove the framework; whether it is known to have done so within so many
    * milliseconds.
    */
  def tearDown(millis: Long): Boolean = {
    calls.clear()
    calls.put(new Call(Call.Teardown, null))
    Undisturbed.await(torn, millis)
  }

  /** Lets the thread end behind the calls asked for so far, and waits for it, for so many milliseconds at most; then the call
    * that is being made is cut short.
    */
  def finish(millis: Long): Unit = {
    calls.put(noMore)
    join(millis)
    Option(calling).foreach(_.close())
  }

  /** Makes no more calls than those asked for so far; who waits for the framework's end waits in vain. */
  def end(): Unit = {
    torn.countDown()
    calls.put(noMore)
  }

  def join(millis: Long): Unit = Undisturbed.join(caller, millis)

  private def makeCalls(): Unit = {
    var next = calls.take()
    while (next ne noMore) {
      if (next eq renewal) kept.drain().reverse.foreach(call => calls.putFirst(call))
      else
        try make(next)
        catch {
          case e: Throwable =>
            log.error(s"The call ${next.kind} to Mesos went wrong", e)
            if (next.isPassing) session.route.foreach(session.giveUp) // it may have been about offers
            lost(next, e.toString, isCertain = false)
        }
      next = calls.take()
    }
  }

  private def make(call: Call): Unit = session.route match {
    case None => undelivered(call, "not subscribed to a Mesos master")
    case Some(route) =>
      var attempt = 0
      var again = true
      while (again) {
        again = false
        tryOnce(call, route) match {
          case None => if (call.isTeardown) torn.countDown()
          case Some((failure, why)) =>
            val isCurrent = session.isCurrent(route)
            val said = failure.told(call.kind, why)
            decide(call, failure, isCurrent, session.isStopping, attempt < MaxRetries) match {
              case Repeat =>
                log.info(s"$said; trying again")
                session.pause(attempt)
                attempt += 1
                again = !session.hasEnded
              case Undelivered => undelivered(call, why)
              case Resubscribe =>
                log.warn(s"$said; subscribing again")
                session.giveUp(route)
                undelivered(call, why)
              case Lost(isCertain) =>
                log.warn(said)
                // First of all: Mesos tells what became of tasks in answer to what follows from the loss, and none of them can
                // be launched behind that if the offer is gone.
                if (isCurrent && !session.isStopping) call.givingBack.foreach(decline => calls.putFirst(decline))
                lost(call, why, isCertain)
            }
        }
      }
  }

  /** Makes a call; None if Mesos has taken it, else how that failed, and why. */
  private def tryOnce(call: Call, route: Route): Option[(CallFailure, String)] = {
    val exchange = requests.exchange(route.master)
    calling = exchange
    try {
      requests.call(exchange, call.kind, call.body, route.framework, route.streamId)
      if (exchange.status / 100 == 2) None
      else Some(Refused(exchange.status) -> s"${exchange.text(MaxText).trim} (${exchange.status})")
    } catch {
      case e: IOException if !exchange.sent => Some(Unsent -> Refusals.reason(e))
      case e: IOException => Some(Unanswered(!e.isInstanceOf[SocketTimeoutException]) -> Refusals.reason(e))
    } finally {
      exchange.close()
      calling = null
    }
  }

  /** Mesos did not get the call. If there is a newer subscription already, its renewal waits in the queue. */
  private def undelivered(call: Call, why: String): Unit =
    if (call.isPassing) lost(call, why, isCertain = true) else kept.add(call)

  private def lost(call: Call, why: String, isCertain: Boolean): Unit = {
    if (call.isTeardown) torn.countDown() // Mesos knows no such framework
    deliver(() => call.lost(why, isCertain))
  }
}

private[bridge] object CallQueue {
  private val MaxRetries = 5
  private val MaxText = 65536
}

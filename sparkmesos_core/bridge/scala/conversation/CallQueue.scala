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
  private val costly = new CostlyCalls
  private val torn = new CountDownLatch(1) // until the framework has been torn down, or cannot be
  @volatile private var isTearingDown = false
  @volatile private var calling: Exchange = _
  private val caller = Daemon(thread)(makeCalls())

  def start(): Unit = caller.start()

  /** Never by put(), as all that fills the queue: that refuses to work in an interrupted thread. */
  def add(call: Call): Unit = calls.add(call)

  /** There is a new subscription: what was kept is older than what waits in the queue. A call that is being made is for the
    * subscription before, whose master may never answer it, and keeps the others waiting no longer.
    */
  def renewed(): Unit = {
    calls.addFirst(renewal)
    cutShort()
  }

  /** Forgets all other calls, and lets Mesos remove the framework; whether it is known to have done so within so many
    * milliseconds.
    */
  def tearDown(millis: Long): Boolean = {
    isTearingDown = true
    calls.clear()
    cutShort()
    calls.add(new Call(Call.Teardown, null))
    Undisturbed.await(torn, millis)
  }

  /** Lets the thread end behind the calls asked for so far, and waits for it, for so many milliseconds at most; then the call
    * that is being made is cut short.
    */
  def finish(millis: Long): Unit = {
    calls.add(noMore)
    join(millis)
    cutShort()
  }

  /** Makes no more calls than those asked for so far; who waits for the framework's end waits in vain. */
  def end(): Unit = {
    torn.countDown()
    calls.add(noMore)
  }

  def join(millis: Long): Unit = Undisturbed.join(caller, millis)

  private def cutShort(): Unit = Option(calling).foreach(_.close())

  private def makeCalls(): Unit = {
    var next = calls.take()
    while (next ne noMore) {
      if (next eq renewal) kept.drain().reverse.foreach(call => calls.addFirst(call))
      else
        try make(next)
        catch {
          case e: Throwable =>
            log.error(s"The call ${next.kind} to Mesos went wrong", e)
            if (next.isOfSubscription) session.route.foreach(session.giveUp) // it may have been about offers
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
          case None =>
            costly.taken(call)
            if (call.isTeardown) torn.countDown()
          case Some((failure, why)) =>
            val said = failure.told(call.kind, why)
            val now = Circumstances(session.isCurrent(route), session.isStopping, isTearingDown, attempt < MaxRetries,
              costly.isTooCostly(call))
            decide(call, failure, now) match {
              case Repeat =>
                log.info(s"$said; trying again")
                again = session.pauseOn(route, attempt)
                attempt += 1
                if (!again) undelivered(call, why)
              case Undelivered => undelivered(call, why)
              case Resubscribe =>
                log.warn(s"$said; subscribing again")
                costly.add(call)
                session.giveUp(route)
                undelivered(call, why)
              case Lost(isCertain) =>
                if (isTearingDown && !call.isTeardown) log.info(said) // it was cut short
                else log.warn(if (now.isTooCostly) s"$said; it is in vain, as it was on the subscriptions before" else said)
                // First of all: Mesos tells what became of tasks in answer to what follows from the loss, and none of them can
                // be launched behind that if the offer is gone.
                if (now.isCurrent && !now.isStopping) call.givingBack.foreach(decline => calls.addFirst(decline))
                lost(call, why, isCertain)
            }
        }
      }
  }

  /** Makes a call; None if Mesos has taken it, else how that failed, and why. */
  private def tryOnce(call: Call, route: Route): Option[(CallFailure, String)] = {
    val exchange = requests.exchange(route.master)
    calling = exchange // before the question, so that whoever changes the answer cuts it short
    try
      if (!session.isCurrent(route) || isTearingDown && !call.isTeardown) Some(Unsent -> "it comes too late")
      else {
        requests.call(exchange, call.kind, call.body, route.framework, route.streamId)
        if (exchange.status / 100 == 2) None
        else {
          val text = exchange.text(MaxText)
          Some(Refused(exchange.status, text) -> s"${Refusals.shown(text)} (${exchange.status})")
        }
      }
    catch {
      case e: IOException if !exchange.sent => Some(Unsent -> Refusals.reason(e))
      case e: IOException => Some(Unanswered(!e.isInstanceOf[SocketTimeoutException]) -> Refusals.reason(e))
    } finally {
      exchange.close()
      calling = null
    }
  }

  /** Mesos did not get the call. If there is a newer subscription already, its renewal waits in the queue. */
  private def undelivered(call: Call, why: String): Unit =
    if (call.isOfSubscription) lost(call, why, isCertain = true) else kept.add(call)

  private def lost(call: Call, why: String, isCertain: Boolean): Unit = {
    if (call.isTeardown) torn.countDown() // Mesos knows no such framework
    deliver(() => call.lost(why, isCertain))
  }
}

private[bridge] object CallQueue {
  private val MaxRetries = 5
  private val MaxText = 65536
}

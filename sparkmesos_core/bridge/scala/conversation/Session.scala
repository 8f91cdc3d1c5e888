package org.sparkmesos.bridge

/** Where the calls of one subscription go.
  *
  * @param stream the answer to the subscription
  * @param framework the id of the framework
  */
private[bridge] final case class Route(master: Endpoint, stream: Exchange, streamId: Option[String], framework: Option[String])

/** What the threads of a conversation share: its subscription, if it has one, and how far its end has come.
  *
  * @param chosenId the framework's id if it has one from the beginning
  */
private[bridge] final class Session(chosenId: Option[String]) {
  private val lock = new Object
  // Guarded by lock:
  private var id = chosenId
  private var stream: Exchange = _ // the answer to the subscription, awaited or being read
  private var target: Option[Endpoint] = None // where `stream` leads
  private var term = 0L // the one of the masters in which `stream` was sought
  private var leader: Option[Endpoint] = None // who has granted the subscription, or is just granting it
  private var streamId: Option[String] = None
  private var connected = false
  private var givenUp = false // `stream` was closed by ourselves; whoever reads it has not noticed yet
  private var superseded = false // another leader was announced since `stream` was sought
  private var introduced = false // Mesos may know the framework by `id` from this conversation
  private var announcements = 0
  private var stopping = false // nobody hears anything any more; what is still done is for the end of the framework
  private var ended = false

  /** Why there is no subscription at the moment; empty when there is one. */
  @volatile var problem = ""

  def frameworkId: Option[String] = lock.synchronized(id)
  def isConnected: Boolean = lock.synchronized(connected)
  def master: Option[Endpoint] = lock.synchronized(leader)
  def isSuperseded: Boolean = lock.synchronized(superseded)
  def isStopping: Boolean = lock.synchronized(stopping)
  def hasEnded: Boolean = lock.synchronized(ended)

  // ---- the subscription ----------------------------------------------------------------------------------------------

  /** A master is sought; the number of the latest announcement of `masters`. */
  def seek(): Int = lock.synchronized { superseded = false; announcements }

  /** Notes that a master is about to be asked for a subscription; false if none is to be asked any more.
    *
    * @param begun the term of `masters` in which it was chosen
    */
  def asking(exchange: Exchange, endpoint: Endpoint, begun: Long, masters: Masters): Boolean = lock.synchronized {
    leaveStream()
    val isWanted = !ended && (!stopping || introduced)
    if (isWanted) {
      stream = exchange
      target = Some(endpoint)
      term = begun
      leaveIfSuperseded(masters)
    }
    isWanted
  }

  /** A master grants the subscription. */
  def granted(endpoint: Endpoint, itsStreamId: Option[String]): Unit = lock.synchronized {
    leader = Some(endpoint)
    streamId = itsStreamId
  }

  /** Mesos knows the framework by this id. `work` is done before any call can be made on the new subscription. */
  def subscribed(frameworkId: String)(work: => Unit): Unit = lock.synchronized {
    id = Some(frameworkId)
    introduced = true
    connected = true
    givenUp = false
    problem = ""
    work
  }

  /** The stream has ended, or was not granted: the master that is lost by that, if there was a subscription. */
  def unsubscribed(): Option[Endpoint] = lock.synchronized {
    val lost = if (connected) leader else None
    connected = false
    leader = None // the next master to ask may know better
    streamId = None
    leaveStream()
    lock.notifyAll() // whoever waits to make a call once more on it
    lost
  }

  private def leaveStream(): Unit = if (stream != null) {
    stream.close()
    // With an id from the beginning the framework may be subscribed though nobody has said so.
    if (stream.sent && id.isDefined && !Refusals.isNoSubscription(stream.status)) introduced = true
    stream = null
    target = None
  }

  /** `masters` have news: wakes who waits for a leader, and leaves a master that leads no longer. */
  def announced(masters: Masters): Unit = lock.synchronized {
    announcements += 1
    leaveIfSuperseded(masters)
    lock.notifyAll()
  }

  private def leaveIfSuperseded(masters: Masters): Unit = {
    val leaders = masters.announced
    if (stream != null && masters.term != term && leaders.nonEmpty && !leaders.exists(target.contains)) {
      superseded = true
      stream.close()
    }
  }

  // ---- calls -----------------------------------------------------------------------------------------------------------

  /** Where calls go; None while there is no subscription, or none that is to last. */
  def route: Option[Route] = lock.synchronized {
    leader.filter(_ => connected && !givenUp).map(Route(_, stream, streamId, id))
  }

  /** Whether calls still go there. */
  def isCurrent(route: Route): Boolean = lock.synchronized(connected && !givenUp && (stream eq route.stream))

  /** Ends a subscription if it is still the present one, so that a new one is sought. No call is made on it any more. */
  def giveUp(route: Route): Unit = lock.synchronized {
    if (stream eq route.stream) {
      givenUp = true
      stream.close()
    }
  }

  /** Waits before a call is made once more, as long as that makes sense: while the subscription is the present one, and the
    * conversation is not to stop. Whether calls still go there.
    */
  def pauseOn(route: Route, attempt: Int): Boolean = lock.synchronized {
    pauseWhile(attempt)(isCurrent(route))
    isCurrent(route)
  }

  // ---- the end ---------------------------------------------------------------------------------------------------------

  /** Waits before a master is sought again; an announcement behind the one with the number `seen` ends that. */
  def pauseSeeking(attempt: Int, seen: Int): Unit = lock.synchronized(pauseWhile(attempt)(announcements == seen))

  /** Waits before the next attempt; not as long if the conversation is to stop, which ends the wait. */
  private def pauseWhile(attempt: Int)(holds: => Boolean): Unit = {
    val stoppingAlready = stopping
    val millis = if (stopping) math.min(Backoff.millis(0), Session.StopPauseMillis) else Backoff.millis(attempt)
    Waiting.during(lock, millis)(!ended && stopping == stoppingAlready && holds)
  }

  /** The conversation is to stop. */
  def stop(): Unit = lock.synchronized {
    stopping = true
    lock.notifyAll()
  }

  /** Whether Mesos may know the framework, by this conversation, when it ends now; else there is nothing to tear down. */
  def isIntroduced: Boolean = lock.synchronized(!ended && (introduced || (stream != null && stream.sent)))

  /** Nothing is said any more. */
  def end(): Unit = lock.synchronized {
    ended = true
    connected = false
    if (stream != null) stream.close()
    lock.notifyAll()
  }
}

private[bridge] object Session {
  private val StopPauseMillis = 250L
}

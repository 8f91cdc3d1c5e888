package org.sparkmesos.bridge

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8
import java.util.concurrent.atomic.AtomicInteger

import com.fasterxml.jackson.databind.JsonNode
import org.apache.zookeeper.{KeeperException, WatchedEvent, Watcher, ZooKeeper}
import org.slf4j.LoggerFactory

/** Masters that are elected through ZooKeeper: of their nodes under `path` the one with the lowest number is the leader's.
  *
  * The rules are those of libmesos' master detector. It differs where that helps: when ZooKeeper is away, the master that led
  * last goes on being asked, since it may lead still.
  *
  * @param servers host:port,host:port
  * @param credential user:password for ZooKeeper's digest scheme
  * @param https whether masters speak TLS, which their nodes do not tell
  */
final class ZooKeeperMasters(servers: String, path: String, credential: Option[String], https: Boolean) extends Masters {
  import ZooKeeperMasters._

  private final class Member(val node: String, val addresses: Seq[Endpoint])

  private val lock = new Object
  // Guarded by lock:
  private var leader: Option[Member] = None
  private var terms = 0L
  private var failure: IOException = _ // why there is no leader; null until ZooKeeper has answered or failed to
  private var news = false // ZooKeeper has told of something that was not looked at yet
  private var closed = false
  private var tell: () => Unit = () => ()

  private val thread = new Thread(s"mesos-zookeeper-${counter.incrementAndGet()}") { override def run(): Unit = follow() }
  thread.setDaemon(true)

  // The client calls it for changes of its own state too; all of them are reasons to look again.
  private val watcher = new Watcher {
    def process(event: WatchedEvent): Unit = lock.synchronized { news = true; lock.notifyAll() }
  }

  def start(changed: () => Unit): Unit = {
    lock.synchronized { tell = changed }
    ZooKeeperLog.onlyErrors()
    thread.start()
  }

  def next(attempt: Int): Endpoint = lock.synchronized {
    val until = System.nanoTime() + FirstAnswerMillis * 1000000L
    def left = (until - System.nanoTime()) / 1000000
    while (!closed && leader.isEmpty && failure == null && left > 0) lock.wait(math.max(1L, left))
    leader match {
      case Some(member) => member.addresses(attempt % member.addresses.size)
      case None if failure != null => throw failure
      case None => throw new IOException(noAnswer)
    }
  }

  def term: Long = lock.synchronized(terms)
  def announced: Seq[Endpoint] = lock.synchronized(leader.map(_.addresses).getOrElse(Nil))

  def close(): Unit = lock.synchronized {
    closed = true
    thread.interrupt() // it may wait for ZooKeeper
    lock.notifyAll()
  }

  def join(millis: Long): Unit = Undisturbed.join(thread, millis)

  override def toString: String = s"zk://${if (credential.isDefined) "***@" else ""}$servers$path"

  private def noAnswer = s"no ZooKeeper server answers at $servers"

  // ---- the thread --------------------------------------------------------------------------------------------------

  private def follow(): Unit = {
    var client: ZooKeeper = null
    try
      while (!isClosed)
        try {
          if (client == null || !client.getState.isAlive) { // at first, and after the session has expired
            if (client != null) client.close()
            client = null
            client = connect()
          }
          lock.synchronized { news = false }
          look(client)
          await(Long.MaxValue)
        } catch {
          case _: InterruptedException => // closed
          case e: Exception =>
            fail(explain(e))
            await(RetryMillis)
        }
    catch {
      case _: InterruptedException =>
      case e: Throwable => // an Error: trying again would not help, and without this thread nobody would hear of it
        log.error("ZooKeeper's client broke down", e)
        fail(new Hopeless(s"The client of ZooKeeper ($servers) broke down: $e", e))
    }
    finally {
      Thread.interrupted()
      try if (client != null) client.close()
      catch { case _: InterruptedException => }
    }
  }

  private def isClosed = lock.synchronized(closed)

  private def connect(): ZooKeeper = {
    val client = new ZooKeeper(servers, sessionMillis, watcher)
    credential.foreach(one => client.addAuthInfo("digest", one.getBytes(UTF_8)))
    client
  }

  /** Waits for news. */
  private def await(millis: Long): Unit = lock.synchronized {
    val until = System.nanoTime() + math.min(millis, 3600000L) * 1000000L
    def left = (until - System.nanoTime()) / 1000000
    while (!closed && !news && left > 0) lock.wait(math.max(1L, left))
  }

  private def look(client: ZooKeeper): Unit =
    if (client.exists(path, watcher) == null)
      fail(new IOException(s"the path $path does not exist in ZooKeeper ($servers)"))
    else
      choose(strings(client.getChildren(path, watcher))) match {
        case None => fail(new IOException(s"no Mesos master is elected: none is registered under $path in ZooKeeper ($servers)"))
        case Some(node) if lock.synchronized(leader.exists(_.node == node)) => lock.synchronized { failure = null }
        case Some(node) =>
          try lead(node, client.getData(s"$path/$node", false, null))
          catch { case _: KeeperException.NoNodeException => lock.synchronized { news = true } } // who leads now?
      }

  private def lead(node: String, data: Array[Byte]): Unit = {
    val member = new Member(node, addresses(node, data, https))
    log.info(s"By ZooKeeper the Mesos master at ${member.addresses.head} leads ($node)")
    val changed = lock.synchronized {
      leader = Some(member)
      failure = null
      terms += 1
      lock.notifyAll()
      tell
    }
    changed()
  }

  private def fail(why: IOException): Unit = lock.synchronized {
    failure = why
    if (why.isInstanceOf[Hopeless]) leader = None
    lock.notifyAll()
  }

  private def explain(e: Exception): IOException = e match {
    case _: KeeperException.NoAuthException | _: KeeperException.AuthFailedException =>
      val who = if (credential.isDefined) "these credentials" else "a client without credentials"
      new Hopeless(s"ZooKeeper ($servers) does not let $who read $path: give the masters' credentials in the URL, " +
        s"mesos://zk://USER:PASSWORD@$servers$path")
    case _: KeeperException.ConnectionLossException | _: KeeperException.SessionExpiredException |
        _: KeeperException.OperationTimeoutException => new IOException(noAnswer)
    case e: java.net.UnknownHostException => new IOException(s"no ZooKeeper server answers: the host ${e.getMessage} is unknown")
    case e: IOException => e
    case e => new IOException(s"ZooKeeper ($servers): $e", e)
  }

  private def strings(values: java.util.List[String]): Seq[String] = values.toArray(Array.empty[String]).toSeq
}

object ZooKeeperMasters {
  private def sessionMillis: Int = Integer.getInteger("sparkmesos.bridge.sessionMillis", 10000) // as libmesos asks for
  private val RetryMillis = 1000L
  private val FirstAnswerMillis = 5000L
  private val Member = "(json\\.info_|info_|)([0-9]{10})".r

  private val counter = new AtomicInteger
  private val log = LoggerFactory.getLogger("org.sparkmesos.bridge.ZooKeeperMasters")

  /** Reads zk://user:password@host:port,host:port/path; 2181 stands for a port that is not named. The password may hold
    * anything but a slash.
    */
  def of(url: String): ZooKeeperMasters = {
    def bad(why: String) =
      throw new IllegalArgumentException(s"The master's URL zk://… $why; write mesos://zk://HOST1:2181,HOST2:2181/mesos, or " +
        "mesos://zk://USER:PASSWORD@HOST:2181/mesos if ZooKeeper wants credentials")
    val rest = url.stripPrefix("zk://")
    val slash = rest.indexOf('/')
    if (slash >= 0 && rest.indexOf('@', slash) >= 0) bad("has an @ behind its first /, where the path begins")
    val authority = if (slash < 0) rest else rest.substring(0, slash)
    val nodes = (if (slash < 0) "" else rest.substring(slash)).split('/').filter(_.nonEmpty)
    if (nodes.isEmpty) bad("has no path")
    val at = authority.lastIndexOf('@')
    val credential = if (at < 0) None else Some(authority.substring(0, at))
    if (credential.exists(one => one.indexOf(':') < 1 || one.endsWith(":"))) bad("has no USER:PASSWORD before its @")
    val servers = authority.substring(at + 1).split(",", -1).map(_.trim).map { one =>
      val colon = one.indexOf(':', math.max(one.indexOf(']'), 0))
      if (one.isEmpty || colon == 0) bad("names no host")
      if (colon < 0) one + ":2181"
      else if (one.substring(colon + 1).matches("[0-9]{1,5}")) one
      else bad("has a port that is no number")
    }
    new ZooKeeperMasters(servers.mkString(","), nodes.mkString("/", "/", ""), credential, Exchange.expectsTls)
  }

  /** The leader's node: the one with the lowest number. Nodes of old masters (`info_`, or no label) take part, since they
    * could lead; log_replicas does not.
    */
  private[bridge] def choose(children: Seq[String]): Option[String] = {
    val members = children.collect { case name @ Member(_, number) => number.toLong -> name }
    if (members.isEmpty) None else Some(members.min._2)
  }

  /** Where the master that a node describes can be reached: by its address, then by its name. A certificate is rather for
    * the name, so with TLS the name comes first.
    */
  private[bridge] def addresses(node: String, data: Array[Byte], https: Boolean): Seq[Endpoint] = {
    if (!node.startsWith("json.info_"))
      throw new Hopeless(s"The leading master's ZooKeeper node $node is in the format of Mesos 0.23 and older: " +
        OldMesos.Needed)
    val info =
      try Conversation.mapper.readTree(data)
      catch { case _: IOException => null }
    val found =
      if (info == null) Nil
      else {
        val address = info.path("address")
        val pid = info.path("pid").asText.split("@").last
        val colon = pid.lastIndexOf(':')
        val named = Seq(address.path("hostname").asText -> address.path("port"), info.path("hostname").asText -> info.path("port"))
        val numeric = Seq(address.path("ip").asText -> address.path("port").asInt) ++
          (if (colon < 0) Nil else Seq(pid.substring(0, colon).stripPrefix("[").stripSuffix("]") -> port(pid.substring(colon + 1))))
        val byName = named.map { case (host, number: JsonNode) => host -> number.asInt }
        val all = if (https) byName ++ numeric else numeric ++ byName
        all.filter { case (host, number) => host.nonEmpty && number > 0 && number < 65536 }
          .map { case (host, number) => Endpoint(https, host, number) }.distinct
      }
    if (found.isEmpty)
      throw new Hopeless(s"The leading master's ZooKeeper node $node does not describe a Mesos master: " +
        "check that the path in the URL is the one that the masters use")
    found
  }

  private def port(text: String): Int =
    try text.toInt
    catch { case _: NumberFormatException => 0 }
}

package org.sparkmesos.bridge

import java.io.IOException

/** Where the leading master is sought. Masters that do not lead redirect to the one that does, so whoever is named here need
  * not lead. `toString` is for messages, without secrets.
  */
trait Masters {
  /** Begins to look; `changed` is called, from any thread, when there is a new leader to be asked. */
  def start(changed: () => Unit): Unit

  /** Whom to ask; `attempt` counts those that failed since the last subscription. May wait for some seconds; throws an
    * IOException that says why nobody is known, a Hopeless one if that will not change by itself.
    */
  def next(attempt: Int): Endpoint

  /** Changes whenever another leader is announced. */
  def term: Long

  /** The addresses of the announced leader; none where leaders are not announced, but found by asking. */
  def announced: Seq[Endpoint]

  /** Ends looking, at once. */
  def close(): Unit

  /** Waits until nothing of it is left, for so long at most. */
  def join(millis: Long): Unit
}

object Masters {
  /** Reads what Spark passes on of a master URL: host:port, several of them separated by commas, with or without http:// or
    * https://, or zk://user:password@host:port,host:port/path; all with or without mesos:// in front.
    * Throws IllegalArgumentException, whose message holds no password.
    */
  def of(text: String): Masters = {
    val plain = text.trim.stripPrefix("mesos://")
    if (plain.startsWith("zk://")) ZooKeeperMasters.of(plain)
    else {
      val https = plain.startsWith("https://") // then all of them speak it
      new ListedMasters(plain.split(",").toSeq.map(one => Endpoint.parse(one.trim.stripPrefix("master@"), https)))
    }
  }
}

/** Masters that are known by their addresses; they are asked in turn. */
final class ListedMasters(all: Seq[Endpoint]) extends Masters {
  def start(changed: () => Unit): Unit = ()
  def next(attempt: Int): Endpoint = all(attempt % all.size)
  def term: Long = 0
  def announced: Seq[Endpoint] = Nil
  def close(): Unit = ()
  def join(millis: Long): Unit = ()
  override def toString: String = all.mkString(",")
}

/** A failure that trying again does not mend: something is set up wrongly. */
final class Hopeless(message: String, cause: Throwable = null) extends IOException(message, cause)

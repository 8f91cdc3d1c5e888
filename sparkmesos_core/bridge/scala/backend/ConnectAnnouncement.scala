package org.sparkmesos.backend

import org.apache.spark.SparkConf
import org.apache.spark.scheduler.{SparkListener, SparkListenerEvent}

/** Says on stderr where clients find the server of Spark Connect, once it listens. `sparkmesos shell --lang connect` names it in
  * `spark.extraListeners`.
  *
  * The event is in a jar that the bridge is not compiled with: the host that Spark takes this machine for, the port, and a time.
  */
final class ConnectAnnouncement(conf: SparkConf) extends SparkListener {
  import ConnectAnnouncement._

  override def onOtherEvent(event: SparkListenerEvent): Unit = event match {
    case started: Product if started.getClass.getName == Started && started.productArity >= 2 =>
      val asksForToken = conf.contains(Token) || sys.env.contains(TokenVariable)
      System.err.println(text(conf.get(Address, ""), s"${started.productElement(0)}", s"${started.productElement(1)}", asksForToken))
    case _ =>
  }
}

object ConnectAnnouncement {
  private val Started = "org.apache.spark.sql.connect.service.SparkListenerConnectServiceStarted"
  private val Address = "spark.connect.grpc.binding.address"
  private val Token = "spark.connect.authenticate.token"
  private val TokenVariable = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
  private val Everywhere = Set("", "0.0.0.0", "::", "0:0:0:0:0:0:0:0")

  /** What is said: `address` is the one that the server is bound to, `host` how Spark calls this machine. */
  def text(address: String, host: String, port: String, asksForToken: Boolean): String = {
    val reached = address.stripPrefix("[").stripSuffix("]") match {
      case everywhere if Everywhere(everywhere) => host
      // Clients send a token without TLS to this name alone.
      case "127.0.0.1" | "::1" if asksForToken => "localhost"
      case one                                 => one
    }
    val written = if (reached.contains(":") && !reached.startsWith("[")) s"[$reached]" else reached
    val token = if (asksForToken) s" (it asks for its token: clients have it in $TokenVariable, too)" else ""
    s"Connect with: sc://$written:$port$token"
  }
}

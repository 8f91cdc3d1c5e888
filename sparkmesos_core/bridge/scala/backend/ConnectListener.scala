package org.sparkmesos.backend

import org.apache.spark.SparkConf
import org.apache.spark.scheduler.{SparkListener, SparkListenerApplicationEnd, SparkListenerEvent}

import org.sparkmesos.bridge.{Daemon, StartWatch}

/** What the server of Spark Connect lacks: it says on stderr where clients find it, once it listens, and it ends with its
  * application. Nothing in Spark does the latter: when Mesos has ended the framework, the port would answer, every new client would
  * get an error, and nobody would start the server again. `sparkmesos shell --lang connect` names this in `spark.extraListeners`.
  *
  * The event of the start is in a jar that the bridge is not compiled with: the host that Spark takes this machine for, the port,
  * and a time.
  */
final class ConnectListener(conf: SparkConf) extends SparkListener {
  import ConnectListener._

  override def onOtherEvent(event: SparkListenerEvent): Unit = event match {
    case started: Product if started.getClass.getName == Started && started.productArity >= 2 =>
      val token = conf.getOption(Token).orElse(sys.env.get(TokenVariable))
      System.err.println(text(conf.getOption(Address), s"${started.productElement(0)}", s"${started.productElement(1)}",
        asksForToken = token.exists(_.trim.nonEmpty)))
    case _ =>
  }

  override def onApplicationEnd(end: SparkListenerApplicationEnd): Unit = if (!isShuttingDown) {
    System.err.println("The application has ended, so the server of Spark Connect ends, too.")
    // Not from here: Spark waits for its listeners while it stops. What it still does then, as to end the framework and its log of
    // events, is waited for.
    Daemon("sparkmesos-exit") {
      val until = System.nanoTime() + StopMillis * 1000000
      while (StartWatch.inSpark && System.nanoTime() < until) Thread.sleep(PollMillis)
      System.exit(Ended)
    }.start()
  }
}

object ConnectListener {
  private val Started = "org.apache.spark.sql.connect.service.SparkListenerConnectServiceStarted"
  private val Address = "spark.connect.grpc.binding.address"
  private val Token = "spark.connect.authenticate.token"
  private val TokenVariable = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
  private val Everywhere = Set("0.0.0.0", "::", "0:0:0:0:0:0:0:0")
  private val Loopback = Set("", "localhost", "::1", "0:0:0:0:0:0:0:1") // nothing at all is loopback to Java
  private val Ended = 1
  private val StopMillis = 30000L
  private val PollMillis = 50L

  /** What is said: `address` is the one that the server is bound to, if one is configured, `host` how Spark calls this machine. */
  def text(address: Option[String], host: String, port: String, asksForToken: Boolean): String = {
    val bound = address.map(_.stripPrefix("[").stripSuffix("]"))
    val everywhere = bound.forall(Everywhere)
    val own = everywhere || bound.exists(isLoopback)
    val reached =
      if (asksForToken && own || bound.contains("")) "localhost" // clients send a token without TLS to this name alone
      else if (everywhere) host
      else bound.getOrElse(host)
    val written = if (reached.contains(":") && !reached.startsWith("[")) s"[$reached]" else reached
    val token =
      if (!asksForToken) ""
      else {
        val asked = s"it asks for its token: clients have it in $TokenVariable, too"
        if (own) s" ($asked; those on other machines go through a proxy that ends TLS)"
        else s" ($asked, and go through a proxy that ends TLS: without it they send a token to localhost only)"
      }
    s"Connect with: sc://$written:$port$token"
  }

  private def isLoopback(address: String) = Loopback(address) || address.matches("127\\.[0-9.]+")

  /** Whether this JVM ends anyway, as after a signal. Only Java knows: it takes no more hooks then. */
  private def isShuttingDown: Boolean = {
    val hook = new Thread("sparkmesos-hook")
    try {
      Runtime.getRuntime.addShutdownHook(hook)
      Runtime.getRuntime.removeShutdownHook(hook)
      false
    } catch { case _: IllegalStateException => true }
  }
}

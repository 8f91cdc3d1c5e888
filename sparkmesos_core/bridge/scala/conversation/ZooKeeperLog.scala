package org.sparkmesos.bridge

import scala.util.Try

/** What ZooKeeper's client logs: some 25 lines at its start, class path included, and while no server answers a warning with
  * a stack trace every second or two. The bridge says itself, once and in one line, what of that concerns the application.
  */
object ZooKeeperLog {
  private val Loggers =
    Seq("ClientCnxn", "ClientCnxnSocket", "ZooKeeper", "Environment", "common.X509Util").map("org.apache.zookeeper." + _)

  /** Only errors from now on. By reflection, since Spark has Log4j 2 from 3.3 on and Log4j 1 before; without either, nothing. */
  def onlyErrors(): Unit = Loggers.foreach(name => log4j2(name) orElse log4j1(name))

  private def log4j2(name: String): Try[AnyRef] = Try {
    val level = Class.forName("org.apache.logging.log4j.Level")
    Class.forName("org.apache.logging.log4j.core.config.Configurator")
      .getMethod("setLevel", classOf[String], level)
      .invoke(null, name, level.getField("ERROR").get(null))
  }

  private def log4j1(name: String): Try[AnyRef] = Try {
    val logger = Class.forName("org.apache.log4j.Logger").getMethod("getLogger", classOf[String]).invoke(null, name)
    val level = Class.forName("org.apache.log4j.Level")
    logger.getClass.getMethod("setLevel", level).invoke(logger, level.getField("ERROR").get(null))
  }
}

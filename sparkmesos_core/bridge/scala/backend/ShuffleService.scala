package org.apache.spark.deploy.sparkmesos

import java.util.concurrent.TimeUnit

import scala.util.control.NonFatal

import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.deploy.ExternalShuffleService
import org.apache.spark.network.shuffle.{ExternalBlockHandler, LeasedBlockHandler}
import org.apache.spark.network.util.TransportConf
import org.apache.spark.sparkmesos.ShuffleServiceSettings
import org.apache.spark.util.ThreadUtils
import org.slf4j.LoggerFactory

// With SparkInternals.scala, ShuffleServiceClient.scala and ShuffleServiceHandler.scala: all that uses Spark's internals.

/** Spark's external shuffle service, which also removes the files of applications that have ended, as that of Spark 3.5 for
  * Mesos does: nobody tells it of their end. It is in this package since its class can be seen from nowhere else.
  */
object ShuffleService {
  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.ShuffleService")

  /** Runs one until the process is ended. It takes no arguments, but properties as all daemons of Spark do. */
  def main(arguments: Array[String]): Unit =
    ExternalShuffleService.main(arguments, (conf, security) => new LeasedShuffleService(conf, security))

  private[sparkmesos] class LeasedShuffleService(conf: SparkConf, security: SecurityManager) extends ExternalShuffleService(conf, security) {
    private val interval = ShuffleServiceSettings.betweenLooks(conf)
    private val cleaner = ThreadUtils.newDaemonSingleThreadScheduledExecutor("mesos-shuffle-cleaner")

    // This is called by the constructor above, before the fields here are set: so nothing of them is in it.
    override protected def newShuffleBlockHandler(transport: TransportConf): ExternalBlockHandler =
      new LeasedBlockHandler(super.newShuffleBlockHandler(transport), ShuffleServiceSettings.keep(conf))

    override def start(): Unit = {
      super.start()
      cleaner.scheduleWithFixedDelay(() => clean(), interval, interval, TimeUnit.MILLISECONDS)
      log.info(s"Looking every $interval ms for applications that have ended")
    }

    override def stop(): Unit = {
      cleaner.shutdownNow()
      super.stop()
    }

    /** A timer does not run again what has thrown something. */
    private def clean(): Unit =
      try getBlockHandler.asInstanceOf[LeasedBlockHandler].takeExpired(interval).foreach { application =>
        log.info(s"Nothing is heard of application $application any more: removing its files")
        applicationRemoved(application)
      } catch {
        case NonFatal(e) => log.error("The files of applications that have ended could not be removed; going on", e)
      }
  }
}

package org.apache.spark.deploy.sparkmesos

import java.nio.ByteBuffer
import java.util.concurrent.{SynchronousQueue, TimeUnit}

import scala.util.{Failure, Success, Try}
import scala.util.control.NonFatal

import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.deploy.ExternalShuffleService
import org.apache.spark.network.server.TransportServer
import org.apache.spark.sparkmesos.ShuffleServiceClient
import org.sparkmesos.backend.{ShuffleServiceMessages, ShuffleServiceTimes}

/** The shuffle service of the bridge, and what drivers tell it over the network; in this package since it is Spark's own. */
object RealShuffleService {
  private val PatienceSeconds = 60L

  private def conf(properties: Map[String, String]) = new SparkConf(false).setAll(properties)

  def start(properties: Map[String, String]): ExternalShuffleService = {
    val settings = conf(properties + ("spark.shuffle.service.port" -> "0"))
    val service = new ShuffleService.LeasedShuffleService(settings, new SecurityManager(settings))
    service.start()
    service
  }

  def port(service: ExternalShuffleService): Int = {
    val field = classOf[ExternalShuffleService].getDeclaredField("server")
    field.setAccessible(true)
    field.get(service).asInstanceOf[TransportServer].getPort
  }

  /** What the service on this machine says to the driver of an application that wants the files of one to be kept. */
  def tell(properties: Map[String, String], application: String, about: String, keep: Long): String = {
    val settings = conf(properties)
    val line = ShuffleServiceClient.line(settings, new SecurityManager(settings), application, ShuffleServiceTimes(keep, keep))
    val heard = new SynchronousQueue[Try[ByteBuffer]]
    try {
      line.send("127.0.0.1", ShuffleServiceMessages.keep(about, keep))(heard.put)
      heard.poll(PatienceSeconds, TimeUnit.SECONDS) match {
        case null => "nothing"
        case Success(answer) => if (answer == ShuffleServiceMessages.kept) "kept" else s"$answer"
        case Failure(e) => e.toString
      }
    } catch { case NonFatal(e) => e.toString }
    finally line.close()
  }
}

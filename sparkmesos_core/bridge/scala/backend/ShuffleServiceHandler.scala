package org.apache.spark.network.shuffle

import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicReference

import scala.annotation.tailrec
import scala.jdk.CollectionConverters._

import com.codahale.metrics.MetricSet
import org.apache.spark.network.client.{MergedBlockMetaResponseCallback, RpcResponseCallback, StreamCallbackWithID, TransportClient}
import org.apache.spark.network.protocol.MergedBlockMetaRequest
import org.apache.spark.network.server.{OneForOneStreamManager, RpcHandler, StreamManager}
import org.slf4j.LoggerFactory
import org.sparkmesos.backend.{Beat, KeepFiles, ShuffleServiceLeases, ShuffleServiceMessage, ShuffleServiceMessages}

// With SparkInternals.scala, ShuffleService.scala and ShuffleServiceClient.scala: all that uses Spark's internals.

/** Answers what drivers tell of their applications; all else is left to the handler that Spark has made, with its database and
  * its checks, which are not the same in all releases. It is in this package to see which executors that one knows.
  *
  * @param timeoutMillis for applications whose drivers say no other
  */
private[spark] class LeasedBlockHandler(sparks: ExternalBlockHandler, timeoutMillis: Long)
  extends ExternalBlockHandler(new OneForOneStreamManager, sparks.getBlockResolver) {
  import LeasedBlockHandler._

  // Those that it has from before a restart (spark.shuffle.service.db.enabled) may live, or have ended meanwhile.
  private val leases = new AtomicReference(
    ShuffleServiceLeases.initial(timeoutMillis, sparks.getBlockResolver.executors.keySet.asScala.map(_.appId).toSet, now))

  /** The applications whose files are to be removed, which are forgotten.
    *
    * @param interval milliseconds from look to look
    */
  @tailrec final def takeExpired(interval: Long): Set[String] = {
    val before = leases.get
    val (over, after) = before.expired(interval, now)
    if (leases.compareAndSet(before, after)) over else takeExpired(interval)
  }

  override def receive(client: TransportClient, message: ByteBuffer, callback: RpcResponseCallback): Unit =
    ShuffleServiceMessages.read(message) match {
      case Some(ours) =>
        // As Spark checks its own messages: with authentication, a client has proved whose it is.
        if (client.getClientId != null && client.getClientId != ours.application)
          throw new SecurityException(s"A client of ${client.getClientId} has no say about application ${ours.application}")
        take(ours, callback)
      case None =>
        val about = ShuffleServiceMessages.ofExecutors(message) // Spark's handler reads the buffer to its end
        sparks.receive(client, message, callback)
        about.foreach { case (application, registers) =>
          leases.updateAndGet(one => if (registers) one.registered(application, now) else one.used(application, now))
        }
    }

  private def take(message: ShuffleServiceMessage, callback: RpcResponseCallback): Unit = message match {
    case KeepFiles(application, timeout) =>
      val known = leases.getAndUpdate(_.told(application, timeout, now)).applications.get(application)
      if (timeout == 0) log.info(s"Application $application has ended")
      else if (!known.exists(_.timeout.contains(timeout)))
        log.info(s"Files of application $application are kept until $timeout ms after its last word")
      callback.onSuccess(ShuffleServiceMessages.kept)
    case Beat(application) => leases.updateAndGet(_.beat(application, now))
  }

  override def receiveStream(client: TransportClient, header: ByteBuffer, callback: RpcResponseCallback): StreamCallbackWithID =
    sparks.receiveStream(client, header, callback)

  override def receiveMergeBlockMetaReq(
      client: TransportClient, request: MergedBlockMetaRequest, callback: MergedBlockMetaResponseCallback): Unit =
    sparks.receiveMergeBlockMetaReq(client, request, callback)

  override def getMergedBlockMetaReqHandler: RpcHandler.MergedBlockMetaReqHandler = sparks.getMergedBlockMetaReqHandler
  override def getStreamManager: StreamManager = sparks.getStreamManager
  override def getAllMetrics: MetricSet = sparks.getAllMetrics
  override def channelActive(client: TransportClient): Unit = sparks.channelActive(client)
  override def channelInactive(client: TransportClient): Unit = sparks.channelInactive(client)
  override def exceptionCaught(cause: Throwable, client: TransportClient): Unit = sparks.exceptionCaught(cause, client)
  override def applicationRemoved(application: String, cleanupLocalDirs: Boolean): Unit =
    sparks.applicationRemoved(application, cleanupLocalDirs)
  override def executorRemoved(executor: String, application: String): Unit = sparks.executorRemoved(executor, application)
  override def close(): Unit = sparks.close()
}

private object LeasedBlockHandler {
  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.ShuffleService")

  /** Milliseconds of a clock without steps. */
  private def now: Long = System.nanoTime() / 1000000
}

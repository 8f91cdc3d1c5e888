package org.apache.spark.sparkmesos

import java.nio.ByteBuffer

import scala.util.{Failure, Success, Try}

import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.internal.config
import org.apache.spark.network.client.RpcResponseCallback
import org.apache.spark.network.netty.SparkTransportConf
import org.apache.spark.network.shuffle.ExternalBlockStoreClient
import org.apache.spark.storage.StorageUtils
import org.apache.spark.util.Utils
import org.sparkmesos.backend.{ShuffleServiceContacts, ShuffleServiceLine, ShuffleServiceTimes}

// With SparkInternals.scala, ShuffleService.scala and ShuffleServiceHandler.scala: all that uses Spark's internals.

/** How long files are kept, and how often it is looked and said, as in Spark 3.5 on Mesos; in milliseconds. */
private[spark] object ShuffleServiceSettings {
  /** For how long nothing has to be heard of an application until it counts as ended. */
  def keep(conf: SparkConf): Long =
    conf.get(config.STORAGE_BLOCKMANAGER_HEARTBEAT_TIMEOUT)
      .getOrElse(Utils.timeStringAsMs(s"${conf.get(config.Network.NETWORK_TIMEOUT)}s"))

  def betweenBeats(conf: SparkConf): Long = conf.get(config.EXECUTOR_HEARTBEAT_INTERVAL)

  /** `spark.shuffle.cleaner.interval`, which Spark 4 has no more. */
  def betweenLooks(conf: SparkConf): Long = math.max(conf.getTimeAsMs("spark.shuffle.cleaner.interval", "30s"), 1L)
}

private[spark] object ShuffleServiceClient {
  private val LongestAnswerMillis = 10000L
  private val LongestConnectSeconds = 5L

  /** What tells the shuffle services where executors run that an application lives; None if it uses none.
    *
    * @param hasExecutors whether executors of the application are on a host now
    */
  def contacts(
      conf: SparkConf, security: SecurityManager, application: String, hasExecutors: String => Boolean)
      : Option[ShuffleServiceContacts] =
    if (!conf.get(config.SHUFFLE_SERVICE_ENABLED)) None
    else {
      val times = ShuffleServiceTimes(ShuffleServiceSettings.keep(conf), ShuffleServiceSettings.betweenBeats(conf))
      Some(new ShuffleServiceContacts(application, times, line(conf, security, application, times), hasExecutors))
    }

  def line(conf: SparkConf, security: SecurityManager, application: String, times: ShuffleServiceTimes): ShuffleServiceLine =
    new Line(conf, security, application, times)

  /** Spark's own client, which knows how to authenticate and to encrypt. */
  private class Line(conf: SparkConf, security: SecurityManager, application: String, times: ShuffleServiceTimes)
    extends ShuffleServiceLine {
    val port: Int = StorageUtils.externalShuffleServicePort(conf)
    private val store = {
      // The two minutes that data may take are as long as files are kept. A connection over which nothing comes back, say since
      // a network was away, has to be given up long before; TCP would wait twice as long each time before it tries again.
      val answer = math.max(math.min(times.soon, LongestAnswerMillis) / 1000, 1)
      val quick = conf.clone
        .set("spark.shuffle.io.connectionCreationTimeout", s"${math.min(answer, LongestConnectSeconds)}s")
        .set("spark.shuffle.io.connectionTimeout", s"${answer}s")
        .set("spark.network.auth.rpcTimeout", s"${answer}s")
      val transport = SparkTransportConf.fromSparkConf(quick, "shuffle", 1, None, Some(security.getRpcSSLOptions()))
      new Client(transport)
    }
    store.init(application)

    def send(host: String, message: ByteBuffer)(answered: Try[ByteBuffer] => Unit): Unit = store.send(host, message)(answered)
    def close(): Unit = store.close()

    private class Client(transport: org.apache.spark.network.util.TransportConf)
      extends ExternalBlockStoreClient(transport, security, security.isAuthenticationEnabled(), 0L) {
      def send(host: String, message: ByteBuffer)(answered: Try[ByteBuffer] => Unit): Unit =
        clientFactory.createClient(host, port).sendRpc(message, new RpcResponseCallback {
          // The buffer is Netty's, and only lent.
          override def onSuccess(response: ByteBuffer): Unit = answered(Success(ByteBuffer.wrap(bytes(response))))
          override def onFailure(e: Throwable): Unit = answered(Failure(e))
        })

      private def bytes(buffer: ByteBuffer): Array[Byte] = {
        val copy = new Array[Byte](buffer.remaining)
        buffer.duplicate().get(copy)
        copy
      }
    }
  }
}

package org.sparkmesos.backend

import java.nio.{BufferUnderflowException, ByteBuffer}
import java.nio.charset.StandardCharsets.UTF_8

/** What a driver tells a shuffle service of its application. */
sealed trait ShuffleServiceMessage {
  def application: String
}
/** It lives, and its files are to be kept until nothing was heard of it for so many milliseconds. 0: it has ended. */
final case class KeepFiles(application: String, timeoutMillis: Long) extends ShuffleServiceMessage
/** It lives. Only drivers of Spark 3.5 send this; it is not answered. */
final case class Beat(application: String) extends ShuffleServiceMessage

/** The messages that Spark 3.5 has for its shuffle service on Mesos (`RegisterDriver`, `ShuffleServiceHeartbeat`). Spark 4 has
  * no such messages any more, and uses their type bytes for no others (`BlockTransferMessage.Type`). So drivers of both can
  * use the services of both.
  *
  * Texts are UTF-8 behind their length (4 bytes); numbers are big-endian, as everywhere in Spark's protocol.
  */
object ShuffleServiceMessages {
  private val KeepType: Byte = 4
  private val BeatType: Byte = 5
  private val RegistersExecutor: Byte = 2
  /** OpenBlocks, RegisterExecutor, RemoveBlocks, FetchShuffleBlocks, GetLocalDirsForExecutors, FetchShuffleBlockChunks: the
    * name of the application follows.
    */
  private val OfExecutors = Set[Byte](0, RegistersExecutor, 7, 9, 10, 15)

  /** What our service answers to [[KeepFiles]]. That of Spark 3.5 answers nothing, that is, with an empty message. */
  def kept: ByteBuffer = ByteBuffer.wrap(Array[Byte](1))

  def keep(application: String, timeoutMillis: Long): ByteBuffer = {
    val name = application.getBytes(UTF_8)
    val message = ByteBuffer.allocate(1 + 4 + name.length + 8)
    message.put(KeepType).putInt(name.length).put(name).putLong(timeoutMillis).flip()
    message
  }

  /** The message if it is one of these; the buffer stays as it is. Throws IllegalArgumentException if it is cut or damaged. */
  def read(message: ByteBuffer): Option[ShuffleServiceMessage] = {
    val content = message.duplicate()
    if (!content.hasRemaining) None
    else content.get() match {
      case KeepType => Some(whole(KeepFiles(text(content), content.getLong())))
      case BeatType => Some(Beat(text(content)))
      case _ => None
    }
  }

  /** Whose application's executors a message of Spark's own is about, and whether it registers one; None if it is no such
    * message. The buffer stays as it is.
    */
  def ofExecutors(message: ByteBuffer): Option[(String, Boolean)] = {
    val content = message.duplicate()
    if (!content.hasRemaining) None
    else {
      val kind = content.get()
      if (OfExecutors(kind)) Some((text(content), kind == RegistersExecutor)) else None
    }
  }

  private def whole(keep: => KeepFiles): KeepFiles = {
    val message =
      try keep
      catch { case _: BufferUnderflowException => throw new IllegalArgumentException("The message is cut") }
    if (message.timeoutMillis < 0) throw new IllegalArgumentException(s"${message.timeoutMillis} ms is no timeout")
    message
  }

  private def text(content: ByteBuffer): String = {
    val length = if (content.remaining >= 4) content.getInt() else -1
    if (length < 0 || length > content.remaining) throw new IllegalArgumentException("The message is cut")
    val bytes = new Array[Byte](length)
    content.get(bytes)
    new String(bytes, UTF_8)
  }
}

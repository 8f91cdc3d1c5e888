package org.sparkmesos.bridge

import java.io.{EOFException, IOException, InputStream}

/** Mesos' framing of events in a stream: their length in decimal digits, a line feed, that many bytes. */
object RecordIO {
  private val MaxRecord = 64 << 20

  /** The next record; null at the end. */
  def read(in: InputStream): Array[Byte] = {
    var length = -1L
    var c = in.read()
    while (c >= 0 && !(c == '\n' && length >= 0)) {
      if (c >= '0' && c <= '9') length = math.max(length, 0) * 10 + (c - '0')
      else if (c != '\n' && c != '\r' && c != ' ') throw new IOException("the stream is no RecordIO: a length was expected")
      if (length > MaxRecord) throw new IOException("a record of more than 64 MiB")
      c = in.read()
    }
    if (c < 0) {
      if (length >= 0) throw new EOFException("the stream ended within a record")
      null
    } else {
      val record = new Array[Byte](length.toInt)
      var n = 0
      while (n < record.length) {
        val more = in.read(record, n, record.length - n)
        if (more < 0) throw new EOFException("the stream ended within a record")
        n += more
      }
      record
    }
  }
}

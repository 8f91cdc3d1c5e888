package org.sparkmesos.bridge

import java.io.InputStream
import java.util.Locale

import com.fasterxml.jackson.databind.JsonNode

/** The events with which masters and agents answer a subscription: one in JSON in each record. */
private[bridge] object EventStream {
  /** Hands on the events as they come: the kind of each, and the part of it that is named for its kind. Returns when the
    * stream ends, or behind the event that makes `isOver` true. Throws IOException if the stream breaks.
    */
  def read(in: InputStream, isOver: => Boolean)(take: (String, JsonNode) => Unit): Unit = {
    var record = RecordIO.read(in)
    while (record != null && !isOver) {
      val event = Conversation.mapper.readTree(record)
      val kind = event.path("type").asText("")
      take(kind, event.path(kind.toLowerCase(Locale.ROOT)))
      record = if (isOver) null else RecordIO.read(in)
    }
  }
}

package org.sparkmesos.bridge

import java.util.Locale

import com.fasterxml.jackson.databind.node.ObjectNode

/** What calls of Mesos' v1 HTTP APIs have in common: JSON in, JSON out. */
private[bridge] object ApiCall {
  /** A call of this kind.
    *
    * @param body the part that is named for the kind, null when there is none
    * @param ids of whoever calls, by the names of their fields
    */
  def json(kind: String, body: ObjectNode, ids: (String, String)*): ObjectNode = {
    val call = Conversation.mapper.createObjectNode().put("type", kind)
    ids.foreach { case (name, value) => call.putObject(name).put("value", value) }
    if (body != null) call.replace(kind.toLowerCase(Locale.ROOT), body)
    call
  }

  /** Posts a call, and reads the answer up to its body. */
  def post(exchange: Exchange, path: String, call: ObjectNode, extra: Seq[(String, String)], millis: Int): Exchange =
    exchange.send("POST", path, Seq("Content-Type" -> "application/json", "Accept" -> "application/json") ++ extra,
      Conversation.mapper.writeValueAsBytes(call), millis)
}

package org.sparkmesos.bridge

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8
import java.util.Base64

import com.fasterxml.jackson.databind.node.ObjectNode

/** Requests to masters, with credentials.
  *
  * @param credential principal and secret for basic authentication
  */
private[bridge] final class MasterRequests(credential: Option[(String, String)]) {
  import MasterRequests._

  /** Whose credentials go with every request. */
  def principal: Option[String] = credential.map(_._1)

  /** An exchange that has not begun. */
  def exchange(master: Endpoint): Exchange = new Exchange(master, ConnectMillis)

  /** Posts a call to the scheduler API and reads the answer up to its body. */
  def post(exchange: Exchange, call: ObjectNode, extra: Seq[(String, String)], millis: Int = AnswerMillis): Exchange =
    ApiCall.post(exchange, Conversation.Path, call, authorization ++ extra, millis)

  /** Posts a call of a framework that is subscribed, and reads the answer up to its body.
    *
    * @param body the part that is named for the kind, null when there is none
    * @param streamId of the subscription
    */
  def call(exchange: Exchange, kind: String, body: ObjectNode, framework: Option[String], streamId: Option[String],
      millis: Int = AnswerMillis): Exchange =
    post(exchange, ApiCall.json(kind, body, framework.toSeq.map("framework_id" -> _): _*),
      streamId.toSeq.map("Mesos-Stream-Id" -> _) :+ ("Connection" -> "close"), millis)

  /** Reads an operator endpoint: status and text. */
  def get(master: Endpoint, path: String, millis: Int = AnswerMillis): (Int, String) = {
    val one = exchange(master)
    try {
      one.send("GET", path, Seq("Accept" -> "application/json", "Connection" -> "close") ++ authorization, Array.empty, millis)
      (one.status, one.text(MaxPage))
    } finally one.close()
  }

  /** The version of a master as its operator endpoints tell it; `/version` stays open where authentication is on. */
  def version(master: Endpoint): Option[String] =
    Seq("/version", "/master/state.json").iterator.map { path =>
      try {
        val (status, text) = get(master, path, VersionMillis)
        if (status == 200) Option(Conversation.mapper.readTree(text)).map(_.path("version").asText("")).filter(_.nonEmpty)
        else None
      } catch { case _: IOException => None }
    }.collectFirst { case Some(version) => version }

  private def authorization: Seq[(String, String)] = credential.toSeq.map { case (principal, secret) =>
    "Authorization" -> ("Basic " + Base64.getEncoder.encodeToString(s"$principal:$secret".getBytes(UTF_8)))
  }
}

private[bridge] object MasterRequests {
  private val ConnectMillis = 5000
  private val AnswerMillis = 30000
  private val VersionMillis = 5000
  private val MaxPage = 64 << 20
}

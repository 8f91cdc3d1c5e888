package org.sparkmesos.bridge

import java.net.{SocketTimeoutException, UnknownHostException}
import java.security.cert.CertificateException
import javax.net.ssl.SSLException

/** What it means that a master was not reached, or refused a subscription: decided from values alone. Codes and texts are
  * those recorded from Mesos 1.12.
  */
object Refusals {
  /** Answers that change by themselves: a master that recovers after its election (503), or is overloaded. */
  def isTemporary(status: Int): Boolean = (status >= 500 && status != 501) || status == 408 || status == 429

  /** Such answers that a master itself gives, and that nothing before it makes up: it recovers, or knows no leader. */
  def isOfMaster(status: Int, text: String): Boolean = status == 503 && OfMaster(text.trim)
  // The first as recorded, the second as in Master::Http::redirect.
  private val OfMaster = Set("Master has not finished recovery", "No leader elected")

  /** Answers behind which the framework is certainly not subscribed; 0 stands for none. */
  def isNoSubscription(status: Int): Boolean = status == 503 || status >= 300 && !isTemporary(status)

  /** Answers of who redirects to the leading master. */
  def isRedirect(status: Int): Boolean = Set(301, 302, 307, 308)(status)

  /** Answers to calls of a master that does not lead, or does not count the framework as subscribed (403). */
  def isByNoLeader(status: Int): Boolean = isRedirect(status) || status == 403

  /** Answers of a master that does not know the scheduler API at all, or of another server. */
  def isUnknownPath(status: Int): Boolean = status == 404 || status == 405 || status == 501

  /** What to tell of a refusal that trying again would not change.
    *
    * @param principal of the credentials that were sent, if any were
    * @param version of the master, if the path was unknown and it told
    */
  def explain(master: Endpoint, status: Int, text: String, principal: Option[String], version: Option[String]): String =
    status match {
      case 401 =>
        principal match {
          case Some(name) =>
            s"Mesos master $master refuses the credentials of principal '$name' (401): " +
              "check spark.mesos.principal and spark.mesos.secret"
          case None =>
            s"Mesos master $master demands authentication (401): set spark.mesos.principal and spark.mesos.secret"
        }
      case _ if isUnknownPath(status) =>
        version match {
          case None => s"$master is no Mesos master: it answers $status on ${Conversation.Path}. ${OldMesos.Needed}"
          case Some(one) => OldMesos.complaint(one).map(why => s"$master: $why").getOrElse(
            s"Mesos master $master (version $one) answers $status on ${Conversation.Path}: its scheduler API is switched off or hidden")
        }
      case _ =>
        val advice =
          if (text.contains("does not match principal"))
            ": spark.mesos.principal must be the principal whose spark.mesos.secret is given"
          else if (status == 403) ": an operator has to allow it, see the master's --acls"
          else ""
        s"Mesos master $master refuses the subscription: ${if (text.isEmpty) "no reason given" else text} ($status)$advice"
    }

  /** What may help with an error of Mesos about this framework; empty if nothing is known. */
  def advice(message: String): String =
    if (message.contains("Framework has been removed"))
      "An operator has torn the framework down, or Mesos has not heard of it for longer than its failover timeout " +
        "(spark.mesos.driver.failoverTimeout); a new application gets a new framework id."
    else if (message.contains("Framework failed over"))
      "Another scheduler has registered with the framework id of this one."
    else if (message.contains("role")) "Check spark.mesos.role."
    else ""

  /** The text of an answer as it can be told: one line of at most 300 characters. What stands before a master may answer with
    * whole pages, and what is told gets into logs, status updates and web pages.
    */
  def shown(text: String): String = {
    val line = text.replaceAll("[\\s\\p{Cntrl}]+", " ").trim
    if (line.length <= LongestText) line else line.substring(0, LongestText - 1) + "…"
  }
  private val LongestText = 300

  /** Why something could not be read or written. */
  def reason(e: Exception): String = {
    val text = Option(e.getMessage).getOrElse(e.getClass.getSimpleName)
    e match {
      case _: Hopeless => text
      case _: UnknownHostException => s"the host $text is unknown"
      case _: SSLException => s"$text (${Exchange.CaFileVariable} may name a file of the CA certificates to trust)"
      case _: SocketTimeoutException => "no answer in time"
      case _ => text
    }
  }

  /** Whether a certificate was not trusted, or is for another host. */
  def isUntrusted(e: Throwable): Boolean =
    e != null && (e.isInstanceOf[CertificateException] || isUntrusted(e.getCause))
}

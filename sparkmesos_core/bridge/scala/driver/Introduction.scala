package org.apache.mesos

import java.net.{InetAddress, UnknownHostException}

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.mesos.Protos.{Credential, FrameworkInfo, MasterInfo}
import org.apache.mesos.v1.{Protos => V1}
import org.sparkmesos.bridge.{Endpoint, ProtobufJson}

/** What a framework and its master tell of themselves when they meet. */
private[mesos] object Introduction {
  /** For how long Mesos keeps a framework that is away if the framework does not say: longer than it takes to notice a silent
    * master (5 heartbeats of 15 s) and to come back to it (15 s at most between two tries, 5 s to connect).
    */
  private val ReconnectSeconds = 120.0

  /** A FrameworkInfo in v1 JSON, with what libmesos fills in: the user and the host name. */
  def framework(info: FrameworkInfo): ObjectNode = {
    val builder = info.toBuilder
    if (builder.getUser.isEmpty) builder.setUser(System.getProperty("user.name"))
    if (builder.getHostname.isEmpty)
      try builder.setHostname(InetAddress.getLocalHost.getHostName)
      catch { case _: UnknownHostException => }
    if (builder.hasPrincipal) builder.setPrincipal(builder.getPrincipal.trim)
    // Mesos removes a framework without one as soon as its connection is cut; nobody could ever come back.
    if (builder.getFailoverTimeout <= 0) builder.setFailoverTimeout(ReconnectSeconds)
    ProtobufJson.write(builder.build(), V1.FrameworkInfo.parser())
  }

  /** Principal and secret of a Credential, which may be null. */
  def credentials(credential: Credential): Option[(String, String)] =
    if (credential == null || !credential.hasSecret) None
    // Spark reads secrets from files with the line feed at their end, which is no part of them.
    else Some(credential.getPrincipal.trim -> credential.getSecret.stripSuffix("\n").stripSuffix("\r"))

  /** What a master in v1 JSON says of itself; Mesos 1.0 does not say, so that only its address is known. */
  def master(told: JsonNode, address: Option[Endpoint]): MasterInfo =
    if (told.has("id")) ProtobufJson.read(told, V1.MasterInfo.newBuilder(), MasterInfo.parser())
    else {
      val builder = MasterInfo.newBuilder().setId("").setIp(0).setPort(0)
      address.foreach(master => builder.setPort(master.port).setHostname(master.host))
      builder.build()
    }
}

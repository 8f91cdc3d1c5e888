package org.sparkmesos.bridge

import java.util.LinkedHashMap

import com.fasterxml.jackson.databind.node.ObjectNode

/** A call to be made. `body` is the part of it that is named for its kind, null when there is none; `lost` is told if the call
  * was in vain.
  */
private[bridge] final class Call(val kind: String, val body: ObjectNode, val lost: (String, Boolean) => Unit) {
  def isTeardown: Boolean = kind == Call.Teardown
  /** It is about offers or updates of one subscription, which mean nothing to the next. */
  def isPassing: Boolean = Call.Passing(kind)
  /** It does no harm when Mesos gets it twice. */
  def isRepeatable: Boolean = Call.Repeatable(kind)
}

private[bridge] object Call {
  val Teardown = "TEARDOWN"
  private val Passing = Set("ACCEPT", "DECLINE", "ACKNOWLEDGE")
  private val Repeatable = Set("KILL", "REVIVE", "SUPPRESS", "RECONCILE", Teardown)
}

/** Calls that Mesos did not get, to be made after the next subscription: each once, and none that a later one undoes. For one
  * thread.
  */
private[bridge] final class KeptCalls {
  private val calls = new LinkedHashMap[String, Call]()

  def add(call: Call): Unit = {
    if (call.isTeardown) calls.clear()
    // REVIVE and SUPPRESS of all roles undo each other. What is asked for again moves to the end.
    if (call.body == null) KeptCalls.Opposite.get(call.kind).foreach(other => calls.remove(key(other, null)))
    calls.remove(key(call.kind, call.body))
    calls.put(key(call.kind, call.body), call)
  }

  /** All of them in the order in which they were asked for; none is left here. */
  def drain(): Seq[Call] = {
    val all = calls.values.toArray(Array.empty[Call]).toList
    calls.clear()
    all
  }

  private def key(kind: String, body: ObjectNode) = s"$kind $body"
}

private[bridge] object KeptCalls {
  private val Opposite = Map("REVIVE" -> "SUPPRESS", "SUPPRESS" -> "REVIVE")
}

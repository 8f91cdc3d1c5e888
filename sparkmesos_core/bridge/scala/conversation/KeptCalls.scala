package org.sparkmesos.bridge

import java.util.LinkedHashMap

import com.fasterxml.jackson.databind.node.ObjectNode

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

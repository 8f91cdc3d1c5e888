package org.sparkmesos.bridge

import java.util.LinkedHashMap

/** Calls that Mesos did not get, to be made after the next subscription: each once, and none that a later one undoes. For one
  * thread.
  */
private[bridge] final class KeptCalls {
  private val calls = new LinkedHashMap[String, Call]() // by their requests

  def add(call: Call): Unit = {
    if (call.isTeardown) calls.clear()
    // REVIVE and SUPPRESS of all roles undo each other. What is asked for again moves to the end.
    if (call.body == null) KeptCalls.Opposite.get(call.kind).foreach(other => calls.remove(new Call(other, null).request))
    calls.remove(call.request)
    calls.put(call.request, call)
  }

  /** All of them in the order in which they were asked for; none is left here. */
  def drain(): Seq[Call] = {
    val all = calls.values.toArray(Array.empty[Call]).toList
    calls.clear()
    all
  }
}

private[bridge] object KeptCalls {
  private val Opposite = Map("REVIVE" -> "SUPPRESS", "SUPPRESS" -> "REVIVE")
}

package org.sparkmesos.bridge

import java.util.{LinkedHashMap, Map => JMap}

/** Which calls have cost subscriptions: no master would take them, so that a new subscription was sought, and they were made
  * first of all on that. One that something between here and Mesos never lets through would keep all others from being made,
  * for ever. Calls that are about one subscription cost no second one, and for TEARDOWN no price is too high. For one thread.
  */
private[bridge] final class CostlyCalls {
  import CostlyCalls._

  private val costs = new LinkedHashMap[String, Int]() { // by requests, since the same is asked for again; the latest ones
    override def removeEldestEntry(eldest: JMap.Entry[String, Int]): Boolean = size > MaxRequests
  }

  /** A subscription was given up for it. */
  def add(call: Call): Unit = if (!call.isOfSubscription && !call.isTeardown)
    costs.put(call.request, costs.getOrDefault(call.request, 0) + 1)

  /** Mesos has taken it. */
  def taken(call: Call): Unit = if (!costs.isEmpty) costs.remove(call.request)

  /** It has cost enough: no other subscription is to be given up for it. */
  def isTooCostly(call: Call): Boolean = !costs.isEmpty && costs.getOrDefault(call.request, 0) >= MaxCost
}

private[bridge] object CostlyCalls {
  // Leaders may change twice in a row, and cost the same call two subscriptions.
  private val MaxCost = 2
  private val MaxRequests = 100
}

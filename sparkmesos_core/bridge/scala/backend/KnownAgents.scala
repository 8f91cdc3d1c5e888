package org.sparkmesos.backend

/** An agent that executors were launched on.
  *
  * @param last the number of the last of them
  * @param lostUpTo the number of the last executor that there was when the agent was given up; -1: it never was
  */
final case class KnownAgent(hostname: String, last: Int, lostUpTo: Int)

/** The agents that executors of an application were launched on, by their ids: what these have left there may be of use when they
  * are gone.
  */
final case class KnownAgents(byId: Map[String, KnownAgent]) {
  def launched(executors: Iterable[Executor]): KnownAgents = executors.foldLeft(this) { (before, one) =>
    val known = before.byId.getOrElse(one.agentId, KnownAgent(one.hostname, -1, -1))
    KnownAgents(before.byId.updated(one.agentId, known.copy(hostname = one.hostname, last = math.max(known.last, one.number))))
  }

  /** An agent is gone, with all that is there.
    *
    * This is news once of each time that it goes away: what is heard later of executors that were there then is not, and by then it
    * may be back, with files that were written anew.
    *
    * @param executor whose loss tells so; None: the agent's own
    * @param newest the number of the newest executor of all
    * @return its host, if this is news
    */
  def gone(id: String, executor: Option[Executor], newest: Int): (Option[String], KnownAgents) =
    byId.get(id).filter(agent => agent.lostUpTo < executor.fold(agent.last)(_.number)).fold((Option.empty[String], this)) { agent =>
      (Some(agent.hostname), KnownAgents(byId.updated(id, agent.copy(lostUpTo = newest))))
    }
}

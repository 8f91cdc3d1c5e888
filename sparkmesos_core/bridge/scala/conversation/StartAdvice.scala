package org.sparkmesos.bridge

/** What one executor needs. `memory` is in MB and includes `overhead`, as Spark's Mesos backend counts. */
final case class Needs(
    cpus: Double,
    memory: Int,
    overhead: Int,
    coresMax: Option[Int],
    role: String,
    constraints: String)

/** What an agent has for frameworks of our role, what of it is free, and what it has at all. Memory in MB. */
final case class Room(
    host: String,
    cpus: Double,
    memory: Double,
    freeCpus: Double,
    freeMemory: Double,
    allCpus: Double,
    allMemory: Double,
    attributes: Map[String, String])

/** What is known when no executor has started.
  *
  * @param problem why there is no subscription; empty when there is one
  * @param rooms the agents; None if the master tells nobody and has made no offers
  * @param offersOnly the rooms are of offers, since the master did not let us read its list of agents
  * @param preparing tasks that were launched and do not run yet
  * @param silent tasks that run, though no executor has registered with the driver
  * @param ended tasks that ended before an executor had started
  * @param lastEnd what became of the last of them
  * @param lastUris what its agent had to fetch for it, if it never ran
  */
final case class Situation(
    needs: Needs,
    master: String,
    problem: String,
    rooms: Option[Seq[Room]],
    offersOnly: Boolean,
    preparing: Int,
    silent: Int,
    ended: Int,
    lastEnd: String,
    lastUris: Seq[String])

/** Why no executor can start: decided from values alone, without I/O. */
object StartAdvice {
  /** Sentences: what one executor needs, what is wrong, what to do. */
  def explain(s: Situation): Seq[String] = {
    val (wrong, advice) = decide(s)
    Seq(need(s.needs)) ++ wrong :+ s"What to do: $advice"
  }

  private def need(n: Needs) =
    s"One executor needs ${cpus(n.cpus)} and ${n.memory} MB of memory (${n.overhead} MB of it overhead)."

  private def decide(s: Situation): (Seq[String], String) = {
    val n = s.needs
    val suitable = s.rooms.map(_.filter(room => satisfies(n.constraints, room.attributes)))
    if (s.problem.nonEmpty)
      Seq(s"This application is not registered with Mesos: ${s.problem}.") ->
        s"see whether the Mesos master at ${s.master} runs and can be reached from this machine."
    else if (n.coresMax.exists(_ < n.cpus))
      Seq(s"spark.cores.max=${n.coresMax.get} is less than spark.executor.cores=${number(n.cpus)}, so Spark starts none.") ->
        "raise spark.cores.max or lower spark.executor.cores."
    else if (s.preparing > 0)
      Seq(s"${count(s.preparing, "executor was", "executors were")} launched and " +
        "did not begin to run yet: the agent may still be downloading what it needs.") ->
        "wait; if it lasts, look at stderr in the task's sandbox on the agent."
    else if (s.ended > 0 && s.lastEnd.contains(FetchFailed))
      Seq(s"${endings(s)} Its agent could not fetch, or not unpack, ${fetched(s.lastUris)}.") ->
        ("see that agents can (spark.executor.uri, spark.mesos.uris); stderr in the task's sandbox on the agent tells what " +
          "went wrong. Spark gives an agent up after two failures.")
    else if (s.ended > 0)
      Seq(endings(s)) ->
        ("look at stderr in the task's sandbox on the agent. Agents need Java, and Spark at spark.mesos.executor.home " +
          "or a Spark archive in spark.executor.uri; they must be able to connect to this driver (spark.driver.host). " +
          "Spark gives an agent up after two failures.")
    else if (s.silent > 0)
      Seq(s"${count(s.silent, "executor was", "executors were")} launched and did not register with this driver yet.") ->
        ("wait; if it lasts, look at stderr in the task's sandbox on the agent, and see that agents can connect to " +
          "this driver (spark.driver.host).")
    else if (s.rooms.isEmpty)
      Seq("Mesos has offered nothing so far, and the master does not let this application read its list of agents.") ->
        "ask whoever runs the cluster whether it has free agents for this application's role and principal."
    else if (s.rooms.get.isEmpty)
      Seq(s"No agent is registered with the Mesos master at ${s.master}.") -> "start agents, or see why they do not register."
    else if (suitable.get.isEmpty)
      Seq(s"No agent satisfies spark.mesos.constraints=${n.constraints}. Agents have: " +
        some(s.rooms.get.map(room => s"${room.host} (${attributes(room)})")) + ".") ->
        "correct spark.mesos.constraints, or add agents with these attributes."
    else large(s, suitable.get)
  }

  private val FetchFailed = "Failed to fetch" // all URIs, says the agent (Fetcher::fetch)
  private def endings(s: Situation) =
    s"${count(s.ended, "executor was", "executors were")} launched and ended at once; the last one: ${s.lastEnd}."
  private def fetched(uris: Seq[String]) =
    if (uris.isEmpty) "what it needs" else if (uris.size == 1) shown(uris.head) else "one of " + some(uris.map(shown))

  /** A URI without what may be secret: its user, password, query and fragment. What follows the first colon is a password if
    * it is no port, and may hold anything, slashes too: it ends at the last @.
    */
  private[sparkmesos] def shown(uri: String): String = {
    val begin = uri.indexOf("://") + 3
    if (begin < 3) uri
    else {
      val rest = uri.substring(begin)
      def plain(text: String) = text.takeWhile(c => c != '?' && c != '#')
      val authority = plain(rest).takeWhile(_ != '/')
      val password = !authority.startsWith("[") && !authority.dropWhile(_ != ':').drop(1).forall(_.isDigit)
      val before = if (!password) authority else if (authority.indexOf('@') >= 0) plain(rest) else rest
      uri.substring(0, begin) + plain(rest.substring(before.lastIndexOf('@') + 1))
    }
  }

  private def large(s: Situation, rooms: Seq[Room]): (Seq[String], String) = {
    val n = s.needs
    val enough = rooms.filter(room => math.floor(room.cpus) >= n.cpus && room.memory >= n.memory)
    val free = enough.filter(room => math.floor(room.freeCpus) >= n.cpus && room.freeMemory >= n.memory)
    val thing = if (s.offersOnly) "offer" else "agent"
    if (enough.isEmpty) {
      val withCpus = rooms.maxBy(_.cpus)
      val withMemory = rooms.maxBy(_.memory)
      val short = Seq(
        if (math.floor(withCpus.cpus) >= n.cpus) None
        else Some(s"cpus: needs ${number(n.cpus)}, the largest $thing, ${withCpus.host}, has ${number(withCpus.cpus)}"),
        if (withMemory.memory >= n.memory) None
        else Some(s"mem: needs ${n.memory} MB, the largest $thing, ${withMemory.host}, has ${number(withMemory.memory)} MB")
      ).flatten
      val both =
        if (short.nonEmpty) short
        else
          Seq(s"no $thing has both: ${withCpus.host} has ${cpus(withCpus.cpus)} and ${number(withCpus.memory)} MB, " +
            s"${withMemory.host} has ${cpus(withMemory.cpus)} and ${number(withMemory.memory)} MB")
      val reserved = rooms.exists(room => math.floor(room.allCpus) >= n.cpus && room.allMemory >= n.memory)
      val role = if (n.role.isEmpty) "*" else n.role
      (Seq(s"No $thing is large enough. " + both.mkString("; ") + ".") ++
        (if (reserved) Seq(s"What is reserved for other roles than '$role' is not counted.") else Nil)) ->
        ((if (short.exists(_.startsWith("mem"))) "lower spark.executor.memory" else "lower spark.executor.cores") +
          (if (reserved) ", set spark.mesos.role to a role with reservations" else "") + ", or add a larger agent.")
    } else if (free.isEmpty) {
      val best = enough.maxBy(room => (room.freeMemory, room.freeCpus))
      Seq(s"${count(enough.size, s"$thing is", s"${thing}s are")} large enough but busy now; the freest, ${best.host}, " +
        s"has ${cpus(best.freeCpus)} and ${number(best.freeMemory)} MB free.") ->
        "wait until other applications end, make the executors smaller, or add agents."
    } else
      Seq(s"${count(free.size, s"$thing has", s"${thing}s have")} enough free (for example ${free.head.host}), " +
        "but Mesos has not offered it, or Spark has declined it for the time being.") ->
        ("other frameworks may hold these offers, or a quota may withhold them: see the offers on the master's page at " +
          s"http://${s.master}" + (if (n.constraints.isEmpty) "." else ", and check spark.mesos.constraints."))
  }

  /** Whether attributes, as the master's /slaves prints them, satisfy spark.mesos.constraints by Spark's rules. What cannot
    * be judged (ranges, a malformed constraint) counts as satisfied, so that nobody is led astray.
    */
  private[bridge] def satisfies(constraints: String, attributes: Map[String, String]): Boolean =
    constraints.split(';').map(_.trim).filter(_.nonEmpty).forall { one =>
      val colon = one.indexOf(':')
      val name = (if (colon < 0) one else one.substring(0, colon)).trim
      val wanted = (if (colon < 0) "" else one.substring(colon + 1)).trim.split(',').filter(_.nonEmpty)
      attributes.get(name) match {
        case None => colon < 0
        case Some(value) if wanted.isEmpty || value.startsWith("[") => true
        case Some(value) if value.startsWith("{") =>
          wanted.toSet.subsetOf(value.stripPrefix("{").stripSuffix("}").split(',').map(_.trim).toSet)
        case Some(value) =>
          val numeric = value.nonEmpty && value.forall(c => c.isDigit || c == '.' || c == '-') && value.exists(_.isDigit)
          wanted.contains(value) || numeric && wanted.exists(w =>
            try w.toDouble <= value.toDouble
            catch { case _: NumberFormatException => true })
      }
    }

  private def attributes(room: Room) =
    if (room.attributes.isEmpty) "no attributes"
    else room.attributes.toSeq.sorted.map { case (name, value) => s"$name:$value" }.mkString(";")
  private def some(all: Seq[String]) = all.take(5).mkString(", ") + (if (all.size > 5) s" and ${all.size - 5} more" else "")
  private def cpus(n: Double) = if (n == 1) "1 cpu" else s"${number(n)} cpus"
  private def count(n: Int, one: String, many: String) = if (n == 1) s"1 $one" else s"$n $many"
  private def number(n: Double) = {
    val rounded = math.floor(n * 100) / 100
    if (rounded == math.rint(rounded)) rounded.toLong.toString else rounded.toString
  }
}

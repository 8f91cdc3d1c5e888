package org.sparkmesos.harness

import java.util.concurrent.{CountDownLatch, LinkedBlockingQueue, TimeUnit}

import com.fasterxml.jackson.databind.JsonNode

import org.sparkmesos.backend.{Application, Fleet, FleetOwner, Framework, Loss}
import org.sparkmesos.bridge.{Conversation, Masters, StartWatch}

/** A fleet and a master, without Spark. */
object FleetCommands extends Commands {
  /** Each has "properties", "environment" and "master".
    *
    * `fleet_stopped`: it is stopped before it is started, or, with "isWaiting", while it waits for a master that is not there;
    * what start() says. `fleet_broken`: "broken" names the method of its owner that throws, "isMissing" whether as something
    * that is not in this Spark; its first executor registers, and is cut off. What the owner is told in the end; the fleet
    * is stopped "lingers" milliseconds later.
    */
  def commands: Map[String, JsonNode => JsonNode] = Map(
    "fleet_stopped" -> (argument => {
      val owner = new Owner(_ => ())
      val fleet = fleetOf(argument, owner)
      val said = new LinkedBlockingQueue[String]
      val starting = new Thread(() => said.add(try fleet.start() catch { case e: Exception => e.toString }))
      if (argument.path("isWaiting").asBoolean) {
        starting.start()
        owner.begun.await()
        while (starting.getState != Thread.State.WAITING) Thread.sleep(10)
        fleet.stop()
      } else {
        fleet.stop()
        starting.start()
      }
      Json.of(said.poll(Patience, TimeUnit.SECONDS))
    }),
    "fleet_broken" -> (argument => {
      val broken = argument.get("broken").asText
      def thrown = if (argument.path("isMissing").asBoolean) new NoSuchMethodError("gone") else new IllegalStateException("broken")
      val owner = new Owner(method => if (method == broken) throw thrown)
      System.setProperty(Silence, "100")
      val fleet = fleetOf(argument, owner)
      try {
        fleet.start()
        if (owner.running.await(if (broken == "excludedHosts") 0 else Patience, TimeUnit.SECONDS)) {
          fleet.letsIn("0")
          fleet.cutOff("0")
        }
        val ended = owner.ends.poll(Patience, TimeUnit.SECONDS)
        Thread.sleep(argument.path("lingers").asLong)
        Json.of(ended)
      } finally {
        fleet.stop()
        System.clearProperty(Silence)
      }
    }))

  private val Patience = 60L
  private val Silence = "sparkmesos.bridge.silenceMillis"

  private def fleetOf(argument: JsonNode, owner: Owner): Fleet = {
    val settings = SettingsCommands.read(argument)
    val info = Framework.json(settings, System.getProperty("user.name"), "fleet", "localhost", None, None)
    new Fleet(settings, Masters.of(argument.get("master").asText), info, owner)
  }

  /** @param called gets the name of each method before it does anything */
  private final class Owner(called: String => Unit) extends FleetOwner {
    val begun = new CountDownLatch(1)
    val running = new CountDownLatch(1)
    val ends = new LinkedBlockingQueue[String]

    def application(frameworkId: String): Application = Application(frameworkId, "fleet", "spark://none@localhost:1", Nil, "")
    def excludedHosts: Set[String] = { called("excludedHosts"); Set.empty }
    def quits(executor: String): Int = 0
    def watch(conversation: Conversation): Option[StartWatch] = { begun.countDown(); None }
    def isConnected(is: Boolean): Unit = ()
    def runs(hostname: String): Unit = running.countDown()
    def executors: Set[String] = Set.empty
    def remove(executor: String, hostname: String, loss: Loss): Unit = called("remove")
    def decommission(executors: Seq[String], why: String): Unit = ()
    def agentLost(agentId: String, hostname: String, why: String): Unit = ()
    def ended(message: String): Unit = ends.add(message)
  }
}

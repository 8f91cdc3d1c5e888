package org.sparkmesos.benchmarks

import java.io.{BufferedInputStream, BufferedReader, DataInputStream, InputStreamReader}
import java.net.{HttpURLConnection, URL}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.{Collections, List => JList}
import java.util.concurrent.{CountDownLatch, LinkedBlockingQueue, TimeUnit}

import com.fasterxml.jackson.databind.ObjectMapper
import org.apache.mesos.{MesosSchedulerDriver, Scheduler, SchedulerDriver}
import org.apache.mesos.Protos._

/** Schedulers on the bridge's MesosSchedulerDriver, as bare as that in Python beside which they are measured. Each line of
  * standard input asks for one measurement, its answer is a line of JSON with times in seconds.
  */
object Drivers {
  private val json = new ObjectMapper()
  private val Path = "/api/v1/scheduler"

  private class Quiet extends Scheduler {
    def registered(d: SchedulerDriver, id: FrameworkID, master: MasterInfo): Unit = ()
    def reregistered(d: SchedulerDriver, master: MasterInfo): Unit = ()
    def resourceOffers(d: SchedulerDriver, offers: JList[Offer]): Unit = ()
    def offerRescinded(d: SchedulerDriver, id: OfferID): Unit = ()
    def statusUpdate(d: SchedulerDriver, status: TaskStatus): Unit = ()
    def frameworkMessage(d: SchedulerDriver, e: ExecutorID, s: SlaveID, data: Array[Byte]): Unit = ()
    def disconnected(d: SchedulerDriver): Unit = ()
    def slaveLost(d: SchedulerDriver, s: SlaveID): Unit = ()
    def executorLost(d: SchedulerDriver, e: ExecutorID, s: SlaveID, status: Int): Unit = ()
    def error(d: SchedulerDriver, message: String): Unit = { System.err.println(message); System.exit(1) }
  }

  private val framework = FrameworkInfo.newBuilder().setUser("root").setName("bridge").setRole("*").build()

  /** Launches tasks one after the other; between them its role is suppressed. */
  private final class OneByOne(master: String) {
    private val offered = new LinkedBlockingQueue[(Long, JList[Offer])]()
    private val updates = new LinkedBlockingQueue[(Long, TaskStatus)]()
    private val scheduler = new Quiet {
      override def resourceOffers(d: SchedulerDriver, offers: JList[Offer]): Unit = offered.put((System.nanoTime(), offers))
      override def statusUpdate(d: SchedulerDriver, status: TaskStatus): Unit = updates.put((System.nanoTime(), status))
    }
    private val driver =
      new MesosSchedulerDriver(scheduler, framework, Collections.singleton("*"), master, true)
    driver.start()

    private def next[T](queue: LinkedBlockingQueue[T]): T =
      Option(queue.poll(60, TimeUnit.SECONDS)).getOrElse(throw new IllegalStateException("an event was awaited in vain"))

    private def await(state: TaskState): Long = {
      var update = next(updates)
      while (update._2.getState != state) update = next(updates)
      update._1
    }

    def task(name: String): String = {
      driver.reviveOffers()
      val (moment, offers) = next(offered)
      val offer = offers.get(0)
      def scalar(name: String, value: Double) = Resource.newBuilder().setName(name).setType(Value.Type.SCALAR)
        .setScalar(Value.Scalar.newBuilder().setValue(value)).build()
      val command = CommandInfo.newBuilder().setShell(false).setValue("sleep").addArguments("sleep").addArguments("3600")
      val id = TaskID.newBuilder().setValue(name).build()
      val task = TaskInfo.newBuilder().setName("sleep").setTaskId(id).setSlaveId(offer.getSlaveId)
        .addResources(scalar("cpus", 0.1)).addResources(scalar("mem", 32)).setCommand(command).build()
      val forGood = Filters.newBuilder().setRefuseSeconds(86400).build()
      driver.launchTasks(offer.getId, Collections.singleton(task), forGood)
      val starting = await(TaskState.TASK_STARTING)
      val running = await(TaskState.TASK_RUNNING)
      driver.suppressOffers()
      val kill = System.nanoTime()
      driver.killTask(id)
      val killed = await(TaskState.TASK_KILLED)
      json.createObjectNode().put("starting", (starting - moment) / 1e9).put("running", (running - moment) / 1e9)
        .put("killed", (killed - kill) / 1e9).toString
    }

    def stop(): Unit = driver.stop()
  }

  /** How long the bridge takes from the registration until it has handed over so many offers and updates. */
  private def intake(master: String, expected: Int): Double = {
    val done = new CountDownLatch(expected)
    @volatile var began, ended = 0L
    def count(): Unit = {
      if (done.getCount == 1) ended = System.nanoTime()
      done.countDown()
    }
    val driver = new MesosSchedulerDriver(new Quiet {
      override def registered(d: SchedulerDriver, id: FrameworkID, master: MasterInfo): Unit = began = System.nanoTime()
      override def resourceOffers(d: SchedulerDriver, offers: JList[Offer]): Unit = {
        val all = offers.iterator()
        while (all.hasNext) { all.next(); count() }
      }
      override def statusUpdate(d: SchedulerDriver, status: TaskStatus): Unit = count()
    }, framework, master)
    driver.start()
    done.await()
    driver.stop(true)
    (ended - began) / 1e9
  }

  private def post(url: String, body: String, streaming: Boolean): HttpURLConnection = {
    val connection = new URL(url + Path).openConnection().asInstanceOf[HttpURLConnection]
    connection.setDoOutput(true)
    connection.setRequestProperty("Content-Type", "application/json")
    connection.getOutputStream.write(body.getBytes(UTF_8))
    if (connection.getResponseCode != (if (streaming) 200 else 202)) throw new IllegalStateException(s"$url: ${connection.getResponseCode}")
    connection
  }

  /** How long it takes to read and to parse the same events, and nothing else, from the first one on. */
  private def floor(url: String, events: Int): Double = {
    val connection = post(url, """{"type":"SUBSCRIBE"}""", streaming = true)
    val in = new DataInputStream(new BufferedInputStream(connection.getInputStream, 65536))
    def record(): Array[Byte] = {
      var length = 0
      var c = in.read()
      while (c != '\n') { length = length * 10 + (c - '0'); c = in.read() }
      val bytes = new Array[Byte](length)
      in.readFully(bytes)
      bytes
    }
    json.readTree(record()) // SUBSCRIBED
    val began = System.nanoTime()
    var parsed = 0
    while (parsed < events) { json.readTree(record()); parsed += 1 }
    val took = System.nanoTime() - began
    connection.disconnect()
    took / 1e9
  }

  /** How long so many calls take one after the other on a connection that is kept alive. */
  private def calls(url: String, body: String, number: Int): Double = {
    val began = System.nanoTime()
    (1 to number).foreach { _ =>
      val in = post(url, body, streaming = false).getInputStream
      while (in.read() >= 0) () // what is not read to its end is not kept alive
      in.close()
    }
    (System.nanoTime() - began) / 1e9
  }

  def main(arguments: Array[String]): Unit = {
    val in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"))
    var scheduler: OneByOne = null
    var line = in.readLine()
    while (line != null) {
      println(line.split(" ", 4) match {
        case Array("subscribe", master) => scheduler = new OneByOne(master); "{}"
        case Array("task", name) => scheduler.task(name)
        case Array("stop") => scheduler.stop(); "{}"
        case Array("intake", master, expected) => intake(master, expected.toInt)
        case Array("floor", url, events) => floor(url, events.toInt)
        case Array("calls", url, number, body) => calls(url, body, number.toInt)
      })
      line = in.readLine()
    }
  }
}

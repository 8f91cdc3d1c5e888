package org.sparkmesos.bridge

import java.io.{BufferedReader, InputStreamReader}
import java.util.{HashMap => JHashMap}
import java.util.concurrent.ConcurrentHashMap

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.mesos.{Executor, ExecutorDriver, MesosExecutorDriver, MesosNativeLibrary}
import org.apache.mesos.Protos._
import org.apache.mesos.protobuf.Message
import org.apache.mesos.v1.{Protos => V1}

/** An executor on a leash: each line of standard input is a command in JSON, each line of standard output an answer to one
  * or a callback, with the v0 messages as Spark's executor would see them.
  */
object ExecutorProbe {
  private val json = Conversation.mapper
  private val drivers = new ConcurrentHashMap[String, MesosExecutorDriver]()

  private def print(text: JsonNode): Unit = System.out.synchronized { System.out.println(text); System.out.flush() }

  private class Printing(name: String, throwIn: String, stopIn: String) extends Executor {
    private def tell(driver: ExecutorDriver, callback: String, messages: (String, Any)*): Unit = {
      val line = json.createObjectNode().put("name", name).put("callback", callback).put("thread", Thread.currentThread.getName)
      messages.foreach {
        case (key, message: Message) => line.set[JsonNode](key, ProtobufJson.toJson(message))
        case (key, text) => line.put(key, text.toString)
      }
      ExecutorProbe.print(line)
      if (callback == throwIn) throw new IllegalStateException(s"thrown in $callback")
      if (callback == stopIn) driver.stop()
    }
    def registered(d: ExecutorDriver, e: ExecutorInfo, f: FrameworkInfo, s: SlaveInfo): Unit =
      tell(d, "registered", "executor" -> e, "framework" -> f, "slave" -> s)
    def reregistered(d: ExecutorDriver, s: SlaveInfo): Unit = tell(d, "reregistered", "slave" -> s)
    def disconnected(d: ExecutorDriver): Unit = tell(d, "disconnected")
    def launchTask(d: ExecutorDriver, task: TaskInfo): Unit = tell(d, "launchTask", "task" -> task)
    def killTask(d: ExecutorDriver, task: TaskID): Unit = tell(d, "killTask", "task" -> task)
    def frameworkMessage(d: ExecutorDriver, data: Array[Byte]): Unit =
      tell(d, "frameworkMessage", "data" -> new String(data, "UTF-8"))
    def shutdown(d: ExecutorDriver): Unit = tell(d, "shutdown")
    def error(d: ExecutorDriver, message: String): Unit = tell(d, "error", "message" -> message, "join" -> d.join())
  }

  private def perform(command: JsonNode): Any = {
    val name = command.path("name").asText
    val driver = drivers.get(name)
    command.path("do").asText match {
      case "new" => // with an environment of its own, or with that of the process
        MesosNativeLibrary.load()
        val executor = new Printing(name, command.path("throwIn").asText, command.path("stopIn").asText)
        drivers.put(name, if (command.has("environment")) {
          val environment = new JHashMap[String, String]()
          command.path("environment").fields().asScala.foreach(e => environment.put(e.getKey, e.getValue.asText))
          new MesosExecutorDriver(executor, environment)
        } else new MesosExecutorDriver(executor))
        "made"
      case "null" => new MesosExecutorDriver(null)
      case "environment" =>
        ExecutorEnvironment.read(variable => Option(command.path("environment").path(variable).asText(null))).toString
      case "update" | "stop" if command.path("interrupted").asBoolean =>
        Thread.currentThread.interrupt()
        val calm = command.asInstanceOf[ObjectNode].without[ObjectNode]("interrupted")
        val outcome = try perform(calm) catch { case e: InterruptedException => e.toString }
        s"$outcome, interrupted: ${Thread.interrupted()}"
      case "own group" => ProcessGroup.isOwn(command.path("stat").asText)
      case "start" => driver.start()
      case "join" => driver.join()
      case "stop" => driver.stop()
      case "abort" => driver.abort()
      case "runs" => // run() in a thread of its own; its outcome is printed when it ends
        new Thread("runner-" + name) {
          override def run(): Unit = {
            val outcome = driver.run().toString
            ExecutorProbe.print(json.createObjectNode().put("name", name).put("callback", "run() ended").put("outcome", outcome))
          }
        }.start()
        "started"
      case "update" =>
        driver.sendStatusUpdate(ProtobufJson.read(command.path("status"), V1.TaskStatus.newBuilder(), TaskStatus.parser()))
      case "message" => driver.sendFrameworkMessage(command.path("text").asText.getBytes("UTF-8"))
      case "threads" =>
        Thread.getAllStackTraces.keySet.asScala.map(_.getName).filter(_.startsWith("mesos-")).toSeq.sorted.mkString(" ")
      case other => throw new IllegalArgumentException(other)
    }
  }

  def main(args: Array[String]): Unit = {
    val in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"))
    var line = in.readLine()
    while (line != null) {
      val answer = json.createObjectNode()
      try answer.put("answer", String.valueOf(perform(json.readTree(line))))
      catch { case e: Exception => answer.put("exception", e.toString) }
      print(answer)
      line = in.readLine()
    }
  }
}

package org.sparkmesos.bridge

import java.io.{BufferedReader, InputStreamReader}
import java.util.{Collections, List => JList}
import java.util.concurrent.ConcurrentHashMap

import scala.collection.JavaConverters._

import com.fasterxml.jackson.core.JsonGenerator
import com.fasterxml.jackson.databind.{JsonNode, JsonSerializable, SerializerProvider}
import com.fasterxml.jackson.databind.jsontype.TypeSerializer
import org.apache.mesos.{MesosNativeLibrary, MesosSchedulerDriver, Scheduler, SchedulerDriver}
import org.apache.mesos.Protos._
import org.apache.mesos.protobuf.Message
import org.apache.mesos.v1.{Protos => V1}
import org.apache.spark.{SparkConf, SparkEnv}

/** A scheduler on a leash: each line of standard input is a command in JSON, each line of standard output an answer to one
  * or a callback, with the v0 messages as Spark's backend would see them.
  */
object Probe {
  private val json = Conversation.mapper
  private val drivers = new ConcurrentHashMap[String, MesosSchedulerDriver]()
  private val schedulers = new ConcurrentHashMap[String, Printing]()

  private[bridge] def print(text: JsonNode): Unit = System.out.synchronized { System.out.println(text); System.out.flush() }

  private class Printing(name: String, throwIn: String, blockInError: Boolean) extends Scheduler {
    private def tell(callback: String, messages: (String, Any)*): Unit = {
      val line = json.createObjectNode().put("name", name).put("callback", callback).put("thread", Thread.currentThread.getName)
      messages.foreach {
        case (key, message: Message) => line.set[JsonNode](key, ProtobufJson.toJson(message))
        case (key, list: JList[_]) =>
          val array = line.putArray(key)
          list.asScala.foreach(message => array.add(ProtobufJson.toJson(message.asInstanceOf[Message])))
        case (key, number: Int) => line.put(key, number)
        case (key, text) => line.put(key, text.toString)
      }
      print(line)
      if (callback == throwIn) throw new IllegalStateException(s"thrown in $callback")
    }
    def registered(d: SchedulerDriver, id: FrameworkID, master: MasterInfo): Unit = tell("registered", "id" -> id, "master" -> master)
    def reregistered(d: SchedulerDriver, master: MasterInfo): Unit = tell("reregistered", "master" -> master)
    def resourceOffers(d: SchedulerDriver, offers: JList[Offer]): Unit = tell("resourceOffers", "offers" -> offers)
    def offerRescinded(d: SchedulerDriver, id: OfferID): Unit = tell("offerRescinded", "id" -> id)
    def statusUpdate(d: SchedulerDriver, status: TaskStatus): Unit = tell("statusUpdate", "status" -> status)
    def frameworkMessage(d: SchedulerDriver, e: ExecutorID, s: SlaveID, data: Array[Byte]): Unit =
      tell("frameworkMessage", "executor" -> e, "slave" -> s, "data" -> new String(data, "UTF-8"))
    def disconnected(d: SchedulerDriver): Unit = tell("disconnected")
    def slaveLost(d: SchedulerDriver, s: SlaveID): Unit = tell("slaveLost", "slave" -> s)
    def executorLost(d: SchedulerDriver, e: ExecutorID, s: SlaveID, status: Int): Unit =
      tell("executorLost", "executor" -> e, "slave" -> s, "status" -> status)
    def error(d: SchedulerDriver, message: String): Unit = {
      tell("error", "message" -> message)
      if (blockInError) {
        tell("joined", "status" -> d.join())
        runEnded.await()
      }
    }
    val runEnded = new java.util.concurrent.CountDownLatch(1)
  }

  private def v0[T <: Message](node: JsonNode, v1: Message.Builder, parser: org.apache.mesos.protobuf.Parser[T]): T =
    ProtobufJson.read(node, v1, parser)
  private def offer(node: JsonNode) = OfferID.newBuilder().setValue(node.asText).build()
  private def filters(node: JsonNode) = v0(node, V1.Filters.newBuilder(), Filters.parser())
  private def list(node: JsonNode): Seq[JsonNode] = node.elements().asScala.toList

  private def perform(command: JsonNode): Any = {
    val name = command.path("name").asText
    val driver = drivers.get(name)
    command.path("do").asText match {
      case "new" =>
        MesosNativeLibrary.load()
        val info = v0(command.path("framework"), V1.FrameworkInfo.newBuilder(), FrameworkInfo.parser())
        val scheduler = new Printing(name, command.path("throwIn").asText, command.path("blockInError").asBoolean)
        schedulers.put(name, scheduler)
        val master = command.path("master").asText
        val implicitly = command.path("implicit").asBoolean(true)
        drivers.put(name, if (command.has("suppressed"))
          new MesosSchedulerDriver(scheduler, info, list(command.path("suppressed")).map(_.asText).asJavaCollection, master,
            implicitly)
        else if (command.has("secret")) {
          val credential = Credential.newBuilder().setPrincipal(command.path("principal").asText)
            .setSecret(command.path("secret").asText).build()
          new MesosSchedulerDriver(scheduler, info, master, implicitly, credential)
        } else if (implicitly) new MesosSchedulerDriver(scheduler, info, master)
        else new MesosSchedulerDriver(scheduler, info, master, false))
        "made"
      case "start" => driver.start()
      case "run" => driver.run()
      case "advice" => Refusals.advice(command.path("text").asText)
      case "missing" => missing().mkString("; ")
      case "after failure" => // of a call that is made for the present subscription
        val failure = command.path("failure").asText match {
          case "unsent" => Unsent
          case "cut" => Unanswered(isCut = true)
          case "silence" => Unanswered(isCut = false)
          case "recovering" => Refused(503, "Master has not finished recovery")
          case "leaderless" => Refused(503, "No leader elected")
          case status => Refused(status.toInt, "upstream connect error or disconnect/reset before headers")
        }
        def is(name: String) = command.path("states").elements().asScala.exists(_.asText == name)
        AfterFailure.decide(new Call(command.path("kind").asText, null), failure, Circumstances(isCurrent = !is("outdated"),
          isStopping = is("stopping"), isTearingDown = is("tearing down"), hasTries = !is("tired"),
          isTooCostly = is("too costly"))).toString
      case "master url" => Masters.of(command.path("text").asText).toString
      case "node" => // the leader's, and where it can be reached
        val children = list(command.path("children")).map(_.path("name").asText)
        val node = ZooKeeperMasters.choose(children)
        val data = list(command.path("children")).filter(child => node.contains(child.path("name").asText))
          .map(_.path("data").asText.getBytes("UTF-8"))
        node.map(name => (name +: ZooKeeperMasters.addresses(name, data.head, command.path("https").asBoolean)).mkString(" "))
          .getOrElse("none")
      case "absence" => // a negative time: the master is back then
        val absence = new Absence
        list(command.path("times")).map(_.asLong)
          .map(time => if (time < 0) absence.back(-time) else absence.away(time)).map(_.getOrElse("-")).mkString(" ")
      case "reconciliation" => // what it asks about when it is begun after its end
        val asked = new StringBuilder
        val reconciliation = new Reconciliation(tasks => asked.append(tasks))
        reconciliation.begin(Set("before"))
        reconciliation.stop()
        reconciliation.begin(Set("after"))
        asked.toString
      case "join" => driver.join()
      case "runs" => // run() in a thread of its own, as Spark does it; its outcome is printed when it ends
        new Thread("runner-" + name) {
          override def run(): Unit = {
            val outcome = try driver.run().toString catch { case e: Exception => e.toString }
            schedulers.get(name).runEnded.countDown()
            Probe.print(json.createObjectNode().put("name", name).put("callback", "run() ended").put("outcome", outcome))
          }
        }.start()
        "started"
      case "stop" if command.path("interrupted").asBoolean =>
        Thread.currentThread.interrupt()
        val stopped = try driver.stop(false).toString catch { case e: InterruptedException => e.toString }
        s"$stopped, interrupted: ${Thread.interrupted()}"
      case "stop" => driver.stop(command.path("failover").asBoolean)
      case "abort" => driver.abort()
      case "decline" =>
        if (command.has("filters")) driver.declineOffer(offer(command.path("offer")), filters(command.path("filters")))
        else driver.declineOffer(offer(command.path("offer")))
      case "launch" =>
        val tasks = list(command.path("tasks")).map(v0(_, V1.TaskInfo.newBuilder(), TaskInfo.parser())).asJavaCollection
        val offers = list(command.path("offers")).map(offer).asJavaCollection
        if (command.has("single") && command.has("filters"))
          driver.launchTasks(offers.iterator.next(), tasks, filters(command.path("filters")))
        else if (command.has("single")) driver.launchTasks(offers.iterator.next(), tasks)
        else if (command.has("filters")) driver.launchTasks(offers, tasks, filters(command.path("filters")))
        else driver.launchTasks(offers, tasks)
      case "accept" => driver.acceptOffers(list(command.path("offers")).map(offer).asJavaCollection, Collections.emptyList(),
        filters(command.path("filters")))
      case "kill" => driver.killTask(TaskID.newBuilder().setValue(command.path("task").asText).build())
      case "revive" if command.has("roles") => driver.reviveOffers(list(command.path("roles")).map(_.asText).asJavaCollection)
      case "suppress" if command.has("roles") => driver.suppressOffers(list(command.path("roles")).map(_.asText).asJavaCollection)
      case "revive" => driver.reviveOffers()
      case "suppress" => driver.suppressOffers()
      case "reconcile" =>
        driver.reconcileTasks(list(command.path("tasks")).map { task =>
          val status = TaskStatus.newBuilder().setState(TaskState.TASK_RUNNING)
            .setTaskId(TaskID.newBuilder().setValue(task.path("task_id").path("value").asText))
          if (task.has("agent_id")) status.setSlaveId(SlaveID.newBuilder().setValue(task.path("agent_id").path("value").asText))
          status.build()
        }.asJavaCollection)
      case "acknowledge" =>
        driver.acknowledgeStatusUpdate(v0(command.path("status"), V1.TaskStatus.newBuilder(), TaskStatus.parser()))
      case "message" =>
        driver.sendFrameworkMessage(ExecutorID.newBuilder().setValue(command.path("executor").asText).build(),
          SlaveID.newBuilder().setValue(command.path("agent").asText).build(), command.path("text").asText.getBytes("UTF-8"))
      case "request" =>
        val request = Request.newBuilder().setSlaveId(SlaveID.newBuilder().setValue("s")).build()
        driver.requestResources(Collections.singleton(request))
      case "threads" =>
        Thread.getAllStackTraces.keySet.asScala.map(_.getName).filter(_.startsWith("mesos-")).toSeq.sorted.mkString(" ")
      case "shown uri" => StartAdvice.shown(command.path("text").asText)
      case "explain" => explain(command).mkString("\n")
      case "echo" => ProtobufJson.toJson(v0(command.path("status"), V1.TaskStatus.newBuilder(), TaskStatus.parser()))
      case "environment" => // as if a Spark application with this configuration ran in this JVM; without one, none
        SparkEnv.set(if (!command.has("conf")) null
        else { // by reflection: the parameters' types are in a dozen other jars
          val arguments = Seq("driver") ++ Seq.fill(12)(null) :+ sparkConf(command.path("conf"))
          classOf[SparkEnv].getConstructors.head.newInstance(arguments: _*).asInstanceOf[SparkEnv]
        })
        "set"
      case "needs" => StartWatch.needs(sparkConf(command.path("conf")))
      case "broken" => // a conversation that meets an Error
        val framework = json.createObjectNode()
        framework.putPOJO("user", new JsonSerializable {
          def serialize(generator: JsonGenerator, provider: SerializerProvider): Unit =
            throw new NoClassDefFoundError("thrown by the test")
          def serializeWithType(generator: JsonGenerator, provider: SerializerProvider, kind: TypeSerializer): Unit =
            serialize(generator, provider)
        })
        val listener = new ConversationListener {
          def subscribed(body: JsonNode, again: Boolean): Unit = ()
          def event(kind: String, body: JsonNode): Unit = ()
          def disconnected(): Unit = ()
          def failed(message: String): Unit =
            Probe.print(json.createObjectNode().put("name", name).put("callback", "failed").put("message", message))
        }
        new Conversation(Masters.of(command.path("master").asText), framework, None, () => Nil, listener).start()
        "started"
      case "endpoint" => Endpoint.parse(command.path("text").asText, https = false).toString
      case "location" => Endpoint.redirect(command.path("text").asText, command.path("https").asBoolean).toString
      case other => ConversationCommands.perform(other, command)
    }
  }

  /** Constructors and methods of Mesos' own driver, from its jar alone, that the bridge's class does not have. */
  private def missing(): Seq[String] = {
    val name = classOf[MesosSchedulerDriver].getName
    val jar = classOf[Scheduler].getProtectionDomain.getCodeSource.getLocation
    val theirs = Class.forName(name, false, new java.net.URLClassLoader(Array(jar), ClassLoader.getSystemClassLoader.getParent))
    def members(one: Class[_]) =
      (one.getConstructors.toSeq.map(_.toString) ++ one.getMethods.map(method =>
        s"${method.getReturnType.getName} ${method.getName}(${method.getParameterTypes.map(_.getName).mkString(",")})")).toSet
    (members(theirs) -- members(classOf[MesosSchedulerDriver])).toSeq.sorted
  }

  private def sparkConf(node: JsonNode): SparkConf = {
    val conf = new SparkConf(false)
    node.fields().asScala.foreach(field => conf.set(field.getKey, field.getValue.asText))
    conf
  }

  private def explain(command: JsonNode): Seq[String] = {
    val n = command.path("needs")
    val coresMax = if (n.has("coresMax")) Some(n.path("coresMax").asInt) else None
    val needs = Needs(n.path("cpus").asDouble(1), n.path("memory").asInt(1408), n.path("overhead").asInt(384), coresMax,
      n.path("role").asText(""), n.path("constraints").asText(""))
    val rooms = if (command.has("slaves")) Some(StartWatch.roomsOfAgents(command, needs.role)) else None
    StartAdvice.explain(Situation(needs, "127.0.0.1:5050", command.path("problem").asText(""), rooms, offersOnly = false,
      command.path("preparing").asInt, command.path("silent").asInt, command.path("ended").asInt, command.path("lastEnd").asText(""),
      list(command.path("lastUris")).map(_.asText)))
  }

  def main(args: Array[String]): Unit = {
    val in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"))
    var line = in.readLine()
    while (line != null) {
      val answer = json.createObjectNode()
      try perform(json.readTree(line)) match {
        case node: JsonNode => answer.set[JsonNode]("answer", node)
        case other => answer.put("answer", String.valueOf(other))
      } catch { case e: Exception => answer.put("exception", e.toString) }
      print(answer)
      line = in.readLine()
    }
  }
}

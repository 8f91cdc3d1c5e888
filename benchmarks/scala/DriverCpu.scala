package org.sparkmesos.benchmarks

import java.lang.management.ManagementFactory
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Paths}

import scala.collection.concurrent.TrieMap

import com.fasterxml.jackson.databind.ObjectMapper
import org.apache.spark.SparkConf
import org.apache.spark.scheduler.SparkListener

/** Writes down, when the driver's JVM ends, how much CPU time each of the bridge's threads and the whole JVM have used, in
  * seconds. An extra listener (spark.extraListeners), since that is how a class of ours gets into a driver.
  */
class DriverCpu(conf: SparkConf) extends SparkListener {
  private val file = Paths.get(conf.get("spark.benchmarks.cpuFile"))
  private val beans = ManagementFactory.getThreadMXBean
  private val used = TrieMap.empty[String, Long] // nanoseconds; a thread that has ended keeps what it had

  private def look(): Unit = beans.getThreadInfo(beans.getAllThreadIds).foreach { info =>
    if (info != null && Seq("mesos-", "sparkmesos-").exists(prefix => info.getThreadName.startsWith(prefix))) {
      val nanos = beans.getThreadCpuTime(info.getThreadId)
      if (nanos > 0) used(info.getThreadName) = nanos
    }
  }

  private val looking = new Thread("benchmarks-cpu") {
    override def run(): Unit = while (true) { look(); Thread.sleep(50) }
  }
  looking.setDaemon(true)
  looking.start()

  Runtime.getRuntime.addShutdownHook(new Thread("benchmarks-cpu-writer") {
    override def run(): Unit = {
      val json = new ObjectMapper().createObjectNode()
      val threads = json.putObject("threads")
      used.foreach { case (name, nanos) => threads.put(name, nanos / 1e9) }
      ManagementFactory.getOperatingSystemMXBean match {
        case system: com.sun.management.OperatingSystemMXBean => json.put("process", system.getProcessCpuTime / 1e9)
      }
      Files.write(file, json.toString.getBytes(UTF_8))
    }
  })
}

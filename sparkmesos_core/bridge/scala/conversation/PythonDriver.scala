package org.sparkmesos.bridge

import java.io.{File, IOException}
import java.nio.charset.StandardCharsets.ISO_8859_1
import java.nio.file.{Files, Paths}
import java.util.concurrent.atomic.AtomicBoolean

/** The Python program of a PySpark application, which spark-submit starts as a child of its JVM.
  *
  * Spark leaves it alone when the JVM is told to end (SIGTERM, System.exit): it would live on as an orphan until it next
  * talks to the JVM. So that no process stays behind, it gets a SIGTERM then. When an application ends by itself, the
  * program has ended before the JVM does.
  */
object PythonDriver {
  private val done = new AtomicBoolean

  def endWithJvm(): Unit =
    if (done.compareAndSet(false, true))
      try
        Runtime.getRuntime.addShutdownHook(new Thread("sparkmesos-end-python") {
          override def run(): Unit = {
            val left = children()
            if (left.nonEmpty) new ProcessBuilder("/bin/sh", "-c", "kill -TERM " + left.mkString(" ")).start().waitFor()
          }
        })
      catch { case _: IllegalStateException => } // the JVM is ending already

  /** Ids of our children that spark-submit told how to reach this JVM. Without /proc there are none to be found. */
  private def children(): Seq[String] = {
    val self = new File("/proc/self").getCanonicalFile.getName
    Option(new File("/proc").list()).toSeq.flatten.filter(name => name.forall(_.isDigit)).filter { id =>
      // The parent's id is the second field behind the command, which stands in brackets.
      text(id, "stat").split("\\) ").last.split(" ").drop(1).headOption.contains(self) &&
      text(id, "environ").split('\u0000').exists(_.startsWith("PYSPARK_GATEWAY_PORT="))
    }
  }

  private def text(id: String, file: String): String =
    try new String(Files.readAllBytes(Paths.get("/proc", id, file)), ISO_8859_1)
    catch { case _: IOException => "" } // it has ended, or is somebody else's
}

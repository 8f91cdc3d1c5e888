package org.sparkmesos.harness

import java.io.{BufferedReader, InputStreamReader, PrintStream, PrintWriter, StringWriter}
import java.nio.charset.StandardCharsets.UTF_8

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.JsonNodeFactory

import org.sparkmesos.backend.SettingsError

/** What tests may ask of pure code: by name, JSON in, JSON out. Each file `…Commands.scala` beside this one holds an
  * object of the same name that extends it.
  */
trait Commands {
  def commands: Map[String, JsonNode => JsonNode]
}

/** Answers questions of tests: one JSON object per line comes in, one goes out.
  *
  * In:  {"command": "decide", "argument": …}
  * Out: {"result": …}, {"refused": "the message of a SettingsError"} or {"failed": "a stack trace"}
  */
object Harness {
  private val json = new ObjectMapper()

  /** @param objects the names of those with commands */
  def main(objects: Array[String]): Unit = {
    val out = new PrintStream(System.out, true, UTF_8)
    System.setOut(System.err) // what is printed must not get between our lines
    val all = objects.toSeq.flatMap(load(_).commands)
    val commands = all.toMap
    require(commands.size == all.size, s"two commands of one name: ${all.map(_._1).sorted.mkString(", ")}")
    val in = new BufferedReader(new InputStreamReader(System.in, UTF_8))
    Iterator.continually(in.readLine()).takeWhile(_ != null).foreach { line =>
      out.println(answer(commands, json.readTree(line)))
    }
  }

  private def load(name: String) =
    Class.forName(s"org.sparkmesos.harness.$name$$").getField("MODULE$").get(null).asInstanceOf[Commands]

  private def answer(commands: Map[String, JsonNode => JsonNode], request: JsonNode): JsonNode = {
    val answer = JsonNodeFactory.instance.objectNode()
    try {
      val command = request.path("command").asText
      val known = commands.getOrElse(command, sys.error(s"there is no command $command"))
      answer.set[JsonNode]("result", known(request.path("argument")))
    } catch {
      case e: SettingsError => answer.put("refused", e.getMessage)
      case e: Exception =>
        val trace = new StringWriter()
        e.printStackTrace(new PrintWriter(trace, true))
        answer.put("failed", trace.toString)
    }
    answer
  }
}

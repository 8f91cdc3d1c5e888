// Runs Spark's own spark-submit again and again in one JVM: one JSON object per line comes in, one goes out.
//
// In:  {"arguments": [...], "environment": {...}, "submit": true}
// Out: {"command": [...], "child_environment": {...}, "parsed": {...}, "prepared": {...}, "refused": "..."}
// or, for the URIs that Spark makes of one text, as a path, as a list of paths, and as a list of patterns:
// In:  {"resolve": ["...", ...]}
// Out: {"resolved": [["one", "list", "files"], ...]} with null for what it refuses
// Arguments pass what they pass behind bin/spark-class: the launcher's command builder, then SparkSubmit, which
// posts its request itself.

package org.apache.spark.launcher {

  import java.util.{ArrayList, HashMap => JHashMap, List => JList, Map => JMap}

  /** What `org.apache.spark.launcher.Main` does for spark-submit, but for printing. */
  object SubmitCommand {
    def build(arguments: JList[String], childEnvironment: JMap[String, String]): JList[String] =
      new SparkSubmitCommandBuilder(new ArrayList[String](arguments)).buildCommand(childEnvironment)
  }
}

package org.apache.spark.deploy {

  import java.io.{BufferedReader, InputStreamReader, PrintStream}
  import java.nio.charset.StandardCharsets.UTF_8
  import java.util.{ArrayList, HashMap => JHashMap, LinkedHashMap, List => JList, Map => JMap}

  import scala.collection.JavaConverters._
  import scala.util.control.NonFatal

  import com.fasterxml.jackson.databind.ObjectMapper

  import org.apache.spark.SparkUserAppException
  import org.apache.spark.launcher.SubmitCommand
  import org.apache.spark.util.{DependencyUtils, Utils}

  object Submitter {
    private val json = new ObjectMapper()
    private lazy val hadoop = new org.apache.hadoop.conf.Configuration()
    private val marker = "org.apache.spark.deploy.SparkSubmit"

    def main(unused: Array[String]): Unit = {
      val out = new PrintStream(System.out, true, "UTF-8")
      System.setOut(System.err) // what spark-submit prints must not get between our lines
      val in = new BufferedReader(new InputStreamReader(System.in, UTF_8))
      val properties = System.getProperties.clone().asInstanceOf[java.util.Properties]
      Iterator.continually(in.readLine()).takeWhile(_ != null).foreach { line =>
        val request = json.readValue(line, classOf[JMap[String, Object]])
        val answer = new LinkedHashMap[String, Object]()
        try {
          if (request.containsKey("resolve")) {
            val texts = request.get("resolve").asInstanceOf[JList[String]]
            answer.put("resolved", texts.asScala.map(resolve).asJava)
          } else {
            setEnvironment(request.get("environment").asInstanceOf[JMap[String, String]])
            System.setProperties(properties.clone().asInstanceOf[java.util.Properties])
            run(request, answer)
          }
        }
        catch {
          case e: SparkUserAppException => answer.put("exit", Integer.valueOf(e.exitCode))
          case e: InterruptedException => throw e
          // Errors of class loading are refusals, too.
          case e: Throwable => answer.put("refused", s"${e.getClass.getName}: ${e.getMessage}")
        }
        out.println(json.writeValueAsString(answer))
      }
    }

    private def run(request: JMap[String, Object], answer: JMap[String, Object]): Unit = {
      val arguments = request.get("arguments").asInstanceOf[JList[String]]
      val childEnvironment = new JHashMap[String, String]()
      val command = SubmitCommand.build(arguments, childEnvironment)
      answer.put("child_environment", childEnvironment)
      val end = command.indexOf(marker)
      if (end < 0) {
        answer.put("command", command) // a shell in another language
        return
      }
      answer.put("java_options", new ArrayList[String](command.subList(1, end)))
      val passed = command.subList(end + 1, command.size)
      answer.put("command", new ArrayList[String](passed))
      // What the JVM that the launcher starts would see. Class path, heap and library path do not matter here.
      command.subList(1, end).asScala.filter(_.startsWith("-Dspark.")).foreach { option =>
        val definition = option.drop(2).split("=", 2)
        System.setProperty(definition(0), if (definition.length > 1) definition(1) else "")
      }
      val submit = new SparkSubmit() {
        override protected def parseArguments(args: Array[String]): SparkSubmitArguments = {
          val parsed = super.parseArguments(args)
          answer.put("parsed", fields(parsed))
          parsed
        }
      }
      if (request.get("submit") == java.lang.Boolean.TRUE) submit.doSubmit(passed.asScala.toArray)
      else {
        // As doSubmit does, but for running the application.
        val parsed = new SparkSubmitArguments(passed.asScala.toSeq)
        answer.put("parsed", fields(parsed))
        if (parsed.action == SparkSubmitAction.SUBMIT) {
          val (childArguments, _, conf, mainClass) = submit.prepareSubmitEnvironment(parsed)
          val prepared = new LinkedHashMap[String, Object]()
          prepared.put("arguments", childArguments.asJava)
          prepared.put("main_class", mainClass)
          prepared.put("properties", conf.getAll.toMap.asJava)
          answer.put("prepared", prepared)
        }
      }
    }

    private def resolve(text: String): JList[String] = {
      def refusable(value: => String): String = try value catch { case NonFatal(_) => null }
      val list = refusable(Utils.resolveURIs(text))
      Seq(
        refusable(Utils.resolveURI(text).toString),
        list,
        if (list == null) null else refusable(DependencyUtils.resolveGlobPaths(list, hadoop)),
      ).asJava
    }

    private def fields(parsed: SparkSubmitArguments): JMap[String, Object] = {
      val found = new LinkedHashMap[String, Object]()
      found.put("action", parsed.action.toString)
      found.put("deploy_mode", parsed.deployMode)
      found.put("resource", parsed.primaryResource)
      found.put("main_class", parsed.mainClass)
      found.put("arguments", new ArrayList[String](parsed.childArgs.asJava))
      found.put("verbose", java.lang.Boolean.valueOf(parsed.verbose))
      found.put("kill", parsed.submissionToKill)
      found.put("status", parsed.submissionToRequestStatusFor)
      found
    }

    /** Replaces what System.getenv says. The map behind it can be written to. */
    private def setEnvironment(environment: JMap[String, String]): Unit = {
      val unmodifiable = System.getenv()
      val field = unmodifiable.getClass.getDeclaredField("m")
      field.setAccessible(true)
      val writable = field.get(unmodifiable).asInstanceOf[JMap[String, String]]
      writable.clear()
      writable.putAll(environment)
    }
  }
}

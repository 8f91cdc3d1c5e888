package org.apache.spark.sparkmesos

import java.lang.reflect.Modifier

import org.apache.spark.{SPARK_VERSION, SparkConf, SparkContext, SparkException}
import org.apache.spark.resource.ResourceProfileManager
import org.apache.spark.scheduler.{ExternalClusterManager, SchedulerBackend, TaskScheduler, TaskSchedulerImpl}
import org.slf4j.LoggerFactory
import org.sparkmesos.backend.{Leaving, Settings, SettingsError}
import org.sparkmesos.bridge.Masters

/** What Spark finds by its ServiceLoader: runs applications on Mesos whose master is `spark+mesos://…`, as spark-submit of
  * Spark 4 lets it through, or `mesos://…`, as they may set it themselves.
  */
class MesosClusterManager extends ExternalClusterManager {
  override def canCreate(masterURL: String): Boolean = MesosClusterManager.Schemes.exists(scheme => masterURL.startsWith(scheme))

  override def createTaskScheduler(sc: SparkContext, masterURL: String): TaskScheduler =
    Moved.told(new TaskSchedulerImpl(sc))

  override def createSchedulerBackend(sc: SparkContext, masterURL: String, scheduler: TaskScheduler): SchedulerBackend =
    try Moved.told {
      val settings = Settings.read(MesosClusterManager.properties(sc.conf), sys.env)
      val masters = Masters.of(masterURL.stripPrefix("spark+"))
      StageLevel.allow(sc.resourceProfileManager)
      // Executors are told before the first of them asks; what the application has chosen counts.
      if (settings.leaving.graceMillis.isDefined) sc.conf.setIfMissing(Leaving.Signal, Leaving.SignalOfMesos)
      new MesosBackend(scheduler.asInstanceOf[TaskSchedulerImpl], sc, settings, masters)
    } catch {
      // Spark would hide another exception behind "External scheduler cannot be instantiated".
      case e: SettingsError => throw new SparkException(e.getMessage)
      case e: IllegalArgumentException => // not with the URL, which may hold ZooKeeper's password
        throw new SparkException(s"The master of this application cannot be understood: ${e.getMessage}")
    }

  override def initialize(scheduler: TaskScheduler, backend: SchedulerBackend): Unit =
    scheduler.asInstanceOf[TaskSchedulerImpl].initialize(backend)
}

private object MesosClusterManager {
  private val Schemes = Seq("spark+mesos://", "mesos://")

  /** All properties, with what references in them stand for (`${env:NAME}`, `${spark.key}`), as Spark reads its own. One that
    * leads back to itself stays as it is: not each property is ever read.
    */
  private def properties(conf: SparkConf): Map[String, String] = conf.getAll.toMap.map { case (name, text) =>
    try name -> conf.getWithSubstitution(name).getOrElse(text)
    catch { case _: IllegalArgumentException => name -> text }
  }
}

/** What is said when this Spark lacks something of its own that the bridge needs. One that does not compile says so there, but
  * somebody may run a bridge that was compiled for another Spark.
  */
private object Moved {
  def told[T](work: => T): T =
    try work
    catch { case e: LinkageError => throw new SparkException(sentence(e), e) }

  private def sentence(e: LinkageError): String = {
    val ours = classOf[MesosClusterManager]
    val made = Option(ours.getPackage).flatMap(one => Option(one.getImplementationVersion)).getOrElse("another Spark")
    val where = Option(ours.getProtectionDomain.getCodeSource).map(_.getLocation).fold("")(jar => s" ($jar)")
    s"The bridge to Mesos$where was compiled for $made, and this is Spark $SPARK_VERSION, which lacks what it needs: $e. " +
      "Compile it with this Spark (`sparkmesos submit` does so by itself, `sparkmesos bridge build` writes a jar), or look for a " +
      "newer sparkmesos"
  }
}

/** Resource profiles of stages. Spark takes them only with masters whose URL it knows: YARN, Kubernetes, `spark://`. */
private object StageLevel {
  private val log = LoggerFactory.getLogger("org.sparkmesos.backend.StageLevel")

  /** Lets the manager of an application believe that its master is one of these, standalone, which runs executors as we do. */
  def allow(manager: ResourceProfileManager): Unit =
    try {
      val field = classOf[ResourceProfileManager].getDeclaredField("isStandaloneOrLocalCluster")
      if (field.getType != classOf[Boolean] || Modifier.isStatic(field.getModifiers)) throw new NoSuchFieldException(field.toString)
      field.setAccessible(true)
      field.setBoolean(manager, true)
    } catch {
      case e: ReflectiveOperationException =>
        log.warn(s"Resource profiles of stages will be refused: this Spark has changed how it knows its master ($e)")
    }
}

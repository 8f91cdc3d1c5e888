package org.sparkmesos.backend

/** Where executors have Spark, and what else of their command is the same for each of them.
  *
  * @param archive of Spark, which agents fetch; it counts before `home`
  * @param home the folder of Spark on every agent, or in the image of executors
  * @param classPath in front of Spark's own
  * @param libraryPath in front of what the agent has
  * @param classArchive of Spark's classes, which agents have as `NAME.jsa` and `NAME.jar`: `sparkmesos_core/bridge/class_archive.py`
  * @param keepsLocalDirs whether what executors write for themselves goes where the properties say; else into the sandbox
  */
final case class SparkPlace(
    archive: Option[FetchedUri],
    home: Option[String],
    classPath: Option[String],
    libraryPath: Option[String],
    classArchive: Option[String],
    keepsLocalDirs: Boolean) {
  import ShellWords.{inQuotes, path, word}

  /** The jar of the archive of classes, which only helps in front of all others: where the user has nothing to put there. It
    * brings the jars of the Spark that it was made of, which that of an archive from elsewhere never is.
    */
  private def archiveJar: Option[String] =
    classArchive.filter(_ => archive.isEmpty && classPath.forall(_.isEmpty)).map(_.stripSuffix(SparkPlace.ArchiveEnd) + ".jar")

  /** What stands in front of Spark's own class path. */
  def fullClassPath: Option[String] = archiveJar.orElse(classPath)

  /** Options of the JVM that make use of the archive of classes, in front of the user's own. Java goes without where there is
    * none that fits, and shall not talk about it on stdout.
    */
  def archiveOptions: Seq[String] = archiveJar.toSeq.flatMap(_ =>
    s"\"-XX:SharedArchiveFile=${classArchive.get}\"" +: SparkPlace.ArchiveOptions)

  /** The command up to Spark's program `bin/spark-class`, for whatever /bin/sh an agent or an image has. Without an archive,
    * and without `SPARK_LOCAL_DIRS`, it is what Spark 3.5 writes, to the blank that it begins with.
    *
    * @param before commands to run first, where the program is run; they end in a semicolon
    * @param isInPlaceOfShell whether the shell becomes the program, instead of waiting for it
    */
  def sparkClass(before: String, isInPlaceOfShell: Boolean): String = {
    val libraries = libraryPath.fold("")(folders => "LD_LIBRARY_PATH=\"" + inQuotes(folders) + ":$LD_LIBRARY_PATH\"")
    val variables = libraries + " " + (if (keepsLocalDirs) "" else SparkPlace.LocalDirs)
    val exec = if (isInPlaceOfShell) "exec " else ""
    archive match {
      case Some(uri) => entering(uri.name) + before + variables + exec + "./bin/spark-class"
      case None => before + variables + exec + path(new java.io.File(home.get, "./bin/spark-class").getPath)
    }
  }

  /** Goes to the folder that an archive was unpacked to. Spark 3.5 goes to what begins as the archive's name does, up to its
    * first dot, which may be two things, the archive too (`cd BASE*;`), and runs on where it is if it cannot. A pattern that
    * ends in a slash is for folders alone; the first with Spark in it is taken. A SPARK_HOME of the agent or of the image
    * would win over the folder that the program is in.
    */
  private def entering(archive: String): String = {
    val base = archive.takeWhile(_ != '.')
    val folders = s"./${if (base.isEmpty) "" else word(base)}*/ ./*/"
    s"""for spark in $folders; do [ -f "$$spark/bin/spark-class" ] && break; spark=; done; """ +
      """if [ -z "$spark" ]; then echo 'sparkmesos: there is no bin/spark-class in the archive of spark.executor.uri' >&2; """ +
      """exit 127; fi; cd "$spark" || exit; export SPARK_HOME="$PWD"; """
  }
}

object SparkPlace {
  private val ArchiveEnd = ".jsa"
  /** As `class_archive.py` has them for drivers. */
  private val ArchiveOptions = Seq("-Xshare:auto", "-Xlog:cds*=off")
  /** Spark 4 does not write into a sandbox by itself, as 3.5 does (Utils.getConfiguredLocalDirs). */
  private val LocalDirs = "SPARK_LOCAL_DIRS=\"${SPARK_LOCAL_DIRS:-$MESOS_SANDBOX}\" "

  /** Reads the properties, and the variables of the driver that stand in for some of them. Throws SettingsError for what no
    * command line can hold, and if it is not known where Spark is.
    */
  def parse(conf: Map[String, String], environment: Map[String, String]): SparkPlace = {
    def named(property: String) = conf.get(property).map(_.trim).filter(_.nonEmpty).map(property -> _)
    def variable(name: String) = environment.get(name).map(_.trim).filter(_.nonEmpty).map(name -> _)
    val archive = named("spark.executor.uri").orElse(variable("SPARK_EXECUTOR_URI"))
    val home = named("spark.mesos.executor.home").orElse(named("spark.home")).orElse(variable("SPARK_HOME"))
    if (archive.isEmpty && home.isEmpty)
      throw new SettingsError("It is not known where Spark is on the agents. Set spark.executor.uri to an archive of Spark, or " +
        "spark.mesos.executor.home to its directory on every agent.")
    val libraries = "spark.executor.extraLibraryPath"
    SparkPlace(
      archive.map { case (property, uri) => FetchedUris.one(ShellWords.check(uri, property), property) },
      home.map { case (property, folder) => ShellWords.check(folder, property) },
      conf.get("spark.executor.extraClassPath"),
      conf.get(libraries).filter(_.nonEmpty).map(ShellWords.check(_, libraries)),
      named("spark.mesos.executor.classArchive").map { case (property, file) => archiveFile(file, property) },
      keepsLocalDirs = new SettingValues(conf).boolean("spark.shuffle.service.enabled").contains(true))
  }

  /** A path that stands on a class path and among the options of a JVM. */
  private def archiveFile(file: String, property: String): String =
    if (file.startsWith("/") && file.endsWith(ArchiveEnd) && !file.exists(":\"\\".contains(_))) ShellWords.check(file, property)
    else SettingValues.wrong(property, file, s"no path of an archive of classes", s"Write an absolute path that ends in $ArchiveEnd.")
}

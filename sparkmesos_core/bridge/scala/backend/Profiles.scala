package org.sparkmesos.backend

/** What one executor of a resource profile needs.
  *
  * @param id Spark's number of the profile; 0 is the default one
  * @param cores cpus to take; None: all that an offer has, as far as spark.cores.max allows
  * @param heapMiB the heap of the executor's JVM
  * @param memoryMiB the memory of its container, which the heap is a part of
  * @param gpus GPUs without which it cannot work; 0: it takes what there is, up to spark.mesos.gpus.max
  * @param taskCpus the cores that one of its tasks occupies: an executor with fewer would never run any
  */
final case class Profile(id: Int, cores: Option[Int], heapMiB: Long, memoryMiB: Long, gpus: Int, taskCpus: Int) {
  /** The cpus below which an executor would be of no use, when each advertises `extra` more than it has. */
  def leastCores(extra: Int): Int = cores.getOrElse(math.max(1, taskCpus - extra))
}

/** What the properties say of an executor's size, from which profiles are made. Memory in MiB.
  *
  * Differs from Spark 3.5 on Mesos, which forgot the memory of Python workers and off the heap, and did not read
  * `spark.executor.memoryOverhead`: Spark's other cluster managers count all of them
  * (`ResourceProfile.getResourcesForClusterManager`). It differs from these where a profile has a heap of its own: they
  * go by the heap of the properties when they make up its overhead.
  *
  * @param overhead what is said of the memory besides the heap; None: `factor` of the heap, at least `leastOverhead`
  */
final case class Sizing(
    cores: Option[Int],
    heap: Long,
    overhead: Option[Long],
    factor: Double,
    leastOverhead: Long,
    python: Long,
    offHeap: Long,
    gpus: Int,
    taskCpus: Int) {

  def default: Profile = profile(Profiles.Default, cores, heap, overhead, python, offHeap, gpus, taskCpus)

  /** A profile of an application's own. What it does not ask for it has from the properties, but for GPUs: as in
    * Spark's other cluster managers, those are only for who asks.
    *
    * @param asked the amounts of its `executorResources` by their names; memory in MiB
    * @param cpus what its tasks ask for
    */
  def profile(id: Int, asked: Map[String, Long], cpus: Option[Int]): Profile = profile(
    id,
    asked.get("cores").map(_.toInt).orElse(cores),
    asked.getOrElse("memory", heap),
    asked.get("memoryOverhead").orElse(overhead),
    asked.getOrElse("pyspark.memory", python),
    asked.getOrElse("offHeap", offHeap),
    asked.getOrElse("gpu", 0L).toInt,
    cpus.getOrElse(taskCpus))

  private def profile(
      id: Int,
      cores: Option[Int],
      heap: Long,
      overhead: Option[Long],
      python: Long,
      offHeap: Long,
      gpus: Int,
      taskCpus: Int): Profile = {
    val besides = overhead.getOrElse(math.max((factor * heap).toLong, leastOverhead))
    Profile(id, cores, heap, heap + besides + python + offHeap, gpus, taskCpus)
  }
}

object Profiles {
  /** The id of the default profile (`ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID`). */
  val Default = 0

  private val LeastOverhead = 384L // MesosSchedulerUtils.MEMORY_OVERHEAD_MINIMUM
  private val DefaultHeap = 1024L

  /** Reads what the properties, and the variables for the heap, say. Throws SettingsError. */
  private[backend] def sizing(conf: Map[String, String], environment: Map[String, String]): Sizing = {
    val values = new SettingValues(conf)
    val sizing = Sizing(
      cores = values.whole("spark.executor.cores", 1),
      heap = heap(values, environment),
      overhead = values.whole("spark.mesos.executor.memoryOverhead", 0).map(_.toLong)
        .orElse(values.mebibytes("spark.executor.memoryOverhead")),
      factor = values.number("spark.executor.memoryOverheadFactor").getOrElse(0.1),
      leastOverhead = values.mebibytes("spark.executor.minMemoryOverhead").getOrElse(LeastOverhead),
      python = values.mebibytes("spark.executor.pyspark.memory").getOrElse(0),
      offHeap =
        if (values.boolean("spark.memory.offHeap.enabled").contains(true))
          values.mebibytes("spark.memory.offHeap.size", bare = 1).getOrElse(0)
        else 0,
      gpus = values.whole("spark.executor.resource.gpu.amount", 0).getOrElse(0),
      taskCpus = values.whole("spark.task.cpus", 1).getOrElse(1))
    for (cores <- sizing.cores if cores < sizing.taskCpus)
      throw new SettingsError(s"spark.executor.cores=$cores is less than spark.task.cpus=${sizing.taskCpus}, so no " +
        "task would ever fit. Raise the one or lower the other.")
    sizing
  }

  /** Of a heap Spark takes a bare number as bytes (`Utils.memoryStringToMb`), which leaves nothing of most. */
  private def heap(values: SettingValues, environment: Map[String, String]): Long = {
    def read(name: String, from: SettingValues) = from.mebibytes(name, bare = 1).map { heap =>
      if (heap == 0)
        SettingValues.wrong(
          name, from.text(name).get, "less than 1 MiB", "Write a unit behind the number, as in 1024m or 2g.")
      heap
    }
    val variables = new SettingValues(environment)
    read("spark.executor.memory", values)
      .orElse(read("SPARK_EXECUTOR_MEMORY", variables))
      .orElse(read("SPARK_MEM", variables)) // deprecated for long; Spark still reads it
      .getOrElse(DefaultHeap)
  }
}

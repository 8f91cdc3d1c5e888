import java.io.{BufferedReader, FileReader}

import scala.collection.mutable

import org.apache.spark.{ExecutorLostFailure, Resubmitted, SparkConf, SparkContext, TaskFailedReason}
import org.apache.spark.rdd.RDD
import org.apache.spark.scheduler.{SparkListener, SparkListenerExecutorAdded, SparkListenerExecutorRemoved,
  SparkListenerStageCompleted, SparkListenerTaskEnd}

/** The application of tests/soak/spark_chaos.py: a job of many shuffles whose result is known.
  *
  * CHAINS chains of LINKS shuffles each, all in one job: so many stages, and one for the result. Each shuffle sends every record
  * to another key, and changes its value by an arithmetic that forgets nothing: a record that is lost, read twice, or of another
  * attempt, changes the sums. Tasks take PACE milliseconds, in which they may be struck.
  *
  * It writes a line for each thing that happens: `stage ID` when a stage has ended for the first time, `again ID` when it has ended
  * once more, since what it had written was lost; `executors N` when there is another number of them; `worked EXECUTOR` when one has
  * done a first task; `right` when a job's sums
  * are as they should be; `charged TASK EXECUTOR WHY` when a task has failed in a way that counts against it, and `lost TASK
  * EXECUTOR` when it was lost with its executor and that does not count; TASK is STAGE.INDEX. After the first job it waits for a
  * line from PIPE. The second one makes MORE links behind the last shuffles, whose files may be gone. Then it waits again before
  * it ends.
  */
object Chains {
  private type Record = (Long, Long)
  private val Records = 1000L // of a chain; the factor of `key` has no divisor in common with it

  private def key(key: Long, chain: Int, link: Int): Long = (key * 7 + chain + link) % Records
  private def value(key: Long, value: Long, link: Int): Long = value * 31 + key + link

  private def begin(chain: Int): Long => Record = key => (key, key + chain * 1000000L)

  private def start(sc: SparkContext, number: Int, partitions: Int): RDD[Record] =
    sc.range(0, Records, 1, partitions).map(one => begin(number)(one))

  private def chain(start: RDD[Record], number: Int, links: Range, partitions: Int, pace: Long): RDD[Record] =
    links.foldLeft(start) { (before, link) =>
      before.mapPartitions { records =>
        Thread.sleep(pace)
        records.map { case (k, v) => (key(k, number, link), value(k, v, link)) }
      }.reduceByKey(_ + _, partitions)
    }

  /** The same without Spark. */
  private def expected(number: Int, links: Int): Sums =
    Sums.of((0 until links).foldLeft((0L until Records).map(begin(number))) { (before, link) =>
      before.map { case (k, v) => (key(k, number, link), value(k, v, link)) }
    }.iterator)

  final case class Sums(count: Long, values: Long, products: Long) {
    def +(other: Sums): Sums = Sums(count + other.count, values + other.values, products + other.products)
  }
  object Sums {
    def of(records: Iterator[Record]): Sums =
      records.foldLeft(Sums(0, 0, 0)) { case (sums, (k, v)) => sums + Sums(1, v, k * v) }
  }

  private def say(line: String): Unit = synchronized {
    println(line)
    System.out.flush()
  }

  private class Reporter extends SparkListener {
    private val executors, workers = mutable.Set[String]()
    private val stages = mutable.Set[Int]() // by what they compute: a later job has other ids for what an earlier one did
    override def onStageCompleted(event: SparkListenerStageCompleted): Unit = {
      val stage = event.stageInfo
      if (stage.failureReason.isEmpty)
        say(s"${if (stages.add(stage.rddInfos.head.id)) "stage" else "again"} ${stage.stageId}")
    }
    override def onTaskEnd(event: SparkListenerTaskEnd): Unit = {
      val task = s"${event.stageId}.${event.taskInfo.index} ${event.taskInfo.executorId}"
      if (event.taskInfo.successful && workers.add(event.taskInfo.executorId)) say(s"worked ${event.taskInfo.executorId}")
      event.reason match {
        case Resubmitted => // it had ended well, and is done again for what it had written
        case why: TaskFailedReason if why.countTowardsTaskFailures => say(s"charged $task ${why.getClass.getSimpleName}")
        case _: ExecutorLostFailure => say(s"lost $task")
        case _ =>
      }
    }
    override def onExecutorAdded(event: SparkListenerExecutorAdded): Unit = {
      executors += event.executorId
      say(s"executors ${executors.size}")
    }
    override def onExecutorRemoved(event: SparkListenerExecutorRemoved): Unit = {
      executors -= event.executorId
      say(s"executors ${executors.size}")
    }
  }

  def main(args: Array[String]): Unit = {
    val Array(chains, links, more, partitions, pace) = args.take(5).map(_.toInt)
    val told = new BufferedReader(new FileReader(args(5)))
    val sc = new SparkContext(new SparkConf())
    try {
      sc.addSparkListener(new Reporter)
      val first = (0 until chains).map(one => chain(start(sc, one, partitions), one, 0 until links, partitions, pace))
      val second = first.zipWithIndex.map { case (before, one) =>
        chain(before, one, links until links + more, partitions, pace)
      }
      for ((job, length) <- Seq(first -> links, second -> (links + more))) {
        val sums = job.zipWithIndex.map { case (chain, number) =>
          chain.mapPartitions(records => Iterator(number -> Sums.of(records)))
        }
        val found = sc.union(sums).collect().groupBy(_._1).map { case (number, sums) => number -> sums.map(_._2).reduce(_ + _) }
        val wanted = (0 until chains).map(number => number -> expected(number, length)).toMap
        if (found != wanted) throw new IllegalStateException(s"wrong sums: $found, not $wanted")
        say("right")
        told.readLine()
      }
    } finally sc.stop()
  }
}

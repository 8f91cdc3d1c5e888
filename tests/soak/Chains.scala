import java.io.{BufferedReader, FileReader}

import scala.collection.mutable

import org.apache.spark.{SparkConf, SparkContext, TaskContext}
import org.apache.spark.rdd.RDD
import org.apache.spark.scheduler.{SparkListener, SparkListenerExecutorAdded, SparkListenerExecutorRemoved,
  SparkListenerStageCompleted}

/** The application of tests/soak/spark_chaos.py: a job of many shuffles whose result is known.
  *
  * CHAINS chains of LINKS shuffles each, all in one job: so many stages, and one for the result. Each shuffle sends every record
  * to another key, and changes its value by an arithmetic that forgets nothing: a record that is lost, read twice, or of another
  * attempt, changes the sums. Tasks take PACE milliseconds, in which they may be struck.
  *
  * It writes a line for each thing that happens: `stage ID` when a stage has ended for the first time, `executors N` when there
  * is another number of them, `right` when a job's sums are as they should be. After the first job it waits for a line from PIPE;
  * then it reads the last shuffles again, whose files may be gone, says so again, and waits again before it ends.
  */
object Chains {
  private type Record = (Long, Long)
  private val Records = 1000L // of a chain; the factor of `key` has no divisor in common with it

  private def key(key: Long, chain: Int, link: Int): Long = (key * 7 + chain + link) % Records
  private def value(key: Long, value: Long, link: Int): Long = value * 31 + key + link

  private def begin(chain: Int): Long => Record = key => (key, key + chain * 1000000L)

  private def chain(sc: SparkContext, number: Int, links: Int, partitions: Int, pace: Long): RDD[Record] =
    (0 until links).foldLeft(sc.range(0, Records, 1, partitions).map(one => begin(number)(one))) { (before, link) =>
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
    private val stages, executors = mutable.Set[String]()
    override def onStageCompleted(event: SparkListenerStageCompleted): Unit = {
      val stage = event.stageInfo
      if (stage.failureReason.isEmpty && stages.add(stage.stageId.toString)) say(s"stage ${stage.stageId}")
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
    val Array(chains, links, partitions, pace) = args.take(4).map(_.toInt)
    val told = new BufferedReader(new FileReader(args(4)))
    val sc = new SparkContext(new SparkConf())
    try {
      sc.addSparkListener(new Reporter)
      val last = sc.union((0 until chains).map { number =>
        chain(sc, number, links, partitions, pace).mapPartitions(records => Iterator(number -> Sums.of(records)))
      })
      for (_ <- 1 to 2) {
        val found = last.collect().groupBy(_._1).map { case (number, sums) => number -> sums.map(_._2).reduce(_ + _) }
        val wanted = (0 until chains).map(number => number -> expected(number, links)).toMap
        if (found != wanted) throw new IllegalStateException(s"wrong sums: $found, not $wanted")
        say("right")
        told.readLine()
      }
    } finally sc.stop()
  }
}

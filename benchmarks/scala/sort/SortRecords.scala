package org.sparkmesos.benchmarks

import java.nio.ByteBuffer
import java.util.{Arrays, SplittableRandom}

import org.apache.spark.TaskContext
import org.apache.spark.sql.SparkSession

/** A record of 100 bytes: what it is sorted by, and a payload whose first 8 bytes are its number. */
final case class Record(key: Array[Byte], payload: Array[Byte])

/** What is known of a partition of the result: how many, the sums of their numbers and of the squares, and the keys at its ends. */
final case class Sorted(
    partition: Int,
    count: Long,
    sum: Long,
    squares: Long,
    first: Array[Byte],
    last: Array[Byte])

/** Makes records, sorts them across the cluster and checks every one of them.
  *
  * Arguments: the number of records, and of partitions before and after. All that a record has follows from its number, so
  * one that a task makes twice is the same, and whoever reads it can tell whether it arrived as it was made.
  */
object SortRecords {
  private val KeyBytes = 10
  private val PayloadBytes = 90

  def main(arguments: Array[String]): Unit = {
    val Array(records, partitions) = arguments.map(_.toInt)
    val session = SparkSession
      .builder()
      .appName("Sort")
      .config("spark.sql.shuffle.partitions", partitions.toLong)
      .config("spark.sql.adaptive.enabled", "false") // as many partitions as were asked for
      .getOrCreate()
    import session.implicits._
    val parts = session
      .range(0, records, 1, partitions)
      .map(number => make(number))
      .sort("key")
      .mapPartitions(sorted => Iterator(checked(sorted)))
      .collect()
      .filter(_.count > 0)
      .sortBy(_.partition)
    for ((before, after) <- parts.zip(parts.drop(1)))
      require(Arrays.compareUnsigned(before.last, after.first) <= 0, s"not in order after ${before.partition}")
    val numbers = 0L until records
    require(parts.map(_.count).sum == records, s"${parts.map(_.count).sum} records have come back")
    require(parts.map(_.sum).sum == numbers.sum, "some records are there twice, others are not")
    require(parts.map(_.squares).sum == numbers.map(number => number * number).sum, "others than were made")
    println(s"$records records are in order, in ${parts.length} partitions")
    session.stop()
  }

  private def make(number: Long): Record = {
    val random = new SplittableRandom(number)
    val words = ByteBuffer.allocate(KeyBytes + PayloadBytes + 4)
    while (words.remaining >= 8) words.putLong(random.nextLong())
    words.putLong(KeyBytes, number)
    val bytes = words.array
    Record(Arrays.copyOf(bytes, KeyBytes), Arrays.copyOfRange(bytes, KeyBytes, KeyBytes + PayloadBytes))
  }

  private def checked(records: Iterator[Record]): Sorted = {
    val partition = TaskContext.getPartitionId()
    val none = Array.empty[Byte]
    records.foldLeft(Sorted(partition, 0, 0, 0, none, none)) { (before, record) =>
      val number = ByteBuffer.wrap(record.payload).getLong
      val made = make(number)
      require(Arrays.equals(made.key, record.key) && Arrays.equals(made.payload, record.payload), s"record $number")
      require(Arrays.compareUnsigned(before.last, record.key) <= 0, s"not in order in $partition at $number")
      Sorted(
        partition,
        before.count + 1,
        before.sum + number,
        before.squares + number * number,
        if (before.count == 0) record.key else before.first,
        record.key)
    }
  }
}

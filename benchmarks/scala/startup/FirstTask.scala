package org.sparkmesos.benchmarks

import org.apache.spark.{SparkConf, SparkContext}

/** The least that an application can do: two tasks, without SQL and without Python. */
object FirstTask {
  def main(arguments: Array[String]): Unit = {
    val context = new SparkContext(new SparkConf().setAppName("First task"))
    try require(context.parallelize(1 to 2, 2).reduce(_ + _) == 3)
    finally context.stop()
  }
}

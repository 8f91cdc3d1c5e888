"""Prints the folder of the Spark that each executor runs from, one per line.

Usage: whereabouts.py

On Mesos that is a folder of the agent, or, with `spark.executor.uri`, one in the executor's sandbox.
"""

from __future__ import annotations

import os

from pyspark.sql import SparkSession


def spark_home(_: int) -> str:
    """Where the Spark is that runs this task."""
    return os.environ["SPARK_HOME"]


def main() -> None:
    """Asks the executors."""
    with SparkSession.builder.appName("Whereabouts").getOrCreate() as spark:
        context = spark.sparkContext
        # A task for each core that there is, so that every executor gets one.
        tasks = context.defaultParallelism
        homes = context.parallelize(range(tasks), tasks).map(spark_home).collect()
    for home in sorted(set(homes)):
        print(home)


if __name__ == "__main__":
    main()

"""What a JVM of Spark does while Java watches which classes it loads: what drivers and executors do, small.

Run by spark-submit with `local[1]`: everything of one JVM is in one archive then, and it fits both. Classes
that only a cluster takes are loaded by their names. What some release of Spark has elsewhere is passed over.

Usage: class_training.py FILE, with names of classes to load, one a line
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession


def main() -> None:
    """Runs a job and a query, which shuffle, in Python and SQL, and loads the classes."""
    with SparkSession.builder.appName("classes").getOrCreate() as spark:
        context = spark.sparkContext
        context.parallelize(range(8), 2).map(lambda number: (number % 3, number)).reduceByKey(max).collect()
        spark.range(100).selectExpr("id % 7 AS part").groupBy("part").count().collect()
        for step in (_talk, _load):
            try:
                step(context)
            except Exception as error:  # noqa: BLE001 - whatever Py4J and Spark's internals may raise
                print(f"{step.__name__}: {error}", file=sys.stderr)


def _talk(context: SparkContext) -> None:
    """Speaks to the driver over the network, as executors do, which those of `local` need not."""
    jvm: Any = context._jvm
    environment = jvm.org.apache.spark.SparkEnv.get()
    address = environment.rpcEnv().address()
    client = jvm.org.apache.spark.rpc.RpcEnv.create(
        "client", address.host(), 0, environment.conf(), environment.securityManager(), True
    )
    try:
        client.setupEndpointRef(address, "OutputCommitCoordinator")
    finally:
        client.shutdown()
        client.awaitTermination()


def _load(context: SparkContext) -> None:
    """Loads classes without running anything of them."""
    jvm: Any = context._jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    for name in Path(sys.argv[1]).read_text(encoding="utf-8").split():
        try:
            jvm.java.lang.Class.forName(name, False, loader)
        except Exception:  # noqa: BLE001, S112 - one that needs what this Spark comes without
            continue


if __name__ == "__main__":
    main()

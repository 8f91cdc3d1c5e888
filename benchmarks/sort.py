"""A job that is mostly shuffle, on the embedded Mesos beside Spark standalone: sorting 2 GB.

Two executors of one core each on either, with the same Spark 4, Java, memory, options and disk, in turn. The
records have 100 bytes, and each is checked. Usage:

    python -m benchmarks.sort [--runs 7] [--size 2000] [--spark-4 SPARK_HOME]

The sort is from the beginning of the first job to the end of the last; both executors are there by then. The
target is a ratio of at most 1.05.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.installed_spark import SUBMIT
from benchmarks.scala_application import application_jar
from benchmarks.spark_4 import add_option, spark_4_and_java
from benchmarks.spark_clusters import embedded_mesos, standalone
from benchmarks.spark_contenders import Contender, environment_of, in_turn
from benchmarks.spark_runs import Run
from benchmarks.tables import machine, median_ratio, print_table
from sparkmesos_core.errors import SparkMesosError

TARGET = 1.05
RECORDS_PER_MEGABYTE = 10_000
_MEGABYTES_PER_PARTITION = 125
_MEMORY = 2048


def report(measured: Mapping[str, Sequence[Run]]) -> str:
    """Prints the medians; returns the median of the ratios of the sort, pair by pair."""
    rows = []
    for label, runs in measured.items():
        columns = ([run.start_up for run in runs], [run.jobs for run in runs], [run.total for run in runs])
        rows.append((label, *(f"{statistics.median(column):.2f} s" for column in columns)))
    ours, peers = measured.values()
    ratios = (
        median_ratio([run.start_up for run in ours], [run.start_up for run in peers]),
        median_ratio([run.jobs for run in ours], [run.jobs for run in peers]),
        median_ratio([run.total for run in ours], [run.total for run in peers]),
    )
    print_table(("", "to the first task", "sort", "whole command"), [*rows, ("ratio", *ratios)])
    return ratios[1]


def main() -> int:
    """Sorts on both in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="of each [7]")
    parser.add_argument("--size", type=int, default=2000, metavar="MB", help="of all records [2000]")
    add_option(parser)
    given = parser.parse_args()
    try:
        spark, java = spark_4_and_java(given.spark_4)
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            jar = application_jar("sort", spark, java, folder)
            scratch = folder / "scratch"
            scratch.mkdir()
            environment = {**environment_of(spark, java), "SPARK_LOCAL_DIRS": str(scratch)}
            properties = {
                "spark.cores.max": "2",
                "spark.executor.cores": "1",
                "spark.executor.memory": f"{_MEMORY}m",
                "spark.executorEnv.SPARK_LOCAL_DIRS": str(scratch),
                "spark.driver.memory": "1g",
                "spark.ui.enabled": "false",
                "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            }
            size = {"mem": 2 * _MEMORY}
            mesos = stack.enter_context(embedded_mesos(folder, java, **size))
            peer = stack.enter_context(standalone(folder, spark, environment, **size))
            partitions = max(2, given.size // _MEGABYTES_PER_PARTITION)
            sorting = [str(jar), str(given.size * RECORDS_PER_MEGABYTE), str(partitions)]
            sort = ["--class", "org.sparkmesos.benchmarks.SortRecords", *sorting]
            submit = (str(spark.program("spark-submit")),)
            contenders = (
                Contender("embedded Mesos", SUBMIT, mesos, environment, sort),
                Contender("Spark standalone", submit, peer, environment, sort),
            )
            measured = in_turn(contenders, properties, given.runs)
    except SparkMesosError as error:
        print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return int(error.exit_code)
    executors = {run.executors for runs in measured.values() for run in runs}
    if len(executors) > 1:
        print(f"The executors were not the same: cores and bytes {sorted(executors)}", file=sys.stderr)
        return 1
    print(
        f"{given.size} MB, {partitions} partitions, Spark {spark.version}, Java {java.major}, {machine()},\n"
        f"medians of {given.runs} runs:"
    )
    ratio = report(measured)
    verdict = "met" if float(ratio) <= TARGET else "MISSED"
    print(f"Target: a sort of at most {TARGET:.2f} times as long: {ratio}, {verdict}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

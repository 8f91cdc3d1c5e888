"""A job that is mostly shuffle, on the embedded Mesos beside Spark standalone: sorting 2 GB.

Two executors of one core each on either, with the same Spark 4, Java, memory, options and disk, in turn, and
without class-data archives, which standalone has not. The records have 100 bytes, and each is checked. Usage:

    python -m benchmarks.sort [--runs 7] [--size 2000] [--spark-4 SPARK_HOME]

The sort is from the beginning of the first job to the end of the last; both executors are there by then. The
target is a ratio of at most 1.05. Making records and checking them takes its part of that, alike on both; so
the stage that fetches, sorts and checks is shown besides, and what Spark says of the shuffle itself. The exit
code is 1 if the target is missed, or the runs were not alike.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.comparable_runs import differences
from benchmarks.installed_spark import SUBMIT
from benchmarks.scala_application import application_jar
from benchmarks.shuffle_figures import ShuffleFigures, median_shuffle
from benchmarks.spark_4 import WITHOUT_ARCHIVES, add_option, spark_4_and_java
from benchmarks.spark_clusters import embedded_mesos, standalone
from benchmarks.spark_contenders import Contender, environment_of, in_turn
from benchmarks.spark_runs import Run
from benchmarks.tables import judge, machine, median_ratio, print_table, ratio_of
from sparkmesos_core.errors import SparkMesosError

TARGET = 1.05
RECORDS_PER_MEGABYTE = 10_000
_MEGABYTES_PER_PARTITION = 125
_MEMORY = 2048


def report(measured: Mapping[str, Sequence[Run]]) -> float:
    """Prints the medians; returns the median of the ratios of the sort, pair by pair."""
    columns: dict[str, Callable[[Run], float]] = {
        "to the first task": lambda run: run.start_up,
        "sort": lambda run: run.jobs,
        "its reduce stage": lambda run: run.shuffle.reduce_seconds,
        "whole command": lambda run: run.total,
    }
    rows = [
        (label, *(f"{statistics.median(map(of, runs)):.2f} s" for of in columns.values()))
        for label, runs in measured.items()
    ]
    ours, peers = measured.values()
    pairs = {name: (list(map(of, ours)), list(map(of, peers))) for name, of in columns.items()}
    print_table(("", *columns), [*rows, ("ratio", *(median_ratio(*pair) for pair in pairs.values()))])
    return ratio_of(*pairs["sort"])


def report_shuffle(measured: Mapping[str, Sequence[Run]]) -> None:
    """Prints the medians of what tasks have written, read and waited for; times are sums of all tasks."""
    columns: dict[str, Callable[[ShuffleFigures], str]] = {
        "written": lambda shuffle: f"{shuffle.written_bytes / 1e6:.0f} MB",
        "time to write": lambda shuffle: f"{shuffle.write_seconds:.2f} s",
        "read": lambda shuffle: f"{shuffle.read_bytes / 1e6:.0f} MB",
        "of it from the other executor": lambda shuffle: f"{shuffle.remote_bytes / 1e6:.0f} MB",
        "time waited for it": lambda shuffle: f"{shuffle.fetch_wait_seconds:.2f} s",
    }
    rows = []
    for label, runs in measured.items():
        middle = median_shuffle([run.shuffle for run in runs])
        rows.append((label, *(shown(middle) for shown in columns.values())))
    print_table(("shuffled", *columns), rows)


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
            local = {"SPARK_LOCAL_DIRS": str(scratch)}
            environment = {**environment_of(spark, java), **local, **WITHOUT_ARCHIVES}
            properties = {
                "spark.cores.max": "2",
                "spark.executor.cores": "1",
                "spark.executor.memory": f"{_MEMORY}m",
                "spark.driver.memory": "1g",
                "spark.ui.enabled": "false",
                "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            }
            mem = 2 * _MEMORY
            mesos = stack.enter_context(embedded_mesos(folder, java, mem=mem, local_folder=scratch))
            peer = stack.enter_context(standalone(folder, spark, java, mem=mem, local_folder=scratch))
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
    print(
        f"{given.size} MB, {partitions} partitions, Spark {spark.version}, Java {java.major}, {machine()},\n"
        f"medians of {given.runs} runs:"
    )
    ratio = report(measured)
    report_shuffle(measured)
    met = judge("a sort", ratio, TARGET)
    if apart := differences(measured):
        print("The runs were not alike:", *apart, sep="\n", file=sys.stderr)
    return 0 if met and not apart else 1


if __name__ == "__main__":
    sys.exit(main())

"""Where the time goes when a Spark application starts: Spark 4 and 3.5, on the embedded Mesos and standalone.

Pi in Python on two executors, with the same Java, sizes and machine, in turn; with --scala an application
that has two tasks and nothing else, neither SQL nor Python. Usage:

    python -m benchmarks.startup [--runs 7] [--scala] [--spark-4 SPARK_HOME]

The phases of a run are explained at the top of spark_runs.py. Spark 4 runs twice on Mesos: as it does unless
told otherwise, with class-data archives for its JVMs, and without them. The target is that it has its first
task as it comes after at most 1.15 times as long as Spark 3.5; standalone shows what of a difference is
Spark's own. The exit code is 1 if the target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.installed_spark import PI, SIZES, SPARK, SPARKMESOS, SUBMIT
from benchmarks.scala_application import application_jar
from benchmarks.spark_4 import WITHOUT_ARCHIVES, add_option, spark_4_and_java
from benchmarks.spark_clusters import embedded_mesos, standalone
from benchmarks.spark_contenders import Contender, environment_of, in_turn
from benchmarks.spark_runs import PHASES, START_UP, Run
from benchmarks.tables import judge, machine, median_ratio, print_table, ratio_of
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import Java, choose_java

TARGET = 1.15
TO_FIRST_TASK = "to the first task"
_TAKES_ARCHIVE = "-XX:SharedArchiveFile"


def report(measured: Mapping[str, Sequence[Run]]) -> None:
    """Prints the medians of every phase, in seconds, and of the first one's ratios to the others."""
    _, *others = measured
    rows = []
    for name in (*START_UP, TO_FIRST_TASK, *PHASES[len(START_UP) :], "total"):
        columns = [[seconds(run, name) for run in runs] for runs in measured.values()]
        medians = [f"{statistics.median(column):.2f}" for column in columns]
        rows.append((name, *medians, *(median_ratio(columns[0], column) for column in columns[1:])))
    print_table(("phase", *measured, *(f"to {label}" for label in others)), rows)


def first_task(spark: SparkHome, java: Java, folder: Path) -> list[str]:
    """The application of --scala, as arguments for spark-submit."""
    jar = application_jar("startup", spark, java, folder)
    return ["--class", "org.sparkmesos.benchmarks.FirstTask", str(jar)]


def make_archives(environment: Mapping[str, str]) -> None:
    """Makes the class-data archives of a Spark, which is done once for many runs. Raises SparkMesosError."""
    print("Making class-data archives", file=sys.stderr, flush=True)
    _told("sparkmesos bridge archive", [SPARKMESOS, "bridge", "archive"], environment)


def check_archive(contender: Contender, properties: Mapping[str, str], *, expected: bool) -> None:
    """Asks `submit` whether it would have the driver use a class-data archive.

    Raises SparkMesosError if it would where it is not `expected`, or would not where it is.
    """
    options = [part for item in properties.items() for part in ("--conf", "=".join(item))]
    where = ("--dry-run", "--master", contender.cluster.master)
    command = [*contender.command, *where, *options, *contender.application]
    words = shlex.split(_told("sparkmesos submit --dry-run", command, contender.environment))
    if expected != any(word.startswith("SPARK_SUBMIT_OPTS=") and _TAKES_ARCHIVE in word for word in words):
        how = "without a class-data archive" if expected else "with a class-data archive"
        raise SparkMesosError(
            f"{contender.label} would run {how}",
            hint="`sparkmesos -v submit --dry-run` with the same arguments may tell why.",
        )


def _told(what: str, command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a command prints. Raises SparkMesosError if it fails, which says `what` it is."""
    done = subprocess.run(
        command,
        env=dict(environment),
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        raise SparkMesosError(f"`{what}` has failed", hint=done.stderr.strip())
    return done.stdout


def seconds(run: Run, row: str) -> float:
    """What a run took, by the label of a row of the table."""
    sums = {TO_FIRST_TASK: run.start_up, "total": run.total}
    return sums[row] if row in sums else run.phases[row]


def main() -> int:
    """Runs all in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="of each [7]")
    parser.add_argument("--scala", action="store_true", help="the least that an application can do")
    add_option(parser)
    given = parser.parse_args()
    try:
        spark_4, java = spark_4_and_java(given.spark_4)
        choose_java(SPARK, [java])  # one for all
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            mesos = stack.enter_context(embedded_mesos(folder, java))
            on_mesos, without, alone = [], [], []
            for spark in (spark_4, SPARK):
                environment = environment_of(spark, java)
                application = first_task(spark, java, folder) if given.scala else PI
                ours = Contender(f"Mesos, {spark.version}", SUBMIT, mesos, environment, application)
                on_mesos.append(ours)
                if spark is spark_4:
                    bare = {**environment, **WITHOUT_ARCHIVES}
                    without.append(replace(ours, label=f"{ours.label} without archives", environment=bare))
                submit = (str(spark.program("spark-submit")),)
                cluster = stack.enter_context(standalone(folder, spark, java))
                peer = Contender(f"standalone, {spark.version}", submit, cluster, environment, application)
                alone.append(peer)
            make_archives(on_mesos[0].environment)
            check_archive(on_mesos[0], SIZES, expected=True)
            check_archive(without[0], SIZES, expected=False)
            measured = in_turn([*on_mesos, *without, *alone], SIZES, given.runs)
    except SparkMesosError as error:
        print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return int(error.exit_code)
    print(f"{machine()}, Java {java.major}, medians of {given.runs} runs, seconds:")
    newest, oldest = on_mesos
    report({one.label: measured[one.label] for one in (newest, *without, oldest, *alone)})
    after, before = ([run.start_up for run in measured[one.label]] for one in on_mesos)
    for ours, peer in zip(on_mesos, alone, strict=True):
        times = ([run.start_up for run in measured[one.label]] for one in (ours, peer))
        print(f"{TO_FIRST_TASK}, {ours.label} beside {peer.label}: {median_ratio(*times)}")
    met = judge(f"{newest.label} beside {oldest.label}, {TO_FIRST_TASK}", ratio_of(after, before), TARGET)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

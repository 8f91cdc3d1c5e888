"""Ways to run the same application, in turn, each with a Spark and a cluster of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.spark_clusters import SparkCluster
from benchmarks.spark_runs import Run, clean_environment, run_application
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import Java


@dataclass(frozen=True)
class Contender:
    """One of them."""

    label: str
    command: Sequence[str]
    """What takes spark-submit's arguments."""
    cluster: SparkCluster
    environment: Mapping[str, str]
    application: Sequence[str]
    """The last of those arguments."""

    def run(self, properties: Mapping[str, str]) -> Run:
        """Runs the application once, when everything written before is on disk. Raises SparkMesosError."""
        os.sync()
        return run_application(
            [*self.command, "--master", self.cluster.master],
            self.application,
            self.cluster.registered,
            properties,
            self.environment,
        )


def environment_of(spark: SparkHome, java: Java) -> dict[str, str]:
    """In which commands and daemons use this Spark and this Java, and nothing else that anybody has set."""
    return clean_environment(
        SPARK_HOME=str(spark.path), JAVA_HOME=str(java.home), PYSPARK_PYTHON=sys.executable
    )


def in_turn(
    contenders: Sequence[Contender], properties: Mapping[str, str], runs: int
) -> dict[str, list[Run]]:
    """The runs of each by its label; every other round in the opposite order.

    Before that each has run once for nothing: that compiles the bridge and warms the file cache.
    """
    measured: dict[str, list[Run]] = {contender.label: [] for contender in contenders}
    for number in range(-1, runs):
        for contender in contenders if number % 2 == 0 else contenders[::-1]:
            run = contender.run(properties)
            progress = f"{contender.label}: to the first task {run.start_up:.2f} s, jobs {run.jobs:.2f} s"
            print(progress, file=sys.stderr, flush=True)
            if number >= 0:
                measured[contender.label].append(run)
    return measured

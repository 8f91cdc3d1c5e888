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
        """Runs the application once, and waits until nothing of it is left. Raises SparkMesosError.

        What was written before is on disk by then.
        """
        os.sync()
        run = run_application(
            [*self.command, "--master", self.cluster.master],
            self.application,
            self.cluster.registered,
            properties,
            self.environment,
        )
        self.cluster.await_idle()
        return run


def environment_of(spark: SparkHome, java: Java) -> dict[str, str]:
    """In which commands and daemons use this Spark and this Java, and nothing else that anybody has set."""
    return clean_environment(
        SPARK_HOME=str(spark.path), JAVA_HOME=str(java.home), PYSPARK_PYTHON=sys.executable
    )


def order_of_round(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """Who runs after whom in a round.

    The first two are compared with each other, so each comes as often after the other one, and as often after
    each of the rest, over any four rounds in a row; the number before the first is -1.
    """
    pair, rest = contenders[:2], contenders[2:]
    turned = number // 2 % 2 == 1
    return [*(pair[::-1] if number % 2 else pair), *(rest[::-1] if turned else rest)]


def in_turn(
    contenders: Sequence[Contender], properties: Mapping[str, str], runs: int
) -> dict[str, list[Run]]:
    """The runs of each by its label, in rounds. Raises SparkMesosError.

    Before that each has run once for nothing: that compiles the bridge and warms the file cache.
    """
    measured: dict[str, list[Run]] = {contender.label: [] for contender in contenders}
    for number in range(-1, runs):
        for contender in order_of_round(contenders, number):
            run = contender.run(properties)
            progress = f"{contender.label}: to the first task {run.start_up:.2f} s, jobs {run.jobs:.2f} s"
            print(progress, file=sys.stderr, flush=True)
            if number >= 0:
                measured[contender.label].append(run)
    return measured

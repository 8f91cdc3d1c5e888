"""One run of a Spark application, and what happened when: by the command, the master and Spark's event log.

The phases of a run, from the moment the command is started:

- driver: until SparkContext begins to start (finding things, two JVMs, Python)
- registration: until the master knows the application
- first executor: until the first executor has registered with the driver
- first task: until the driver has launched the first task on it
- job: until the last job has ended
- exit: until the command has ended
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.shuffle_figures import ShuffleFigures, shuffle_figures
from sparkmesos_core.errors import SparkMesosError

PHASES = ("driver", "registration", "first executor", "first task", "job", "exit")
START_UP = PHASES[:4]
"""From the submission to the first task."""
_ENVIRONMENT = ("SPARK", "MESOS", "PYSPARK", "JAVA", "JDK_JAVA_OPTIONS")
# One plain file, which is what Spark 3.5 writes of itself.
_PLAIN_LOG = {"spark.eventLog.rolling.enabled": "false", "spark.eventLog.compress": "false"}
# Ids, times, ports and folders; and what says which cluster it is, and how it is reached, as by the bridge.
_OF_ONE_RUN = re.compile(
    r"spark\.app\.(id|startTime|submitTime|initial\.jar\.urls|initial\.file\.urls)|spark\.eventLog\.dir"
    r"|spark\.driver\.(port|extraClassPath)|spark\.master|spark\.mesos\..*"
)


@dataclass(frozen=True)
class Run:
    """What is known of an application that has ended well."""

    phases: Mapping[str, float]
    """Seconds by the names of PHASES."""
    jobs: float
    """Seconds from the beginning of its first job to the end of its last."""
    executors: tuple[tuple[str, int, int], ...]
    """The host, the cores and the memory of each, the latter as Spark divides it from its heap, in bytes."""
    properties: Mapping[str, str]
    """Spark's, as it ran with them, but for those that no two runs have alike."""
    shuffle: ShuffleFigures
    out: str
    """What it has printed."""

    @property
    def start_up(self) -> float:
        """Seconds from the submission to the first task."""
        return sum(self.phases[name] for name in START_UP)

    @property
    def total(self) -> float:
        """Seconds from the start to the end of the command."""
        return sum(self.phases.values())


def clean_environment(**variables: str) -> dict[str, str]:
    """Ours, without what anybody has set about Spark and Java, and with these variables."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_ENVIRONMENT)}
    return {**kept, "SPARK_LOCAL_IP": "127.0.0.1", **variables}


def run_application(
    command: Sequence[str],
    application: Sequence[str],
    registered: Callable[[], float],
    properties: Mapping[str, str],
    environment: Mapping[str, str],
) -> Run:
    """Runs an application once, with an event log.

    `command` takes spark-submit's arguments, `application` is the last of them. `registered` tells when,
    since the epoch, the master got to know the application. Raises SparkMesosError if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": Path(folder).as_uri(), **_PLAIN_LOG}
        options = [part for item in {**properties, **log}.items() for part in ("--conf", "=".join(item))]
        began = time.time()
        done = subprocess.run(
            [*command, *options, *application],
            env=dict(environment),
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        ended = time.time()
        if done.returncode != 0:
            last = "\n".join(done.stderr.splitlines()[-20:])
            raise SparkMesosError(f"`{' '.join(command)}` has failed ({done.returncode})", hint=last)
        (file,) = Path(folder).iterdir()
        events = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return read_run(events, began, registered(), ended, done.stdout)


def read_run(
    events: Sequence[Mapping[str, Any]], began: float, registered: float, ended: float, out: str
) -> Run:
    """What the events of an event log, and three moments in seconds since the epoch, say of an application.

    Raises SparkMesosError if no task of it has run.
    """

    def all_of(kind: str) -> list[Mapping[str, Any]]:
        found = [event for event in events if event["Event"] == f"SparkListener{kind}"]
        if not found:
            raise SparkMesosError(f"The application's event log has no {kind}", hint="Has it run a job?")
        return found

    jobs_end = max(event["Completion Time"] for event in all_of("JobEnd")) / 1000
    moments = (
        began,
        all_of("ApplicationStart")[0]["Timestamp"] / 1000,
        registered,
        min(event["Timestamp"] for event in all_of("ExecutorAdded")) / 1000,
        min(event["Task Info"]["Launch Time"] for event in all_of("TaskStart")) / 1000,
        jobs_end,
        ended,
    )
    memory = {
        event["Block Manager ID"]["Executor ID"]: event["Maximum Memory"]
        for event in all_of("BlockManagerAdded")
    }
    executors = (
        (event["Executor Info"]["Host"], event["Executor Info"]["Total Cores"], memory[event["Executor ID"]])
        for event in all_of("ExecutorAdded")
    )
    properties = all_of("EnvironmentUpdate")[0]["Spark Properties"]
    return Run(
        phases=dict(zip(PHASES, (b - a for a, b in itertools.pairwise(moments)), strict=True)),
        jobs=jobs_end - min(event["Submission Time"] for event in all_of("JobStart")) / 1000,
        executors=tuple(sorted(executors)),
        properties={name: value for name, value in properties.items() if not _OF_ONE_RUN.fullmatch(name)},
        shuffle=shuffle_figures(events),
        out=out,
    )

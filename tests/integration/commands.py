"""Running the real command in an environment of its own, and finding what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.integration.spark_under_test import SparkUnderTest

MARK = "SPARKMESOS_TEST_MARK"


@dataclass
class Commands:
    """Runs `sparkmesos` as a shell would, in an environment of its own."""

    folder: Path
    environment: dict[str, str]
    prefix: Sequence[str] = ()
    """What stands in front of each command: `nsenter`, for one, with its options."""
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def marked_environment(self) -> dict[str, str]:
        """The environment by which `processes` knows who descends from a command."""
        return {**self.environment, MARK: self.mark}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*self.prefix, str(Path(sys.executable).parent / "sparkmesos"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self.marked_environment, **environment},
        )
        self.started.append(process)
        return process

    def run(
        self, *arguments: str, timeout: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def processes(self) -> list[psutil.Process]:
        """Every process that descends from a command, and every task in a sandbox below our folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                environment = process.environ()
                if environment.get(MARK) == self.mark or environment.get("MESOS_SANDBOX", "").startswith(
                    str(self.folder)
                ):
                    found.append(process)
        return found

    def wait_for_no_process(self, timeout: float = 20) -> list[str]:
        """Waits until there are none, those forked meanwhile included; returns the command lines of those left."""
        deadline = time.monotonic() + timeout
        while (found := self.processes()) and (left := deadline - time.monotonic()) > 0:
            psutil.wait_procs(found, timeout=left)
        lines = []
        for process in found:
            with contextlib.suppress(psutil.Error):
                lines.append(" ".join(process.cmdline()))
        return lines

    def clean_up(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        for started in self.started:
            with started:
                started.kill()


@contextlib.contextmanager
def commands_in(folder: Path, cache_dir: Path, spark: SparkUnderTest) -> Iterator[Commands]:
    """Commands that find this Spark, and whatever they start, as long as the block lasts."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SPARK", "MESOS", "PYSPARK", "JAVA"))
    }
    environment.update(
        HOME=str(folder / "home"),
        SPARKMESOS_STATE_DIR=str(folder / "state"),
        SPARKMESOS_CACHE_DIR=str(cache_dir),
        SPARKMESOS_CLASS_ARCHIVE="off",  # whether there is one yet shall make no difference
        SPARKMESOS_PREFLIGHT_TIMEOUT="60",  # a busy machine is slow to answer
        **spark.environment,
    )
    made = Commands(folder, environment)
    try:
        yield made
    finally:
        made.clean_up()

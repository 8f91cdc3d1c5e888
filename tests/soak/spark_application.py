"""The application that chaos befalls (Chains.scala), while it runs: how far it is, and how it ended."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.integration.commands import Commands
from tests.integration.scala_jar import make_scala_jar
from tests.integration.short_lived_jvm import SHORT_LIVED
from tests.integration.spark_under_test import SparkUnderTest
from tests.soak.spark_chaos_charges import TaskLoss
from tests.soak.spark_chaos_plan import Size

_SOURCE = Path(__file__).with_name("Chains.scala")
_PARTITIONS = 4
_PACE_MILLIS = 25


def chains_jar(folder: Path, spark: SparkUnderTest) -> Path:
    """The application's JAR for this Spark; it is compiled if it is not in the folder."""
    source = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]
    jar = folder / f"chains-{spark.version}-{source}.jar"
    if not jar.exists():
        unfinished = jar.with_suffix(".unfinished")
        make_scala_jar(_SOURCE, unfinished, spark)
        unfinished.rename(jar)
    return jar


class SparkApplication:
    """One that runs; what it and its driver write is in `application.log` and `driver.log` of the folder."""

    def __init__(
        self,
        commands: Commands,
        jar: Path,
        master: str,
        conf: Mapping[str, str],
        size: Size,
    ) -> None:
        self.stages: set[str] = set()
        """Those that have ended."""
        self.again = [0, 0]
        """How many have ended once more, in each of the jobs."""
        self.worked: set[str] = set()
        """The executors that have done tasks."""
        self.losses: list[TaskLoss] = []
        """What tasks failed of, or lost their executors with."""
        self.executors = 0
        """How many Spark has."""
        self.right = 0
        """How many jobs had the sums that they should have."""
        self.jobs_let = 1
        """How many it was let do."""
        self.unknown: list[str] = []
        """Lines that it should not write."""
        self._log = commands.folder / "driver.log"
        pipe = commands.folder / "go"
        os.mkfifo(pipe)
        self._go = os.open(pipe, os.O_RDWR)  # which waits for no reader
        settings = {**SHORT_LIVED, **conf}
        options = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        arguments = (size.chains, size.links, size.more_links, _PARTITIONS, _PACE_MILLIS)
        self.process = commands.start(
            *("submit", "--master", master, "--mesos-driver", "http", "--class", "Chains", *options),
            *(str(jar), *map(str, arguments), str(pipe)),
        )
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_log)]
        for reader in self._readers:
            reader.start()

    @property
    def ended(self) -> bool:
        """Whether its process has."""
        return self.process.poll() is not None

    @property
    def is_driver(self) -> bool:
        """Whether its process, which is `submit` at first and ends if it finds no master, has become the driver."""
        try:
            return psutil.Process(self.process.pid).name() == "java"
        except psutil.NoSuchProcess:
            return False

    @property
    def log(self) -> str:
        """What its driver has written to stderr."""
        return self._log.read_text(errors="replace")

    def go_on(self) -> None:
        """Let it go on behind a job."""
        self.jobs_let += 1
        os.write(self._go, b"\n")

    def ask_for_stacks(self) -> None:
        """Let its JVM, which still runs, write what its threads do, and give it the time for that."""
        self.process.send_signal(signal.SIGQUIT)
        self.await_end(5)

    def await_end(self, seconds: float) -> int | None:
        """Its exit code; None if it still runs after so many seconds."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        for reader in self._readers:
            reader.join()
        return code

    def close(self) -> None:
        """End it if it still runs."""
        os.close(self._go)
        self.process.kill()
        self.await_end(60)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with (self._log.with_name("application.log")).open("w", encoding="utf-8") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                match line.split():
                    case ["stage", stage]:
                        self.stages.add(stage)
                    case ["again", _]:
                        self.again[min(self.right, 1)] += 1
                    case ["charged", task, executor, why]:
                        self.losses.append(TaskLoss(task, executor, why))
                    case ["worked", executor]:
                        self.worked.add(executor)
                    case ["lost", task, executor]:
                        self.losses.append(TaskLoss(task, executor))
                    case ["executors", number]:
                        self.executors = int(number)
                    case ["right"]:
                        self.right += 1
                    case _:
                        self.unknown.append(line)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        with self._log.open("w", encoding="utf-8") as log:
            for line in self.process.stderr:
                log.write(line)
                log.flush()

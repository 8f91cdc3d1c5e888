"""The part of `sparkmesos quickstart` that shows cluster mode: a dispatcher, and a driver on an agent.

It runs the commands that a person would type, each as a process.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.errors import DispatcherError, ExitCode
from sparkmesos_core.quickstart import PI, DriverFailedError, cluster_mode_options

if TYPE_CHECKING:
    from sparkmesos_core.localcluster.daemon import ClusterState

_STATE_FOLDER = "tour"
# What would lead the tour's dispatcher to somebody's own files and ports.
_PREFIXES = ("SPARK_", "SPARKMESOS_")
_KEPT = "SPARKMESOS_CACHE_DIR"


@dataclass(frozen=True)
class InCluster:
    """A driver that has run in the cluster."""

    submission_id: str
    output: str
    """What it wrote to stdout."""
    exit_code: int
    """That of `submit --wait`."""


@dataclass(frozen=True)
class Tour:
    """The commands of the tour. `announce` is told each of them, and what it says on stderr."""

    command: Sequence[str]
    """What starts sparkmesos."""
    environment: Mapping[str, str] = field(repr=False)
    announce: Callable[[str], None] = field(repr=False)

    @contextlib.contextmanager
    def dispatcher(self, cluster: ClusterState, spark: Path) -> Iterator[str]:
        """A dispatcher for the length of the block, whose drivers run this Spark; its URL.

        Agents are on this machine, so they find that Spark, and the bridge for it, where these are. Raises
        DispatcherError if it does not start.
        """
        options = ["--master", cluster.url, "--spark-home", str(spark), "--port", "0", "--webui-port", "0"]
        try:
            yield self._output("start-dispatcher", *options)
        finally:  # also when it was interrupted while it started
            self._show("stop-dispatcher")
            self._run("stop-dispatcher")

    def submit(self, dispatcher: str, application: Path, *arguments: str) -> InCluster:
        """Submit an application, wait for its end, and read what it printed.

        Raises DriverFailedError if it did not succeed, DispatcherError if it could not be submitted.
        """
        command = ["submit", "--master", dispatcher, "--deploy-mode", "cluster", "--wait"]
        rest = [application.as_uri(), *arguments]
        self._show(*command, *rest)
        code, said = self._run(*command, *cluster_mode_options(), *rest)
        submission_id = said.strip()
        if not submission_id:
            raise DispatcherError(f"{application.name} was not submitted", hint="The lines above say why.")
        self.announce(f"exit code {code}")
        if code != ExitCode.OK:
            logs = ("logs", "--dispatcher", dispatcher, "--lines", "15", submission_id)
            # Spark prints the errors of a Python application on stdout, and its own on stderr.
            ends = "\n".join(self._output(*logs, *options) for options in ((), ("--stderr",)))
            raise DriverFailedError(
                f"The driver {submission_id} of {application.name} did not succeed",
                hint=f"Its stdout and stderr end with:\n{ends}",
            )
        output = self._output("logs", "--dispatcher", dispatcher, submission_id)
        return InCluster(submission_id, output, code)

    def pi(self, dispatcher: str) -> InCluster:
        """The tour's first application, this time with its driver on an agent."""
        application, *arguments = PI.arguments
        return self.submit(dispatcher, Path(application), *arguments)

    def _output(self, *arguments: str) -> str:
        self._show(*arguments)
        code, output = self._run(*arguments)
        if code != ExitCode.OK:
            raise DispatcherError(
                f"sparkmesos {arguments[0]} ended with exit code {code}", hint="The lines above say why."
            )
        return output.strip()

    def _run(self, *arguments: str) -> tuple[int, str]:
        """Run a command; its exit code and what it wrote to stdout."""
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output,
            subprocess.Popen(
                [*self.command, *arguments],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,  # a pipe, which nobody empties meanwhile, would be full at some time
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            ) as process,
        ):
            assert process.stderr is not None
            try:
                for line in process.stderr:
                    self.announce(line.rstrip())
                process.wait()
            except BaseException:
                process.terminate()
                raise
            output.seek(0)
            said = output.read()
        return process.returncode, said

    def _show(self, *arguments: str) -> None:
        self.announce(f"$ {shlex.join(['sparkmesos', *arguments])}")


def tour_environment(cluster: ClusterState, environment: Mapping[str, str]) -> dict[str, str]:
    """For the tour's commands: the dispatcher keeps its files in the cluster's work dir, and goes with it."""
    kept = {
        name: value for name, value in environment.items() if name == _KEPT or not name.startswith(_PREFIXES)
    }
    return {**kept, "SPARKMESOS_STATE_DIR": str(cluster.work_dir / _STATE_FOLDER)}

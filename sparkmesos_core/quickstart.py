"""The tour that `sparkmesos quickstart` gives: real Spark applications on an embedded Mesos, step by step."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import submit
from .errors import ExitCode, SparkMesosError
from .examples import FOLDER as EXAMPLES
from .localcluster import daemon
from .mesos.http import MesosHttp

AGENTS = 2
# One core per executor and two in all: one executor on each agent. Small heaps, so that it runs on a laptop.
_SIZING = {
    "spark.cores.max": str(AGENTS),
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
}
# The JVMs live for seconds: what they would gain from optimising compilation and parallel collection is less
# than what these cost.
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_TOUR = {
    # Both executors must be there before the first job, else a quick one takes all the work.
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.extraJavaOptions": _SHORT_LIVED,
    "spark.executor.extraJavaOptions": _SHORT_LIVED,
}


@dataclass(frozen=True)
class Application:
    """An application of the tour."""

    name: str
    """Its name as a Mesos framework."""
    title: str
    arguments: tuple[str, ...]
    """What stands behind the options of `sparkmesos submit`."""

    @property
    def command(self) -> str:
        """The command as a person would type it, with the master left open."""
        sizing = [part for name, value in _SIZING.items() for part in ("--conf", f"{name}={value}")]
        return shlex.join(["sparkmesos", "submit", "--master", "MASTER", *sizing, *self.arguments])


@dataclass(frozen=True)
class ExecutorTask:
    """An executor as the master's /state shows it: a Mesos task on an agent."""

    framework: str
    name: str
    agent: str
    state: str


@dataclass(frozen=True)
class Outcome:
    """What an application of the tour printed, and the Mesos tasks that computed it."""

    output: str
    executors: tuple[ExecutorTask, ...]

    @property
    def agents(self) -> frozenset[str]:
        """The agents that executors ran on."""
        return frozenset(task.agent for task in self.executors)


class DriverFailedError(SparkMesosError):
    """An application of the tour did not end well."""

    exit_code = ExitCode.DRIVER_FAILED


PI = Application("Pi", "Pi, by throwing darts", (str(EXAMPLES / "pi.py"), "4"))
WORD_COUNT = Application(
    "Word count",
    "The ten commonest words of Moby-Dick",
    (str(EXAMPLES / "wordcount.py"), (EXAMPLES / "moby-dick.txt").as_uri()),
)
FRAMEWORK = EXAMPLES / "hello_framework.py"


def prepare(environment: Mapping[str, str]) -> submit.Submission:
    """Finds Spark and Java for the tour. Raises SparkNotFoundError or JavaNotFoundError."""
    request = submit.SubmitRequest(arguments=(), master=f"embedded[{AGENTS}]")
    return submit.plan_submission(replace(request, arguments=_arguments(PI)), environment)


def run(
    application: Application,
    cluster: daemon.ClusterState,
    environment: Mapping[str, str],
    announce: Callable[[str], None],
) -> Outcome:
    """Runs one application to its end; what Spark logs goes to a file in the cluster's work dir.

    Raises DriverFailedError with the end of that file if the application fails.
    """
    submission = submit.plan_submission(
        submit.SubmitRequest(
            arguments=_arguments(application), master=cluster.url, mesos_driver=submit.MesosDriver.HTTP
        ),
        environment,
    )
    launch = submit.launch(submission, submit.leader_url(submission), environment, announce)
    log = cluster.work_dir / f"{Path(application.arguments[0]).stem}.log"
    known = {framework["id"] for framework in _frameworks(cluster)}
    with log.open("wb") as log_file:
        driver = subprocess.Popen(
            launch.arguments, env=dict(launch.environment), stdout=subprocess.PIPE, stderr=log_file
        )
        try:
            output, _ = driver.communicate()
        except BaseException:
            # Interrupted: the driver's own shutdown hooks end its executors.
            driver.terminate()
            driver.wait()
            raise
    if driver.returncode != 0:
        raise DriverFailedError(
            f"{application.title}: the driver ended with exit status {driver.returncode}",
            hint=f"Spark's log is {log}. It ends with:\n{_tail(log)}",
        )
    new = [
        framework
        for framework in _frameworks(cluster)
        if framework["name"] == application.name and framework["id"] not in known
    ]
    return Outcome(output=output.decode().strip(), executors=_executors(new, _agent_names(cluster)))


def run_together(
    applications: Sequence[Application],
    cluster: daemon.ClusterState,
    environment: Mapping[str, str],
    announce: Callable[[str], None],
) -> list[Outcome]:
    """Runs applications at the same time, which share the cluster's offers. Raises DriverFailedError."""
    with ThreadPoolExecutor(len(applications)) as pool:
        runs = [pool.submit(run, application, cluster, environment, announce) for application in applications]
        return [future.result() for future in runs]


def run_framework(cluster: daemon.ClusterState) -> str:
    """Runs the example of a framework in Python; returns what it printed. Raises DriverFailedError."""
    run = subprocess.run(
        [sys.executable, str(FRAMEWORK), cluster.url], capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise DriverFailedError(
            f"{FRAMEWORK.name} ended with exit status {run.returncode}", hint=run.stderr.strip()
        )
    return run.stdout.strip()


def _arguments(application: Application) -> tuple[str, ...]:
    settings = {**_SIZING, **_TOUR}
    return (
        *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
        *application.arguments,
    )


def _frameworks(cluster: daemon.ClusterState) -> list[dict[str, Any]]:
    state = MesosHttp(cluster.http_url).get_json("/state")
    return [*state["frameworks"], *state["completed_frameworks"]]


def _agent_names(cluster: daemon.ClusterState) -> dict[str, str]:
    """What to call each agent: its number and address."""
    agents = sorted(
        MesosHttp(cluster.http_url).get_json("/slaves")["slaves"], key=lambda agent: str(agent["id"])
    )
    return {
        agent["id"]: f"agent {agent['id'].rsplit('-', 1)[1]} at {agent['hostname']}:{agent['port']}"
        for agent in agents
    }


def _executors(frameworks: list[dict[str, Any]], agents: Mapping[str, str]) -> tuple[ExecutorTask, ...]:
    return tuple(
        ExecutorTask(
            framework=framework["id"],
            name=task["name"],
            agent=agents.get(task["slave_id"], task["slave_id"]),
            state=task["state"],
        )
        for framework in frameworks
        for task in sorted(
            [*framework["tasks"], *framework["completed_tasks"]], key=lambda task: str(task["name"])
        )
    )


def _tail(log: Path, lines: int = 15) -> str:
    text = re.sub(r"\s+\n", "\n", log.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(text.splitlines()[-lines:])

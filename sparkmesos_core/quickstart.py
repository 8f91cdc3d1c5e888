"""The tour that `sparkmesos quickstart` gives: real Spark applications on an embedded Mesos, step by step."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkmesos_core.background_process import tail
from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.directories import state_directory
from sparkmesos_core.errors import ArchiveError, ExitCode, MesosError, SparkMesosError, TimedOutError
from sparkmesos_core.examples import FOLDER as EXAMPLES
from sparkmesos_core.localcluster import daemon
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.submit import client_mode
from sparkmesos_core.submit.launch import Launch
from sparkmesos_core.submit.mesos_driver import ClientModeOptions, MesosDriver

if TYPE_CHECKING:
    from sparkmesos_core.dist.prepare import Prepared
    from sparkmesos_core.progress import Progress

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
    # However long their agents take to fetch what they run from.
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "10min",
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
    settings: tuple[tuple[str, str], ...] = ()
    """Properties and their values, besides those of all applications of the tour."""

    @property
    def command(self) -> str:
        """The command as a person would type it, with the master left open."""
        settings = _options({**_SIZING, **dict(self.settings)})
        return shlex.join(["sparkmesos", "submit", "--master", "MASTER", *settings, *self.arguments])


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
WHEREABOUTS = Application(
    "Whereabouts", "Where each executor's Spark is", (str(EXAMPLES / "whereabouts.py"),)
)
FRAMEWORK = EXAMPLES / "hello_framework.py"
_FRAMEWORK_TIMEOUT = 60
_START_SECONDS = 300.0
"""Far more than executors need to start: who has just installed this shall not wait for ever."""


def prepare(environment: Mapping[str, str]) -> client_mode.Submission:
    """Finds Spark and Java for the tour. Raises SparkNotFoundError or JavaNotFoundError."""
    return _plan(PI, f"embedded[{AGENTS}]", environment)


def run(
    applications: Sequence[Application],
    cluster: daemon.ClusterState,
    environment: Mapping[str, str],
    announce: Callable[[str], None],
) -> list[Outcome]:
    """Runs applications at the same time, each to its end; they share the cluster's offers.

    What Spark logs goes to a file per application in the state folder, kept until the next run. Raises
    DriverFailedError with the end of that file if an application fails; no driver is left running then.
    """
    logs = state_directory(environment) / "quickstart"
    logs.mkdir(parents=True, exist_ok=True)
    known = {framework["id"] for framework in _frameworks(cluster)}
    outputs: list[str] = []
    with contextlib.ExitStack() as stack:
        drivers: list[tuple[Application, subprocess.Popen[str], Path]] = []
        try:
            for application in applications:
                launch = _launch(application, cluster, environment, announce)
                log = logs / f"{Path(application.arguments[0]).stem}.log"
                driver = subprocess.Popen(
                    launch.arguments,
                    env=dict(launch.environment),
                    stdout=subprocess.PIPE,
                    stderr=stack.enter_context(log.open("wb")),
                    text=True,
                )
                drivers.append((application, stack.enter_context(driver), log))
            for application, driver, log in drivers:
                outputs.append(driver.communicate()[0].strip())
                if driver.returncode != 0:
                    raise DriverFailedError(
                        f"{application.title}: the driver ended with exit status {driver.returncode}",
                        hint=f"Spark's log is {log}. It ends with:\n{tail(log, 15)}",
                    )
        finally:
            for _, driver, _ in drivers:
                if driver.poll() is None:  # interrupted, or another one failed; its hooks end its executors
                    driver.terminate()
                    driver.communicate()
    new = [framework for framework in _frameworks(cluster) if framework["id"] not in known]
    agents = _agent_names(cluster)
    return [
        Outcome(output, _executors([f for f in new if f["name"] == application.name], agents))
        for application, output in zip(applications, outputs, strict=True)
    ]


def _launch(
    application: Application,
    cluster: daemon.ClusterState,
    environment: Mapping[str, str],
    announce: Callable[[str], None],
) -> Launch:
    submission = _plan(application, cluster.url, environment)
    bridge = client_mode.bridge_for(submission, announce)
    url = client_mode.leader_url(submission, client_mode.find_leader(submission))
    return client_mode.launch(submission, url, bridge, environment)


def _plan(application: Application, master: str, environment: Mapping[str, str]) -> client_mode.Submission:
    client = read_client_configuration(
        SubmitArguments.parse(["--master", master, *_arguments(application)]),
        spark_home=None,
        environment=environment,
    )
    options = ClientModeOptions(mesos_driver=MesosDriver.HTTP, start_timeout=_START_SECONDS)
    return client_mode.plan(client, options)


def dist_folder(cluster: daemon.ClusterState) -> Path:
    """Where the tour's archive of Spark is: in the cluster's work dir, which it goes or stays with."""
    return cluster.work_dir / "dist"


def pack(
    submission: client_mode.Submission,
    cluster: daemon.ClusterState,
    environment: Mapping[str, str],
    announce: Callable[[str], None],
    progress: Progress,
) -> Prepared:
    """Packs the tour's Spark, bridge and all, into `dist_folder`.

    Raises ArchiveError if it cannot be packed.
    """
    from sparkmesos_core.dist import prepare as dist_prepare

    folder = dist_folder(cluster)
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".packing-", dir=folder) as work:
            prepared = dist_prepare.prepare(
                submission.spark.path,
                None,
                dist_prepare.PrepareOptions(),
                Path(work),
                environment,
                progress=progress,
                announce=announce,
            )
            # Executors look for what it unpacks to by the name that it is served under.
            return replace(prepared, path=prepared.path.replace(folder / prepared.name))
    except OSError as error:
        raise ArchiveError(
            f"{folder} cannot be used: {error.strerror}", hint="Set SPARKMESOS_STATE_DIR to another folder."
        ) from error


def from_uri(application: Application, uri: str) -> Application:
    """The application with executors that run from the archive at `uri`, which their agents fetch.

    Through the fetcher's cache: else the archive itself is in the sandbox, too, where Spark's `cd BASE*` is
    confused by it if /bin/sh is bash.
    """
    settings = (("spark.executor.uri", uri), ("spark.mesos.fetcherCache.enable", "true"))
    return replace(application, settings=(*application.settings, *settings))


def run_framework(cluster: daemon.ClusterState) -> str:
    """Runs the example of a framework in Python; returns its output. Raises TimedOutError or MesosError."""
    try:
        run = subprocess.run(
            [sys.executable, str(FRAMEWORK), cluster.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=_FRAMEWORK_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOutError(
            f"{FRAMEWORK.name} did not end within {_FRAMEWORK_TIMEOUT} s",
            hint=f"The cluster's log is {cluster.work_dir / daemon.LOG_FILE}.",
        ) from error
    if run.returncode != 0:
        raise MesosError(f"{FRAMEWORK.name} ended with exit status {run.returncode}", hint=run.stderr.strip())
    return run.stdout.strip()


def cluster_mode_options() -> tuple[str, ...]:
    """The options of the tour's applications, for `submit`."""
    return _options({**_SIZING, **_TOUR})


def _arguments(application: Application) -> tuple[str, ...]:
    return (*_options({**_SIZING, **_TOUR, **dict(application.settings)}), *application.arguments)


def _options(settings: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(part for name, value in settings.items() for part in ("--conf", f"{name}={value}"))


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

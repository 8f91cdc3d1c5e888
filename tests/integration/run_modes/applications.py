"""Applications submitted to an embedded cluster: what they printed, and all that Mesos saw of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from sparkmesos_core.localcluster.cluster import RunningCluster
from tests.integration import short_lived_jvm
from tests.integration.run_modes.conversation import Conversation, JsonObject
from tests.integration.short_lived_jvm import JVM

if TYPE_CHECKING:
    from tests.integration.commands import Commands

Conf = Mapping[str, str | None]

PATIENCE = 240.0
"""Seconds after which something hangs, however busy the machine is."""
SMALL = {
    **short_lived_jvm.SMALL,
    "spark.cores.max": "1",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "10min",  # jobs begin with all executors, however slow
    "spark.mesos.coarse.shutdownTimeout": "60s",  # executors of a busy machine end by themselves, too
}
"""What applications are submitted with unless a test says otherwise: one executor of one core and 896 MB."""
SMALL_MEMORY = 512 + 384
"""MB of such an executor's task, with Spark's overhead."""

_SCRIPT = '''\
import os, sys, time
from pyspark import SparkContext

def pause():
    """Lets the test look at the cluster until it says `go`."""
    print("paused", flush=True)
    with open(os.environ["RUN_MODES_GO"]) as told:
        told.readline()

def meet(count, folder):
    """Returns in a task when so many are in it at once."""
    import uuid
    open(os.path.join(folder, uuid.uuid4().hex), "w").close()
    deadline = time.time() + 60
    while len(os.listdir(folder)) < count and time.time() < deadline:
        time.sleep(0.02)
    return len(os.listdir(folder))

with SparkContext() as sc:
'''


@dataclass(frozen=True)
class Seen:
    """What Mesos saw of an application."""

    framework: JsonObject
    """The framework in the master's `/state`."""
    info: JsonObject
    """Its FrameworkInfo."""
    calls: list[JsonObject]
    offers: Mapping[str, JsonObject]
    """All that were made, by their ids."""

    @property
    def tasks(self) -> list[JsonObject]:
        """Its tasks in `/state`, those that are over included, in the order of their ids."""
        tasks = [*self.framework["tasks"], *self.framework["completed_tasks"]]
        return sorted(tasks, key=lambda task: (len(task["id"]), task["id"]))

    @property
    def task_infos(self) -> list[JsonObject]:
        """The TaskInfos that it launched, in the order of their ids."""
        operations = [
            operation
            for call in self.calls
            if call["type"] == "ACCEPT"
            for operation in call["accept"].get("operations", [])
        ]
        infos = [info for operation in operations for info in operation["launch"]["task_infos"]]
        return sorted(infos, key=lambda info: (len(info["task_id"]["value"]), info["task_id"]["value"]))

    @property
    def commands(self) -> list[str]:
        """The command line of each TaskInfo."""
        return [info["command"]["value"] for info in self.task_infos]

    @property
    def refusals(self) -> list[tuple[str, float | None]]:
        """What it declined: the agent's id, and for how many seconds (None: as long as Mesos likes).

        Up to its first REVIVE: when an executor has ended Spark wants to see all offers again, and those that come
        while it stops it declines without a word.
        """
        before = itertools.takewhile(lambda call: call["type"] != "REVIVE", self.calls)
        declined = [call["decline"] for call in before if call["type"] == "DECLINE"]
        return [
            (self.offers[offer["value"]]["agent_id"]["value"], one.get("filters", {}).get("refuse_seconds"))
            for one in declined
            for offer in one["offer_ids"]
        ]


@dataclass(frozen=True)
class Ended:
    """An application that has run."""

    name: str
    returncode: int
    out: str
    err: str
    seen: Seen | None
    """None if it never became a framework."""

    @property
    def mesos(self) -> Seen:
        """What Mesos saw of it, which has to be something."""
        assert self.seen is not None, self.err
        return self.seen


@dataclass
class Running:
    """An application that runs, or waits in `pause()`."""

    name: str
    process: subprocess.Popen[str]
    applications: Applications
    go_path: Path
    errors: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._go = os.open(self.go_path, os.O_RDWR)  # which waits for no reader
        self._watchdog = threading.Timer(PATIENCE, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)

    def wait_until_paused(self) -> Seen:
        """Waits for the application's `pause()`; what Mesos sees of it then."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line == "paused\n":
                return self.applications.seen(self.name)
            self.out.append(line)
        self._reader.join()
        raise AssertionError("it has ended before it paused:\n" + "".join(self.errors))

    def go(self) -> None:
        """Lets it go on after its `pause()`."""
        os.write(self._go, b"\n")

    def end(self, *, expect: int = 0) -> Ended:
        """Waits for its end, which has to be with this exit code."""
        assert self.process.stdout is not None
        self.out.extend(self.process.stdout)
        code = self.process.wait(timeout=PATIENCE)
        self._reader.join()
        return self.applications.ended(self.name, code, "".join(self.out), "".join(self.errors), expect)

    def close(self) -> None:
        """Ends it if it still runs."""
        self._watchdog.cancel()
        os.close(self._go)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass
class Applications:
    """Submits applications to one cluster."""

    cluster: RunningCluster
    commands: Commands
    conversation: Conversation
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def write(self, body: str, name: str) -> str:
        """A PySpark application which finds a SparkContext named `sc`, and `pause` and `meet`; its path."""
        path = self.commands.folder / f"{name}.py"
        path.write_text(_SCRIPT + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n")
        return str(path)

    def command_line(
        self,
        path: str,
        conf: Conf,
        *arguments: str,
        name: str,
        options: Sequence[str] = (),
    ) -> list[str]:
        """The arguments of `sparkmesos` that submit the application of a file in client mode.

        `conf` is set on top of SMALL, None unsets; `options` stand among those of `submit`, `arguments` are the
        application's own.
        """
        settings = {key: value for key, value in {**SMALL, **conf}.items() if value is not None}
        properties = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
        master = ("--master", self.cluster.url, "--mesos-driver", "http")
        return ["submit", *master, *options, "--name", name, *properties, path, *arguments]

    def run(
        self,
        body: str,
        conf: Conf | None = None,
        *arguments: str,
        name: str | None = None,
        options: Sequence[str] = (),
        expect: int = 0,
        **environment: str,
    ) -> Ended:
        """Submits an application and waits for its end, which has to be with this exit code."""
        name = name or self.new_name()
        path = self.write(body, name)
        return self.run_file(path, conf, *arguments, name=name, options=options, expect=expect, **environment)

    def run_file(
        self,
        path: str,
        conf: Conf | None = None,
        *arguments: str,
        name: str | None = None,
        options: Sequence[str] = (),
        expect: int = 0,
        **environment: str,
    ) -> Ended:
        """The same for an application that is a file of its own."""
        name = name or self.new_name()
        line = self.command_line(path, conf or {}, *arguments, name=name, options=options)
        run = self.commands.run(*line, timeout=PATIENCE, **self._environment(environment))
        return self.ended(name, run.returncode, run.stdout, run.stderr, expect)

    @contextlib.contextmanager
    def running(
        self,
        body: str,
        conf: Conf | None = None,
        *arguments: str,
        name: str | None = None,
        options: Sequence[str] = (),
        **environment: str,
    ) -> Iterator[Running]:
        """Submits an application that runs at most as long as the block lasts."""
        name = name or self.new_name()
        go_path = self.commands.folder / f"{name}.go"
        os.mkfifo(go_path)
        path = self.write(body, name)
        line = self.command_line(path, conf or {}, *arguments, name=name, options=options)
        process = self.commands.start(*line, **self._environment(environment), RUN_MODES_GO=str(go_path))
        running = Running(name, process, self, go_path)
        try:
            yield running
        finally:
            running.close()

    def new_name(self) -> str:
        """A name for an application that no other one has."""
        return f"app-{next(self._numbers)}"

    def state(self, path: str = "state") -> JsonObject:
        """What the master tells at an endpoint."""
        answer = requests.get(f"{self.cluster.http_url}/{path}", timeout=10)
        answer.raise_for_status()
        state: JsonObject = answer.json()
        return state

    def tear_down(self, framework_id: str) -> None:
        """Removes a framework, as an operator does."""
        gone = requests.post(f"{self.cluster.http_url}/teardown", {"frameworkId": framework_id}, timeout=10)
        gone.raise_for_status()

    def agents(self) -> list[JsonObject]:
        """The agents in the master's `/state`, in the order of the cluster's specification."""
        agents: list[JsonObject] = self.state()["slaves"]
        return sorted(agents, key=lambda agent: int(agent["id"].rpartition("S")[2]))

    def agent_ids(self) -> list[str]:
        """Their ids."""
        return [agent["id"] for agent in self.agents()]

    def seen(self, name: str) -> Seen:
        """What Mesos has seen of the application of this name until now."""
        found = self._find(name, "frameworks", "completed_frameworks")
        assert found is not None, f"no framework is named {name}"
        info = self.conversation.framework_info(name)
        assert info is not None
        return Seen(found, info, self.conversation.calls_of(found["id"]), self.conversation.offers)

    def ended(self, name: str, returncode: int, out: str, err: str, expect: int) -> Ended:
        """What there is to know of an application whose process has ended, once Mesos knows that, too."""
        assert returncode == expect, f"exit code {returncode}:\n{err}\n{out}"
        deadline = time.monotonic() + PATIENCE
        while self._find(name, "frameworks") is not None:
            assert time.monotonic() < deadline, f"the framework of {name} is still there"
            time.sleep(0.05)
        known = self._find(name, "completed_frameworks") is not None
        return Ended(name, returncode, out, err, self.seen(name) if known else None)

    def _find(self, name: str, *kinds: str) -> JsonObject | None:
        state = self.state()
        frameworks = (framework for kind in kinds for framework in state[kind])
        return next((framework for framework in frameworks if framework["name"] == name), None)

    def _environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {"SPARK_LAUNCHER_OPTS": JVM, **environment}

"""Applications in cluster mode: submitted to a dispatcher of ours, which has their drivers run on agents."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.run_modes.applications import PATIENCE, SMALL, Applications, Conf, Seen
from tests.integration.run_modes.conversation import JsonObject
from tests.servers.dispatcher import COMMAND, DispatcherServer, running

_PATIENCE = 2 * PATIENCE
"""Seconds: driver and executors start one after the other, each with a JVM."""
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class EndedDriver:
    """An application whose driver has run on an agent."""

    submission_id: str
    out: str
    """What the driver wrote to stdout."""
    err: str
    """What `submit` said, with what the driver wrote to stderr."""
    task: JsonObject
    """The driver's task in the master's `/state`."""
    info: JsonObject
    """Its TaskInfo."""
    work_dir: Path
    seen: Seen | None
    """The application as a framework; None if it never became one."""

    @property
    def mesos(self) -> Seen:
        """What Mesos saw of the application, which has to be something."""
        assert self.seen is not None, self.err
        return self.seen

    @property
    def sandbox(self) -> Path:
        """That of the driver."""
        (found,) = self.work_dir.glob(
            f"agent*/slaves/*/frameworks/*/executors/{self.submission_id}/runs/latest"
        )
        return found

    @property
    def executor_sandboxes(self) -> list[Path]:
        """Those of the application's executors."""
        pattern = f"agent*/slaves/*/frameworks/{self.mesos.framework['id']}/executors/*/runs/latest"
        return sorted(self.work_dir.glob(pattern))


@dataclass
class Drivers:
    """Submits applications to one dispatcher, which is a framework of the name `framework`."""

    applications: Applications
    server: DispatcherServer
    framework: str
    defaults: Conf = field(default_factory=dict)
    """On top of SMALL."""

    def run(
        self,
        application: str,
        conf: Conf | None = None,
        *arguments: str,
        name: str | None = None,
        options: Sequence[str] = (),
        expect: int = 0,
        follow: bool = True,
        **environment: str,
    ) -> EndedDriver:
        """Submits an application, by its URI or path, and follows its driver to the end, with this exit code.

        Without `follow` it waits for that only, and nothing is known of what the driver writes.
        """
        name = name or self.applications.new_name()
        settings = {**SMALL, **self.defaults, **(conf or {})}
        properties = [f"--conf={key}={value}" for key, value in settings.items() if value is not None]
        until = "--follow" if follow else "--wait"
        line = ["submit", "--master", self.server.url, "--deploy-mode", "cluster", until, "--name", name]
        done = self.applications.commands.run(
            *line, *options, *properties, application, *arguments, timeout=_PATIENCE, **environment
        )
        submission_id, _, out = done.stdout.partition("\n")
        assert submission_id.startswith("driver-"), done.stderr
        ended = self.applications.ended(name, done.returncode, out, done.stderr, expect)
        task, info = self.driver(submission_id)
        work_dir = self.applications.cluster.nodes.spec.work_dir
        return EndedDriver(submission_id, out, done.stderr, task, info, work_dir, ended.seen)

    def run_body(
        self,
        body: str,
        conf: Conf | None = None,
        *arguments: str,
        scheme: str = "file",
        options: Sequence[str] = (),
        expect: int = 0,
        follow: bool = True,
        **environment: str,
    ) -> EndedDriver:
        """The same for a body of `Applications.write`, whose file agents have at the same place."""
        name = self.applications.new_name()
        path = self.applications.write(body, name)
        uri = f"{scheme}://{path}"
        return self.run(
            uri, conf, *arguments, name=name, options=options, expect=expect, follow=follow, **environment
        )

    def status_when(self, submission_id: str, state: str) -> JsonObject:
        """What the dispatcher says of a driver as soon as it is in a state."""
        deadline = time.monotonic() + PATIENCE
        while (status := self.server.ask("GET", f"/status/{submission_id}")[1]).get("driverState") != state:
            assert time.monotonic() < deadline, (status, self.server.log[-3000:])
            time.sleep(0.05)
        return status

    def driver(self, task_id: str) -> tuple[JsonObject, JsonObject]:
        """The task of a driver in the master's `/state`, and its TaskInfo."""
        seen = self.applications.seen(self.framework)
        (task,) = [task for task in seen.tasks if task["id"] == task_id]
        (info,) = [info for info in seen.task_infos if info["task_id"]["value"] == task_id]
        return task, info


@contextlib.contextmanager
def drivers_on(applications: Applications, *options: str, **defaults: str) -> Iterator[Drivers]:
    """A dispatcher with these options on the cluster of the applications. In the end its framework is removed."""
    name = f"dispatcher-{next(_NUMBERS)}"
    commands = applications.commands
    command = [
        *(COMMAND, "start-dispatcher", "--foreground", "--master", applications.cluster.url, "--name", name),
        *options,
    ]
    server = DispatcherServer(commands.folder / name, command, commands.marked_environment, "/readyz")
    with running(server):
        drivers = Drivers(applications, server, name, defaults)
        yield drivers
        framework_id = applications.seen(name).framework["id"]
        server.terminate()
        # It comes back to its drivers, and so Mesos would remember it for ever.
        applications.tear_down(framework_id)

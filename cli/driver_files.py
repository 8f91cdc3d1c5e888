"""How commands reach the files of drivers and executors on their agents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.conf.configuration import Configuration
    from sparkmesos_core.dispatcher.client import DispatcherClient
    from sparkmesos_core.dispatcher.driver_output import DriverOutput
    from sparkmesos_core.dispatcher.driver_sandboxes import DriverSandboxes, Sandbox
    from sparkmesos_core.mesos.http import MesosHttp

_TIMEOUT = 5.0
"""Seconds that an agent has to answer; its driver's state is to be asked for meanwhile."""


def driver_sandboxes(
    client: DispatcherClient, configuration: Configuration, mesos_master: str | None, ca_file: Path | None
) -> DriverSandboxes:
    """The sandboxes on the agents of a cluster, read with the credentials that a configuration has for Mesos.

    `mesos_master` is the URL of the master if it was given or set. Else the dispatcher is asked for it when
    it is needed; so it is if that one is embedded, which is a command's own and has no dispatcher's drivers.
    Raises UsageError for files and URLs that cannot be used.
    """
    from sparkmesos_core.conf.mesos_credentials import mesos_credentials
    from sparkmesos_core.dispatcher.driver_sandboxes import DriverSandboxes
    from sparkmesos_core.master import EmbeddedMaster, parse_master
    from sparkmesos_core.mesos.http import MesosHttp

    authority = str(ca_file) if ca_file is not None else None
    principal, secret = mesos_credentials(configuration)

    def connect(url: str) -> MesosHttp:
        return MesosHttp(url, timeout=_TIMEOUT, ca_file=authority, principal=principal, secret=secret)

    given = None if mesos_master is None else parse_master(mesos_master)

    def connect_to_leader() -> MesosHttp | None:
        from sparkmesos_core.mesos.leader import resolve_leader

        master = given
        if master is None or isinstance(master, EmbeddedMaster):
            told = client.mesos_master()
            master = None if told is None else parse_master(told)
        if master is None or isinstance(master, EmbeddedMaster):
            return None
        return connect(resolve_leader(master, ca_file=authority).http_url)

    return DriverSandboxes(connect, connect_to_leader)


def shown_output(
    terminal: Terminal,
    sandboxes: DriverSandboxes,
    names: tuple[str, ...],
    *,
    lines: int | None = None,
    sandbox: Sandbox | None = None,
) -> DriverOutput:
    """What follows files of a driver, or of another sandbox.

    What was written to stderr goes to ours if stdout is wanted, too, else all goes to stdout.
    """
    from sparkmesos_core.dispatcher.driver_output import DriverOutput

    return DriverOutput(
        sandboxes,
        names,
        lambda name, piece: terminal.raw(piece, error=name == "stderr" and len(names) > 1),
        lambda error: terminal.warn(error.message, hint=error.hint),
        lines=lines,
        sandbox=sandbox,
    )

"""How the services on agents are: told at once, or when there is one on every agent."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from sparkmesos_core.errors import ExitCode, SparkMesosError, UsageError
from sparkmesos_core.quoting import printable

from .shuffle_service_options import FrameworkOptions, ServiceRequest
from .terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparkmesos_core.shuffle_service.on_agents.place_file import Place
    from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus

_MOST_EXCERPTS = 3
"""Of how many agents the last lines of a service that fails are shown: they are much the same."""


def tell_status(terminal: Terminal, request: ServiceRequest, framework: FrameworkOptions) -> int:
    """`--status`, also with `--wait`; the exit code."""
    from sparkmesos_core.shuffle_service.on_agents.waiting import IncompleteError

    read = _reader(dict(terminal.environment), request.instance or 1, framework.at, shown_token(framework))
    if framework.wait is None:
        status = read()
    else:
        try:
            status = _await(terminal, read, framework.wait)
        except IncompleteError as error:
            if error.status is not None:
                _tell(terminal, request, error.status)
            raise
    _tell(terminal, request, status)
    return ExitCode.OK if status.is_complete else ExitCode.FAILED


def wait_for_services(terminal: Terminal, url: str, token: str | None, seconds: float) -> None:
    """`--wait` of a start: returns when there is one on every agent, given where the process answers.

    Raises IncompleteError after so many seconds; the process and its services go on then.
    """
    from sparkmesos_core.shuffle_service.on_agents.client import ServicesClient
    from sparkmesos_core.shuffle_service.on_agents.status import covered

    try:
        # Who stands by points to another one each time.
        status = _await(terminal, lambda: ServicesClient(url, token=token).status(), seconds)
    except KeyboardInterrupt:
        terminal.say("Interrupted. The process goes on, and services come: --status tells of them.")
        raise
    terminal.say(covered(status))


def place_of(environment: Mapping[str, str], number: int) -> Place | None:
    """Where this machine's process answers, if there is one."""
    from sparkmesos_core.shuffle_service.on_agents.place_file import read_place
    from sparkmesos_core.shuffle_service.on_agents.settings import instance_folder

    return read_place(instance_folder(environment, number))


def shown_token(framework: FrameworkOptions) -> str | None:
    """The token that the process is shown. Raises UsageError for a file that holds none."""
    from sparkmesos_core.http_service.access_token import read_token

    return None if framework.auth_token_file is None else read_token(framework.auth_token_file)


def check_waiting(seconds: float | None) -> None:
    """Raises UsageError for what `--wait` cannot be."""
    if seconds is not None and math.isnan(seconds):
        raise UsageError("--wait is not a number of seconds", hint="0 asks once.")


def _reader(
    environment: Mapping[str, str], number: int, at: str | None, token: str | None
) -> Callable[[], ServicesStatus]:
    """Asks the process at `at`, or else this machine's, wherever that is by then."""
    from sparkmesos_core.shuffle_service.on_agents.client import NotThereError, ServicesClient

    def read() -> ServicesStatus:
        place = None if at is not None else place_of(environment, number)
        url = at or (None if place is None else place.url)
        if url is None:
            raise none_here(environment, number)
        try:
            return ServicesClient(url, token=token).status()
        except NotThereError:
            if at is not None:
                raise
            raise none_here(environment, number) from None

    return read


def none_here(environment: Mapping[str, str], number: int) -> SparkMesosError:
    """What to say where this machine's process does not answer: NoneHereError, SilentHereError if it runs."""
    from sparkmesos_core.durable_framework.store.sqlite_look import framework_in, user_of
    from sparkmesos_core.shuffle_service.on_agents.client import NoneHereError, SilentHereError
    from sparkmesos_core.shuffle_service.on_agents.settings import database_path, instance_folder

    place = place_of(environment, number)
    if place is not None and place.on_this_machine:
        return SilentHereError(number, place.pid, place.url)
    database = database_path(instance_folder(environment, number))
    keeps_records = user_of(database) is None and framework_in(database) is not None
    return NoneHereError(number, keeps_records=keeps_records)


def _await(terminal: Terminal, read: Callable[[], ServicesStatus], seconds: float) -> ServicesStatus:
    from sparkmesos_core.shuffle_service.on_agents.status import covered
    from sparkmesos_core.shuffle_service.on_agents.waiting import wait_until_complete

    check_waiting(seconds)
    with terminal.working("Waiting for a service on every agent") as show:

        def tell(status: ServicesStatus) -> None:
            show(f"Waiting: {status.problem}" if status.problem else f"Waiting: {covered(status)}")

        return wait_until_complete(read, seconds, tell)


def _tell(terminal: Terminal, request: ServiceRequest, status: ServicesStatus) -> None:
    if request.output == "json":
        terminal.json("shuffle_services", status.to_json())
    else:
        _show(terminal, status)


def _show(terminal: Terminal, status: ServicesStatus) -> None:
    from sparkmesos_core.shuffle_service.on_agents.status import COLUMNS, covered, rows

    where = f"framework {status.framework_id or 'not known to Mesos yet'} at {status.master}"
    terminal.say(printable(f"{covered(status)}; {where}"))
    terminal.table(COLUMNS, rows(status, time.time()))
    if status.stopping:
        why = f", and have not all ended: {status.problem}" if status.problem else ""
        then = ", and begin anew then" if status.begins_anew else ""
        terminal.warn(f"all services are being stopped{then}{why}")
    elif status.problem:
        terminal.warn(f"it has no part in the cluster now, or does not know all of it: {status.problem}")
    for agent in [one for one in status.agents if one.last_lines and not one.is_fine][:_MOST_EXCERPTS]:
        terminal.say(printable(f"The last lines of the service that ended on {agent.host}:"))
        for line in agent.last_lines:  # whatever that has written: a terminal may take it for orders
            terminal.say(printable(f"  {line}", keep="\t"))

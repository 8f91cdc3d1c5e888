"""Waiting for a driver on a terminal or in a CI job, and what an interrupt does to it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from sparkmesos_core.dispatcher.client import NotReadyError
from sparkmesos_core.dispatcher.waiting import LONGEST_PAUSE, wait_for_end
from sparkmesos_core.errors import DispatcherError, SparkMesosError, TimedOutError, UnreachableError
from sparkmesos_core.quoting import printable

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.client import DispatcherClient
    from sparkmesos_core.dispatcher.driver_output import DriverOutput
    from sparkmesos_core.dispatcher.messages import DriverStatus

_WITH_OUTPUT = 0.5
"""Seconds between two looks at a driver's output."""
_END_AFTER_KILL = 30.0
"""Seconds for a driver to end that was killed because its command was interrupted."""


def wait_for_driver(
    terminal: Terminal,
    client: DispatcherClient,
    submission_id: str,
    *,
    timeout: float | None = None,
    output: DriverOutput | None = None,
    kill_on_interrupt: bool = False,
    is_told: bool = True,
    is_known: bool = True,
) -> DriverStatus:
    """Waits for the end of a driver, and hands on its output if wanted.

    What happens to it is told on stderr unless `is_told` is false; that the dispatcher is away always is.
    `is_known`: as for `wait_for_end`.

    Raises TimedOutError after `timeout` seconds, and UnreachableError if the dispatcher is away for too long;
    KeyboardInterrupt after Ctrl-C, which leaves the driver as it is unless `kill_on_interrupt` is true.
    """

    def say(line: str) -> None:
        terminal.say(printable(f"{submission_id}: {line}"))

    try:
        status = wait_for_end(
            client,
            submission_id,
            tell=say if is_told else lambda _: None,
            warn=say,
            timeout=timeout,
            meanwhile=None if output is None else output.follow,
            longest_pause=LONGEST_PAUSE if output is None else _WITH_OUTPUT,
            is_known=is_known,
        )
        if output is not None:
            output.finish(status)
        return status
    except KeyboardInterrupt:
        if is_told:
            interrupted(terminal, client, submission_id, kill=kill_on_interrupt)
        raise
    except TimedOutError as error:
        hint = how_to_go_on(client, submission_id)
        raise TimedOutError(f"{error.message}; it goes on", hint=hint) from error
    except (UnreachableError, NotReadyError) as error:
        hint = f"The driver goes on. {how_to_go_on(client, submission_id)}"
        raise UnreachableError(error.message, hint=hint) from error


def interrupted(terminal: Terminal, client: DispatcherClient, submission_id: str, *, kill: bool) -> None:
    """Says what becomes of a driver whose submission or wait was interrupted; kills it if that is wanted."""
    if not kill:
        how = how_to_go_on(client, submission_id)
        terminal.say(f"Interrupted. {submission_id} goes on in the cluster. {how}")
        return
    terminal.say(f"Interrupted: killing {submission_id}.")
    try:
        answer = client.kill(submission_id)
        if not answer.success:
            raise DispatcherError(f"{submission_id} was not killed: {answer.message}")
        status = wait_for_end(client, submission_id, tell=lambda _: None, timeout=_END_AFTER_KILL)
    except SparkMesosError as error:
        terminal.error(error)
        terminal.say(how_to_go_on(client, submission_id))
    else:
        terminal.say(f"{submission_id} has ended: {status.outcome.value}.")


def how_to_go_on(client: DispatcherClient, submission_id: str) -> str:
    """The commands that go on where this one ends; they can be pasted into any shell."""
    where = f"--dispatcher {shlex.quote(str(client.dispatcher))} {submission_id}"
    return f"`sparkmesos status --wait {where}` waits for its end, `sparkmesos kill {where}` ends it."

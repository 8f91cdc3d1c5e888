"""`sparkmesos list`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from . import options
from .dispatcher_options import chosen_client, dispatcher_options
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.messages import DriverStatus

_STATES = ("queued", "running", "retrying", "finished", "succeeded", "failed", "killed", "lost")
_COLUMNS = ("Driver", "State", "Sent (UTC)", "Took", "Agent", "Name", "Waits for")
_WIDE = 100
"""Columns of a terminal on which there is room for agents, too."""
_LIMIT = 100


@click.command("list")
@dispatcher_options
@click.option(
    "--state",
    "states",
    type=click.Choice(_STATES, case_sensitive=False),
    multiple=True,
    help="Only drivers in this state; finished is any end. May be repeated.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=_LIMIT,
    show_default=True,
    metavar="N",
    help="The latest N of them; 0 for all.",
)
@options.output
@click.pass_context
def command(
    context: click.Context, /, *, states: tuple[str, ...], limit: int, output: str, **_servers: Any
) -> int:
    """List the drivers of a dispatcher.

    The latest come first. Spark's own dispatcher cannot tell them.

    \b
      sparkmesos list --dispatcher mesos://HOST:7077 --state running --state queued
    """
    from .driver_report import driver_record, warn_without_mesos

    terminal = context.find_object(Terminal) or Terminal()
    client = chosen_client(context, terminal)
    found = client.drivers(states=[state.upper() for state in states], limit=limit or None)
    if output == "json":
        terminal.json("drivers", [driver_record(driver, found.mesos_problem) for driver in found.drivers])
    elif found.drivers:
        _show(terminal, found.drivers)
    if not found.drivers:
        terminal.say(f"No driver is {' or '.join(states)}." if states else "No drivers.")
    elif found.total > len(found.drivers):
        shown = len(found.drivers)
        these = "This is the latest" if shown == 1 else f"These are the latest {shown}"
        terminal.say(f"{these} of {found.total}; --limit 0 shows all.")
    warn_without_mesos(terminal, found.mesos_problem, "this is what is known from before")
    return 0


def _show(terminal: Terminal, drivers: Sequence[DriverStatus]) -> None:
    """People want it narrow; scripts want the same columns each time."""
    now = datetime.now(timezone.utc)
    narrow = terminal.stdout.isatty()
    rows = [_row(driver, now, narrow=narrow) for driver in drivers]
    shown = list(range(len(_COLUMNS)))
    if narrow:
        if shutil.get_terminal_size().columns < _WIDE:
            shown.remove(_COLUMNS.index("Agent"))
        if not any(row[-1] for row in rows):
            shown.pop()
    columns = [_COLUMNS[index] for index in shown]
    terminal.table(columns, [[row[index] for index in shown] for row in rows], whole=4)


def _row(driver: DriverStatus, now: datetime, *, narrow: bool) -> tuple[str, ...]:
    submitted = driver.text("submittedAt")[:19].replace("T", " ")
    return (
        driver.submission_id,
        driver.outcome.value,
        submitted[5:16] if narrow else submitted,  # the year and the seconds are in the id, too
        _took(driver, now),
        driver.text("agentHost"),
        driver.text("name"),
        driver.cause,
    )


def _took(driver: DriverStatus, now: datetime) -> str:
    """How long the last launch has run or ran; empty without one, and while the next one is waited for."""
    from sparkmesos_core.dispatcher.messages import Outcome
    from sparkmesos_core.dispatcher.server.driver_words import duration_text

    began, ended = _time(driver.text("launchedAt")), _time(driver.text("finishedAt"))
    if began is None or driver.outcome is Outcome.RETRYING:
        return ""
    return duration_text(((ended or now) - began).total_seconds())


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None

"""`sparkmesos list`."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from . import options
from .dispatcher_options import chosen_client, dispatcher_options
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.messages import DriverStatus

_STATES = ("queued", "running", "retrying", "finished", "succeeded", "failed", "killed", "lost")
_LIMIT = 100


@click.command("list")
@dispatcher_options
@click.option(
    "--state",
    "states",
    type=click.Choice(_STATES),
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
    from .driver_report import driver_record

    terminal = context.find_object(Terminal) or Terminal()
    client = chosen_client(context, terminal)
    found = client.drivers(states=[state.upper() for state in states], limit=limit or None)
    if output == "json":
        terminal.json("drivers", [driver_record(driver) for driver in found.drivers])
    elif found.drivers:
        now = datetime.now(timezone.utc)
        columns = ("Driver", "State", "Submitted (UTC)", "Took", "Agent", "Name")
        terminal.table(columns, [_row(driver, now) for driver in found.drivers])
    if not found.drivers:
        terminal.say("No such driver." if states else "No drivers.")
    elif found.total > len(found.drivers):
        terminal.say(f"These are the latest {len(found.drivers)} of {found.total}; --limit 0 shows all.")
    return 0


def _row(driver: DriverStatus, now: datetime) -> tuple[str, ...]:
    return (
        driver.submission_id,
        driver.outcome.value,
        driver.text("submittedAt")[:19].replace("T", " "),
        _took(driver, now),
        driver.text("agentHost"),
        driver.text("name"),
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

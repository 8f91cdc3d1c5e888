"""`sparkmesos kill`."""

from __future__ import annotations

from typing import Any

import click

from . import options
from .dispatcher_options import chosen_client, dispatcher_options
from .driver_report import kill_drivers
from .terminal import Terminal


@click.command("kill")
@click.argument("submission_ids", metavar="ID…", nargs=-1, required=True)
@dispatcher_options
@options.output
@click.pass_context
def command(
    context: click.Context, /, *, submission_ids: tuple[str, ...], output: str, **_servers: Any
) -> int:
    """Kill drivers in cluster mode.

    Those that wait are removed from the queue, those that run are killed on their agents. Exits with 0 when
    the dispatcher has agreed to kill all of them, with 1 and its reasons otherwise.

    \b
      sparkmesos kill --dispatcher mesos://HOST:7077 driver-20260131120000-0001
    """
    terminal = context.find_object(Terminal) or Terminal()
    once = tuple(dict.fromkeys(submission_ids))
    return kill_drivers(terminal, chosen_client(context, terminal), once, output)

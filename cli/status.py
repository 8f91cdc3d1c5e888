"""`sparkmesos status`."""

from __future__ import annotations

from typing import Any

import click

from . import options
from .dispatcher_options import chosen_client, dispatcher_options
from .driver_report import show_status
from .terminal import Terminal


@click.command("status")
@click.argument("submission_id", metavar="ID")
@dispatcher_options
@click.option("--wait", is_flag=True, help="Wait until the driver has ended, and tell what happens to it.")
@click.option(
    "--timeout",
    type=options.Seconds(),
    metavar="SECONDS",
    help="With --wait: give up after this time, with exit code 6.",
)
@options.output
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    submission_id: str,
    wait: bool,
    timeout: float | None,
    output: str,
    **_servers: Any,
) -> int:
    """Tell what has become of a driver in cluster mode.

    Prints one word: queued, running, retrying, succeeded, failed, killed, lost or not found. Exits with 0 for
    the first four, with 3 for a driver that failed or was lost, 4 for one that was killed, 1 for one that the
    dispatcher does not know.

    \b
      sparkmesos status --dispatcher mesos://HOST:7077 driver-20260131120000-0001
    """
    terminal = context.find_object(Terminal) or Terminal()
    client = chosen_client(context, terminal)
    if wait:
        from .driver_waiting import wait_for_driver

        status = wait_for_driver(terminal, client, submission_id, timeout=timeout, is_known=False)
    elif timeout is not None:
        raise click.UsageError("--timeout is for --wait", context)
    else:
        status = client.status(submission_id)
    return show_status(terminal, client, status, output)

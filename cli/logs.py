"""`sparkmesos logs`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkmesos_core.errors import DispatcherError, ExitCode

from .dispatcher_options import addresses_of, client_of, dispatcher_options
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.driver_sandboxes import DriverSandboxes, Sandbox
    from sparkmesos_core.dispatcher.messages import DriverStatus


@click.command("logs")
@click.argument("submission_id", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Go on until the driver has ended; wait for its start.")
@click.option("--stderr", "wants_stderr", is_flag=True, help="What it wrote to stderr, in place of stdout.")
@click.option("--lines", type=click.IntRange(min=0), metavar="N", help="Begin with the last N lines only.")
@click.option("--executor", metavar="EXECUTOR", help="Of an executor of the application, as 0 or 1.")
@dispatcher_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    submission_id: str,
    follow: bool,
    wants_stderr: bool,
    lines: int | None,
    executor: str | None,
    ca_file: Path | None,
    auth_token_file: Path | None,
    **_servers: Any,
) -> int:
    """Print what a driver or an executor wrote.

    What it wrote to stdout, while it runs or when it has ended. It is read from the sandbox, through the
    agent. Our dispatcher tells where that is; for Spark's own, give the Mesos master with --master beside
    --dispatcher.

    \b
      sparkmesos logs -f --dispatcher mesos://HOST:7077 driver-20260131120000-0001
    """
    from sparkmesos_core.client_configuration import read_client_configuration
    from sparkmesos_core.dispatcher.messages import Outcome
    from sparkmesos_core.master import parse_dispatcher
    from sparkmesos_core.spark.arguments import SubmitArguments

    from .driver_files import driver_sandboxes, shown_output

    terminal = context.find_object(Terminal) or Terminal()
    addresses = addresses_of(context, terminal)
    client = client_of(
        terminal, parse_dispatcher(addresses.dispatcher), ca_file=ca_file, auth_token_file=auth_token_file
    )
    arguments = SubmitArguments.parse(("--status", submission_id))
    configuration = read_client_configuration(
        arguments, spark_home=None, environment=dict(terminal.environment)
    ).configuration
    sandboxes = driver_sandboxes(client, configuration, addresses.mesos_master, ca_file)
    name = "stderr" if wants_stderr else "stdout"
    try:
        status = client.status(submission_id)
        if status.outcome is Outcome.NOT_FOUND:
            raise DispatcherError(
                f"The dispatcher at {client.dispatcher} knows no driver {submission_id}",
                hint="Check the id, and that it was submitted to this dispatcher.",
            )
        sandbox = None if executor is None else sandboxes.of_executor(status, executor)
        if follow:
            from .driver_waiting import wait_for_driver

            output = shown_output(terminal, sandboxes, (name,), lines=lines, sandbox=sandbox)
            # It is the output that was asked for, not the states.
            wait_for_driver(terminal, client, submission_id, output=output, is_told=False)
        else:
            where = shlex.quote(str(client.dispatcher))
            _show(terminal, sandboxes, status, sandbox or sandboxes.of_driver(status), name, lines, where)
    finally:
        sandboxes.close()
    return int(ExitCode.OK)


def _show(
    terminal: Terminal,
    sandboxes: DriverSandboxes,
    status: DriverStatus,
    sandbox: Sandbox | None,
    name: str,
    lines: int | None,
    where: str,
) -> None:
    from sparkmesos_core.dispatcher.driver_output import GrowingFile

    if sandbox is None:
        what = f"{status.submission_id} is {status.outcome.value}, and has no sandbox: it was never launched"
        driver = f"--dispatcher {where} {status.submission_id}"
        raise DispatcherError(
            f"{what} ({status.waits_for})" if status.waits_for else what,
            hint=f"`sparkmesos status {driver}` may tell why."
            if status.outcome.has_ended
            else f"`sparkmesos logs -f {driver}` waits for it.",
        )
    files, directory = sandboxes.open(sandbox)
    for piece in GrowingFile(files, f"{directory}/{name}", lines).news():
        terminal.raw(piece)

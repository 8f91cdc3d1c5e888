"""`sparkmesos shell`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sparkmesos_core.errors import ExitCode

from . import options
from .executor_limits import dynamic_allocation_of
from .property_completion import complete_spark_argument
from .spark_arguments import SparkProgramCommand
from .terminal import Terminal

_LANGUAGES = ("scala", "python", "sql", "r", "connect")


class ShellCommand(SparkProgramCommand):
    """`shell`, which has no application."""

    tells_of_submit = False
    mixed = True
    # As shell_arguments.FOREIGN has them, which is not imported for completion and --help.
    foreign = ("--class", "--driver-cores", "--supervise", "--kill", "--status")


@click.command("shell", cls=ShellCommand, options_metavar="[OPTIONS]")
@options.option(
    "--lang",
    type=click.Choice(_LANGUAGES, case_sensitive=False),
    default=_LANGUAGES[0],
    show_default=True,
    help="Its language: Spark's spark-shell, pyspark, spark-sql or sparkR; or a server of Spark Connect.",
)
@options.master
@options.own_of_shell
@click.argument(
    "arguments",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="[-- SHELL-ARGUMENTS…]",
    shell_complete=complete_spark_argument,
)
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    lang: str,
    arguments: tuple[str, ...],
    master: str | None,
    spark_home: Path | None,
    dry_run: bool,
    **_others: Any,
) -> int:
    """Work with Spark on Mesos at its prompt: in Scala, Python, SQL or R.

    Becomes one of Spark's own shells, so the terminal, history, Ctrl-C and the exit code are the shell's. Its
    driver runs here, its executors on Mesos. Options are those of sparkmesos and of spark-submit, and those
    of the shell may be among them, or behind a --:

    \b
      sparkmesos shell --master mesos://HOST:5050 --conf spark.cores.max=4
      sparkmesos shell --lang sql --master mesos://HOST:5050 -- -e 'SELECT 1'
      sparkmesos shell --lang connect --master mesos://HOST:5050
    """
    from sparkmesos_core.client_configuration import read_client_configuration
    from sparkmesos_core.settings import own_masters
    from sparkmesos_core.spark.argument_checks import refusals
    from sparkmesos_core.spark.arguments import Action
    from sparkmesos_core.submit import connect_mode, shells
    from sparkmesos_core.submit.shell_arguments import read_shell_arguments

    terminal = context.find_object(Terminal) or Terminal()
    environment = dict(terminal.environment)
    shell = shells.SHELL_OF[lang]
    parsed = read_shell_arguments(shell, arguments)
    if parsed.action is Action.HELP:
        terminal.data(context.get_help())
        return int(ExitCode.OK)
    if parsed.action is Action.VERSION:
        from .spark_version import show_version

        show_version(terminal, spark_home, environment)
        return int(ExitCode.OK)
    client = read_client_configuration(
        parsed,
        spark_home=spark_home,
        environment=environment,
        own=own_masters(environment),
        dynamic_allocation=dynamic_allocation_of(context),
    )
    shells.refuse_cluster_mode(client.configuration)
    connect_mode.refuse_remote(client.configuration)
    connect_mode.refuse_connect_mode(client.configuration, client.spark)
    client = shells.client_for(shell, client, Path.cwd())
    if parsed.verbose:
        from sparkmesos_core.submit.verbose_report import verbose_report

        for line in verbose_report(client):
            click.echo(line, file=terminal.stderr)
    own = shells.options_for(shell, options.client_mode_options(context))
    if next(refusals(parsed, client.configuration), None) is not None:
        from sparkmesos_core.submit.mesos_driver import speaks_http

        from .submission_check import is_sound

        over_http = speaks_http(
            own, client.configuration.get("spark.master"), client.env.variables, client.spark
        )
        is_sound(terminal, client, over_http=over_http, runs_here=not dry_run)
        return int(ExitCode.USAGE)
    piped = sys.stdin is None or not sys.stdin.isatty()
    program = shells.program_for(shell, client, piped=piped)
    from .driver_start import start_driver

    def check_port() -> None:
        from sparkmesos_core.submit import connect_server

        connect_server.check_port(client.configuration, client.spark)

    return start_driver(
        terminal,
        client,
        own,
        program,
        dry_run=dry_run,
        environment=environment,
        check_before=check_port if shell.is_server else None,
        with_notes=shell.is_server,
    )

"""`sparkmesos submit`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sparkmesos_core.errors import ExitCode, UsageError

from . import options
from .executor_limits import dynamic_allocation_of
from .spark_arguments import SparkProgramCommand, spark_arguments
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration

DROP_IN = "sparkmesos-submit"
"""The program that is this command alone."""


class SubmitCommand(SparkProgramCommand):
    """`submit`, which has a program of its own, too."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The usage, by the name that the command was called by."""
        called = Path(sys.argv[0]).name
        program = called if called == DROP_IN else ctx.command_path
        formatter.write_usage(program, " ".join(self.collect_usage_pieces(ctx)))


@click.command("submit", cls=SubmitCommand, options_metavar="[OPTIONS]")
@options.master
@options.own_of_submit()
@spark_arguments
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    arguments: tuple[str, ...],
    master: str | None,
    spark_home: Path | None,
    dry_run: bool,
    **_others: Any,
) -> int:
    """Run an application on Mesos, as spark-submit does.

    In client mode this becomes Spark's own spark-submit, so signals, the terminal and the exit code are the
    driver's. With --deploy-mode cluster a dispatcher runs the driver, and its submission id is printed.
    Options of sparkmesos and of spark-submit may be mixed in front of the application; what follows that is
    its own:

    \b
      sparkmesos submit --master mesos://HOST:5050 --conf spark.cores.max=4 app.py 10
    """
    from sparkmesos_core.client_configuration import read_client_configuration
    from sparkmesos_core.settings import own_masters
    from sparkmesos_core.spark.arguments import Action, SubmitArguments

    terminal = context.find_object(Terminal) or Terminal()
    environment = dict(terminal.environment)
    parsed = SubmitArguments.parse(arguments)
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
    if parsed.verbose:
        from sparkmesos_core.submit.verbose_report import verbose_report

        for line in verbose_report(client):
            click.echo(line, file=terminal.stderr)
    if parsed.asks_dispatcher:
        return _ask_dispatcher(terminal, client, context.params)
    from sparkmesos_core.spark.argument_checks import refusals
    from sparkmesos_core.submit.mesos_driver import check_options, speaks_http

    own = options.client_mode_options(context)
    is_cluster = client.configuration.get("spark.submit.deployMode") == "cluster"
    if next(refusals(parsed, client.configuration), None) is not None:
        from .submission_check import is_sound

        # Shown with all else that is wrong; what follows relies on such values.
        over_http = is_cluster or speaks_http(
            own, client.configuration.get("spark.master"), client.env.variables, client.spark
        )
        is_sound(terminal, client, over_http=over_http, runs_here=not (is_cluster or dry_run))
        return int(ExitCode.USAGE)
    if is_cluster:
        from .submit_cluster import submit_to_cluster  # which client mode does without

        check_options(own, client.configuration)
        return submit_to_cluster(context, terminal, client)
    _refuse_for_client_mode(context)
    from sparkmesos_core.submit.launch import SPARK_SUBMIT

    from .driver_start import start_driver

    return start_driver(terminal, client, own, SPARK_SUBMIT, dry_run=dry_run, environment=environment)


def _refuse_for_client_mode(context: click.Context) -> None:
    """Raises UsageError for what was typed and means something in cluster mode only.

    Waiting for the driver, showing its output and ending it with the command is what client mode does anyway.
    """
    for name, option in (("timeout", "--timeout"), ("stage", "--stage")):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(
                f"{option} is for --deploy-mode cluster",
                hint=f"Leave out {option}: in client mode the driver runs here.",
            )


def _ask_dispatcher(terminal: Terminal, client: ClientConfiguration, given: Mapping[str, Any]) -> int:
    """--status and --kill."""
    from sparkmesos_core.spark.arguments import Action
    from sparkmesos_core.submit.cluster_mode import dispatcher_of

    from .dispatcher_options import client_of
    from .driver_report import kill_drivers, show_status

    action = client.arguments.action
    submission_id = client.arguments.values[f"--{action.value}"]
    address = dispatcher_of(client.configuration)
    if given["dry_run"]:
        terminal.data(f"{action.value} {submission_id} at {address}")
        return int(ExitCode.OK)
    dispatcher = client_of(
        terminal, address, ca_file=given["ca_file"], auth_token_file=given["auth_token_file"]
    )
    if action is Action.KILL:
        return kill_drivers(terminal, dispatcher, [submission_id], "table")
    return show_status(terminal, dispatcher, dispatcher.status(submission_id), "table")

"""`sparkmesos submit`."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sparkmesos_core.errors import ExitCode, SparkNotFoundError, UsageError
from sparkmesos_core.quoting import printable

from . import options
from .spark_arguments import SparkArgumentsCommand, spark_arguments
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.submit.client_mode import Submission
    from sparkmesos_core.submit.mesos_driver import ClientModeOptions

DROP_IN = "sparkmesos-submit"
"""The program that is this command alone."""


class SubmitCommand(SparkArgumentsCommand):
    """`submit`, whose help lists the options of spark-submit, too."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The usage, by the name that the command was called by."""
        called = Path(sys.argv[0]).name
        program = called if called == DROP_IN else ctx.command_path
        formatter.write_usage(program, " ".join(self.collect_usage_pieces(ctx)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Our own options, then Spark's in their groups."""
        from sparkmesos_core.spark.submit_options import OPTIONS

        super().format_options(ctx, formatter)
        own = {name for param in self.get_params(ctx) for name in param.opts}
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in OPTIONS:
            if option.name not in own and not option.hidden:
                names = ", ".join(sorted(option.names, key=len))
                usage = names if option.metavar is None else f"{names} {option.metavar}"
                groups.setdefault(option.group.value, []).append((usage, option.help))
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


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
        _show_version(terminal, spark_home, environment)
        return int(ExitCode.OK)
    client = read_client_configuration(
        parsed,
        spark_home=spark_home,
        environment=environment,
        own=own_masters(environment),
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
        # Shown with all else that is wrong; what follows relies on such values.
        over_http = is_cluster or speaks_http(
            own, client.configuration.get("spark.master"), client.env.variables
        )
        is_sound(terminal, client, over_http=over_http, runs_here=not (is_cluster or dry_run))
        return int(ExitCode.USAGE)
    if is_cluster:
        from .submit_cluster import submit_to_cluster  # which client mode does without

        check_options(own, client.configuration)
        return submit_to_cluster(context, terminal, client)
    _refuse_for_client_mode(context)
    return _run_driver(terminal, client, own, dry_run, environment)


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


def _show_version(terminal: Terminal, spark_home: Path | None, environment: Mapping[str, str]) -> None:
    from sparkmesos_core import __version__
    from sparkmesos_core.spark.home import find_spark

    terminal.data(f"sparkmesos {__version__}")
    try:
        spark = find_spark(spark_home, environment)
    except SparkNotFoundError as error:
        if spark_home is not None or environment.get("SPARK_HOME"):
            raise
        terminal.warn(error.message)
        return
    # Scripts look for the word in front of the number, as Spark's own spark-submit prints both.
    terminal.data(
        f"Spark version {spark.version}, Scala version {spark.scala_version} ({spark.path}, {spark.origin})"
    )


def is_sound(
    terminal: Terminal, client: ClientConfiguration, *, over_http: bool = True, runs_here: bool = False
) -> bool:
    """Shows all that is wrong with a submission; false if it must not run. Notes are for `config check`.

    `over_http` says that libmesos does not matter, `runs_here` that files of this machine have to be there.
    """
    from sparkmesos_core.conf.finding import Severity
    from sparkmesos_core.configuration_check import by_severity, check_submission

    sound = True
    found = check_submission(client, directory=Path.cwd() if runs_here else None, over_http=over_http)
    for finding in by_severity(found):
        place = f"{finding.origin}: " if finding.origin is not None else ""
        if finding.severity is Severity.ERROR:
            sound = False
            terminal.error(UsageError(place + finding.message, hint=finding.hint))
        elif finding.severity is Severity.WARNING:
            terminal.warn(place + finding.message, hint=finding.hint)
    return sound


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


def _run_driver(
    terminal: Terminal,
    client: ClientConfiguration,
    own: ClientModeOptions,
    dry_run: bool,
    environment: Mapping[str, str],
) -> int:
    from sparkmesos_core.submit import client_mode
    from sparkmesos_core.submit.mesos_driver import check_options

    submission = client_mode.plan(client, own)
    check_options(own, client.configuration)
    if not is_sound(terminal, client, over_http=submission.libmesos is None, runs_here=not dry_run):
        return int(ExitCode.USAGE)
    if dry_run:
        url, bridge = client_mode.future_url(submission), client_mode.future_bridge_for(submission)
    else:
        url, bridge = _prepare(terminal, submission)
    launch = client_mode.launch(submission, url, bridge, environment)
    if dry_run:
        terminal.data(shlex.join(launch.printable()))
        if bridge is not None and not bridge.is_file():
            terminal.say(printable(f"The bridge {bridge} has yet to be compiled, which `submit` does."))
        if launch.hides_secrets():
            terminal.warn("secret values are shown as ***: the command does not run as it stands")
        return int(ExitCode.OK)
    terminal.flush()
    # Python ignores these two, and a program that is exec'ed would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    launch.limits.apply()
    try:
        os.execve(launch.arguments[0], launch.arguments, dict(launch.environment))
    except OSError as error:
        raise SparkNotFoundError(
            f"{launch.arguments[0]} cannot be started: {error.strerror}",
            hint="Check the installation of Spark, and that there is a bash.",
        ) from error


def _prepare(terminal: Terminal, submission: Submission) -> tuple[str, Path | None]:
    """What Spark gets as --master, and the bridge; an embedded cluster is started for it."""
    from sparkmesos_core.master import EmbeddedMaster
    from sparkmesos_core.submit import client_mode

    if not isinstance(submission.master, EmbeddedMaster):
        url = client_mode.leader_url(submission)
        # Compiled, if need be, when the master is known to answer.
        return url, client_mode.bridge_for(submission, terminal.say)
    bridge = client_mode.bridge_for(submission, terminal.say)
    from sparkmesos_core.localcluster import embedded  # which imports a lot

    # exec keeps the pid, so the cluster watches the driver that this process becomes.
    cluster = embedded.start(
        submission.master.agents,
        submission.java,
        os.getpid(),
        submission.options.work_dir,
        submission.environment,
    )
    terminal.say(f"Embedded Mesos: {cluster.http_url} (log and sandboxes: {cluster.work_dir})")
    return cluster.url, bridge

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

from sparkmesos_core.errors import (
    ConfigurationError,
    DispatcherError,
    ExitCode,
    SparkNotFoundError,
    UsageError,
)
from sparkmesos_core.quoting import printable

from . import options
from .spark_arguments import SparkArgumentsCommand, spark_arguments
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.dispatcher.client import DispatcherClient
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
    ca_file: Path | None,
    dry_run: bool,
    **_client_mode: Any,
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
        return _ask_dispatcher(terminal, client, ca_file, dry_run)
    from sparkmesos_core.spark.argument_checks import refusals
    from sparkmesos_core.submit.mesos_driver import check_options, speaks_http

    own = options.client_mode_options(context)
    is_cluster = client.configuration.get("spark.submit.deployMode") == "cluster"
    if next(refusals(parsed, client.configuration), None) is not None:
        # Shown with all else that is wrong; what follows relies on such values.
        over_http = is_cluster or speaks_http(
            own, client.configuration.get("spark.master"), client.env.variables
        )
        _is_sound(terminal, client, over_http=over_http, runs_here=not (is_cluster or dry_run))
        return int(ExitCode.USAGE)
    if is_cluster:
        check_options(own, client.configuration)
        return _submit_to_cluster(terminal, client, ca_file, dry_run)
    return _run_driver(terminal, client, own, dry_run, environment)


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


def _is_sound(
    terminal: Terminal, client: ClientConfiguration, *, over_http: bool = True, runs_here: bool = False
) -> bool:
    """Shows all that is wrong with a submission; false if it must not run. Notes are for `config check`.

    `over_http` says that libmesos does not matter, `runs_here` that files of this machine have to be there.
    """
    from sparkmesos_core.conf.finding import Severity
    from sparkmesos_core.configuration_check import by_severity, check_submission
    from sparkmesos_core.spark.argument_checks import refusals

    refused = list(refusals(client.arguments, client.configuration))
    for error in refused:
        terminal.error(error)
    keys = {error.setting.key for error in refused if isinstance(error, ConfigurationError)}
    findings = check_submission(client, over_http=over_http)
    if runs_here:
        from sparkmesos_core.spark.missing_files import missing_files

        findings = [*missing_files(client.arguments, client.configuration, Path.cwd()), *findings]
    sound = not refused
    for finding in by_severity(findings):
        if finding.severity is Severity.ERROR and finding.key in keys:
            continue
        place = f"{finding.origin}: " if finding.origin is not None else ""
        if finding.severity is Severity.ERROR:
            sound = False
            terminal.error(UsageError(place + finding.message, hint=finding.hint))
        elif finding.severity is Severity.WARNING:
            terminal.warn(place + finding.message, hint=finding.hint)
    return sound


def _dispatcher(client: ClientConfiguration, ca_file: Path | None) -> DispatcherClient:
    from sparkmesos_core.dispatcher.client import DispatcherClient
    from sparkmesos_core.submit.cluster_mode import dispatcher_of

    dispatcher = dispatcher_of(client.configuration)
    if ca_file is None:
        return DispatcherClient(dispatcher)
    from sparkmesos_core.network_failures import check_ca_file

    check_ca_file(str(ca_file))
    return DispatcherClient(dispatcher, ca_file=str(ca_file))


def _ask_dispatcher(
    terminal: Terminal, client: ClientConfiguration, ca_file: Path | None, dry_run: bool
) -> int:
    """--status and --kill."""
    from sparkmesos_core.dispatcher.messages import Outcome
    from sparkmesos_core.spark.arguments import Action
    from sparkmesos_core.submit.cluster_mode import dispatcher_of, exit_code_of

    action = client.arguments.action
    submission_id = client.arguments.values[f"--{action.value}"]
    if dry_run:
        terminal.data(f"{action.value} {submission_id} at {dispatcher_of(client.configuration)}")
        return int(ExitCode.OK)
    dispatcher = _dispatcher(client, ca_file)
    if action is Action.KILL:
        killed = dispatcher.kill(submission_id)
        if not killed.success:
            raise DispatcherError(
                f"{submission_id} was not killed: {killed.message}",
                hint=f"`sparkmesos submit --status {submission_id}` tells what has become of it.",
            )
        terminal.say(printable(f"{submission_id} is being killed: {killed.message}"))
        return int(ExitCode.OK)
    status = dispatcher.status(submission_id)
    terminal.data(status.outcome.value)
    if status.outcome is Outcome.NOT_FOUND:
        raise DispatcherError(
            f"The dispatcher at {dispatcher_of(client.configuration)} knows no driver {submission_id}",
            hint="Check the id, and that it was submitted to this dispatcher. Spark's own forgets drivers"
            " that it was told to kill while they waited, and all that had ended when it is restarted.",
        )
    details = [part for part in (status.task_state, status.task_message) if part]
    if details:
        terminal.say(printable(f"{submission_id}: {': '.join(details)}"))
    return int(exit_code_of(status))


def _submit_to_cluster(
    terminal: Terminal, client: ClientConfiguration, ca_file: Path | None, dry_run: bool
) -> int:
    import time

    from sparkmesos_core.submit.cluster_mode import printable_request, request_for

    dispatcher = _dispatcher(client, ca_file)
    request = request_for(client, Path.cwd(), int(time.time() * 1000))
    if not _is_sound(terminal, client):
        return int(ExitCode.USAGE)
    if dry_run:
        terminal.data(printable_request(request))
        return int(ExitCode.OK)
    submitted = dispatcher.create(request)
    terminal.data(submitted.submission_id)
    if submitted.unknown_fields:
        terminal.warn(f"the dispatcher does not know {', '.join(submitted.unknown_fields)}")
    return int(ExitCode.OK)


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
    if not _is_sound(terminal, client, over_http=submission.libmesos is None, runs_here=not dry_run):
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

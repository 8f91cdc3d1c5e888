"""`sparkmesos submit`."""

from __future__ import annotations

import math
import os
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sparkmesos_core.errors import DispatcherError, ExitCode, SparkNotFoundError, UsageError
from sparkmesos_core.quoting import printable

from . import options
from .spark_arguments import SparkArgumentsCommand, spark_arguments
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.dispatcher.client import DispatcherClient
    from sparkmesos_core.submit.client_mode import Submission

# Own options that mean nothing where the driver runs elsewhere.
_CLIENT_MODE_ONLY = ("mesos_driver", "start_timeout", "work_dir")


class SubmitCommand(SparkArgumentsCommand):
    """`submit`, whose help lists the options of spark-submit, too."""

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
@options.spark_home
@options.option(
    "--mesos-driver",
    type=click.Choice(["auto", "native", "http"]),
    default="auto",
    show_default=True,
    help="How the driver speaks to Mesos: through libmesos (native), over HTTP with the bridge (http), or "
    "through libmesos where there is one (auto).",
)
@options.ca_file
@options.option(
    "--start-timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give up, with exit code 6, when no executor has started by then.  [default: wait, and say why]",
)
@click.option(  # not as a variable: what is set for start-local-cluster is in use by a cluster that runs
    "--work-dir",
    type=options.Folder(),
    help="Where the embedded cluster keeps its log and sandboxes; else they go with it.",
)
@options.option(
    "--dry-run", is_flag=True, help="Print the command, or what the dispatcher would get, and do nothing."
)
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
    **client_mode: Any,
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
    from sparkmesos_core.spark.argument_checks import check_values
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
    check_values(parsed, client.configuration)
    if client.configuration.get("spark.submit.deployMode") == "cluster":
        _refuse_client_mode_options(context)
        return _submit_to_cluster(terminal, client, ca_file, dry_run)
    return _run_driver(terminal, client, ca_file, dry_run, environment, **client_mode)


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
    terminal.data(f"Spark {spark.version}, Scala {spark.scala_version} ({spark.path}, {spark.origin})")


def _refuse_client_mode_options(context: click.Context) -> None:
    """What is set for good, in a variable or the settings file, is no mistake; what is typed is."""
    for name in _CLIENT_MODE_ONLY:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} is for client mode, but --deploy-mode is cluster",
                hint=f"Leave out {option}: the driver will run on an agent, started by the dispatcher.",
            )


def _is_sound(terminal: Terminal, client: ClientConfiguration, *, over_http: bool = False) -> bool:
    """Shows what is wrong with the configuration; false if it must not run. Notes are for `config check`."""
    from sparkmesos_core.conf.finding import Severity
    from sparkmesos_core.configuration_check import by_severity, check_submission

    sound = True
    for finding in by_severity(check_submission(client, over_http=over_http)):
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

    return DispatcherClient(
        dispatcher_of(client.configuration), ca_file=str(ca_file) if ca_file is not None else None
    )


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
    ca_file: Path | None,
    dry_run: bool,
    environment: Mapping[str, str],
    *,
    mesos_driver: str,
    start_timeout: float | None,
    work_dir: Path | None,
) -> int:
    from sparkmesos_core.master import EmbeddedMaster
    from sparkmesos_core.submit import client_mode

    if start_timeout is not None and not math.isfinite(start_timeout):
        raise UsageError("--start-timeout is not a number of seconds", hint="Leave it out to wait for ever.")
    submission = client_mode.plan(
        client,
        client_mode.ClientModeOptions(
            mesos_driver=client_mode.MesosDriver(mesos_driver), ca_file=ca_file, start_timeout=start_timeout
        ),
    )
    if work_dir is not None and not isinstance(submission.master, EmbeddedMaster):
        raise UsageError(
            "--work-dir is for an embedded master only",
            hint=f"Leave it out: the sandboxes of {submission.master} are on its agents.",
        )
    if not dry_run:
        client_mode.check_application(submission)
    if not _is_sound(terminal, client, over_http=submission.libmesos is None):
        return int(ExitCode.USAGE)
    url, bridge = _prepare(terminal, submission, work_dir, dry_run)
    launch = client_mode.launch(submission, url, bridge, environment)
    if dry_run:
        terminal.data(shlex.join(launch.printable()))
        if launch.hides_secrets():
            terminal.warn("secret values are shown as ***: the command does not run as it stands")
        return int(ExitCode.OK)
    terminal.flush()
    # Python ignores these two, and a program that is exec'ed would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(launch.arguments[0], launch.arguments, dict(launch.environment))
    except OSError as error:
        raise SparkNotFoundError(
            f"{launch.arguments[0]} cannot be started: {error.strerror}",
            hint="Check the installation of Spark, and that there is a bash.",
        ) from error


def _prepare(
    terminal: Terminal, submission: Submission, work_dir: Path | None, dry_run: bool
) -> tuple[str, Path | None]:
    """What Spark gets as --master, and the bridge; an embedded cluster is started for it."""
    from sparkmesos_core.master import EmbeddedMaster
    from sparkmesos_core.submit import client_mode

    if not isinstance(submission.master, EmbeddedMaster):
        url = client_mode.leader_url(submission)
        # Compiled, if need be, when the master is known to answer.
        return url, client_mode.bridge_for(submission, terminal.say)
    bridge = client_mode.bridge_for(submission, terminal.say)
    if dry_run:
        return client_mode.PLACEHOLDER_URL, bridge
    from sparkmesos_core.localcluster import embedded  # which imports a lot

    # exec keeps the pid, so the cluster watches the driver that this process becomes.
    cluster = embedded.start(
        submission.master.agents, submission.java, os.getpid(), work_dir, submission.environment
    )
    terminal.say(f"Embedded Mesos: {cluster.http_url} (log and sandboxes: {cluster.work_dir})")
    return cluster.url, bridge

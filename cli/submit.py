"""`sparkmesos submit`."""

from __future__ import annotations

import difflib
import math
import os
import shlex
import signal
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from sparkmesos_core.errors import ExitCode, SparkNotFoundError, UsageError

from . import options
from .terminal import Terminal


class PassOnCommand(click.Command):
    """A command whose own options end at the first argument that is not one of them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Lets Click see its own options only; the rest stays as it is, in its order."""
        own = self._length_of_own_options(ctx, args)
        if own <= len(args):  # else the value of the last option is missing, which Click shall say
            args = [*args[:own], "--", *args[own:]]
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # so that the hint names this command
            raise

    def _length_of_own_options(self, ctx: click.Context, args: list[str]) -> int:
        takes_value = {
            name: not parameter.is_flag
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            for name in parameter.opts
        }
        index = 0
        while index < len(args):
            name, equals, _ = args[index].partition("=")
            if name not in takes_value:
                break
            index += 2 if takes_value[name] and not equals else 1
        return index


def refuse_misplaced(arguments: tuple[str, ...]) -> None:
    """Raises UsageError for an option in the place of the application: one of ours too late, or a typo."""
    from sparkmesos_core.spark.arguments import SPARK_SUBMIT_OPTIONS, SparkSubmitArguments

    application = SparkSubmitArguments.parse(arguments).application
    name = application[0].partition("=")[0] if application else ""
    if not name.startswith("-"):
        return
    own = [opt for param in command.params if isinstance(param, click.Option) for opt in param.opts]
    if name in own:
        raise UsageError(
            f"{name} is an option of `sparkmesos submit`, but stands behind options of spark-submit",
            hint=f"Put it in front of {arguments[0]}: what follows that is passed on to spark-submit.",
        )
    near = difflib.get_close_matches(name, [*own, *SPARK_SUBMIT_OPTIONS], n=1)
    raise UsageError(
        f"Neither `sparkmesos submit` nor spark-submit has an option {name}",
        hint=f"Did you mean {near[0]}?"
        if near
        else "`sparkmesos submit --help` and `spark-submit --help` list them.",
    )


@click.command("submit", cls=PassOnCommand, options_metavar="[OPTIONS]")
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
@options.option("--dry-run", is_flag=True, help="Print the command instead of running it.")
@click.argument(
    "arguments",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="SPARK-SUBMIT-ARGUMENTS…",
    shell_complete=lambda context, parameter, incomplete: [CompletionItem(incomplete, type="file")],
)
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    arguments: tuple[str, ...],
    master: str | None,
    mesos_driver: str,
    start_timeout: float | None,
    work_dir: Path | None,
    dry_run: bool,
    **request: Any,
) -> int:
    """Run an application on Mesos, as spark-submit does.

    This becomes Spark's own spark-submit, so signals, the terminal and the exit code are the driver's. From
    the first option that is not listed below, everything is passed on to spark-submit as it is:

    \b
      sparkmesos submit --master mesos://HOST:5050 --conf spark.cores.max=4 app.py 10
    """
    from sparkmesos_core import submit
    from sparkmesos_core.localcluster import embedded
    from sparkmesos_core.master import EmbeddedMaster

    terminal = context.find_object(Terminal) or Terminal()
    environment = dict(terminal.environment)
    refuse_misplaced(arguments)
    if start_timeout is not None and not math.isfinite(start_timeout):
        raise UsageError("--start-timeout is not a number of seconds", hint="Leave it out to wait for ever.")
    typed = context.get_parameter_source("master") is click.core.ParameterSource.COMMANDLINE
    submission = submit.plan_submission(
        submit.SubmitRequest(
            arguments=arguments,
            master=master if typed else None,
            default_master=None if typed else master,
            mesos_driver=submit.MesosDriver(mesos_driver),
            start_timeout=start_timeout,
            **request,
        ),
        environment,
    )
    if not dry_run:
        submit.check_application(submission)
    url = embedded.PLACEHOLDER_URL
    if not isinstance(submission.master, EmbeddedMaster):
        if work_dir is not None:
            raise UsageError(
                "--work-dir is for an embedded master only",
                hint=f"Leave it out: the sandboxes of {submission.master} are on its agents.",
            )
        url = submit.leader_url(submission)
    # Compiled, if need be, when the master is known to answer and before a cluster is started for it.
    bridge = submit.bridge_for(submission, environment, terminal.say)
    if isinstance(submission.master, EmbeddedMaster) and not dry_run:
        # exec keeps the pid, so the cluster watches the driver that this process becomes.
        cluster = embedded.start(
            submission.master.agents, submission.java, os.getpid(), work_dir, environment
        )
        terminal.say(f"Embedded Mesos: {cluster.http_url} (log and sandboxes: {cluster.work_dir})")
        url = cluster.url
    launch = submit.launch(submission, url, bridge, environment)
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

"""`sparkmesos submit`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

from sparkmesos_core.errors import ExitCode, UsageError

from . import options
from .terminal import Terminal


class PassOnCommand(click.Command):
    """A command whose own options end at the first argument that is not one of them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Lets Click see its own options only; the rest stays as it is, in its order."""
        own = self._length_of_own_options(ctx, args)
        if own > len(args):  # the value of the last option is missing, which Click shall say
            return super().parse_args(ctx, args)
        return super().parse_args(ctx, [*args[:own], "--", *args[own:]])

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
    """Raises UsageError if spark-submit would trip over an option of ours that came too late."""
    from sparkmesos_core.spark.arguments import SparkSubmitArguments

    application = SparkSubmitArguments.parse(arguments).application
    name = application[0].partition("=")[0] if application else ""
    if any(name in parameter.opts for parameter in command.params if isinstance(parameter, click.Option)):
        raise UsageError(
            f"{name} is an option of `sparkmesos submit`, but stands behind options of spark-submit",
            hint=f"Put it in front of {arguments[0]}: what follows that is passed on to spark-submit.",
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
@options.work_dir
@options.option("--dry-run", is_flag=True, help="Print the command instead of running it.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="SPARK-SUBMIT-ARGUMENTS…")
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    *,
    arguments: tuple[str, ...],
    mesos_driver: str,
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

    environment = dict(terminal.environment)
    refuse_misplaced(arguments)
    submission = submit.plan_submission(
        submit.SubmitRequest(arguments=arguments, mesos_driver=submit.MesosDriver(mesos_driver), **request),
        environment,
    )
    if not isinstance(submission.master, EmbeddedMaster):
        if work_dir is not None:
            raise UsageError(
                "--work-dir is for an embedded master only",
                hint=f"Leave it out: the sandboxes of {submission.master} are on its agents.",
            )
        url = submit.leader_url(submission)
    elif dry_run:
        url = embedded.PLACEHOLDER_URL
    else:
        # exec keeps the pid, so the cluster watches the driver that this process becomes.
        cluster = embedded.start(
            submission.master.agents, submission.java, os.getpid(), work_dir, environment
        )
        terminal.say(f"Embedded Mesos: {cluster.http_url} (log and sandboxes: {cluster.work_dir})")
        url = cluster.url
    launch = submit.launch(submission, url, environment, terminal.say)
    if dry_run:
        terminal.data(shlex.join(launch.printable()))
        if launch.hides_secrets():
            terminal.warn("secret values are shown as ***: the command does not run as it stands")
        return int(ExitCode.OK)
    terminal.stdout.flush()
    terminal.stderr.flush()
    os.execve(launch.arguments[0], launch.arguments, dict(launch.environment))

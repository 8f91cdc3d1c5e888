"""Options that more than one command has, each defined once."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from .executor_limits import ExecutorLimits

if TYPE_CHECKING:
    from sparkmesos_core.submit.mesos_driver import ClientModeOptions

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST_WAIT = 1_000_000
"""Seconds, some eleven days: for what waits for sockets and threads, to which the system sets a limit."""


def option(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """A click.option that can also be given as the variable SPARKMESOS_<NAME>."""
    variable = "SPARKMESOS_" + name.removeprefix("--").split("/")[0].upper().replace("-", "_")
    return click.option(name, *declarations, envvar=variable, **attributes)


master = option(
    "--master",
    metavar="URL",
    help="The Mesos master: mesos://HOST:5050, mesos://zk://HOST:2181,…/mesos, or embedded[N] to run an "
    "embedded Mesos with N agents for the life of this command; in cluster mode the dispatcher, "
    "mesos://HOST:7077.",
)


class SparkFolder(click.Path):
    """The folder of a Spark: if a variable or a settings file names it, it has to be one.

    What the command line names is left to who uses it, whose errors name the option.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click wants it. Raises SparkNotFoundError."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        source = ctx.get_parameter_source("spark_home") if ctx is not None else None
        if ctx is not None and not ctx.resilient_parsing and source in (None, ParameterSource.ENVIRONMENT):
            from sparkmesos_core.spark.home import read_spark

            read_spark(path, "spark-home" if source is None else "SPARKMESOS_SPARK_HOME")
        return path


spark_home = option(
    "--spark-home",
    type=SparkFolder(),
    help="The Spark to use.  [default: SPARK_HOME, else the installed pyspark]",
)
output = option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to report: for people, or for programs.",
)


class Seconds(click.FloatRange):
    """A length of time, above 0 and with an end; with `for_system`, none that sockets and threads refuse."""

    def __init__(self, *, for_system: bool = False) -> None:
        super().__init__(min=0, min_open=True, max=_LONGEST_WAIT if for_system else None)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click wants it."""
        if not math.isfinite(click.FLOAT.convert(value, param, ctx)):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return super().convert(value, param, ctx)


class Folder(click.Path):
    """A folder, which may have to be made yet.

    Not the empty name, which would be the current folder: it is what scripts give whose variable is not set.
    """

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click wants it."""
        if not os.fspath(value):
            self.fail("a folder has to have a name", param, ctx)
        return super().convert(value, param, ctx)


work_dir = option(
    "--work-dir",
    type=Folder(),
    help="Where the embedded cluster keeps its log and the sandboxes of its tasks.",
)


def own_of_submit(*, hidden: bool = False) -> Callable[[F], F]:
    """The options of `submit` that are not Spark's, without --master, which is of both.

    Commands that tell what `submit` would do have them, too, so that its command lines can be given to them:
    hidden in their help, but for --spark-home. The table of `submit` in the settings file means them as well.
    """
    return _declared(
        spark_home,
        _dynamic_allocation(hidden=hidden),
        *_of_client_mode(hidden=hidden),
        _dry_run("Print the command, or what the dispatcher would get, and do nothing.", hidden=hidden),
        *_of_cluster_mode(hidden=hidden),
    )


def own_of_shell(function: F) -> F:
    """The options of `shell` that `submit` has in client mode, without --master."""
    dry_run = _dry_run("Print the command, and do nothing.", hidden=False)
    return _declared(spark_home, _dynamic_allocation(hidden=False), *_of_client_mode(hidden=False), dry_run)(
        function
    )


def own_of_verification(function: F) -> F:
    """The options of `submit` that say what an application in client mode would have, without --master."""
    return _declared(spark_home, _dynamic_allocation(hidden=True), *_of_client_mode(hidden=True))(function)


def _declared(*declared: Callable[[F], F]) -> Callable[[F], F]:
    """Declares options in this order."""

    def declare(function: F) -> F:
        for each in reversed(declared):
            function = each(function)
        return function

    return declare


def _dynamic_allocation(*, hidden: bool) -> Callable[[F], F]:
    """What `executor_limits.dynamic_allocation_of` reads."""
    return option(
        "--dynamic-allocation",
        type=ExecutorLimits(),
        metavar="[MIN:MAX]",
        hidden=hidden,
        help="Have executors as there is work, within these limits if they are given, with the external "
        "shuffle service on the agents.",
    )


def _dry_run(text: str, *, hidden: bool) -> Callable[[F], F]:
    return option("--dry-run", is_flag=True, hidden=hidden, help=text)


def _of_client_mode(*, hidden: bool) -> tuple[Callable[[F], F], ...]:
    """What `client_mode_options` reads."""
    return (
        option(
            "--mesos-driver",
            type=click.Choice(["auto", "native", "http"]),
            default="auto",
            show_default=True,
            hidden=hidden,
            help="How the driver speaks to Mesos: through libmesos (native), over HTTP with the bridge "
            "(http), or through libmesos where there is one (auto).",
        ),
        option(
            "--ca-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            hidden=hidden,
            help="Certificates (PEM) to trust when masters and agents speak https.",
        ),
        option(
            "--start-timeout",
            type=Seconds(),
            metavar="SECONDS",
            hidden=hidden,
            help="Give up, with exit code 6, when no executor has started by then.  "
            "[default: wait, and say why]",
        ),
        option(
            "--class-archive",
            type=click.Choice(["auto", "off"]),
            default="auto",
            show_default=True,
            hidden=hidden,
            help="Whether Spark 4 may start with an archive of its classes, in two thirds of the time; the "
            "second submission makes it.",
        ),
        # Not as a variable: what is set for start-local-cluster is in use by a cluster that runs.
        click.option(
            "--work-dir",
            type=Folder(),
            hidden=hidden,
            help="Where the embedded cluster keeps its log and sandboxes; else they go with it.",
        ),
        option(
            "--no-preflight",
            is_flag=True,
            hidden=hidden,
            help="Start or submit the driver without looking for what would make it hang or fail.",
        ),
        option(
            "--preflight-timeout",
            type=Seconds(for_system=True),
            default=3.0,
            show_default=True,
            metavar="SECONDS",
            hidden=hidden,
            help="How long to look for that at most.",
        ),
    )


def _of_cluster_mode(*, hidden: bool) -> tuple[Callable[[F], F], ...]:
    return (
        option(
            "--wait",
            is_flag=True,
            hidden=hidden,
            help="In cluster mode: wait for the driver's end, and exit with 3 if it failed, 4 if killed.",
        ),
        # Not as a variable: other commands have timeouts, too.
        click.option(
            "--timeout",
            type=Seconds(),
            metavar="SECONDS",
            hidden=hidden,
            help="With --wait or --follow: give up waiting after this time, with exit code 6.",
        ),
        option(
            "--follow",
            is_flag=True,
            hidden=hidden,
            help="As --wait, and show what the driver writes to stdout and stderr.",
        ),
        option(
            "--kill-on-interrupt",
            is_flag=True,
            hidden=hidden,
            help="With --wait or --follow: Ctrl-C and SIGTERM kill the driver. Else they leave it running.",
        ),
        option(
            "--staging-url",
            "--stage",
            "stage",
            metavar="URL",
            hidden=hidden,
            help="In cluster mode: put files of this machine below this URL, for agents to fetch.",
        ),
        option(
            "--auth-token-file",
            type=click.Path(dir_okay=False, path_type=Path),
            hidden=hidden,
            help="The file that holds the token which the dispatcher wants to see.",
        ),
    )


def client_mode_options(context: click.Context) -> ClientModeOptions:
    """What a command that has `own_of_submit` or `own_of_shell` was given for client mode."""
    from sparkmesos_core.submit.mesos_driver import ClientModeOptions, MesosDriver

    given = context.params
    return ClientModeOptions(
        mesos_driver=MesosDriver(given["mesos_driver"]),
        ca_file=given["ca_file"],
        start_timeout=given["start_timeout"],
        work_dir=given["work_dir"],
        class_archive=given["class_archive"] == "auto",
        preflight_timeout=None if given["no_preflight"] else given["preflight_timeout"],
        typed=tuple(
            "--" + name.replace("_", "-")
            for name in ("mesos_driver", "start_timeout", "work_dir", "class_archive")
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        ),
    )

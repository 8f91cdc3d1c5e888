"""The options of `verify-cluster`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from . import options
from .grouped_options import GroupedCommand, GroupedOption, under
from .options import Seconds
from .spark_arguments import SparkArgumentsCommand, spark_arguments

F = TypeVar("F", bound=Callable[..., Any])

OF_VERIFICATION = frozenset(
    {
        *("--probe", "--probe-spark", "--probe-agents", "--probe-timeout", "--expect-agents"),
        *("--agents-file", "--wait-for-agents", "--check-timeout", "--watch", "--strict"),
    }
)
"""What hardly any application takes for its own."""
OF_PROBE = ("probe_agents", "probe_timeout")
"""What has no meaning without a probe."""


class VerifyCommand(SparkArgumentsCommand, GroupedCommand):
    """`verify-cluster`: it takes what `submit` takes, and its help has headings."""

    # With `submit` it is about waiting for a driver.
    unlike_submit = ("timeout",)


def _option(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    return options.option(name, *declarations, cls=GroupedOption, **attributes)


def _asked(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """An option that is no variable: what is asked for is said in the call."""
    return click.option(name, *declarations, cls=GroupedOption, **attributes)


def _complete_checks(_context: click.Context, _parameter: click.Parameter, text: str) -> list[CompletionItem]:
    """Groups and checks; of a list its last name."""
    from sparkmesos_core.verify.all_checks import ALL_CHECKS
    from sparkmesos_core.verify.check import Group

    before, comma, begun = text.rpartition(",")
    named = {group.value: group.title for group in Group} | {check.id: check.title for check in ALL_CHECKS}
    return [
        CompletionItem(f"{before}{comma}{name}", help=title)
        for name, title in named.items()
        if name.startswith(begun)
    ]


_FILE = click.Path(dir_okay=False, path_type=Path)
_FILE_OR_STDIN = click.Path(dir_okay=False, allow_dash=True, path_type=Path)

_SUBJECT = under(
    "What to verify",
    _option(
        "--master",
        metavar="URL",
        help="The Mesos master: mesos://HOST:5050, mesos://zk://HOST:2181,…/mesos, or embedded[N] for an "
        "embedded Mesos. With --deploy-mode cluster, too: the dispatcher has an option of its own.",
    ),
    _option("--dispatcher", metavar="URL", help="The dispatcher to look at; else the one that Mesos knows."),
    _option(
        "--auth-token-file",
        type=_FILE,
        metavar="FILE",
        help="The file that holds the token which that dispatcher wants to see.",
    ),
    _option(
        "--history-server", metavar="HOST:PORT|URL", help="Spark's history server, to be looked at, too."
    ),
    _option(
        "--expect-agents", type=click.IntRange(min=0), metavar="N", help="There should be this many agents."
    ),
    _option(
        "--agents-file",
        type=_FILE_OR_STDIN,
        metavar="FILE",
        help="The agents that should be there: a host a line; # begins a comment. - is stdin.",
    ),
)

_CHECKS = under(
    "Which checks",
    _asked("--list", "list_checks", is_flag=True, help="List the checks, and make none."),
    _asked(
        "--only",
        multiple=True,
        metavar="CHECK,…",
        shell_complete=_complete_checks,
        help="Only these checks, or groups of them, such as client or agents. May be repeated.",
    ),
    _asked(
        "--skip",
        multiple=True,
        metavar="CHECK,…",
        shell_complete=_complete_checks,
        help="Not these checks or groups. May be repeated.",
    ),
    _option(
        "--check-timeout",
        type=Seconds(for_system=True),
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        help="How long each check may take.",
    ),
    _option(
        "--log-lines",
        type=click.IntRange(1, 100_000),
        default=1000,
        show_default=True,
        metavar="N",
        help="How many of the last lines of each log to read.",
    ),
)

_PROBE = under(
    "The probe",
    _asked(
        "--probe",
        is_flag=True,
        help="Run a small task on every agent, which tries what executors will have to do there. Without it "
        "nothing is started or changed.",
    ),
    _asked("--probe-agents", type=click.IntRange(min=1), metavar="N", help="On so many agents at most."),
    _asked(
        "--probe-spark",
        is_flag=True,
        help="Run a Spark application on them, too; --probe goes without saying.",
    ),
    _option(
        "--probe-timeout",
        type=Seconds(for_system=True),
        default=120.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for the agents' results.",
    ),
)

_OUTCOME = under(
    "Outcome",
    options.option(
        "--output",
        cls=GroupedOption,
        type=click.Choice(["table", "json", "junit"]),
        default="table",
        show_default=True,
        help="How to report: for people, for programs, or for a CI server.",
    ),
    _option("--strict", is_flag=True, help="Exit with 1 for warnings, too."),
    _asked(
        "--wait-for-agents",
        type=click.IntRange(min=1),
        metavar="N",
        help="First wait until so many agents are active.",
    ),
    _asked("--watch", is_flag=True, help="Repeat it until all is well."),
    _option(
        "--interval",
        type=Seconds(for_system=True),
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to pause in between.",
    ),
    _asked(
        "--timeout",
        type=Seconds(for_system=True),
        metavar="SECONDS",
        help="With --watch and --wait-for-agents: give up after this time, with exit code 6.",
    ),
)


def verify_options(function: F) -> F:
    """Declares them all, and the parameter `arguments` for what is Spark's."""
    for declare in (spark_arguments, options.own_of_verification, _OUTCOME, _PROBE, _CHECKS, _SUBJECT):
        function = declare(function)
    return function

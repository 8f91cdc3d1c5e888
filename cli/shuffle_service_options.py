"""The options of `start-shuffle-service`, and which of them go together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from sparkmesos_core.errors import UsageError

from . import options
from .deployment_options import DECLARED, Deployment, read_deployment
from .grouped_options import GroupedOption, OptionalValue, under

F = TypeVar("F", bound=Callable[..., Any])

_ALONE = ("status", "stop", "systemd", "marathon")
"""The options that ask for something other than to start it; of these only one can be meant."""
_OF_FRAMEWORK = frozenset(
    {
        *("master", "name", "role", "constraints", "cpus", "memory", "zk", "host", "port"),
        *("auth_token_file", "subscribe_timeout", "at", "wait"),
    }
)
"""What only means something with --on-mesos."""
_WAIT_SECONDS = 120.0
"""What --wait means alone: long enough for agents to fetch a Spark."""
_OF_APP = frozenset({"master", "role", "constraints", "cpus", "memory"})
"""What of that a Marathon app, which runs it on agents, too, can be told."""


class Action(Enum):
    """What is asked for."""

    START = "start"
    STATUS = "status"
    STOP = "stop"


@dataclass(frozen=True)
class ServiceRequest:
    """What is asked for, on this machine as on agents."""

    action: Action
    on_mesos: bool
    conf: tuple[str, ...]
    properties_file: str | None
    spark_home: Path | None
    instance: int | None
    foreground: bool
    output: str
    deployment: Deployment | None
    """Who is to run it instead; None: it is done here and now."""


@dataclass(frozen=True)
class FrameworkOptions:
    """What is asked of the framework that runs it on agents, as it was given; None for what was not."""

    master: str | None
    name: str | None
    role: str | None
    constraints: str | None
    cpus: float | None
    memory: str | None
    zk: str | None
    host: str | None
    port: int | None
    auth_token_file: Path | None
    subscribe_timeout: float | None
    at: str | None
    wait: float | None
    """Seconds to wait for a service on every agent."""


def _own(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """An option with the variable SPARKMESOS_SHUFFLE_SERVICE_<NAME>: other commands have one of that name."""
    variable = "SPARKMESOS_SHUFFLE_SERVICE_" + name.removeprefix("--").upper().replace("-", "_")
    return click.option(name, *declarations, cls=GroupedOption, envvar=variable, **attributes)


def _asked(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """An option that is no variable: what is asked for is said in the call."""
    return click.option(name, *declarations, cls=GroupedOption, **attributes)


def _shared(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """An option that other commands have, too, and whose variable they share: SPARKMESOS_<NAME>."""
    return options.option(name, *declarations, cls=GroupedOption, **attributes)


def _complete_setting(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from .property_completion import complete_setting

    return complete_setting(incomplete)


instance = _own(
    "--instance",
    type=click.IntRange(1, 999_999),
    metavar="N",
    help="Its number, if several run on this machine.  [default: 1]",
)

_SERVICE = under(
    "The service",
    _asked(
        "--conf",
        multiple=True,
        metavar="PROP=VALUE",
        shell_complete=_complete_setting,
        help="A property; beats the properties file.",
    ),
    _own(
        "--properties-file",
        metavar="FILE",
        help="Where to read properties.  [default: conf/spark-defaults.conf of Spark]",
    ),
    instance,
    _asked("--foreground", is_flag=True, help="Stay until Ctrl-C or SIGTERM; for Marathon and systemd."),
    _asked(
        "--status",
        is_flag=True,
        help="Tell whether it runs, or on which agents; exit with 1 if not, or not on all of them.",
    ),
)

_ON_MESOS = under(
    "On all agents",
    _asked("--on-mesos", is_flag=True, help="Run it on every agent of a Mesos cluster, as a framework."),
    _asked(
        "--stop", is_flag=True, help="With --on-mesos: end the services on all agents, and the framework."
    ),
    _shared(
        "--master",
        "-m",
        metavar="URL",
        help="The Mesos master: mesos://HOST:5050, mesos://HOST1:5050,HOST2:5050 or "
        "mesos://zk://HOST:2181,…/mesos.",
    ),
    _own("--name", metavar="NAME", help="What Mesos calls the framework.  [default: Spark shuffle services]"),
    _own("--role", metavar="ROLE", help="The role whose resources it takes, too: spark.mesos.role."),
    _own(
        "--constraints",
        metavar="TEXT",
        help="On which agents, by their attributes: spark.mesos.constraints.",
    ),
    _own(
        "--cpus",
        type=click.FloatRange(min=0, min_open=True),
        metavar="N",
        help="CPUs of each service.  [default: 0.5]",
    ),
    _own(
        "--memory",
        metavar="SIZE",
        help="Memory of each service, as 2g, with what its JVM needs beside the heap.  [default: the heap, "
        "SPARK_DAEMON_MEMORY or 1g, and a tenth of it, at least 384m]",
    ),
    _own(
        "--zk",
        "-z",
        metavar="HOST:PORT,…",
        help="Keep what it knows in this ZooKeeper instead of a file here; several may share it.",
    ),
    _own(
        "--host",
        metavar="HOST",
        help="The name or address of this machine to answer --status and --stop on.  [default: 127.0.0.1]",
    ),
    _own(
        "--port",
        "-p",
        type=click.IntRange(0, 65535),
        help="The port for that; 0 takes a free one.  [default: 7338]",
    ),
    _own(
        "--auth-token-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Answer only those who show the token in this file; --status and --stop show it.",
    ),
    _own(
        "--subscribe-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Give up, with exit code 5, if Mesos does not know it by then; 0 does not wait for Mesos.  "
        "[default: 30; with --foreground 0]",
    ),
    click.option(
        "--wait",
        cls=OptionalValue,
        type=click.FloatRange(min=0),
        is_flag=False,
        flag_value=_WAIT_SECONDS,
        metavar="[SECONDS]",
        help="Wait until there is a service that answers on every agent, also with --status; exit with 6 if "
        f"not by then.  [alone: {_WAIT_SECONDS:g} s]",
    ),
    _asked("--at", metavar="URL", help="With --status and --stop: where it answers, http://HOST:PORT."),
)


def service_options(function: F) -> F:
    """Declares them all."""
    for declare in (
        options.output,
        options.spark_home,
        under("Run by others", *DECLARED),
        _ON_MESOS,
        _SERVICE,
    ):
        function = declare(function)
    return function


def read_request(context: click.Context) -> ServiceRequest:
    """What a command that has `service_options` was asked for.

    Raises UsageError for options that were typed and do not go together. Variables and settings that mean
    nothing here are passed over.
    """
    given = context.params
    asked = [name for name in _ALONE if given[name]]
    if len(asked) > 1:
        raise UsageError(
            f"{_option(asked[0])} and {_option(asked[1])} do not go together",
            hint="Give one at a time.",
        )
    # First: who forgot --marathon is to hear that, and not that --master needs --on-mesos.
    deployment = read_deployment(context)
    action = Action(asked[0]) if asked and asked[0] in ("status", "stop") else Action.START
    on_mesos = bool(given["on_mesos"])
    typed = [name for name in given if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    _refuse(action, on_mesos, [name for name in typed if not (given["marathon"] and name in _OF_APP)])
    beside = [name for name in ("foreground", *asked) if given[name] and name != "status"]
    if "wait" in typed and beside:
        raise UsageError(
            f"--wait and {_option(beside[0])} do not go together",
            hint="It is for starting the services in the background, and for --status.",
        )
    if "foreground" in typed and asked:
        raise UsageError(
            f"--foreground and {_option(asked[0])} do not go together",
            hint="Leave --foreground out." if asked[0] in ("systemd", "marathon") else "Give one at a time.",
        )
    return ServiceRequest(
        action=action,
        on_mesos=on_mesos,
        conf=given["conf"],
        properties_file=given["properties_file"],
        spark_home=given["spark_home"],
        instance=given["instance"],
        foreground=given["foreground"],
        output=given["output"],
        deployment=deployment,
    )


def read_framework_options(context: click.Context) -> FrameworkOptions:
    """What such a command was told about the framework, of --on-mesos."""
    given = context.params
    return FrameworkOptions(**{name: given[name] for name in sorted(_OF_FRAMEWORK)})


def _refuse(action: Action, on_mesos: bool, typed: list[str]) -> None:
    if action is Action.STOP and not on_mesos:
        raise UsageError(
            "--stop is for the services on agents, and needs --on-mesos",
            hint="The one on this machine ends with: sparkmesos stop-shuffle-service",
        )
    for name in typed:
        if name in _OF_FRAMEWORK and not on_mesos:
            raise UsageError(
                f"{_option(name)} needs --on-mesos",
                hint="Without it the service is started on this machine, and Mesos is not asked.",
            )
    if "at" in typed and action not in (Action.STATUS, Action.STOP):
        raise UsageError("--at needs --status or --stop", hint="--host and --port say where it answers.")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")

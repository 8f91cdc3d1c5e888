"""The options that have somebody else run what a command starts: systemd, or Marathon."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from sparkmesos_core.errors import UsageError

from . import options
from .grouped_options import GroupedOption

if TYPE_CHECKING:
    from sparkmesos_core.deployment.marathon_client import MarathonUrl
    from sparkmesos_core.deployment.program_call import GivenOption

    from .terminal import Terminal

F = TypeVar("F", bound=Callable[..., Any])

systemd = click.option(
    "--systemd",
    is_flag=True,
    cls=GroupedOption,
    help="Print the systemd unit that runs it, and start nothing.",
)
marathon = click.option(
    "--marathon",
    is_flag=True,
    cls=GroupedOption,
    help="Print the Marathon app that runs it, and start nothing.",
)
# As a variable, too: the URL may hold a password.
marathon_url = options.option(
    "--marathon-url",
    metavar="URL",
    cls=GroupedOption,
    help="With --marathon: create or update the app in this Marathon, http://[USER:PASSWORD@]HOST:8080.",
)
marathon_id = click.option(
    "--marathon-id", metavar="ID", cls=GroupedOption, help="With --marathon: the id of the app, /GROUP/NAME."
)
marathon_host = click.option(
    "--marathon-host",
    metavar="HOST",
    cls=GroupedOption,
    help="With --marathon: the only agent that the process runs on; needed where its state is in a file.",
)
marathon_secret = click.option(
    "--marathon-secret",
    multiple=True,
    metavar="VARIABLE=NAME",
    cls=GroupedOption,
    help="With --marathon: set a variable to the secret of this name in Marathon's store.",
)
instances = click.option(
    "--instances",
    type=click.IntRange(min=1),
    metavar="N",
    cls=GroupedOption,
    help="With --marathon: how many.  [default: 1; of the shuffle service one for each agent that there is]",
)
DECLARED = (
    systemd,
    marathon,
    marathon_url,
    marathon_id,
    instances,
    marathon_host,
    marathon_secret,
)
"""All of them, for commands whose help has groups."""

_OF_MARATHON = ("marathon_url", "marathon_id", "marathon_host", "marathon_secret", "instances")


@dataclass(frozen=True)
class Deployment:
    """What is asked for: a unit, or an app."""

    is_systemd: bool
    url: str | None = None
    """The Marathon that gets the app; None: it is printed."""
    id: str | None = None
    host: str | None = None
    instances: int | None = None
    secrets: tuple[str, ...] = ()

    @property
    def marathon(self) -> MarathonUrl | None:
        """The Marathon that gets the app. Raises UsageError."""
        if self.url is None:
            return None
        from sparkmesos_core.deployment.marathon_client import parse_marathon_url

        return parse_marathon_url(self.url)


def deployment_options(function: F) -> F:
    """Declares them."""
    for declare in reversed(DECLARED):
        function = declare(function)
    return function


def read_deployment(context: click.Context) -> Deployment | None:
    """What a command with these options was asked for; None if it is to start something itself.

    Raises UsageError for options that do not go together.
    """
    given = context.params
    if given["systemd"] and given["marathon"]:
        raise UsageError("--systemd and --marathon do not go together", hint="Run it twice, once for each.")
    if not given["marathon"]:
        for name in _OF_MARATHON:
            typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
            if typed and given[name] not in (None, ()):
                raise UsageError(f"{_option(name)} needs --marathon", hint="Give both, or none.")
    if given["systemd"]:
        return Deployment(is_systemd=True)
    if not given["marathon"]:
        return None
    asked = Deployment(
        is_systemd=False,
        url=given["marathon_url"],
        id=given["marathon_id"],
        host=given["marathon_host"],
        instances=given["instances"],
        secrets=given["marathon_secret"],
    )
    _ = asked.marathon  # a mistake in the URL is said here
    return asked


def given_options(context: click.Context, *, without: Collection[str] = ()) -> list[GivenOption]:
    """The options that a command was given in whatever way, for a call that means the same.

    Without those here, and those in `without` (parameter names). Paths are made absolute.
    """
    from sparkmesos_core.deployment.program_call import GivenOption

    found = []
    left_out = {"systemd", "marathon", *_OF_MARATHON, "output", "foreground", *without}
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in left_out or source in (None, ParameterSource.DEFAULT):
            continue
        value = context.params[name]
        variable = parameter.envvar if isinstance(parameter.envvar, str) else None
        is_variable = source is ParameterSource.ENVIRONMENT
        option = max(parameter.opts, key=len)
        if isinstance(parameter, click.Option) and parameter.is_flag:
            found += [GivenOption(option, None, variable)] if value else []
            continue
        for one in value if parameter.multiple else (value,):
            if one is not None:
                found.append(GivenOption(option, _text(name, one), variable, is_variable))
    return found


def given_environment(terminal: Terminal) -> dict[str, str]:
    """The environment, for a call that means the same elsewhere: with absolute paths."""
    from sparkmesos_core.deployment.program_call import PATHS

    environment = dict(terminal.environment)
    paths = {name: str(Path(environment[name]).absolute()) for name in PATHS if environment.get(name)}
    return {**environment, **paths}


def given_files(context: click.Context) -> list[str]:
    """The files and folders of this machine that were named to a command."""
    found = []
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if value is not None and (isinstance(value, Path) or parameter.name == "properties_file"):
            found.append(_text(parameter.name or "", value))
    return found


def _text(name: str, value: Any) -> str:
    if isinstance(value, Path) or name == "properties_file":
        path = Path(value).absolute()
        if path.is_relative_to("/dev/fd") or path.is_relative_to("/proc"):
            raise UsageError(
                f"{_option(name)} {value} is there for this call alone", hint="Give a file that stays."
            )
        return str(path)
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")

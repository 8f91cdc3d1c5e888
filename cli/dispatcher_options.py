"""The options by which commands find a dispatcher, and the client that they come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from sparkmesos_core.errors import UsageError

from . import options
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.client import DispatcherClient
    from sparkmesos_core.master import Dispatcher

F = TypeVar("F", bound=Callable[..., Any])

_HINT = "Use --dispatcher mesos://HOST:7077, or put `dispatcher` into the settings file."

_dispatcher = options.option(
    "--dispatcher",
    metavar="URL",
    help="The dispatcher: mesos://HOST:7077, with commas between several.",
)
_master = options.option(
    "--master",
    metavar="URL",
    help="The same as --dispatcher; beside it, the Mesos master.",
)
ca_file = options.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates (PEM) to trust when dispatcher, master and agents speak https.",
)
auth_token_file = options.option(
    "--auth-token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that holds the token which the dispatcher wants to see.",
)


def dispatcher_options(function: F) -> F:
    """Declares them all. Click hands them on under their names; `addresses_of` tells what they mean."""
    for declare in (auth_token_file, ca_file, _master, _dispatcher):
        function = declare(function)
    return function


@dataclass(frozen=True)
class Addresses:
    """Which servers a command is to ask."""

    dispatcher: str
    """As it was given."""
    mesos_master: str | None
    """As it was given or set, if it was, and does not stand for the dispatcher."""


def addresses_of(context: click.Context, terminal: Terminal) -> Addresses:
    """What --dispatcher and --master mean, with the variables and settings behind them.

    Where neither is given, the dispatcher is that of `submit`'s cluster mode, in spark-defaults.conf at last.
    Raises UsageError.
    """
    from sparkmesos_core.settings import own_masters

    given = {
        name: context.params[name]
        for name in ("dispatcher", "master")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    environment = dict(terminal.environment)
    own = own_masters(environment)
    own_master = own.master.value if own.master is not None else None
    if "dispatcher" in given:
        return Addresses(given["dispatcher"], given.get("master", own_master))
    if "master" in given:
        return Addresses(given["master"], own_master)
    if own.dispatcher is not None:
        return Addresses(own.dispatcher.value, own_master)
    if own_master is not None:
        return Addresses(own_master, None)
    from sparkmesos_core.client_configuration import read_client_configuration
    from sparkmesos_core.spark.arguments import SubmitArguments

    nothing = SubmitArguments.parse(("--status", "none"))
    client = read_client_configuration(nothing, spark_home=None, environment=environment)
    if not (found := client.configuration.get("spark.master")):
        raise UsageError("No dispatcher given", hint=_HINT)
    return Addresses(found, None)


def client_of(
    terminal: Terminal, dispatcher: Dispatcher, *, ca_file: Path | None, auth_token_file: Path | None
) -> DispatcherClient:
    """The client of a dispatcher. Raises UsageError for files that cannot be used."""
    from sparkmesos_core.dispatcher.client import DispatcherClient

    if ca_file is not None:
        from sparkmesos_core.network_failures import check_ca_file

        check_ca_file(str(ca_file))
    token = None
    if auth_token_file is not None:
        from sparkmesos_core.http_service.access_token import read_token
        from sparkmesos_core.loopback import is_loopback

        token = read_token(auth_token_file)
        if dispatcher.scheme == "http" and not all(is_loopback(one.host) for one in dispatcher.addresses):
            terminal.warn(
                "the network can see the token on its way to the dispatcher",
                hint="Use a dispatcher that speaks https: mesos://https://HOST:7077.",
            )
    return DispatcherClient(
        dispatcher,
        ca_file=str(ca_file) if ca_file is not None else None,
        token=token,
        on_wait=terminal.say,
    )


def chosen_client(context: click.Context, terminal: Terminal) -> DispatcherClient:
    """The client that the options of a command come to. Raises UsageError."""
    from sparkmesos_core.master import parse_dispatcher

    return client_of(
        terminal,
        parse_dispatcher(addresses_of(context, terminal).dispatcher),
        ca_file=context.params["ca_file"],
        auth_token_file=context.params["auth_token_file"],
    )

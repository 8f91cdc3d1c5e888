"""What `start-dispatcher` was asked for, and how a dispatcher is started as that says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .dispatcher_warnings import warn_of_settings
from .framework_start import (
    patience_of,
    properties_meant,
    run_in_foreground,
    start_in_background,
    tell_standing,
)
from .terminal import Terminal
from .visible_secrets import warn_of_visible_passwords

if TYPE_CHECKING:
    from sparkmesos_core.daemon_configuration import DaemonConfiguration
    from sparkmesos_core.daemon_files import DaemonFiles
    from sparkmesos_core.dispatcher.settings import DispatcherOptions, DispatcherSettings


@dataclass(frozen=True)
class DispatcherRequest:
    """What was asked for, as it was given; None for what was not."""

    zk: str | None
    conf: tuple[str, ...]
    properties_file: str | None
    instance: int | None
    bridge_uri: str | None
    spark_home: Path | None
    subscribe_timeout: float | None
    foreground: bool
    output: str
    own: DispatcherOptions
    """What goes into its settings as it is."""


@dataclass(frozen=True)
class ReadDispatcher:
    """What a dispatcher would be started with, and what was read for that."""

    settings: DispatcherSettings
    read: DaemonConfiguration
    number: int
    """Which of this machine's dispatchers it is."""


def read_request(given: Mapping[str, Any]) -> DispatcherRequest:
    """From the parameters of the command. Raises UsageError."""
    from sparkmesos_core.dispatcher.settings import DispatcherOptions

    names = [one.name for one in fields(DispatcherRequest) if one.name != "own"]
    own = DispatcherOptions(**{one.name: given[one.name] for one in fields(DispatcherOptions)})
    request = DispatcherRequest(own=own, **{name: given[name] for name in names})
    patience_of(request.subscribe_timeout, foreground=request.foreground)  # a mistake in it is said here
    return request


def read_dispatcher(terminal: Terminal, request: DispatcherRequest) -> ReadDispatcher:
    """What the dispatcher would be told. Raises UsageError and MasterUrlError."""
    from sparkmesos_core.conf.checks import Mode
    from sparkmesos_core.dispatcher.locations import database_path
    from sparkmesos_core.dispatcher.settings import BRIDGE_URI, instance_number, make_settings

    from .daemon_reading import read_checked

    environment = dict(terminal.environment)
    read = read_checked(
        terminal,
        Mode.DISPATCHER,
        given=properties_meant(
            request.zk,
            ("--master", "spark.master", request.own.master),
            ("--bridge-uri", BRIDGE_URI, request.bridge_uri),
        ),
        conf=request.conf,
        properties_file=request.properties_file,
        spark_home=request.spark_home,
        environment=environment,
        over_http=True,
    )
    number = instance_number(request.instance, read.env.variables)
    named = request.spark_home
    settings = make_settings(
        read.configuration,
        read.env.variables,
        request.own,
        database=database_path(environment, number),
        spark_home=str(named.absolute()) if named is not None else environment.get("SPARK_HOME"),
        installed_spark=read.spark,
    )
    return ReadDispatcher(settings, read, number)


def start_dispatcher(
    terminal: Terminal, context: click.Context, request: DispatcherRequest, found: ReadDispatcher
) -> None:
    """Starts it in the background, or runs it here, and tells where it is. Raises what that does."""
    from sparkmesos_core.daemon_files import files_of
    from sparkmesos_core.daemon_start import stays_in_foreground
    from sparkmesos_core.dispatcher import daemon
    from sparkmesos_core.dispatcher.locations import instance_directory

    settings = _with_bridge(terminal, found.settings, found.read)
    warn_of_settings(terminal, settings, request.own.auth_token_file)
    warn_of_visible_passwords(terminal, context, "SPARKMESOS_DISPATCHER_ZK")
    variables = found.read.env.variables
    foreground = request.foreground or stays_in_foreground(variables)
    timeout = patience_of(request.subscribe_timeout, foreground=foreground) or None
    folder = instance_directory(dict(terminal.environment), found.number)
    files = files_of(daemon.DISPATCHER, found.number, variables, folder)
    report = partial(_report, terminal, request.output, None if foreground else files)
    if foreground:
        from sparkmesos_core.dispatcher.foreground import serve

        kept = f"drivers kept in {settings.zookeeper_address or settings.database}"
        run_in_foreground(terminal, files, partial(serve, settings, subscribe_timeout=timeout), report, kept)
        return
    start = partial(daemon.start, settings, files, subscribe_timeout=timeout, environment=dict(variables))
    start_in_background(terminal, files, start, report)


def _report(
    terminal: Terminal, output: str, files: DaemonFiles | None, state: dict[str, Any], place: str
) -> None:
    """Tells what runs; `files` are its own in the background, None in the foreground."""
    if output == "json":
        terminal.json("dispatcher", state)
    elif terminal.in_place_of_spark and files is not None:
        from .spark_words import starting

        terminal.data(starting(files))
        terminal.say(f"It takes submissions at {state['url']}")
    else:
        terminal.data(state["url"])
    known = tell_standing(
        terminal,
        state,
        leads="leads, and gets all requests passed on",
        waits="takes no requests yet",
    )
    terminal.say(f"Web UI {state['webui_url']}, {place}{known}")


def _with_bridge(
    terminal: Terminal, settings: DispatcherSettings, read: DaemonConfiguration
) -> DispatcherSettings:
    """The settings with this machine's bridge, if agents are here, too, and nobody has said where one is.

    So a cluster on one machine needs neither an archive nor libmesos.
    """
    from sparkmesos_core.dispatcher.settings import BRIDGE_URI

    from .bridge_here import bridge_here

    if not settings.agents_are_here or read.spark is None or BRIDGE_URI in settings.properties:
        return settings
    without = "drivers will need libmesos, or an archive of upload-dist"
    bridge = bridge_here(terminal, read.spark, read.env.variables, without=without)
    if bridge is None:
        return settings
    return replace(settings, properties={**settings.properties, BRIDGE_URI: bridge.as_uri()})

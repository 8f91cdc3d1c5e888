"""`start-shuffle-service --on-mesos`: start its framework, tell how the services on agents are, end them."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkmesos_core.errors import DaemonError, ExitCode, UsageError

from .framework_start import (
    patience_of,
    properties_meant,
    run_in_foreground,
    start_in_background,
    tell_standing,
)
from .services_status import check_waiting, none_here, place_of, shown_token, tell_status, wait_for_services
from .shuffle_service_options import Action, FrameworkOptions, ServiceRequest
from .terminal import Terminal
from .visible_secrets import warn_of_readable_token, warn_of_visible_passwords

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparkmesos_core.conf.setting import Setting
    from sparkmesos_core.daemon_configuration import DaemonConfiguration
    from sparkmesos_core.daemon_files import DaemonFiles
    from sparkmesos_core.shuffle_service.on_agents.server import Stopped
    from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings

_END_SECONDS = 15.0
"""For how long a process that was stopped is waited for."""


def run_on_mesos(terminal: Terminal, request: ServiceRequest, framework: FrameworkOptions) -> int:
    """Does what is asked for; the exit code."""
    if request.action is Action.STATUS:
        return tell_status(terminal, request, framework)
    if request.action is Action.STOP:
        return _stop(terminal, request, framework)
    return _start(terminal, request, framework)


def stop_caring(terminal: Terminal, instance: int | None, spark_home: Path | None, output: str) -> int:
    """`stop-shuffle-service --on-mesos`: ends the process; services run on. The exit code."""
    from sparkmesos_core import daemon_files
    from sparkmesos_core.client_configuration import find_optional_spark
    from sparkmesos_core.conf.spark_env import load_spark_env
    from sparkmesos_core.durable_framework.store.sqlite_look import user_of
    from sparkmesos_core.shuffle_service.on_agents.process import FRAMEWORK
    from sparkmesos_core.shuffle_service.on_agents.settings import database_path

    environment = dict(terminal.environment)
    number = instance or 1
    spark = find_optional_spark(spark_home, environment)
    # It may say where the pid file is.
    env = load_spark_env(
        spark.path if spark is not None else None, environment, arguments=(FRAMEWORK.spark_class,)
    )
    files, folder = _files(number, env.variables, environment)
    files = daemon_files.in_use(files)
    with terminal.working("Waiting for the end of the shuffle service framework"):
        stopped = daemon_files.stop(files)
    if output == "json":
        terminal.json("stopped", None if stopped is None else asdict(stopped))
    if stopped is None:
        terminal.say(
            f"No shuffle service framework {number} runs in the background ({files.pid_file} names none)."
        )
        if (pid := user_of(database_path(folder))) is not None:
            terminal.say(f"Process {pid} is it, in the foreground or without a pid file: kill {pid}")
        return ExitCode.OK
    what = f"shuffle service framework {number} (process {stopped.pid})"
    if stopped.killed:
        terminal.warn(
            f"killed {what}, which did not end within {daemon_files.STOP_SECONDS:g} s of being asked to"
        )
    else:
        terminal.say(f"Stopped {what}.")
    terminal.say(
        "Services run on; to end them: sparkmesos start-shuffle-service --on-mesos --stop --master URL. "
        f"Its log is {files.log}."
    )
    return ExitCode.OK


def read_services(
    terminal: Terminal,
    request: ServiceRequest,
    framework: FrameworkOptions,
    more: Sequence[Setting] = (),
    *,
    needs_master: bool = True,
) -> tuple[ServicesSettings, DaemonConfiguration]:
    """What the framework would be told, and what was read for that; `more` is what other options mean.

    Raises UsageError and MasterUrlError.
    """
    from sparkmesos_core.conf.checks import Mode
    from sparkmesos_core.shuffle_service.on_agents.settings import (
        ServicesOptions,
        instance_folder,
        is_read,
        make_settings,
    )

    from .daemon_reading import read_checked

    meant = properties_meant(
        framework.zk,
        ("--role", "spark.mesos.role", framework.role),
        ("--constraints", "spark.mesos.constraints", framework.constraints),
    )
    environment = dict(terminal.environment)
    read = read_checked(
        terminal,
        Mode.SHUFFLE_SERVICE,
        given=[*meant, *more],
        conf=request.conf,
        properties_file=request.properties_file,
        spark_home=request.spark_home,
        environment=environment,
        over_http=True,
        also_read=is_read,
    )
    named = request.spark_home
    settings = make_settings(
        read.configuration,
        read.env.variables,
        ServicesOptions(**{one.name: getattr(framework, one.name) for one in fields(ServicesOptions)}),
        folder=instance_folder(environment, request.instance or 1),
        spark_home=str(named.absolute()) if named is not None else environment.get("SPARK_HOME"),
        installed_spark=read.spark,
        needs_master=needs_master,
    )
    return settings, read


def _start(terminal: Terminal, request: ServiceRequest, framework: FrameworkOptions) -> int:
    from sparkmesos_core.daemon_start import stays_in_foreground
    from sparkmesos_core.shuffle_service.on_agents import process

    settings, read = read_services(terminal, request, framework)
    settings.build()  # a mistake in what services are started with is said here
    variables = read.env.variables
    settings = _with_bridge(terminal, settings, variables)
    warn_of_settings(terminal, settings)
    warn_of_readable_token(terminal, framework.auth_token_file)
    warn_of_visible_passwords(terminal, click.get_current_context(), "SPARKMESOS_SHUFFLE_SERVICE_ZK")
    foreground = request.foreground or stays_in_foreground(variables)
    timeout = patience_of(framework.subscribe_timeout, foreground=foreground) or None
    files, _ = _files(request.instance or 1, variables, dict(terminal.environment))
    check_waiting(framework.wait)
    report = partial(_report, terminal, request.output)
    if foreground:
        if framework.wait is not None:
            raise UsageError(
                "--wait needs the background, and SPARK_NO_DAEMONIZE keeps the process in the foreground",
                hint="Leave one of them out; --status --wait waits from elsewhere.",
            )
        from sparkmesos_core.shuffle_service.on_agents.foreground import serve

        kept = f"kept in {settings.zookeeper_address or settings.database}"
        run_in_foreground(terminal, files, partial(serve, settings, subscribe_timeout=timeout), report, kept)
        return ExitCode.OK
    start = partial(process.start, settings, files, subscribe_timeout=timeout, environment=dict(variables))
    state = start_in_background(terminal, files, start, report)
    if framework.wait is not None:
        wait_for_services(terminal, state["url"], settings.token, framework.wait)
    return ExitCode.OK


def _with_bridge(
    terminal: Terminal, settings: ServicesSettings, variables: Mapping[str, str]
) -> ServicesSettings:
    """The settings with this machine's bridge, if agents are here, too, and have a Spark 4 that needs it."""
    from sparkmesos_core.bridge.kinds import BridgeKind
    from sparkmesos_core.errors import SparkNotFoundError
    from sparkmesos_core.spark.home import read_spark

    from .bridge_here import bridge_here

    if not settings.agents_are_here or (home := settings.home_on_agents) is None:
        return settings
    try:
        spark = read_spark(Path(home), "the Spark of agents")
    except SparkNotFoundError:
        return settings  # in a container, say
    if spark.bridge_kind is not BridgeKind.BACKEND:
        return settings
    bridge = bridge_here(terminal, spark, variables, without="services will need an archive of upload-dist")
    return settings if bridge is None else replace(settings, bridge=str(bridge))


def _report(terminal: Terminal, output: str, state: dict[str, Any], place: str) -> None:
    if output == "json":
        terminal.json("shuffle_service_framework", state)
    else:
        terminal.data(state["url"])
    known = tell_standing(terminal, state, leads="leads", waits="does not care for services yet")
    terminal.say(f"Process {state['pid']}, {place}{known}; services come with the offers of agents: --status")


def _stop(terminal: Terminal, request: ServiceRequest, framework: FrameworkOptions) -> int:
    from sparkmesos_core.process_end import wait_for_end
    from sparkmesos_core.shuffle_service.on_agents.client import NotThereError, ServicesClient

    environment = dict(terminal.environment)
    token = shown_token(framework)
    number = request.instance or 1
    place = None if framework.at is not None else place_of(environment, number)
    url = framework.at or (None if place is None else place.url)
    stopped: Stopped | None = None
    goes_on = "The process goes on with it. Ask again with --stop, or for its --status."
    with terminal.working("Waiting until Mesos has ended all services"):
        if url is not None:
            try:
                stopped = ServicesClient(url, token=token).stop()
            except NotThereError:
                if framework.at is not None:
                    raise
                # One that still runs has the records.
                if (place := place_of(environment, number)) is not None and place.on_this_machine:
                    raise none_here(environment, number) from None
        if stopped is None:
            stopped = _stop_alone(terminal, request, framework)
            goes_on = "It is kept in mind, but nobody goes on with it before you ask again with --stop."
        elif stopped.complete and place is not None and place.on_this_machine:
            # Whoever starts another one right after is not to meet it.
            wait_for_end(place.pid, _END_SECONDS)
    if request.output == "json":
        content = None if stopped is None else {"complete": stopped.complete, "services": stopped.services}
        terminal.json("stopped", content)
    if stopped is None:
        terminal.say(
            "No framework of shuffle services is known here: there is nothing to stop. One that runs, or is"
            " kept, elsewhere is found with --at, or with --master and --zk."
        )
        return ExitCode.OK
    if not stopped.complete:
        terminal.warn(
            f"The services are to end, but Mesos has not ended all yet: {stopped.reason}",
            hint=goes_on,
        )
        return ExitCode.FAILED
    services = f"{stopped.services} service{'' if stopped.services == 1 else 's'}"
    terminal.say(f"Stopped {services}; Mesos has ended the framework.")
    return ExitCode.OK


def _stop_alone(terminal: Terminal, request: ServiceRequest, framework: FrameworkOptions) -> Stopped | None:
    """Where no process is found; None if there is nothing to stop."""
    from sparkmesos_core.shuffle_service.on_agents.foreground import keeps_framework, stop_alone
    from sparkmesos_core.shuffle_service.on_agents.settings import database_path, instance_folder

    environment = dict(terminal.environment)
    number = request.instance or 1
    if framework.zk is None and framework.master is None:
        if not keeps_framework(database_path(instance_folder(environment, number))):
            return None
        raise DaemonError(
            f"No process of shuffle service framework {number} answers here, and its services may run",
            hint="Give --master, and they are ended without it; or --at http://HOST:PORT, where it runs.",
        )
    settings, _ = read_services(terminal, request, framework)
    if settings.zookeeper is None and not keeps_framework(settings.database):
        return None
    return stop_alone(settings)


def warn_of_settings(terminal: Terminal, settings: ServicesSettings, machine: str | None = None) -> None:
    """Says who can end the services of a framework with these settings.

    `machine` is what to call the one that its process runs on; None: this one's name.
    """
    if not settings.on_loopback and settings.token is None:
        terminal.warn(
            f"everybody who can reach {machine or settings.advertised_host} can end all services",
            hint="Demand a token (--auth-token-file), or let a firewall decide.",
        )
    elif not settings.on_loopback:
        terminal.warn("the token travels in clear", hint="Let a firewall keep out those who could listen.")


def _files(
    number: int, variables: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[DaemonFiles, Path]:
    """The files of the process in the background, and the folder of its number."""
    from sparkmesos_core.daemon_files import files_of
    from sparkmesos_core.shuffle_service.on_agents.process import FRAMEWORK
    from sparkmesos_core.shuffle_service.on_agents.settings import instance_folder

    folder = instance_folder(environment, number)
    return files_of(FRAMEWORK, number, variables, folder), folder

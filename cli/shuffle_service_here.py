"""`start-shuffle-service` on this machine: start it, or tell whether it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.errors import ExitCode

from .shuffle_service_options import Action, ServiceRequest
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.daemon_files import DaemonFiles
    from sparkmesos_core.shuffle_service.on_this_machine.run_folder import ServiceNote
    from sparkmesos_core.shuffle_service.on_this_machine.settings import ServiceSettings


def run_here(terminal: Terminal, request: ServiceRequest) -> int:
    """Does what is asked for; the exit code."""
    if request.action is Action.STATUS:
        return _tell_status(terminal, request)
    from sparkmesos_core.daemon_start import stays_in_foreground
    from sparkmesos_core.shuffle_service.on_this_machine import background

    environment = dict(terminal.environment)
    settings = read_settings(terminal, request, environment)
    number = request.instance or 1
    folder = background.instance_directory(environment, number)
    files = background.files_here(number, settings.variables, folder)
    if request.foreground or stays_in_foreground(settings.variables):
        from sparkmesos_core.shuffle_service.on_this_machine.foreground import serve

        terminal.flush()
        serve(settings, files, folder, lambda note: _report(terminal, request, note, None), terminal.warn)
        return ExitCode.OK
    with terminal.working("Waiting until the shuffle service answers"):
        note = background.start(settings, files, folder, terminal.warn)
    try:
        _report(terminal, request, note, files)
    except BaseException:
        background.stop(files, folder)  # nobody got to know where it runs
        raise
    return ExitCode.OK


def read_settings(
    terminal: Terminal, request: ServiceRequest, environment: Mapping[str, str]
) -> ServiceSettings:
    """What the service would be started with here. Raises what makes that impossible, such as no Java.

    For a Spark 4 the bridge is compiled if it is not there yet. Warns of a heap that is more than the memory
    of this machine.
    """
    import psutil

    from sparkmesos_core.bridge.compile import ensure_bridge
    from sparkmesos_core.bridge.kinds import BridgeKind
    from sparkmesos_core.conf.checks import Mode
    from sparkmesos_core.directories import cache_directory
    from sparkmesos_core.shuffle_service.on_this_machine.settings import make_settings
    from sparkmesos_core.spark.home import find_spark, require_mesos
    from sparkmesos_core.spark.java import find_java

    from .daemon_reading import read_checked

    spark = find_spark(request.spark_home, environment)
    require_mesos(spark)
    read = read_checked(
        terminal,
        Mode.SHUFFLE_SERVICE,
        conf=request.conf,
        properties_file=request.properties_file,
        spark_home=request.spark_home,
        environment=environment,
    )
    java = find_java(spark, read.env.variables)
    bridge = None
    if spark.bridge_kind is BridgeKind.BACKEND:
        cache = cache_directory(terminal.environment) / "bridge"
        bridge = ensure_bridge(spark.jars, java.executable, cache, terminal.say)
    settings = make_settings(read, spark, java, bridge)
    machine = psutil.virtual_memory().total >> 20
    if settings.heap > machine:
        terminal.warn(
            f"SPARK_DAEMON_MEMORY allows a heap of {settings.heap} MiB, and this machine has {machine} MiB",
            hint="Set it lower: a service that takes more is killed.",
        )
    return settings


def files_by_number(
    instance: int | None, spark_home: Path | None, environment: Mapping[str, str]
) -> tuple[DaemonFiles, Path]:
    """The files of the service in the background, or of the next one, and the folder of its number."""
    from sparkmesos_core.client_configuration import find_optional_spark
    from sparkmesos_core.conf.spark_env import load_spark_env
    from sparkmesos_core.daemon_files import in_use
    from sparkmesos_core.shuffle_service.on_this_machine import background
    from sparkmesos_core.shuffle_service.on_this_machine.settings import CLASS

    spark = find_optional_spark(spark_home, environment)
    # It may say where the pid file is.
    env = load_spark_env(spark.path if spark is not None else None, environment, arguments=(CLASS,))
    folder = background.instance_directory(environment, instance or 1)
    return in_use(background.files_here(instance or 1, env.variables, folder)), folder


def _report(
    terminal: Terminal, request: ServiceRequest, note: ServiceNote, files: DaemonFiles | None
) -> None:
    """Tells what runs; `files` are its own in the background, None in the foreground."""
    if request.output == "json":
        terminal.json("shuffle_service", {"address": note.address, **asdict(note)})
    elif terminal.in_place_of_spark and files is not None:
        from .spark_words import starting

        terminal.data(starting(files))
        terminal.say(f"It answers at {note.address}")
    else:
        terminal.data(note.address)
    who = "executors have to know the secret" if note.authenticates else "without authentication"
    place = f", log {note.log}" if note.log is not None else ""
    terminal.say(f"Process {note.pid}{place}; {who}")


def _tell_status(terminal: Terminal, request: ServiceRequest) -> int:
    from sparkmesos_core.shuffle_service.on_this_machine.status import status_here

    files, folder = files_by_number(request.instance, request.spark_home, dict(terminal.environment))
    status = status_here(files, folder)
    if request.output == "json":
        terminal.json("shuffle_service", status.to_json())
        return ExitCode.OK if status.running else ExitCode.FAILED
    if not status.running:
        terminal.data(f"Shuffle service {files.instance} does not run")
        if status.log is not None:
            terminal.say(f"The log of the last one is {status.log}.")
        return ExitCode.FAILED
    what = f"Shuffle service {files.instance} runs as process {status.pid}"
    if status.address is None:
        terminal.data(f"{what}; where it listens it has not said")
        terminal.say("It is just starting, or was started by another user, or with another state folder.")
        return ExitCode.OK
    log = "in the foreground" if status.log is None else f"log {status.log}"
    answers = "and answers" if status.answers else "but does not answer"
    terminal.data(f"{what} at {status.address} {answers}, {log}")
    if not status.answers:
        terminal.warn(
            f"it does not answer at port {status.port}", hint="Look into its log, or start it anew."
        )
    return ExitCode.OK

"""`sparkmesos stop-dispatcher`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from . import options
from .terminal import Terminal


@click.command("stop-dispatcher")
@click.option(
    "--instance",
    envvar="SPARKMESOS_DISPATCHER_INSTANCE",
    type=click.IntRange(1, 999_999),
    metavar="N",
    help="Its number, if several run on this machine.  [default: 1]",
)
@options.spark_home
@options.output
@click.pass_obj
def command(terminal: Terminal, *, instance: int | None, spark_home: Path | None, output: str) -> None:
    """Stop the dispatcher that start-dispatcher started in the background.

    Its drivers run on, and those that wait are kept; the next start-dispatcher goes on with all of them. One
    that is not running is no error.
    """
    from sparkmesos_core import daemon_files
    from sparkmesos_core.client_configuration import find_optional_spark
    from sparkmesos_core.conf.spark_env import load_spark_env
    from sparkmesos_core.dispatcher.daemon import DISPATCHER
    from sparkmesos_core.dispatcher.locations import database_path, instance_directory
    from sparkmesos_core.dispatcher.settings import instance_number
    from sparkmesos_core.durable_framework.store.sqlite_look import user_of

    from .spark_words import stopping

    environment = dict(terminal.environment)
    spark = find_optional_spark(spark_home, environment)
    # It may say where the pid file is.
    env = load_spark_env(
        spark.path if spark is not None else None, environment, arguments=(DISPATCHER.spark_class,)
    )
    number = instance_number(instance, env.variables)
    folder = instance_directory(environment, number)
    files = daemon_files.in_use(daemon_files.files_of(DISPATCHER, number, env.variables, folder))
    with terminal.working("Waiting for the end of the dispatcher"):
        stopped = daemon_files.stop(files)
    if output == "json":
        terminal.json("stopped", None if stopped is None else asdict(stopped))
    elif terminal.in_place_of_spark:
        terminal.data(stopping(DISPATCHER, stopped is not None))
    if stopped is None:
        terminal.say(f"No dispatcher {number} runs in the background ({files.pid_file} names none).")
        if (pid := user_of(database_path(environment, number))) is not None:
            terminal.say(f"Process {pid} is it, in the foreground or without a pid file: kill {pid}")
        return
    what = f"dispatcher {number} (process {stopped.pid})"
    if stopped.killed:
        terminal.warn(
            f"killed {what}, which did not end within {daemon_files.STOP_SECONDS:g} s of being asked to"
        )
    else:
        terminal.say(f"Stopped {what}.")
    terminal.say(f"Its drivers run on. Its log is {files.log}.")

"""`sparkmesos stop-shuffle-service`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from . import options
from .shuffle_service_options import instance as instance_option
from .terminal import Terminal


@click.command("stop-shuffle-service")
@instance_option
@click.option("--on-mesos", is_flag=True, help="The process that cares for services on agents; they run on.")
@options.spark_home
@options.output
@click.pass_obj
def command(
    terminal: Terminal, *, instance: int | None, on_mesos: bool, spark_home: Path | None, output: str
) -> int | None:
    """Stop the shuffle service that start-shuffle-service started on this machine.

    Executors that have ended are not served any more: applications compute again what they need of them. One
    that is not running is no error.
    """
    if on_mesos:
        from .shuffle_service_on_mesos import stop_caring

        return stop_caring(terminal, instance, spark_home, output)
    from sparkmesos_core.daemon_files import STOP_SECONDS
    from sparkmesos_core.shuffle_service.on_this_machine.background import stop
    from sparkmesos_core.shuffle_service.on_this_machine.run_folder import running_here

    from .shuffle_service_here import files_by_number
    from .spark_words import stopping

    files, folder = files_by_number(instance, spark_home, dict(terminal.environment))
    with terminal.working("Waiting for the end of the shuffle service"):
        stopped = stop(files, folder)
    if output == "json":
        terminal.json("stopped", None if stopped is None else asdict(stopped))
    elif terminal.in_place_of_spark:
        terminal.data(stopping(files.kind, stopped is not None))
    if stopped is None:
        terminal.say(
            f"No shuffle service {files.instance} runs in the background ({files.pid_file} names none)."
        )
        for note in running_here(folder):
            terminal.say(
                f"Process {note.pid} is it, in the foreground or without a pid file: kill {note.pid}"
            )
        return None
    what = f"shuffle service {files.instance} (process {stopped.pid})"
    if stopped.killed:
        terminal.warn(f"killed {what}, which did not end within {STOP_SECONDS:g} s of being asked to")
    else:
        terminal.say(f"Stopped {what}.")
    terminal.say(f"Its log is {files.log}.")
    return None

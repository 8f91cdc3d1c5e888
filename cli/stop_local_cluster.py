"""`sparkmesos stop-local-cluster`."""

from __future__ import annotations

from pathlib import Path

import click

from . import options
from .terminal import Terminal


@click.command("stop-local-cluster")
@options.work_dir
@click.pass_obj
def command(terminal: Terminal, *, work_dir: Path | None) -> None:
    """Stop the embedded Mesos that start-local-cluster started, and all its tasks.

    Its log and sandboxes stay until the next start in the same work dir.
    """
    from sparkmesos_core.localcluster import daemon, embedded

    folder = (work_dir or embedded.default_work_dir(terminal.environment)).absolute()
    state = daemon.stop(folder)
    if state is None:
        terminal.warn(f"the local cluster in {folder} had already ended; what it left behind was cleared")
    else:
        terminal.say(f"Stopped {state.url}. Its log and sandboxes are in {folder}.")

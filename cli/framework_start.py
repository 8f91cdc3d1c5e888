"""What commands that start a durable framework have in common, from options to what is told at last."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sparkmesos_core.errors import UsageError

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.conf.setting import Setting
    from sparkmesos_core.daemon_files import DaemonFiles
    from sparkmesos_core.durable_framework.foreground import FrameworkState

PATIENCE = 30.0
"""Seconds to wait for Mesos, in the background, if nobody says how long."""

Report = Callable[[dict[str, Any], str], None]
"""Tells what runs; gets what that says of itself (`FrameworkState.to_json`), and where its log or data is."""


def patience_of(given: float | None, *, foreground: bool) -> float:
    """Seconds to wait for Mesos, by --subscribe-timeout; 0 does not. Raises UsageError for no such number."""
    if given is None:
        return 0.0 if foreground else PATIENCE
    if not math.isfinite(given):
        raise UsageError("--subscribe-timeout is not a number of seconds", hint="0 does not wait.")
    return given


def run_in_foreground(
    terminal: Terminal,
    files: DaemonFiles,
    serve: Callable[[Callable[[FrameworkState], None]], None],
    report: Report,
    kept: str,
) -> None:
    """Runs it here, as `serve` does, until it ends; `kept` says where its records are."""
    from sparkmesos_core import background_process

    from .foreground_log import log_here

    log_here(terminal)
    if files.niceness:
        background_process.renice(os.getpid(), files.niceness)
    serve(lambda state: report(state.to_json(), kept))


def start_in_background(
    terminal: Terminal,
    files: DaemonFiles,
    start: Callable[[], dict[str, Any]],
    report: Report,
) -> dict[str, Any]:
    """Has `start` start it, and tells what runs then; that is returned, too. Raises what both do.

    Nothing is left running if it cannot be told.
    """
    from sparkmesos_core import daemon_files

    with terminal.working(f"Waiting until Mesos knows the {files.kind.title}"):
        state = start()
    try:
        report({**state, "log": str(files.log)}, f"log {files.log}")
    except BaseException:
        daemon_files.stop(files)  # nobody got to know where it runs
        raise
    return state


def tell_standing(terminal: Terminal, state: dict[str, Any], *, leads: str, waits: str) -> str:
    """Tells who leads if another one does, or what is wrong; what is left to say of Mesos, if anything.

    `leads` is said of the one that does, `waits` of this one if it cannot reach that either.
    """
    if state["leader"]:
        terminal.say(f"standby: {state['leader']} {leads}")
    elif state["problem"]:
        terminal.warn(f"it {waits}, and goes on trying: {state['problem']}")
    elif not state["framework_id"]:
        return f"; Mesos ({state['master']}) does not know it yet"
    return ""


def properties_meant(zk: str | None, *others: tuple[str, str, str | None]) -> list[Setting]:
    """The properties that --zk and other options mean; those are given as option, property and value."""
    from sparkmesos_core.conf.setting import Origin, Setting, Source

    given = [
        *others,
        ("--zk", "spark.deploy.zookeeper.url", zk),
        ("--zk", "spark.deploy.recoveryMode", None if zk is None else "ZOOKEEPER"),
    ]
    return [
        Setting(key, value, Origin(Source.OPTION, option))
        for option, key, value in given
        if value is not None
    ]

"""Showing a planned change of spark-defaults.conf and spark-env.sh, asking for consent, writing it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import printable

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.initial_configuration import FilePlan

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def report_conflicts(terminal: Terminal, plans: Sequence[FilePlan]) -> int:
    """Warns of each value that is kept although another one was asked for. Returns how many there are."""
    from sparkmesos_core.redaction import redact_text

    count = 0
    for plan in plans:
        for conflict in plan.conflicts:
            count += 1
            present = (
                "what only the shell can tell" if conflict.present is None else redact_text(conflict.present)
            )
            terminal.warn(
                f"{plan.path}:{conflict.line} sets {conflict.entry.name} to {present}, "
                f"not to {redact_text(conflict.entry.value)}: kept (--replace replaces it)"
            )
    return count


def write_plans(
    terminal: Terminal,
    plans: Sequence[FilePlan],
    folder: Path,
    *,
    dry_run: bool,
    yes: bool,
    on_stdout: bool,
) -> bool:
    """Shows the change of the files in `folder`, as data or as talk, and writes it.

    Asks first unless `yes`; a `dry_run` neither asks nor writes. Returns False if the person who was asked
    declined. Raises UsageError if nobody can be asked, SparkMesosError if a file cannot be written.
    """
    from sparkmesos_core.file_replacement import replace_files

    changes = [plan for plan in plans if plan.changes]
    show = terminal.data if on_stdout else terminal.say
    stream = terminal.stdout if on_stdout else terminal.stderr
    for plan in changes:
        for line in (printable(line, keep="\t") for line in plan.diff()):
            show(terminal.style(line, file=stream, fg=_COLOURS.get(line[:1])))
    if not changes:
        kept = any(plan.conflicts for plan in plans)
        terminal.say(f"Kept {folder} as it is." if kept else f"Nothing to change in {folder}.")
    elif not dry_run:
        if not yes:
            require_somebody_to_ask()
            if not click.confirm("Write this?", err=True):
                terminal.say("Nothing was written.")
                return False
        replace_files([plan.replacement() for plan in changes])
        terminal.say(f"Wrote {' and '.join(str(plan.path) for plan in changes)}.")
        _warn_of_readers(terminal, changes)
    return True


def require_somebody_to_ask() -> None:
    """Raises UsageError if stdin is no terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("Nobody can be asked whether to write this", hint="Give --yes, or --dry-run.")


def _warn_of_readers(terminal: Terminal, plans: Sequence[FilePlan]) -> None:
    for plan in plans:
        if plan.holds_a_secret and plan.path.stat().st_mode & 0o077:
            terminal.warn(f"others can read {plan.path}, and with it a secret in a URL: chmod 600 it")

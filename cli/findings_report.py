"""What checks have found, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import place_record
from sparkmesos_core.quoting import printable

from .terminal import Terminal

_HEADINGS = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.NOTE: "Notes"}
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def finding_record(finding: Finding) -> dict[str, Any]:
    """One finding for `--output json`."""
    origin = finding.origin
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        "key": finding.key,
        "place": None if origin is None else place_record(origin),
    }


def show_findings(terminal: Terminal, findings: Sequence[Finding]) -> None:
    """Groups for people on a terminal; a line each in a pipe: severity, rule, place, message, hint.

    Says how many there are, if there are any.
    """
    if not terminal.stdout.isatty():
        terminal.table((), [_row(finding) for finding in findings])
    else:
        for severity in Severity:
            group = [finding for finding in findings if finding.severity is severity]
            if group:
                _show_group(terminal, severity, group)
    if findings:
        counts = [
            f"{count} {severity.value}{'' if count == 1 else 's'}"
            for severity in Severity
            if (count := sum(finding.severity is severity for finding in findings))
        ]
        terminal.say(", ".join(counts))


def _row(finding: Finding) -> tuple[str, ...]:
    place = str(finding.origin) if finding.origin is not None else ""
    return finding.severity.value, finding.id, place, finding.message, finding.hint


def _show_group(terminal: Terminal, severity: Severity, group: Sequence[Finding]) -> None:
    terminal.data(terminal.style(_HEADINGS[severity], file=terminal.stdout, fg=_COLOURS[severity], bold=True))
    for finding in group:
        terminal.data(f"  {printable(finding.place + finding.message)}  [{finding.id}]")
        if finding.hint:
            terminal.data(f"    {printable(finding.hint)}")

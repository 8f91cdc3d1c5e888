"""Shows what is wrong with an application before it is submitted or started."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import printable

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.conf.finding import Finding

    from .terminal import Terminal

_TOLD_BY_PREFLIGHT = {"driver-on-loopback": "driver-host-on-loopback"}
"""Rules of the configuration, and what a preflight, which knows where agents are, finds of the same."""


def is_sound(
    terminal: Terminal,
    client: ClientConfiguration,
    *,
    over_http: bool = True,
    runs_here: bool = False,
    held_back: list[Finding] | None = None,
) -> bool:
    """Shows all that is wrong with a submission; false if it must not run.

    `over_http` says that libmesos does not matter, `runs_here` that files of this machine have to be there.
    If it may run, what a preflight is about to tell more exactly is added to `held_back`, if that is given,
    and not shown.
    """
    from sparkmesos_core.conf.finding import Severity
    from sparkmesos_core.configuration_check import by_severity, check_submission

    found = check_submission(client, directory=Path.cwd() if runs_here else None, over_http=over_http)
    if held_back is not None and all(one.severity is not Severity.ERROR for one in found):
        held_back += [one for one in found if one.id in _TOLD_BY_PREFLIGHT]
        found = [one for one in found if one not in held_back]
    return shows_no_error(terminal, by_severity(found))


def untold(held_back: Iterable[Finding], by_preflight: Iterable[Finding]) -> list[Finding]:
    """Of what `is_sound` held back, what the findings of the preflight do not tell."""
    told = {one.id for one in by_preflight}
    return [one for one in held_back if _TOLD_BY_PREFLIGHT[one.id] not in told]


def shows_no_error(terminal: Terminal, findings: Iterable[Finding]) -> bool:
    """Shows errors and warnings; false if there is an error. Notes are for `config check`."""
    from sparkmesos_core.conf.finding import Severity

    sound = True
    for finding in findings:
        place = _place(finding)
        if finding.severity is Severity.ERROR:
            sound = False
            terminal.error(UsageError(place + finding.message, hint=finding.hint))
        elif finding.severity is Severity.WARNING:
            terminal.warn(place + finding.message, hint=finding.hint)
    return sound


def say_notes(terminal: Terminal, findings: Iterable[Finding]) -> None:
    """Says what is worth knowing, which otherwise `config check` alone shows."""
    from sparkmesos_core.conf.finding import Severity

    for finding in findings:
        if finding.severity is Severity.NOTE:
            terminal.say(printable(f"note: {_place(finding)}{finding.message}. {finding.hint}"))


def _place(finding: Finding) -> str:
    """Where it was set, to stand in front of the message; with the property, if neither tells which it is."""
    from sparkmesos_core.conf.setting import Source

    origin = finding.origin
    if origin is None:
        return ""
    holds_several = origin.source in (Source.CONF, Source.JAVA_OPTIONS)
    if holds_several and finding.key not in finding.message:
        return f"{origin} {finding.key}: "
    return finding.place

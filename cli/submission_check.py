"""Shows what is wrong with an application before it is submitted or started."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.errors import UsageError

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.conf.finding import Finding

    from .terminal import Terminal


def is_sound(
    terminal: Terminal, client: ClientConfiguration, *, over_http: bool = True, runs_here: bool = False
) -> bool:
    """Shows all that is wrong with a submission; false if it must not run.

    `over_http` says that libmesos does not matter, `runs_here` that files of this machine have to be there.
    """
    from sparkmesos_core.configuration_check import by_severity, check_submission

    found = check_submission(client, directory=Path.cwd() if runs_here else None, over_http=over_http)
    return shows_no_error(terminal, by_severity(found))


def shows_no_error(terminal: Terminal, findings: Iterable[Finding]) -> bool:
    """Shows errors and warnings; false if there is an error. Notes are for `config check`."""
    from sparkmesos_core.conf.finding import Severity

    sound = True
    for finding in findings:
        place = f"{finding.origin}: " if finding.origin is not None else ""
        if finding.severity is Severity.ERROR:
            sound = False
            terminal.error(UsageError(place + finding.message, hint=finding.hint))
        elif finding.severity is Severity.WARNING:
            terminal.warn(place + finding.message, hint=finding.hint)
    return sound

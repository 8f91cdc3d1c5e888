"""What a probe's task says of its agent: lines such as `SPARKMESOS-PROBE 1 user=spark`, among others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import redact_text

MARK = "SPARKMESOS-PROBE 1"
"""What each line begins with; the number is the version of what follows."""

_END = "end"
_MOST_LINES = 300
_LONGEST_LINE = 500


@dataclass(frozen=True)
class Report:
    """What was said, by its names; of a text of several lines each line has the same name."""

    said: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> str:
        """What was said of it; the first line, if there are several; empty if nothing was."""
        return self.said.get(name, ("",))[0]

    def __contains__(self, name: object) -> bool:
        return name in self.said

    def lines(self, name: str) -> tuple[str, ...]:
        """All lines that are not blank."""
        return tuple(line for line in self.said.get(name, ()) if line.strip())

    @property
    def is_whole(self) -> bool:
        """Whether the task has come to its end."""
        return _END in self.said


def read_report(text: str) -> Report | None:
    """The report in a task's output, however much of it there is; None if there is nothing of it."""
    said: dict[str, list[str]] = {}
    found = [line.removeprefix(f"{MARK} ") for line in text.splitlines() if line.startswith(f"{MARK} ")]
    for line in found[:_MOST_LINES]:
        name, equals, value = line.partition("=")
        if equals:
            said.setdefault(name, []).append(printable(redact_text(value[:_LONGEST_LINE])).rstrip())
    return Report({name: tuple(lines) for name, lines in said.items()}) if said else None

"""Entries that a configuration file is to have, and what became of each of them. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """A name that is to have a value: a property, or a variable of a shell script."""

    name: str
    value: str
    only_correct: bool = False
    """Only to be corrected where the file has another value, never to be added."""
    only_add: bool = False
    """Only to be added where the file has no value: what was found, not demanded."""


@dataclass(frozen=True)
class Conflict:
    """An entry for which the file says something else."""

    entry: Entry
    line: int
    """Where it says so, from 1."""
    present: str | None
    """The other value; None if it is only known when the script runs."""


@dataclass(frozen=True)
class Edit:
    """What a file becomes."""

    text: str
    wanted: Mapping[str, str] = field(default_factory=dict)
    """The names that the change gives a value, with it."""
    conflicts: tuple[Conflict, ...] = ()
    """What was left as it is, since it was not to be replaced."""

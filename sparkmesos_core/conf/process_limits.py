"""What a process hands on to the programs it starts, besides variables: umask and resource limits.

A spark-env.sh sets them with `umask` and `ulimit`; how bash writes and counts them is in its manual.
"""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Mapping
from dataclasses import dataclass

from sparkmesos_core.errors import UsageError

# bash's letter, what Python calls it, and the unit that bash counts in.
_KNOWN = {
    "c": ("RLIMIT_CORE", 1024),
    "d": ("RLIMIT_DATA", 1024),
    "e": ("RLIMIT_NICE", 1),
    "f": ("RLIMIT_FSIZE", 1024),
    "i": ("RLIMIT_SIGPENDING", 1),
    "l": ("RLIMIT_MEMLOCK", 1024),
    "m": ("RLIMIT_RSS", 1024),
    "n": ("RLIMIT_NOFILE", 1),
    "q": ("RLIMIT_MSGQUEUE", 1),
    "r": ("RLIMIT_RTPRIO", 1),
    "s": ("RLIMIT_STACK", 1024),
    "t": ("RLIMIT_CPU", 1),
    "u": ("RLIMIT_NPROC", 1),
    "v": ("RLIMIT_AS", 1024),
}
_SMALLER_IN_POSIX_MODE = {"c": 512, "f": 512}
_LINE = re.compile(r"\((?:[^()]*, )?-(\w)\)\s+(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Limit:
    """A resource limit that was changed; a side that was not is None."""

    letter: str
    """That of bash's `ulimit`: n for open files."""
    soft: int | None
    """Bytes, seconds or a number, as setrlimit(2) counts; RLIM_INFINITY for none."""
    hard: int | None

    @property
    def is_known(self) -> bool:
        """Whether Python can set it."""
        return self.letter in _KNOWN and hasattr(resource, _KNOWN[self.letter][0])


@dataclass(frozen=True)
class ProcessLimits:
    """The umask and the limits that a program is to be started with; empty for those that we have."""

    umask: int | None = None
    limits: tuple[Limit, ...] = ()

    def apply(self) -> None:
        """Gives them to this process, which is about to become that program.

        Raises UsageError for a limit that the system refuses.
        """
        if self.umask is not None:
            os.umask(self.umask)
        for limit in self.limits:
            kind: int = getattr(resource, _KNOWN[limit.letter][0])
            soft, hard = resource.getrlimit(kind)
            wanted = (soft if limit.soft is None else limit.soft, hard if limit.hard is None else limit.hard)
            try:
                resource.setrlimit(kind, wanted)
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"The limit that spark-env.sh sets with `ulimit -{limit.letter}` cannot be set: {error}",
                    hint="Correct it there; `ulimit -a` shows what is allowed.",
                ) from error


NO_LIMITS = ProcessLimits()


def changed_limits(
    before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]
) -> list[Limit]:
    """What differs between two answers of `parse_limits`."""
    return [
        Limit(letter, *(new if new != old else None for old, new in zip(before[letter], limit, strict=True)))
        for letter, limit in after.items()
        if limit != before.get(letter, limit)
    ]


def parse_limits(soft: str, hard: str, *, posix: bool) -> dict[str, tuple[int, int]]:
    """What `ulimit -S -a` and `ulimit -H -a` print, by the letter of each limit.

    `posix` says that bash is in that mode, in which it counts some in smaller blocks.
    """
    values = (dict(_LINE.findall(soft)), dict(_LINE.findall(hard)))
    return {
        letter: (_value(letter, values[0][letter], posix), _value(letter, values[1][letter], posix))
        for letter in values[0]
        if letter in values[1]
    }


def _value(letter: str, text: str, posix: bool) -> int:
    if not text.isdigit():  # unlimited
        return resource.RLIM_INFINITY
    unit = _KNOWN.get(letter, ("", 1))[1]
    return int(text) * (_SMALLER_IN_POSIX_MODE.get(letter, unit) if posix else unit)

"""What the beginning of an archive of Spark tells of the folder that Spark is in.

Executors are started by `cd BASE*; ./bin/spark-class …` in the sandbox that the archive was unpacked in
(`MesosCoarseGrainedSchedulerBackend.createCommand`, `MesosSchedulerBackend.createExecutorInfo`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from sparkmesos_core.dist.names import executor_prefix, leads_there
from sparkmesos_core.preflight.archive_entries import DAMAGES, EnoughError, LimitedFile, entries_of, opened

_MOST_ENTRIES = 500
_NAME = re.compile(r"spark-\d+\.\d+\.")
# What is in every Spark, and at the top of hardly anything else: a JDK has bin/ and conf/, too.
_OF_SPARK = (
    *(("RELEASE",), ("jars",), ("kubernetes",), ("yarn",)),
    *(("bin", "spark-class"), ("bin", "spark-submit"), ("bin", "pyspark"), ("bin", "load-spark-env.sh")),
    *(("python", "pyspark"), ("python", "lib"), ("R", "lib")),
)
_TO_PROGRAMS: tuple[tuple[str, ...], ...] = ((), ("bin",))
"""What may be a link to where Spark's programs are, in its folder."""


class Layout(Enum):
    """Whether executors find Spark."""

    FINE = auto()
    """There is a folder that BASE* matches, or Spark is at the top, where a failed `cd` stays."""
    OTHER_FOLDER = auto()
    """Spark is in a folder of another name."""
    BEHIND_ARCHIVE = auto()
    """BASE* matches the archive itself before the folder, so that there is no way into it."""
    NO_FOLDER = auto()
    """No folder that BASE* matches, in all of the archive or in what was looked at of it."""
    NO_SPARK = auto()
    """BASE* matches a folder, but nothing of Spark is in it, nor anywhere else in all of the archive."""
    NO_ARCHIVE = auto()
    """It cannot be unpacked."""
    UNKNOWN = auto()
    """Too little of it was seen."""


@dataclass(frozen=True)
class Beginning:
    """What was found out."""

    layout: Layout
    folder: str = ""
    """The folder that it is about, if there is one."""
    start: bytes = field(default=b"", compare=False)
    """What it begins with, if it is no archive."""
    whole: bool = False
    """Whether there is no such folder in all of the archive, rather than in what was seen of it."""


def look_at(pieces: Iterator[bytes], name: str, *, cached: bool) -> Beginning:
    """What the first MOST_BYTES of a tar archive tell, which is called `name` in the sandbox.

    `cached` says that Mesos keeps archives in its cache, out of sandboxes. Raises what `pieces` raises.
    """
    base = executor_prefix(name)
    file = LimitedFile(pieces)
    seen: list[tuple[str, ...]] = []
    reached, behind = "", ""
    whole = False
    try:
        with opened(file) as archive:
            for path, entry in entries_of(archive):
                seen.append(path)
                if path[0].startswith(base) and not (entry.isfile() and len(path) == 1):
                    if not cached and not leads_there(name, path[0]):
                        behind = path[0]
                    elif _is_of_spark(path[1:]) or (entry.issym() and path[1:] in _TO_PROGRAMS):
                        return Beginning(Layout.FINE, path[0])
                    else:
                        reached = reached or path[0]
                if len(seen) == _MOST_ENTRIES:
                    break
            else:
                whole = True
    except EnoughError:
        pass
    except DAMAGES:
        if file.failed:
            raise
        if not seen:
            return Beginning(Layout.NO_ARCHIVE, start=file.start)
    if reached:
        return _judged_by(reached, seen) if whole else Beginning(Layout.FINE, reached)
    if behind:
        return Beginning(Layout.BEHIND_ARCHIVE, behind)
    return _judged(seen, whole)


def _judged(seen: list[tuple[str, ...]], whole: bool) -> Beginning:
    """What archives are that hold no folder for BASE*."""
    if not seen:
        return Beginning(Layout.NO_ARCHIVE if whole else Layout.UNKNOWN)
    if any(map(_is_of_spark, seen)):
        return Beginning(Layout.FINE)
    if folder := next((path[0] for path in seen if _is_spark(path)), None):
        return Beginning(Layout.OTHER_FOLDER, folder)
    return Beginning(Layout.NO_FOLDER, seen[0][0], whole=whole)


def _judged_by(reached: str, seen: list[tuple[str, ...]]) -> Beginning:
    """What archives are, seen in whole, that hold nothing of Spark in the folder that executors reach."""
    if any(map(_is_of_spark, seen)):
        return Beginning(Layout.UNKNOWN)
    if folder := next((path[0] for path in seen if _is_of_spark(path[1:])), None):
        return Beginning(Layout.OTHER_FOLDER, folder)
    return Beginning(Layout.NO_SPARK, reached)


def _is_spark(path: tuple[str, ...]) -> bool:
    """Whether the top folder of a path is that of a Spark, by its name or by what is in it."""
    return _NAME.match(path[0]) is not None or _is_of_spark(path[1:])


def _is_of_spark(path: tuple[str, ...]) -> bool:
    return any(path[: len(part)] == part for part in _OF_SPARK)

"""What Spark an archive holds, and whether its programs can be run, as far as its beginning tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sparkmesos_core.dist.entry import EntryKind
from sparkmesos_core.preflight.archive_entries import (
    DAMAGES,
    EnoughError,
    LimitedFile,
    Path,
    entries_of,
    opened,
)

PROGRAMS = ("spark-class", "load-spark-env.sh", "find-spark-home")
"""What executors are started by, and what that reads; all of `bin/`."""

RELEASE = "RELEASE"
"""The file of a release that tells its version."""

_MOST_ENTRIES = 5000
_MOST_RELEASE_BYTES = 4096
_VERSION = r"(?P<version>\d+\.\d+\.\d+[\w.]*?)"
_OF_RELEASE = re.compile(r"Spark (?P<version>\d+\.\d+\.\d+\S*)")
_OF_NAME = re.compile(rf"spark-{_VERSION}(?:-bin\b.*|\.[a-z].*)?")
# Of Spark itself: others, such as spark-xml, have versions of their own. As in `spark.home`, they may be
# those of a vendor (3.5.0-amzn-0).
_OF_JAR = re.compile(
    r"spark-(?:catalyst|core|graphx|hive|kubernetes|kvstore|launcher|mesos|mllib|network-common|network-shuffle"
    r"|repl|sketch|sql|streaming|tags|unsafe|yarn)_(?P<scala>\d+\.\d+)-(?P<version>\d[\w.-]*?)\.jar"
)
_SCALA_OF_NAME = re.compile(r"scala(?P<scala>\d+\.\d+)")


@dataclass(frozen=True)
class SeenProgram:
    """One of Spark's programs."""

    kind: EntryKind
    mode: int
    """Permission bits."""
    size: int
    """Bytes; 0 unless a file."""


@dataclass(frozen=True)
class Contents:
    """What was seen; empty or None for what was not."""

    programs: dict[str, SeenProgram]
    """Of PROGRAMS, those that were come by."""
    version: str = ""
    """Of Spark."""
    told_by: str = ""
    """What tells the version: `RELEASE`, or a name."""
    scala: str = ""
    """The binary version of Scala that Spark is built for: `2.12`."""
    whole: bool = False
    """Whether all of the archive was seen."""
    is_tar: bool = False
    """Whether anything was: not of a zip, for example."""


def contents_of(pieces: Iterator[bytes], name: str) -> Contents:
    """What a tar archive called `name` holds, by its first MOST_BYTES. Raises what `pieces` raises.

    What Spark it is is told by RELEASE, else by the name of one of its jars, of its folder, or its own.
    """
    file = LimitedFile(pieces)
    programs: dict[str, SeenProgram] = {}
    release, scala = "", ""
    whole = is_tar = False
    jar, folder = "", ""
    try:
        with opened(file) as archive:
            for count, (path, entry) in enumerate(entries_of(archive)):
                is_tar = True
                folder = folder or (path[0] if _OF_NAME.fullmatch(path[0]) else "")
                if program := _program(path):
                    kind = (
                        EntryKind.FILE
                        if entry.isfile()
                        else EntryKind.FOLDER
                        if entry.isdir()
                        else EntryKind.LINK
                    )
                    programs[program] = SeenProgram(kind, entry.mode & 0o7777, entry.size)
                elif path[-1] == RELEASE and len(path) <= 2 and entry.isfile():
                    content = archive.extractfile(entry)
                    release = content.read(_MOST_RELEASE_BYTES).decode("utf-8", "replace") if content else ""
                elif not jar and path[-2:-1] == ("jars",) and (match := _OF_JAR.fullmatch(path[-1])):
                    jar, scala = path[-1], match["scala"]
                if count == _MOST_ENTRIES:
                    break
            else:
                whole = True
    except EnoughError:
        pass
    except DAMAGES:
        if file.failed:
            raise
    version, told_by = "", ""
    if match := _OF_RELEASE.match(release):
        version, told_by = match["version"], RELEASE
    elif jar and (match := _OF_JAR.fullmatch(jar)):
        version, told_by = match["version"], jar
    elif told := next((one for one in (folder, name) if version_of_name(one)), ""):
        version, told_by = version_of_name(told), told
    if not scala and (match := _SCALA_OF_NAME.search(folder or name)):
        scala = match["scala"]
    return Contents(programs, version, told_by, scala, whole, is_tar)


def version_of_name(name: str) -> str:
    """The version of Spark that the name of a release tells, `spark-3.5.9-bin-hadoop3.tgz`; else empty."""
    match = _OF_NAME.fullmatch(name)
    return match["version"] if match else ""


def _program(path: Path) -> str:
    """Which of PROGRAMS has this path, in a folder at the top or right there."""
    if len(path) in (2, 3) and path[-2] == "bin" and path[-1] in PROGRAMS:
        return path[-1]
    return ""

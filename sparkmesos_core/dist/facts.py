"""What kind of Spark an archive or a folder holds, told from the names inside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sparkmesos_core.bridge.kinds import BridgeKind, bridge_kind
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.spark.core_jar import Release, find_core_jar, parse_core_jar, release_of

BRIDGE = "sparkmesos/bridge.jar"
"""Where the bridge is, inside the top folder."""

_MESOS = re.compile(r"mesos-(?P<version>\d[\d.]*\d)(?:-[\w-]+)?\.jar")
_MESOS_MODULE = re.compile(r"spark-mesos_\d+\.\d+-.+\.jar")
_SCALA = re.compile(r"scala-library-(?P<version>\d[\w.-]*?)\.jar")
# Before Spark 3.2 there were many jars of Hadoop, then two with all.
_HADOOP = re.compile(r"hadoop-(?:client-api|common|client)-(?P<version>\d[\w.-]*?)\.jar")


@dataclass(frozen=True)
class Facts:
    """What is inside. None for what cannot be told."""

    spark_version: str | None
    scala_version: str | None
    """The full version of Scala's library, else the binary one in the names of Spark's jars."""
    hadoop_version: str | None
    mesos_version: str | None
    """Of Mesos' own jar, through which Spark up to 3.5 speaks to it."""
    has_spark_mesos: bool
    """Whether Spark's own Mesos module is inside, which no Spark 4 has."""
    has_bridge: bool
    has_python: bool
    has_r: bool
    top_folders: tuple[str, ...]
    """The folders, and whatever else, at the top of the archive."""
    entries: int
    unpacked_size: int
    """Bytes of all files."""
    packed_size: int | None
    """Bytes of the archive; None if there is none yet."""

    @property
    def release(self) -> Release | None:
        """The first two numbers of Spark's version."""
        return release_of(self.spark_version or "")

    @property
    def bridge_kind(self) -> BridgeKind | None:
        """Which bridge this Spark takes; None if there is none for it, or no Spark."""
        return bridge_kind(self.release, has_mesos=self.has_spark_mesos) if self.release else None

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        kind = self.bridge_kind
        return {
            **asdict(self),
            "top_folders": list(self.top_folders),
            "bridge_kind": kind.value if kind else None,
        }


def segments_of(name: str) -> tuple[str, ...]:
    """The segments of a path in an archive, without the `.` and the empty ones that tar passes over."""
    return tuple(segment for segment in name.split("/") if segment not in ("", "."))


def facts_of(entries: Sequence[Entry], packed_size: int | None = None) -> Facts:
    """The facts of an archive, whose entries have their paths with the top folder."""
    top = spark_folder(entries)
    jars: list[str] = []
    inside: set[tuple[str, ...]] = set()
    tops: dict[str, None] = {}
    for entry in entries:
        segments = segments_of(entry.name)
        if not segments:
            continue
        tops[segments[0]] = None
        if top and segments[0] != top:
            continue
        if top != "":
            segments = segments[1:]
        inside.add(segments[:2])
        if len(segments) == 2 and segments[0] == "jars" and entry.kind is not EntryKind.FOLDER:
            jars.append(segments[1])
    core = find_core_jar(jars)
    return Facts(
        spark_version=core.version if core else None,
        scala_version=_version(_SCALA, jars) or (core.scala_version if core else None),
        hadoop_version=_version(_HADOOP, jars),
        mesos_version=_version(_MESOS, jars),
        has_spark_mesos=_first(_MESOS_MODULE, jars) is not None,
        has_bridge=tuple(BRIDGE.split("/")) in inside,
        has_python=("python", "lib") in inside or ("python", "pyspark") in inside,
        has_r=("R", "lib") in inside,
        top_folders=tuple(tops),
        entries=len(entries),
        unpacked_size=sum(entry.size for entry in entries),
        packed_size=packed_size,
    )


def spark_folder(entries: Iterable[Entry]) -> str | None:
    """The top folder with Spark's core jar; empty if that is in no folder; None if there is none."""
    for entry in entries:
        segments = segments_of(entry.name)
        if segments[-2:-1] == ("jars",) and len(segments) <= 3 and parse_core_jar(segments[-1]):
            return segments[0] if len(segments) == 3 else ""
    return None


def core_jars(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """Scala's binary version and Spark's version of every spark-core jar, sorted."""
    names = {segments_of(entry.name) for entry in entries if entry.kind is not EntryKind.FOLDER}
    jars = (parse_core_jar(name[2]) for name in names if len(name) == 3 and name[1] == "jars")
    return sorted((jar.scala_version, jar.version) for jar in jars if jar)


def _first(pattern: re.Pattern[str], jars: Iterable[str]) -> re.Match[str] | None:
    return next((match for jar in sorted(jars) if (match := pattern.fullmatch(jar))), None)


def _version(pattern: re.Pattern[str], jars: Iterable[str]) -> str | None:
    match = _first(pattern, jars)
    return match["version"] if match else None

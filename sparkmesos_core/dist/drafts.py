"""Archives before they are made: from a SPARK_HOME, and from another archive."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sparkmesos_core.bridge.compile import bridge_path, ensure_bridge, ensure_packed_bridge, jar_sizes
from sparkmesos_core.directories import cache_directory
from sparkmesos_core.dist.archive import open_archive, read_archive
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.facts import BRIDGE, facts_of, segments_of, spark_folder
from sparkmesos_core.dist.layout import folder_entries
from sparkmesos_core.dist.names import release_name, stem
from sparkmesos_core.dist.packing import pack
from sparkmesos_core.dist.repack import plan_repacking, repack
from sparkmesos_core.dist.source import Source
from sparkmesos_core.errors import ArchiveError
from sparkmesos_core.progress import Progress
from sparkmesos_core.quoting import printable, quoted
from sparkmesos_core.spark.home import SparkHome, read_spark
from sparkmesos_core.spark.java import find_compiling_java

# Jars are compressed already; what is beside them is little.
_LEAST_PART = 0.8
_BRIDGE_PATH = segments_of(BRIDGE)


@dataclass(frozen=True)
class Plan:
    """What an archive would be."""

    entries: Sequence[Entry]
    """With the top folder in their paths."""
    left_out: Sequence[str]
    makes: bool
    """Whether it has to be made, rather than the source be taken as it is."""


@dataclass(frozen=True)
class Making:
    """How archives and bridges are made."""

    work: Path
    """A folder for what is temporary, and for the archive."""
    environment: Mapping[str, str]
    time: int
    threads: int | None
    progress: Progress
    announce: Callable[[str], None]


class Draft(Protocol):
    """An archive before it is made."""

    @property
    def own_name(self) -> str:
        """What it is called if nobody gives it a name."""

    @property
    def jars(self) -> Collection[str]:
        """The names of Spark's jars, whatever is excluded."""

    @property
    def jars_place(self) -> str:
        """Where they are, for messages."""

    def plan(self, name: str, *, bridge: bool) -> Plan:
        """What an archive of this name would be. The bridge is in it only if it is in the source."""

    def is_made(self, name: str, bridge: bytes | None) -> bool:
        """Whether the source is already what `make` would make."""

    def compile_bridge(self, making: Making) -> Path:
        """The bridge that fits, from the cache or compiled. Raises BridgeError and JavaNotFoundError."""

    def make(self, name: str, bridge: bytes | None, making: Making) -> tuple[Path, Plan]:
        """The archive with this bridge, and what is in it; the source if that is what is wanted already."""


class FolderDraft:
    """An archive of a SPARK_HOME."""

    def __init__(self, source: Source, excludes: Excludes) -> None:
        self._home = source.path
        self._excludes = excludes
        self._contents = folder_entries(source.path, excludes)
        self.own_name = source.name or f"{source.path.name}.tgz"
        self.jars = jar_sizes(source.path / "jars")
        self.jars_place = str(source.path / "jars")

    def plan(self, name: str, *, bridge: bool) -> Plan:
        """As `Draft` says."""
        return self._plan(name, self._contents.entries if bridge else self._without_bridge())

    def is_made(self, name: str, bridge: bytes | None) -> bool:
        """As `Draft` says. A folder is no archive."""
        return False

    def compile_bridge(self, making: Making) -> Path:
        """As `Draft` says. A bridge that is in the cache needs no Java."""
        cache = cache_directory(making.environment) / "bridge"
        cached = bridge_path(self._home / "jars", cache)
        if cached.is_file():
            return cached
        java = find_compiling_java(read_spark(self._home, "the source"), making.environment)
        return ensure_bridge(self._home / "jars", java.executable, cache, making.announce)

    def make(self, name: str, bridge: bytes | None, making: Making) -> tuple[Path, Plan]:
        """As `Draft` says."""
        if bridge is None:
            entries = self._without_bridge()
        else:
            jar = Entry(BRIDGE, EntryKind.FILE, 0o644, len(bridge), source=bridge)
            entries = folder_entries(self._home, self._excludes, [jar]).entries
        _require_room(making.work, sum(entry.size for entry in entries))
        target = making.work / name
        pack(entries, stem(name), target, time=making.time, progress=making.progress, threads=making.threads)
        return target, self._plan(name, entries)

    def _plan(self, name: str, entries: Iterable[Entry]) -> Plan:
        top = stem(name)
        inside = [replace(entry, name=f"{top}/{entry.name}") for entry in entries]
        left_out = list(self._contents.left_out)
        if not any(entry.name == f"{top}/{BRIDGE}" for entry in inside) and self._has_bridge():
            left_out.append(BRIDGE)
        return Plan([Entry(top, EntryKind.FOLDER, 0o755), *inside], left_out, makes=True)

    def _without_bridge(self) -> list[Entry]:
        return [entry for entry in self._contents.entries if entry.name != BRIDGE]

    def _has_bridge(self) -> bool:
        return any(entry.name == BRIDGE for entry in self._contents.entries)


class ArchiveDraft:
    """An archive made of another one."""

    def __init__(self, source: Source, excludes: Excludes, progress: Progress) -> None:
        self._path = source.path
        self._excludes = excludes
        self._contents = read_archive(
            source.path, progress, lambda name: segments_of(name)[-len(_BRIDGE_PATH) :] == _BRIDGE_PATH
        )
        self._facts = facts_of(self._contents.entries, self._contents.size)
        self.own_name = source.name or self._released_as()
        self._jars = _jars_in(self._contents.entries)
        self.jars = self._jars
        self.jars_place = str(source.path)

    def plan(self, name: str, *, bridge: bool) -> Plan:
        """As `Draft` says."""
        there = self._bridge() if bridge else None
        planned = plan_repacking(self._contents, name, self._excludes, there)
        # Without one inside, there is one to be added.
        makes = planned.needed(name) or (bridge and there is None)
        return Plan(planned.entries, planned.left_out, makes)

    def is_made(self, name: str, bridge: bytes | None) -> bool:
        """As `Draft` says."""
        return not plan_repacking(self._contents, name, self._excludes, bridge).needed(name)

    def compile_bridge(self, making: Making) -> Path:
        """As `Draft` says. Unpacks what is needed to compile it, if that has to be done."""

        def java() -> Path:
            spark = SparkHome(
                path=self._path,
                version=self._facts.spark_version or "",
                scala_version=self._facts.scala_version or "",
                has_mesos=self._facts.has_spark_mesos,
                origin="the source",
            )
            return find_compiling_java(spark, making.environment).executable

        def unpack(names: Collection[str]) -> Path:
            wanted = {self._jars[name].name: name for name in names}
            return self._unpack(wanted, making)

        sizes = {name: jar.size for name, jar in self._jars.items()}
        cache = cache_directory(making.environment) / "bridge"
        return ensure_packed_bridge(sizes, self.jars_place, unpack, java, cache, making.announce)

    def make(self, name: str, bridge: bytes | None, making: Making) -> tuple[Path, Plan]:
        """As `Draft` says."""
        planned = plan_repacking(self._contents, name, self._excludes, bridge)
        plan = Plan(planned.entries, planned.left_out, planned.needed(name))
        if not plan.makes:
            return self._path, plan
        _require_room(making.work, sum(entry.size for entry in plan.entries))
        target = making.work / name
        if target.exists() and target.samefile(self._path):
            # The caller works where the source is.
            target = making.work / f"new-{name}"
        repack(planned, target, time=making.time, progress=making.progress, threads=making.threads)
        return target, plan

    def _released_as(self) -> str:
        if self._facts.spark_version is None:
            return self._path.name
        return f"{release_name(self._facts.spark_version, self._facts.hadoop_version)}.tgz"

    def _bridge(self) -> bytes | None:
        path = (spark_folder(self._contents.entries) or "", *_BRIDGE_PATH)
        found = (content for name, content in self._contents.files.items() if segments_of(name) == path)
        return next(found, None)

    def _unpack(self, wanted: Mapping[str, str], making: Making) -> Path:
        """A folder with some of the archive's files, under other names."""
        folder = Path(tempfile.mkdtemp(prefix="compiler-", dir=making.work))
        missing = set(wanted)
        making.progress.begin("Unpacking the compiler", self._contents.size)
        try:
            with open_archive(self._path, making.progress) as reader:
                for entry in reader:
                    if entry.name not in missing or entry.kind is not EntryKind.FILE:
                        continue
                    with (folder / wanted[entry.name]).open("wb") as file:
                        for piece in reader.content():
                            file.write(piece)
                    missing.remove(entry.name)
                    if not missing:
                        break
        except OSError as error:
            raise ArchiveError(
                f"{printable(str(self._path))} cannot be unpacked in {making.work}: "
                f"{error.strerror or error}",
                hint="Free some space, or name a folder with --work-dir or TMPDIR on a larger disk.",
            ) from error
        finally:
            making.progress.end()
        return folder


def _jars_in(entries: Sequence[Entry]) -> dict[str, Entry]:
    """The files behind Spark's jars, by the names of these; links are followed as far as they lead inside."""
    top = spark_folder(entries)
    folder = (*([top] if top else []), "jars")
    by_path = {segments_of(entry.name): entry for entry in entries}
    jars = {}
    for path, entry in by_path.items():
        if path[:-1] != folder or not path[-1].endswith(".jar"):
            continue
        file: Entry | None = entry
        for _ in range(8):
            if file is None or not file.target:
                break
            start = segments_of(file.name)[:-1] if file.kind is EntryKind.LINK else ()
            file = by_path.get(segments_of(os.path.normpath("/".join((*start, file.target)))))
        if file is not None and file.kind is EntryKind.FILE:
            jars[path[-1]] = file
    return jars


def _require_room(folder: Path, unpacked: int) -> None:
    """Raises ArchiveError if there is surely no room for an archive of so many bytes, before time goes by."""
    free = shutil.disk_usage(folder).free
    if free < unpacked * _LEAST_PART:
        raise ArchiveError(
            f"No room for the archive in {quoted(str(folder))}: {free / 1e6:.0f} MB are free, and about "
            f"{unpacked * _LEAST_PART / 1e6:.0f} MB needed",
            hint="Free some space, or name a folder with --work-dir or TMPDIR on a larger disk.",
        )

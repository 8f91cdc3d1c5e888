"""An archive of Spark made into another one: with the bridge, without what is excluded, under another folder.

Decided from the list of entries first; then written in one pass, in the order of the source.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkmesos_core.dist.archive import Contents, open_archive
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.excludes import Excludes, summary
from sparkmesos_core.dist.facts import BRIDGE, segments_of, spark_folder
from sparkmesos_core.dist.names import compression_of, leads_there, stem
from sparkmesos_core.dist.packing import TIME, new_archive
from sparkmesos_core.errors import ArchiveError
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.quoting import printable, quoted

_BRIDGE_PATH = segments_of(BRIDGE)


@dataclass(frozen=True)
class Repacking:
    """What becomes of an archive's entries."""

    contents: Contents
    top: str
    """The top folder of the new archive."""
    kept: Sequence[Entry | None]
    """For each entry of the archive what it becomes, with the top folder in its path; None: left out."""
    added: Sequence[Entry]
    """What comes behind them."""
    left_out: Sequence[str]
    """As `excludes.summary` has it; what was beside the top folder begins with `../`."""
    renamed: bool
    """Whether the top folder gets another name."""

    @property
    def entries(self) -> list[Entry]:
        """The entries of the new archive."""
        return [entry for entry in self.kept if entry is not None] + list(self.added)

    def needed(self, name: str) -> bool:
        """Whether an archive called `name` has to be written, rather than the source taken as it is."""
        return bool(
            self.added or self.renamed or self.left_out or compression_of(name) != self.contents.compression
        )


def plan_repacking(contents: Contents, name: str, excludes: Excludes, bridge: bytes | None) -> Repacking:
    """What an archive becomes, to be called `name` and have this bridge in it (None: no bridge).

    The top folder keeps its name if executors find it under `name`; else it gets that of the archive. Paths
    that lead outside are kept as they are, for the checks to find. Raises UsageError as `Excludes` does, and
    ArchiveError for a hard link to what is left out.
    """
    spark = spark_folder(contents.entries) or ""
    top = spark if spark and leads_there(name, spark) else stem(name)
    planner = _Planner(spark, top, excludes)
    is_there = bridge is not None and _bridge_in(contents, spark) == bridge
    kept: list[Entry | None] = []
    for entry in contents.entries:
        if not is_there and planner.inside(segments_of(entry.name)) == _BRIDGE_PATH:
            if bridge is None:
                planner.leave_out(BRIDGE, entry.kind)
            kept.append(None)
        elif is_there and planner.inside(segments_of(entry.name)) in (_BRIDGE_PATH, _BRIDGE_PATH[:-1]):
            # Whatever is excluded, the bridge was asked for.
            kept.append(replace(entry, name="/".join((top, *segments_of(entry.name)[bool(spark) :]))))
        else:
            kept.append(planner.becomes(entry))
    added = [] if is_there or bridge is None else _bridge_entries(top, bridge, kept)
    return Repacking(contents, top, kept, added, planner.left_out(), renamed=top != spark)


def repack(
    repacking: Repacking,
    target: Path,
    *,
    time: int = TIME,
    progress: Progress = SILENT,
    threads: int | None = None,
) -> None:
    """Writes the new archive, which appears when it is complete. Constant memory, same input same bytes.

    Raises ArchiveError if the source cannot be read or has changed since it was listed, or for lack of room.
    """
    contents = repacking.contents
    progress.begin("Packing", contents.size)
    try:
        with (
            new_archive(target, time=time, threads=threads) as writer,
            open_archive(contents.path, progress) as reader,
        ):
            writer.add(Entry(repacking.top, EntryKind.FOLDER, 0o755))
            count = 0
            for entry in reader:
                if count >= len(contents.entries) or entry != contents.entries[count]:
                    raise _changed(contents.path)
                becomes = repacking.kept[count]
                count += 1
                if becomes is not None and becomes.name != repacking.top:
                    writer.add(becomes, reader if becomes.kind is EntryKind.FILE else None)
            if count != len(contents.entries):
                raise _changed(contents.path)
            for entry in repacking.added:
                writer.add(entry, io.BytesIO(entry.source) if isinstance(entry.source, bytes) else None)
    finally:
        progress.end()


class _Planner:
    """Decides of one entry after the other."""

    def __init__(self, spark: str, top: str, excludes: Excludes) -> None:
        self._spark = spark
        self._top = top
        self._excludes = excludes
        self._left_out: list[str] = []
        self._packed: list[str] = []

    def inside(self, segments: tuple[str, ...]) -> tuple[str, ...] | None:
        """The path inside Spark's folder; None if it is beside it."""
        if not self._spark:
            return segments
        return segments[1:] if segments[:1] == (self._spark,) else None

    def becomes(self, entry: Entry) -> Entry | None:
        """What the entry is in the new archive; None if it is left out."""
        segments = segments_of(entry.name)
        if entry.name.startswith("/") or ".." in segments:
            return entry
        inside = self.inside(segments)
        if inside is None:
            self.leave_out(f"../{'/'.join(segments)}", entry.kind)
            return None
        name = "/".join(inside)
        if name and self._excludes.leaves_out(name, folder=entry.kind is EntryKind.FOLDER):
            self.leave_out(name, entry.kind)
            return None
        self._packed.append(name)
        renamed = replace(entry, name=f"{self._top}/{name}" if name else self._top)
        if not entry.target:
            return renamed
        return self._link(renamed, segments, inside)

    def _link(self, entry: Entry, segments: tuple[str, ...], inside: tuple[str, ...]) -> Entry:
        """The link for a link; a symbolic one for a hard one, whose target may get another name."""
        is_hard = entry.kind is EntryKind.OTHER
        end = posixpath.normpath("/".join((*(() if is_hard else segments[:-1]), entry.target)))
        if entry.target.startswith("/") or segments_of(end)[:1] == ("..",):
            return entry
        target = self.inside(segments_of(end))
        if is_hard and (target is None or self._excludes.leaves_out("/".join(target))):
            raise ArchiveError(
                f"{quoted(entry.name)} is a hard link to {quoted(entry.target)}, which is left out",
                hint="Leave out both or neither.",
            )
        if target is None or not (is_hard or self._top != self._spark):
            return entry
        relative = posixpath.relpath("/" + "/".join(target), "/" + "/".join(inside[:-1]))
        return replace(entry, kind=EntryKind.LINK, target=relative)

    def leave_out(self, name: str, kind: EntryKind) -> None:
        """Notes that something is left out."""
        self._left_out.append(name + "/" if kind is EntryKind.FOLDER else name)

    def left_out(self) -> list[str]:
        """What was left out, for messages."""
        return summary(self._left_out, self._packed)


def _bridge_in(contents: Contents, spark: str) -> bytes | None:
    """The bridge that the archive has already."""
    return next(
        (
            content
            for name, content in contents.files.items()
            if segments_of(name) == segments_of(f"{spark}/{BRIDGE}")
        ),
        None,
    )


def _bridge_entries(top: str, bridge: bytes, kept: Sequence[Entry | None]) -> list[Entry]:
    jar = Entry(f"{top}/{BRIDGE}", EntryKind.FILE, 0o644, len(bridge), source=bridge)
    folder = Entry(f"{top}/{_BRIDGE_PATH[0]}", EntryKind.FOLDER, 0o755)
    has_folder = any(entry is not None and entry.name == folder.name for entry in kept)
    return [jar] if has_folder else [folder, jar]


def _changed(path: Path) -> ArchiveError:
    return ArchiveError(
        f"{printable(str(path))} changed while it was packed", hint="Wait until nobody writes there."
    )

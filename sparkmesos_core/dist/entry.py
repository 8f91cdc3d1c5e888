"""What an archive of Spark consists of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class EntryKind(Enum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    """A symbolic link."""
    OTHER = "other"
    """A hard link, a device, a pipe, a socket: nothing that we pack; read archives may hold some."""


@dataclass(frozen=True)
class Entry:
    """One file, folder or link."""

    name: str
    """Its path, `/`-separated, without `/` at either end; inside the top folder if it is to be packed."""
    kind: EntryKind
    mode: int
    """Permission bits."""
    size: int = 0
    """Bytes; 0 unless a file."""
    target: str = ""
    """Where a link points to, as it is written."""
    source: Path | bytes | None = None
    """Where the content of a file is, or the content itself; None if not a file, or read from an archive."""

    @property
    def executable(self) -> bool:
        """Whether it is a file that everybody may execute, or at least its owner."""
        return self.kind is EntryKind.FILE and bool(self.mode & 0o100)

"""The record beside an uploaded file: its SHA-256, as sha256sum writes and checks it."""

from __future__ import annotations

import re

SUFFIX = ".sha256"
MAX_BYTES = 4096
"""More than any record has; no more than that of it is read."""

_LINE = re.compile(rb"\\?(?P<digest>[0-9a-fA-F]{64})(?:[ \t][ *]?(?P<name>[^\r\n]*))?\r?")


def record_of(sha256: str, name: str) -> bytes:
    """The content of the record for a file of this name, without folders."""
    # As sha256sum has it: names that a line cannot hold are escaped, and a backslash in front says so.
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return f"{mark}{sha256}  {escaped}\n".encode("utf-8", "surrogateescape")


def recorded_digest(record: bytes) -> str | None:
    """The digest in a record, which may also be a bare one; None if this is no record of one file."""
    lines = [line for line in record.splitlines() if line.strip() and not line.startswith(b"#")]
    if len(lines) != 1:
        return None
    match = _LINE.fullmatch(lines[0].strip())
    return match["digest"].decode().lower() if match else None

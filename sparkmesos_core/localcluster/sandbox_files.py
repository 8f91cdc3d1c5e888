"""What an agent's `/files` endpoints serve: the sandboxes of its tasks and nothing else."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

JsonObject = dict[str, Any]

LONGEST_PIECE = 64 * 1024
"""The most bytes that one read returns, however many are asked for: 16 pages, as in Mesos."""
_SANDBOX_DEPTH = 6  # frameworks/ID/executors/ID/runs/ID


class FilesRefused(Exception):
    """A request that is answered with an HTTP error: its status code and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def resolve(root: Path, path: str | None) -> Path:
    """The real path behind a `path` parameter: absolute, or `/frameworks/ID/executors/ID/runs/latest/...`.

    `root` is the agent's folder of sandboxes. FilesRefused if there is no path, or it does not exist, or
    leads out of the sandboxes, be it by dots or by symbolic links.
    """
    if not path:
        raise FilesRefused(400, "Expecting 'path=value' in query.\n")
    wanted = f"{root}{path}" if path.startswith("/frameworks/") else path
    try:
        real = Path(os.path.realpath(wanted, strict=True))
        within = real.relative_to(os.path.realpath(root)).parts
    except (OSError, ValueError):
        raise FilesRefused(404, "") from None
    if len(within) < _SANDBOX_DEPTH or not path.startswith("/"):
        raise FilesRefused(404, "")
    return real


def browse(root: Path, path: str | None) -> list[JsonObject]:
    """What a folder holds, by name; paths begin as they were asked for."""
    folder = resolve(root, path)
    entries = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    result = []
    for entry in entries:
        try:
            found = entry.lstat()
        except OSError:
            continue  # gone since
        result.append(
            {
                "gid": _group(found.st_gid),
                "mode": stat.filemode(found.st_mode),
                "mtime": float(int(found.st_mtime)),
                "nlink": found.st_nlink,
                "path": f"{str(path).rstrip('/')}/{entry.name}" if entry != folder else path,
                "size": found.st_size,
                "uid": _user(found.st_uid),
            }
        )
    return result


def read(root: Path, path: str | None, offset: str | None, length: str | None) -> bytes:
    """The JSON answer of `/files/read`: `{"data": ..., "offset": ...}`, offsets and lengths in bytes.

    Without an offset, or with -1, it says the size. Bytes that are no UTF-8, e.g. of a character that was
    cut, stand raw in the JSON, as with Mesos.
    """
    file = resolve(root, path)
    start, most = _number("offset", offset, -1), _number("length", length, -1)
    if start < -1:
        raise FilesRefused(400, f"Negative offset provided: {start}.\n")
    if file.is_dir():
        raise FilesRefused(400, "Cannot read a directory.\n")
    if start == -1:
        return _piece(b"", file.stat().st_size)
    most = LONGEST_PIECE if most < 0 else min(most, LONGEST_PIECE)
    with _opened(file) as reader:
        reader.seek(start)
        return _piece(reader.read(most), start)


def download(root: Path, path: str | None) -> tuple[str, int, Iterator[bytes]]:
    """A file as a whole: its name, its size now, and its bytes, of which there are exactly that many."""
    try:
        file = resolve(root, path)
    except FilesRefused as refused:
        raise FilesRefused(refused.status, refused.text or "404 Not Found.") from None
    if file.is_dir():
        raise FilesRefused(400, "Cannot download a directory.\n")
    with _opened(file):
        size = file.stat().st_size
    return file.name, size, _pieces(file, size)


def _opened(file: Path) -> BinaryIO:
    """The file, open; FilesRefused for FIFOs, devices and the like, which can keep a reader waiting."""
    if file.is_file():  # asked before it is opened, since that alone can have an effect on a device
        # It may have been replaced since: opened like this, a FIFO does not wait for its writer.
        reader = os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        if stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
            return reader
        reader.close()
    raise FilesRefused(400, "Cannot read what is not a regular file.\n")


def _pieces(file: Path, size: int) -> Iterator[bytes]:
    with _opened(file) as reader:
        while size > 0 and (piece := reader.read(min(size, LONGEST_PIECE))):
            size -= len(piece)
            yield piece


def _piece(data: bytes, offset: int) -> bytes:
    text = data.decode("utf-8", errors="surrogateescape")
    answer = json.dumps({"data": text, "offset": offset}, ensure_ascii=False, separators=(",", ":"))
    return answer.encode("utf-8", errors="surrogateescape")


def _number(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise FilesRefused(400, f"Failed to parse {name}: Failed to convert '{text}' to number.\n") from None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)

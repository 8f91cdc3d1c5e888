"""What an agent's `/files` endpoints serve: the sandboxes of its tasks, its log, and nothing else."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster.served_files import FilesRefused, download_file, read_file

JsonObject = dict[str, Any]

LOG_PATH = "/slave/log"
_SANDBOX_DEPTH = 6  # frameworks/ID/executors/ID/runs/ID


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


def is_served(root: Path, path: str) -> bool:
    """Whether there is something behind a path that may be looked at."""
    try:
        resolve(root, path)
    except FilesRefused:
        return False
    return True


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
    return read_file(resolve(root, path), offset, length)


def download(root: Path, path: str | None) -> tuple[str, int, Iterator[bytes]]:
    """A file as a whole: its name, its size now, and its bytes, of which there are exactly that many."""
    try:
        file = resolve(root, path)
    except FilesRefused as refused:
        raise FilesRefused(refused.status, refused.text or "404 Not Found.") from None
    return download_file(file)


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

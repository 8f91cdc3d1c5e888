"""Unpacking archives into the sandbox; which they are is told by the ends of their names, as in Mesos."""

from __future__ import annotations

import gzip
import importlib
import stat
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from sparkmesos_core.localcluster.agent.fetcher.errors import FetchCancelled, FetchError

# Those before 3.10.12 and 3.11.4 write wherever an archive says; this is the one of 3.12, for them.
_tarfile = tarfile if hasattr(tarfile, "data_filter") else importlib.import_module("backports.tarfile")

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_PIECE = 1 << 20


def is_archive(name: str) -> bool:
    """Whether a file of this name is to be unpacked."""
    return name.endswith((*TAR_SUFFIXES, ".zip", ".gz"))


def is_single_file(name: str) -> bool:
    """Whether it is one compressed file, which Mesos leaves to gunzip, rather than an archive of many."""
    return name.endswith(".gz") and not name.endswith(TAR_SUFFIXES)


def unpack(archive: Path, folder: Path, cancelled: threading.Event) -> None:
    """Unpack by name; nothing is ever written outside the folder.

    Raises FetchError if the archive tries, FetchCancelled soon after the event is set, and whatever the
    decompressors raise for what is none of theirs.
    """
    if archive.name.endswith(TAR_SUFFIXES):
        _untar(archive, folder, cancelled)
    elif archive.name.endswith(".zip"):
        _unzip(archive, folder, cancelled)
    else:
        with gzip.open(archive) as reader:
            _copy(cast(BinaryIO, reader), folder / archive.name.removesuffix(".gz"), cancelled)


def _untar(archive: Path, folder: Path, cancelled: threading.Event) -> None:
    with _tarfile.open(archive) as tar:
        tar.extractall(folder, members=_until(tar, cancelled), filter="data")
        # Checksums are at the end of what is compressed, behind the last thing that was unpacked.
        while tar.fileobj is not None and tar.fileobj.read(_PIECE):
            _check(cancelled)


def _until(tar: tarfile.TarFile, cancelled: threading.Event) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        _check(cancelled)
        yield member


def _unzip(archive: Path, folder: Path, cancelled: threading.Event) -> None:
    with zipfile.ZipFile(archive) as bundle:
        for item in bundle.infolist():
            _check(cancelled)
            name = PurePosixPath(item.filename)
            if name.is_absolute() or ".." in name.parts:
                raise FetchError(f"'{item.filename}' in the archive is not within the sandbox")
            mode = item.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise FetchError(f"'{item.filename}' in the archive is a symbolic link")
            path = Path(bundle.extract(item, folder))
            if mode and not item.is_dir():
                path.chmod(stat.S_IMODE(mode) & 0o777 | 0o600)  # zipfile forgets modes, unzip does not


def _copy(reader: BinaryIO, target: Path, cancelled: threading.Event) -> None:
    with target.open("wb") as writer:
        while piece := reader.read(_PIECE):
            _check(cancelled)
            writer.write(piece)


def _check(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise FetchCancelled

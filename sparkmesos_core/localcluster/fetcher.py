"""Fetches the URIs of a command into its sandbox, as Mesos' fetcher does; blocking, to be run in a thread.

http, https, `file://` and absolute paths; archives are unpacked by the end of their name. What it does is
logged to the sandbox's `stderr`, so that a failed fetch can be understood from there.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import stat
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

JsonObject = dict[str, Any]

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_STALL_SECONDS = 60
"""How long a download may stand still: Mesos' --fetcher_stall_timeout."""
_PIECE = 1 << 20
_LOOPBACK = ("localhost", "127.", "[::1]", "::1")


class FetchError(Exception):
    """A URI could not be fetched; the message says why, for the sandbox's `stderr`."""


class FetchCancelled(Exception):
    """The task is to be killed: nobody waits for its files any more."""


def fetch_all(uris: Sequence[JsonObject], sandbox: Path, cancelled: threading.Event) -> None:
    """Fetch v1 `CommandInfo.URI` objects (value, extract, executable, output_file, cache) in order.

    Raises FetchError, after logging it, for the first one that fails, and FetchCancelled soon after the
    event is set.
    """
    if not uris:
        return
    with (sandbox / "stderr").open("a", encoding="utf-8", errors="backslashreplace") as log:
        _log(
            log, "I", "Fetcher Info: " + json.dumps({"items": list(uris), "sandbox_directory": str(sandbox)})
        )
        for uri in uris:
            try:
                _fetch(uri, sandbox, cancelled, log)
            except FetchCancelled:
                raise
            except Exception as error:
                # Decompressors and HTTP libraries have many errors of their own, none of which may be lost.
                text = f"Failed to fetch '{uri.get('value')}': {error}"
                _log(log, "E", f"EXIT with status 1: {text}")
                raise FetchError(text) from error


def _fetch(uri: JsonObject, sandbox: Path, cancelled: threading.Event, log: Any) -> None:
    value = uri.get("value")
    if not isinstance(value, str) or not value:
        raise FetchError("the URI has no value")
    name = uri.get("output_file") or file_name(value)
    target = _inside(sandbox, name)
    extract = bool(uri.get("extract", True)) and not uri.get("executable")
    _log(log, "I", f"Fetching URI '{value}'")
    target.parent.mkdir(parents=True, exist_ok=True)
    if extract and uri.get("cache") and _is_archive(target.name):
        # Mesos unpacks a cached archive straight from its cache: the archive itself is not in the sandbox.
        with tempfile.TemporaryDirectory(dir=sandbox.parent, prefix=".fetch-") as folder:
            archive = Path(folder) / target.name
            _get(value, archive, cancelled)
            _unpack(archive, sandbox)
        _log(log, "I", f"Fetched '{value}' to '{sandbox}'")
        return
    _get(value, target, cancelled)
    if uri.get("executable"):
        target.chmod(target.stat().st_mode | 0o755)
    elif extract and _is_archive(target.name):
        _unpack(target, sandbox)
    elif extract:
        _log(log, "W", f"Copied '{value}' as it is, since its name is not that of an archive")
    _log(log, "I", f"Fetched '{value}' to '{target}'")


def file_name(uri: str) -> str:
    """The name a URI's file gets in the sandbox: what follows its last slash, a query included, as in Mesos.

    Raises FetchError if there is none.
    """
    path = uri.partition("://")[2] if "://" in uri else "/" + uri
    name = path.rpartition("/")[2] if "/" in path else ""
    if name in ("", ".", ".."):
        raise FetchError(f"Malformed URI '{uri}': it names no file")
    return name


def _inside(sandbox: Path, name: str) -> Path:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise FetchError(f"the output file '{name}' is not within the sandbox")
    return sandbox / parts


def _get(uri: str, target: Path, cancelled: threading.Event) -> None:
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if scheme in ("http", "https"):
        _download(uri, target, cancelled)
    elif scheme == "file" or uri.startswith("/"):
        _copy(_local_path(uri), target, cancelled)
    elif scheme:
        raise FetchError(
            f"the embedded cluster fetches http, https and file URIs and absolute paths, not '{scheme}'"
        )
    else:
        # So is file:/path with a single slash: Mesos takes it for a relative path.
        raise FetchError(f"'{uri}' is a relative path; write an absolute one, or a URI like file:///path")


def _local_path(uri: str) -> Path:
    path = uri.removeprefix("file://").removeprefix("localhost") if uri.startswith("file://") else uri
    if not path.startswith("/"):
        raise FetchError(f"'{uri}' names another host; files are fetched from this machine only")
    return Path(path)


def _copy(source: Path, target: Path, cancelled: threading.Event) -> None:
    if source.is_dir():
        raise FetchError(f"'{source}' is a directory")
    with source.open("rb") as reader, target.open("wb") as writer:
        while piece := reader.read(_PIECE):
            _write(writer, piece, cancelled)


def _download(uri: str, target: Path, cancelled: threading.Event) -> None:
    import requests

    host = urlsplit(uri).hostname or ""
    with requests.Session() as session:
        session.trust_env = not host.startswith(_LOOPBACK)  # a proxy knows nothing of this machine's loopback
        try:
            # Without this a server may unpack a .tgz on the way, which would then not be what its name says.
            headers = {"Accept-Encoding": "identity"}
            with session.get(uri, stream=True, timeout=_STALL_SECONDS, headers=headers) as response:
                if response.status_code != 200:
                    raise FetchError(
                        f"Error downloading resource, received HTTP return code {response.status_code}"
                    )
                expected = response.headers.get("Content-Length", "")
                with target.open("wb") as writer:
                    for piece in response.raw.stream(_PIECE, decode_content=False):
                        _write(writer, piece, cancelled)
                    if expected.isdigit() and writer.tell() != int(expected):
                        raise FetchError(f"the download ended after {writer.tell()} of {expected} bytes")
        except requests.RequestException as error:
            raise FetchError(f"Error downloading resource: {error}") from error


def _write(writer: Any, piece: bytes, cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise FetchCancelled
    writer.write(piece)


def _is_archive(name: str) -> bool:
    return name.endswith((*TAR_SUFFIXES, ".zip", ".gz"))


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack by name; nothing is ever written outside the folder. Raises FetchError if the archive tries."""
    if archive.name.endswith(TAR_SUFFIXES):
        if not hasattr(tarfile, "data_filter"):
            raise FetchError("this Python cannot unpack tar archives safely: use 3.10.12, 3.11.4 or newer")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
            # Checksums are at the end of what is compressed, behind the last thing that was unpacked.
            while tar.fileobj is not None and tar.fileobj.read(_PIECE):
                pass
    elif archive.name.endswith(".zip"):
        _unzip(archive, folder)
    else:
        with gzip.open(archive) as reader, (folder / archive.name.removesuffix(".gz")).open("wb") as writer:
            shutil.copyfileobj(reader, writer, _PIECE)


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as bundle:
        for item in bundle.infolist():
            name = PurePosixPath(item.filename)
            if name.is_absolute() or ".." in name.parts:
                raise FetchError(f"'{item.filename}' in the archive is not within the sandbox")
            mode = item.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise FetchError(f"'{item.filename}' in the archive is a symbolic link")
            path = Path(bundle.extract(item, folder))
            if mode and not item.is_dir():
                path.chmod(stat.S_IMODE(mode) & 0o777 | 0o600)  # zipfile forgets modes, unzip does not


def _log(log: Any, level: str, text: str) -> None:
    moment = datetime.now().astimezone().strftime("%Y%m%d %H:%M:%S.%f")
    log.write(f"{level}{moment} {os.getpid()} fetcher] {text}\n")
    log.flush()

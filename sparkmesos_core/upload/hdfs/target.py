"""A file in HDFS, over WebHDFS or HttpFS."""

from __future__ import annotations

import contextlib
import posixpath
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError, UsageError
from sparkmesos_core.progress import Progress
from sparkmesos_core.storage.hadoop_configuration import (
    configuration_folder,
    hadoop_settings,
    hadoop_user,
    namenode_addresses,
)
from sparkmesos_core.storage.namenodes import (
    DatanodeError,
    NameNodes,
    NoNamenodeError,
    RefusedError,
    WebHdfsAccess,
)
from sparkmesos_core.upload.connection_failures import connection_failure
from sparkmesos_core.upload.destination import Destination, aside_name
from sparkmesos_core.upload.hdfs.checksum import HdfsChecksum
from sparkmesos_core.upload.hdfs.refusals import upload_error
from sparkmesos_core.upload.local_file import LocalFile
from sparkmesos_core.upload.record import MAX_BYTES, SUFFIX
from sparkmesos_core.upload.target import Pieces, Stored, TransientFailureError, UploadOptions

_PIECE_BYTES = 1 << 18
"""Sent at once; the datanode has `stall_seconds` to take it. A multiple of what a CRC is of."""
_READ_BYTES = 1 << 20
_FILE_MODE = "644"
_FOLDER_MODE = "755"
_CLEAN_UP_SECONDS = 10.0
_CLEAN_UP_PAUSES = (0.0, 0.1, 0.4)
_NO_NAMENODE_HINT = (
    "Check the address: hdfs:// takes the namenode's RPC port, webhdfs:// that of its web pages (9870). Give "
    "the folder of core-site.xml and hdfs-site.xml with --hadoop-conf-dir or HADOOP_CONF_DIR."
)
_DATANODE_HINT = (
    "WebHDFS writes to datanodes directly: their host names must resolve and be reachable from here. Else "
    "use webhdfs:// with the address of an HttpFS gateway."
)
_NOT_AT_ONCE = "this server cannot replace a file at once: the old one was removed just before"
_TOO_FEW_HINT = "A quota may be used up (`hdfs dfs -count -q FOLDER` tells), or a datanode failed."


class HdfsTarget:
    """A file in HDFS. See `Target` for the methods."""

    def __init__(self, destination: Destination, options: UploadOptions) -> None:
        chosen = options.hdfs
        settings = hadoop_settings(chosen.conf_dir or configuration_folder(options.environment))
        addresses = namenode_addresses(destination.scheme, destination.authority, settings)
        user = chosen.user or hadoop_user(options.environment)
        self._destination = destination
        self._access = WebHdfsAccess(user, chosen.token, chosen.ca_file, options.stall_seconds)
        self._addresses = addresses
        self._namenodes = NameNodes(addresses, self._access, self._explain)
        self._created = {
            "overwrite": True,
            "permission": chosen.permission or _FILE_MODE,
            "replication": chosen.replication,
        }
        _check(chosen.permission, chosen.replication)
        self._path = destination.path
        self._aside = self._new_aside()
        self._to_remove: list[str] = []
        self._broken_off = False
        self._folders_made: list[str] = []
        self._block_bytes = 0
        self._verified = False
        self._remarks: list[str] = []

    @property
    def uri(self) -> str:
        """See Target."""
        return self._destination.uri

    @property
    def label(self) -> str:
        """See Target."""
        return self._destination.label

    @property
    def remarks(self) -> list[str]:
        """See Target."""
        return self._remarks

    @property
    def sends_aside(self) -> bool:
        """See Target."""
        return True

    def prepare(self) -> None:
        """See Target."""
        self.stat()  # it may be a folder
        with self._explained():
            self._make_folder(posixpath.dirname(self._path))
            # An empty file tells whether all works: permissions, safe mode, a datanode that can be reached.
            self._write_aside(b"")
            status = self._namenodes.ask(lambda client: client.status(self._aside))
            self._block_bytes = int(status["blockSize"])

    def stat(self) -> Stored | None:
        """See Target."""
        with self._explained():
            status = self._status(self._path)
        if status is None:
            return None
        if status["type"] != "FILE":
            raise UploadError(
                f"{self.label} is a folder", hint="Write a slash behind it if the file is to go into it."
            )
        return Stored(int(status["length"]), status["modificationTime"] / 1000)

    def content(self) -> Pieces:
        """See Target."""
        return self._read(self._path)

    def read_record(self) -> tuple[bytes, float | None] | None:
        """See Target."""
        with self._explained():
            status = self._status(self._path + SUFFIX)
        if status is None or status["type"] != "FILE":
            return None
        content = b""
        for piece in self._read(self._path + SUFFIX):
            content += piece
            if len(content) >= MAX_BYTES:
                break
        return content[:MAX_BYTES], status["modificationTime"] / 1000

    def send(self, file: LocalFile, progress: Progress) -> None:
        """See Target."""
        body = _Body(file, progress, self._block_bytes)
        try:
            with self._explained():
                self._write_aside(body)
                status = self._namenodes.ask(lambda client: client.status(self._aside))
                if int(status["length"]) != file.size:
                    # Hadoop 2 answers 201 even if a quota was used up on the way.
                    said = f"of {file.size} bytes of {self.label} only {status['length']} arrived"
                    raise TransientFailureError(UploadError(said, hint=_TOO_FEW_HINT))
                self._verified = self._has_checksum(self._aside, body.checksum)
        except BaseException:
            progress.advance(-body.taken)
            raise

    def sent(self) -> Pieces | None:
        """See Target."""
        # Of what HDFS computes otherwise (encryption zones, other checksums) all is read back.
        return None if self._verified else self._read(self._aside)

    def publish(self) -> None:
        """See Target."""
        with self._explained():
            self._rename(self._path)
        self._folders_made.clear()

    def write_record(self, content: bytes) -> None:
        """See Target."""
        with self._explained():
            self._write_aside(content)
            self._rename(self._path + SUFFIX)

    def discard(self, *, withdrawn: LocalFile | None = None) -> None:
        """See Target."""
        if not (self._to_remove or self._folders_made):
            return
        # As the user may wait for it: not as patiently as otherwise.
        seconds = min(_CLEAN_UP_SECONDS, self._access.stall_seconds)
        namenodes = NameNodes(self._addresses, replace(self._access, stall_seconds=seconds), self._explain)
        with contextlib.closing(namenodes), contextlib.suppress(Exception):
            # A datanode may begin to write what it was sent only after we have hung up.
            for pause in _CLEAN_UP_PAUSES if self._broken_off else _CLEAN_UP_PAUSES[:1]:
                time.sleep(pause)
                for path in self._to_remove:
                    _delete(namenodes, path)
            self._to_remove.clear()
            while self._folders_made:
                # Not what is in them: somebody else may use them by now.
                _delete(namenodes, self._folders_made[-1])
                self._folders_made.pop()

    def close(self) -> None:
        """See Target."""
        self._namenodes.close()

    def _make_folder(self, folder: str) -> None:
        missing = []
        status = self._status(folder)
        while status is None and folder != "/":
            missing.append(folder)
            folder = posixpath.dirname(folder)
            status = self._status(folder)
        if status is not None and status["type"] != "DIRECTORY":
            raise UploadError(f"{folder} on {self.label} is a file", hint="Correct the path.")
        if missing:
            self._namenodes.ask(lambda client: client.makedirs(missing[0], permission=_FOLDER_MODE))
            self._folders_made = [*reversed(missing)]
        elif status is not None and not int(status.get("permission", "755"), 8) & 1:
            self._remarks = [
                f"only owner and group of {folder} can enter it: agents that run as others cannot fetch it"
            ]

    def _status(self, path: str) -> dict[str, Any] | None:
        try:
            status: dict[str, Any] = self._namenodes.ask(lambda client: client.status(path))
        except RefusedError as error:
            if error.name == "FileNotFoundException":
                return None
            raise
        return status

    def _write_aside(self, body: Any) -> None:
        if self._broken_off:
            # Under another name: a datanode that has not noticed could still write what it was sent. And the
            # old one takes room.
            with contextlib.suppress(NoNamenodeError, RefusedError):
                _delete(self._namenodes, self._aside)
            self._aside = self._new_aside()
        if self._aside not in self._to_remove:
            self._to_remove.append(self._aside)
        location = self._namenodes.ask(
            lambda client: client._create(self._aside, **self._created).headers["Location"]
        )
        self._broken_off = True
        try:
            self._namenodes.send(location, body)
        except RefusedError:
            self._broken_off = False  # the datanode is done with it
            raise
        self._broken_off = False

    def _has_checksum(self, path: str, checksum: HdfsChecksum) -> bool:
        try:
            return checksum.is_that_of(self._namenodes.ask(lambda client: client.checksum(path)))
        except (RefusedError, DatanodeError):  # HttpFS and others may not know it
            return False

    def _rename(self, path: str) -> None:
        """Put the file aside in the place of another, at once if the server can."""

        def rename(client: Any) -> bool:
            answer = client._rename(self._aside, destination=client.resolve(path), renameoptions="OVERWRITE")
            # HttpFS, and Hadoop 1, know nothing of renameoptions and tell whether they have done it.
            return not answer.content or bool(answer.json()["boolean"])

        if not self._namenodes.ask(rename):
            self._namenodes.ask(lambda client: client.delete(path))
            if not self._namenodes.ask(rename):
                raise UploadError(
                    f"HDFS does not give {self.label} its name", hint="Look whether it is a folder."
                )
            if path == self._path:
                self._remarks.append(_NOT_AT_ONCE)
        self._to_remove.remove(self._aside)

    def _new_aside(self) -> str:
        return self._destination.sibling(aside_name(self._destination.name, secrets.token_hex(4))).path

    def _read(self, path: str) -> Pieces:
        with self._explained():
            yield from self._namenodes.read(path, _READ_BYTES)

    def _explain(self, error: BaseException, host: str) -> str:
        said = connection_failure(error, "it", host, self._access.stall_seconds)
        return said.error.message if isinstance(said, TransientFailureError) else said.message

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except NoNamenodeError as error:
            unreachable = UnreachableError(str(error), hint=_NO_NAMENODE_HINT)
            raise unreachable if error.lasting else TransientFailureError(unreachable) from error
        except DatanodeError as error:
            said = connection_failure(
                error.__cause__ or error,
                f"{self.label}: the datanode at {error.host}",
                urlsplit(f"//{error.host}").hostname or "",
                self._access.stall_seconds,
            )
            if isinstance(said, TransientFailureError):
                unreachable = UnreachableError(said.error.message, hint=_DATANODE_HINT)
                raise TransientFailureError(unreachable) from error
            raise UnreachableError(said.message, hint=_DATANODE_HINT) from error
        except RefusedError as error:
            raise upload_error(error, self.label) from error


def _delete(namenodes: NameNodes, path: str) -> None:
    namenodes.ask(lambda client: client.delete(path))


class _Body:
    """A file as requests sends it: of known length, in large pieces."""

    def __init__(self, file: LocalFile, progress: Progress, block_bytes: int) -> None:
        self.checksum = HdfsChecksum(block_bytes)
        self.taken = 0
        self._file = file
        self._progress = progress

    def __len__(self) -> int:
        return self._file.size

    def __iter__(self) -> Iterator[bytes]:
        with self._file.open() as source:
            while self.taken < self._file.size:
                piece = self._piece(source)
                # Sent first: the datanode is busy with it while we compute.
                yield piece
                self.taken += len(piece)
                self._progress.advance(len(piece))
                self.checksum.update(piece)

    def _piece(self, source: IO[bytes]) -> bytes:
        path = self._file.path
        self._file.still_wanted()
        try:
            piece = source.read(min(_PIECE_BYTES, self._file.size - self.taken))
        except OSError as error:  # else it would be taken for the network's
            reason = error.strerror or str(error)
            raise SparkMesosError(f"{path} cannot be read: {reason}", hint="Check its disk.") from error
        if not piece:
            raise SparkMesosError(
                f"{path} has become shorter while it was uploaded",
                hint="Run the command again when it is done.",
            )
        return piece


def _check(permission: str | None, replication: int | None) -> None:
    if permission is not None and not (
        permission.isdigit() and 3 <= len(permission) <= 4 and not set(permission) & set("89")
    ):
        raise UsageError(
            f"the permission {permission} is not octal", hint="Write three digits from 0 to 7, such as 644."
        )
    if replication is not None and not 1 <= replication <= 32767:
        raise UsageError(
            f"the replication {replication} is not between 1 and 32767", hint="Write the number of copies."
        )

"""--stage of `submit`: files of this machine are put where agents can fetch them, as upload-dist does it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sparkmesos_core.submit.staging import staged_destination, with_staged_files
from sparkmesos_core.upload.local_file import LocalFile, read_local_file
from sparkmesos_core.upload.targets import open_target
from sparkmesos_core.upload.transfer import Uploader

from .terminal import Terminal
from .transfer_progress import TransferProgress
from .upload_options import read_upload_options

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.upload.destination import Destination
    from sparkmesos_core.upload.target import UploadOptions


class Stage:
    """The place for files of one submission."""

    def __init__(self, context: click.Context, terminal: Terminal, url: str) -> None:
        """Raises UsageError for a URL, or for variables and settings of uploads, that cannot be used."""
        self._terminal = terminal
        self._url = url
        self._options = _upload_options(context, terminal, staged_destination(url, "name", "0"))
        self._files: dict[Path, LocalFile] = {}

    def planned(self, client: ClientConfiguration) -> ClientConfiguration:
        """The submission with the URIs that its files will have. Reads them, and uploads nothing.

        Raises UsageError for files that are not there, SparkMesosError for those that cannot be read.
        """
        return with_staged_files(client, Path.cwd(), self._uri_of)

    def upload(self) -> None:
        """Uploads what is not there yet. Raises SparkMesosError."""
        progress = TransferProgress(self._terminal)
        uploader = Uploader(progress=progress, announce=self._terminal.warn)
        try:
            for file in self._files.values():
                with contextlib.closing(open_target(self._destination(file), self._options)) as target:
                    uploaded = uploader.put(target, file)
                done = "is at" if uploaded.sent else "is there already:"
                self._terminal.say(f"{file.path.name} {done} {uploaded.uri}")
                for remark in uploaded.remarks:
                    self._terminal.warn(remark)
        finally:
            progress.end()

    def _uri_of(self, path: Path) -> str:
        if path not in self._files:
            self._files[path] = read_local_file(path)
        with contextlib.closing(open_target(self._destination(self._files[path]), self._options)) as target:
            return target.uri

    def _destination(self, file: LocalFile) -> Destination:
        return staged_destination(self._url, file.path.name, file.sha256)


def _upload_options(context: click.Context, terminal: Terminal, destination: Destination) -> UploadOptions:
    """What the variables and settings of `upload-dist` say about a destination."""
    from . import upload_dist

    root = context.find_root()
    defaults = root.default_map.get("upload-dist") if root.default_map is not None else None
    ca_file = context.params["ca_file"]
    line = [
        ".",
        *(["--ca-file", str(ca_file)] if ca_file is not None and destination.scheme != "file" else []),
    ]
    upload = upload_dist.command.make_context("upload-dist", line, default_map=defaults)
    return read_upload_options(upload, destination, dict(terminal.environment))

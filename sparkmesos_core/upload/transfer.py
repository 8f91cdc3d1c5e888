"""Uploading one file: skip it if it is there, else send it aside, verify it, give it its name, record it.

The same for all destinations; what they differ in is behind `Target`.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sparkmesos_core.errors import SparkMesosError, UploadError
from sparkmesos_core.progress import SILENT, Progress
from sparkmesos_core.upload.backoff import Backoff
from sparkmesos_core.upload.local_file import LocalFile
from sparkmesos_core.upload.record import SUFFIX, record_of, recorded_digest
from sparkmesos_core.upload.target import Pieces, Stored, Target, TransientFailureError, WithdrawnError

T = TypeVar("T")

_BACKOFF = Backoff()

_EXISTS_HINT = (
    "Give it another name: agents that have the old file in their fetcher's cache never ask for it again. "
    "--force replaces it all the same."
)


@dataclass(frozen=True)
class Uploaded:
    """What has become of an upload that ended well."""

    uri: str
    sent: bool
    """False if the same content was there already."""
    by_record: bool = False
    """That it was there already is what its record says; it was not read back."""
    remarks: tuple[str, ...] = ()
    """What the user should know, a sentence each."""


@dataclass(frozen=True)
class _There:
    """What is under the name already."""

    sha256: str | None
    """None if its size tells that it is another file."""
    recorded: bool = False
    was_read: bool = False


class Uploader:
    """How patient an upload is, and whom it tells.

    `announce` gets a line for each attempt that failed and will be repeated, and for what could not be
    removed in the end; `wait` sleeps.
    """

    def __init__(
        self,
        *,
        progress: Progress = SILENT,
        announce: Callable[[str], None] = lambda line: None,
        backoff: Backoff = _BACKOFF,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._progress = progress
        self._announce = announce
        self._backoff = backoff
        self._wait = wait

    def probe(self, target: Target) -> None:
        """Find out whether an upload could begin; leave nothing. Raises as `put` does."""
        try:
            self._retrying(target.prepare)
        finally:
            self._discard(target)

    def put(
        self,
        target: Target,
        file: LocalFile,
        *,
        force: bool = False,
        verify: bool = False,
        require_good: Callable[[], None] = lambda: None,
    ) -> Uploaded:
        """Upload a file; whatever happens, nothing but all of it is ever seen under its name.

        What is there already is left if it is the same, and replaced only if `force`. With `verify` it is
        read to find out whether it is the same, whatever its record says. `require_good` is called, maybe
        more than once, before anything can be seen of the file: it waits until it is known that the file may
        be uploaded, and raises WithdrawnError if it may not; then nothing is left, nor kept for a later run.
        Raises SparkMesosError when the destination refuses, keeps failing, or does not hold what was sent.
        """
        withdrawn: LocalFile | None = None
        try:
            self._retrying(target.prepare)
            there = None if force else self._there(target, file, verify)
            if there is None:
                if not target.sends_aside:
                    require_good()
                    file.check_unchanged()
                self._send(target, file)
            require_good()
            file.check_unchanged()  # what was found to be good is what was sent, or is there
            if there is None:
                self._publish(target, file)
            remarks: list[str] = []
            if there is None or not there.recorded:
                self._record(target, file, remarks)
            by_record = there is not None and not there.was_read
            return Uploaded(target.uri, there is None, by_record, (*target.remarks, *remarks))
        except WithdrawnError:
            withdrawn = file
            raise
        finally:
            self._discard(target, withdrawn)

    def _discard(self, target: Target, withdrawn: LocalFile | None = None) -> None:
        known = set(target.remarks)
        target.discard(withdrawn=withdrawn)
        for remark in target.remarks:
            if remark not in known:
                self._announce(remark)

    def _there(self, target: Target, file: LocalFile, verify: bool) -> _There | None:
        """What is there, which is the same; None if nothing is. Raises UploadError if it is another file."""
        stored = self._retrying(target.stat)
        if stored is None:
            return None
        there = self._look(target, stored, file, verify)
        if there.sha256 != file.sha256:
            what = f"of {stored.size} bytes" if there.sha256 is None else f"with the SHA-256 {there.sha256}"
            raise UploadError(f"there is another file {what} at {target.label}", hint=_EXISTS_HINT)
        return there

    def _look(self, target: Target, stored: Stored, file: LocalFile, verify: bool) -> _There:
        if stored.size is not None and stored.size != file.size:
            return _There(None)
        record = self._retrying(target.read_record)
        recorded = recorded_digest(record[0]) if record is not None else None
        if stored.sha256 is not None and not verify:
            return _There(stored.sha256, recorded == stored.sha256)
        if recorded is not None and record is not None and not verify:
            # A record that is older than the file is about another one that was there before. So may be one
            # of the same time: the times that servers give are in whole seconds.
            written = record[1]
            if stored.modified is not None and written is not None and stored.modified < written:
                return _There(recorded, recorded=True)
        sha256 = self._retrying(lambda: self._digest("Comparing", file, target.content(), stored.size))
        return _There(sha256, recorded == sha256, was_read=True)

    def _send(self, target: Target, file: LocalFile) -> None:
        def attempt() -> None:
            self._progress.begin("Uploading", file.size)
            try:
                target.send(file, self._progress)
            finally:
                self._progress.end()
            file.check_unchanged()
            pieces = target.sent()
            if pieces is not None and self._digest("Verifying", file, pieces, file.size) != file.sha256:
                raise TransientFailureError(
                    UploadError(
                        f"what arrived at {target.label} is not what was sent (its SHA-256 differs)",
                        hint="The network, a proxy or a disk corrupts data. Nothing was left there.",
                    )
                )

        self._retrying(attempt)

    def _publish(self, target: Target, file: LocalFile) -> None:
        failed = False

        def attempt() -> None:
            nonlocal failed
            try:
                target.publish()
            except TransientFailureError:
                failed = True
                raise
            except SparkMesosError:
                # It may have been done the last time, and only the answer was lost.
                if not (failed and self._holds(target, file)):
                    raise

        self._retrying(attempt)
        stored = self._retrying(target.stat)
        if stored is None or stored.size not in (None, file.size):
            size = "nothing" if stored is None else f"{stored.size} bytes"
            raise UploadError(
                f"{target.label} holds {size} after an upload of {file.size} bytes",
                hint="Somebody else may have removed or replaced it; run the command again.",
            )

    def _holds(self, target: Target, file: LocalFile) -> bool:
        try:
            stored = target.stat()
            return (
                stored is not None
                and stored.size in (None, file.size)
                and self._digest("Comparing", file, target.content(), file.size) == file.sha256
            )
        except SparkMesosError:
            return False

    def _record(self, target: Target, file: LocalFile, remarks: list[str]) -> None:
        name = target.uri.rpartition("/")[2]
        try:
            self._retrying(lambda: target.write_record(record_of(file.sha256, name)))
        except SparkMesosError as error:
            # The file is there and whole: whoever needs it can use it.
            remarks.append(f"{name}{SUFFIX} could not be written beside it: {error.message}")

    def _digest(self, step: str, file: LocalFile, pieces: Pieces, total: int | None) -> str:
        digest = hashlib.sha256()
        self._progress.begin(step, total)
        try:
            with contextlib.closing(pieces):
                for piece in pieces:
                    file.still_wanted()
                    digest.update(piece)
                    self._progress.advance(len(piece))
        finally:
            self._progress.end()
        return digest.hexdigest()

    def _retrying(self, call: Callable[[], T]) -> T:
        failures = 0
        while True:
            try:
                return call()
            except TransientFailureError as failure:
                failures += 1
                delay = self._backoff.delay(failures, random.random, failure.retry_after)
                if delay is None:
                    error = failure.error
                    tried = f" (tried {failures} times)" if failures > 1 else ""
                    raise type(error)(f"{error.message}{tried}", hint=error.hint) from failure
                self._announce(f"{failure.error.message}; trying again in {delay:.1f} s")
            self._wait(delay)

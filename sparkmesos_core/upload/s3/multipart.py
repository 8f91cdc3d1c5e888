"""A multipart upload to S3, which sends parts over several connections at once."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError
from typing import Any

from sparkmesos_core.errors import UploadError
from sparkmesos_core.progress import Progress
from sparkmesos_core.upload.local_file import LocalFile
from sparkmesos_core.upload.s3.failures import field_of
from sparkmesos_core.upload.s3.part_body import PartBody
from sparkmesos_core.upload.s3.parts import (
    FIRST_CONNECTIONS,
    Part,
    etag_of_parts,
    is_md5,
    parts_of,
    wanted_connections,
)

_WANTS_MD5 = {"InvalidRequest", "InvalidDigest", "MissingContentMD5"}
"""What servers say whose buckets have a lock, if a part comes without its digest."""
_BLOCK_BYTES = 1 << 19
_DAMAGED_ATTEMPTS = 3
"""How often a part is sent whose digest is another one on the other side."""
_INTERRUPT_SECONDS = 2.0
"""How long an interrupt waits for the connections, all in all, to notice it."""
_WANTED_SECONDS = 0.1
"""How often it is asked whether the file is still wanted."""


class DamagedPartError(Exception):
    """A part has not arrived as it was sent, so that the upload cannot be completed."""


class _Connections:
    """The threads that send parts, each over its own connection. Used once."""

    def __init__(
        self,
        parts: Iterable[Part],
        descriptor: int,
        progress: Progress,
        send: Callable[[Part, PartBody], None],
        still_wanted: Callable[[], None],
    ) -> None:
        """`send` sends one part; `still_wanted` raises what ends all."""
        self._waiting = deque(parts)
        self._descriptor = descriptor
        self._progress = progress
        self._send = send
        self._still_wanted = still_wanted
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._stopped = threading.Event()
        self._cancelled = threading.Event()

    def run(self) -> None:
        """Send all parts. Raises the first failure, after the parts on their way have arrived or failed."""
        try:
            self._have(FIRST_CONNECTIONS)
            joined = 0
            while joined < len(self._threads):
                self._still_wanted()
                self._threads[joined].join(_WANTED_SECONDS)
                joined += not self._threads[joined].is_alive()
        except BaseException:
            # Who interrupts does not wait for a server that is silent. A thread that is left is a daemon, and
            # has a descriptor of its own.
            self._stopped.set()
            self._cancelled.set()
            end = time.monotonic() + _INTERRUPT_SECONDS
            for thread in self._threads:
                thread.join(max(end - time.monotonic(), 0))
            raise
        if self._failures:
            first = [failure for failure in self._failures if not isinstance(failure, CancelledError)]
            raise (first or self._failures)[0]

    def _have(self, count: int) -> None:
        with self._lock:
            for _ in range(min(count - len(self._threads), len(self._waiting))):
                if self._stopped.is_set():
                    return
                descriptor = os.dup(self._descriptor)
                thread = threading.Thread(target=self._work, args=(descriptor,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _work(self, descriptor: int) -> None:
        buffer = memoryview(bytearray(_BLOCK_BYTES))
        try:
            while not self._stopped.is_set():
                with self._lock:
                    if not self._waiting:
                        return
                    part = self._waiting.popleft()
                began = time.monotonic()
                body = PartBody(descriptor, part, buffer, self._progress, self._cancelled)
                self._send(part, body)
                seconds = max(time.monotonic() - began, 1e-9)
                self._have(wanted_connections(part.size / seconds))
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            self._failures.append(error)
            self._stopped.set()
        finally:
            os.close(descriptor)


class MultipartUpload:
    """One upload, which the server has begun. For one thread, which starts others."""

    def __init__(
        self,
        client: Any,
        bucket: str,
        key: str,
        upload_id: str,
        each: int,
        there: Mapping[int, tuple[str, int]] | None = None,
        *,
        announce_md5: bool = True,
    ) -> None:
        """The parts but for the last one are `each` bytes large.

        `there` has the ETag and the size of the parts that the server has from an earlier run, by number.
        With `announce_md5` the MD5 of a part goes with it for the server to compare. Without, the ETag that
        the server gives is compared with it, and only if that is no MD5 the other is done. This saves much
        computing on both sides.
        """
        self._client = client
        self._names = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        self._each = each
        self._there = dict(there or {})
        self._announce_md5 = announce_md5
        self._done: dict[int, str] = {}
        self._digests: dict[int, str] = {}
        self._lock = threading.Lock()

    @property
    def arrived(self) -> int:
        """How many parts have arrived, in this run."""
        return len(self._done)

    @property
    def has_parts(self) -> bool:
        """Whether any part has arrived, now or earlier."""
        return bool(self._done or self._there)

    def send(self, file: LocalFile, progress: Progress) -> None:
        """Send the parts that the server has not, and see that each has arrived by its MD5.

        Raises SparkMesosError if the file cannot be read or is not wanted, DamagedPartError, and what
        botocore raises; parts that have arrived are not sent again by the next call.
        """
        parts = parts_of(file.size, self._each)
        if done := sum(part.size for part in parts if part.number in self._done):
            progress.advance(done)
        with file.open() as opened:
            if kept := self._take_up(parts, opened.fileno()):
                progress.already(kept)
            _Connections(
                [part for part in parts if part.number not in self._done],
                opened.fileno(),
                progress,
                self._send_part,
                file.still_wanted,
            ).run()

    def _take_up(self, parts: Iterable[Part], descriptor: int) -> int:
        """Count the parts of an earlier run as arrived that are those of this very file. How many bytes."""
        taken = 0
        for part in parts:
            etag, size = self._there.pop(part.number, ("", 0))
            if size != part.size or not is_md5(etag):
                continue
            if (digest := _md5_of(part, descriptor)) == etag.strip('"'):
                self._done[part.number], self._digests[part.number] = etag, digest
                taken += part.size
        return taken

    def complete(self) -> bool:
        """Make an object of the parts, at once. Whether the answer proves that it is made of what was sent.

        Raises what botocore raises, and UploadError if it is made of something else.
        """
        numbers = sorted(self._done)
        answer = self._client.complete_multipart_upload(
            **self._names,
            MultipartUpload={"Parts": [{"PartNumber": n, "ETag": self._done[n]} for n in numbers]},
        )
        etag = str(answer.get("ETag", "")).strip('"')
        digests = [self._digests[n] for n in numbers]
        plain = all(self._done[n].strip('"') == self._digests[n] for n in numbers)
        # Servers that are not Amazon's may have ETags of other kinds, and so has what is encrypted by KMS.
        if not plain or not etag.endswith(f"-{len(numbers)}"):
            return False
        if etag != etag_of_parts(digests):
            raise UploadError(
                "the server has put the parts together to something else (by its ETag)",
                hint="Run the command again with --force; if it happens again, the server is broken.",
            )
        return True

    def abort(self, client: Any) -> None:
        """Let the server forget the upload and its parts. Raises what botocore raises."""
        client.abort_multipart_upload(**self._names)

    def _send_part(self, part: Part, body: PartBody) -> None:
        try:
            etag, digest = self._upload(part, body)
        except CancelledError:
            if body.failure is not None:
                raise body.failure from None
            raise
        with self._lock:
            self._done[part.number], self._digests[part.number] = etag, digest

    def _upload(self, part: Part, body: PartBody) -> tuple[str, str]:
        """The ETag and the MD5 of a part that has arrived as it was sent."""
        for _ in range(_DAMAGED_ATTEMPTS):
            announced = self._announce_md5
            etag = self._upload_once(part, body, announced)
            digest = body.sent_md5.hexdigest()
            if etag is not None and (etag.strip('"') == digest or (announced and not is_md5(etag))):
                return etag, digest
            body.take_back()
            if etag is not None and is_md5(etag):
                # The server has taken it, and some take a part only once.
                raise DamagedPartError(part.number)
            # An ETag of another kind proves nothing: let the server compare.
            self._announce_md5 = True
        raise DamagedPartError(part.number)

    def _upload_once(self, part: Part, body: PartBody, announced: bool) -> str | None:
        """The ETag of a part; None if the server says that it is damaged."""
        from botocore.exceptions import ClientError

        body.seek(0)
        md5 = {"ContentMD5": base64.b64encode(body.md5()).decode()} if announced else {}
        try:
            answer = self._client.upload_part(
                **self._names, PartNumber=part.number, Body=body, ContentLength=part.size, **md5
            )
        except ClientError as error:
            body.take_back()
            code = error.response.get("Error", {}).get("Code")
            if code in _WANTS_MD5 and not announced:
                self._announce_md5 = True
                return None
            if code == "BadDigest":
                return None
            raise
        except BaseException:
            body.take_back()
            raise
        return str(field_of(answer, "ETag"))


def _md5_of(part: Part, descriptor: int) -> str:
    digest, done = hashlib.md5(usedforsecurity=False), 0
    while done < part.size and (
        piece := os.pread(descriptor, min(_BLOCK_BYTES, part.size - done), part.offset + done)
    ):
        digest.update(piece)
        done += len(piece)
    return digest.hexdigest()

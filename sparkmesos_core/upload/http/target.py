"""A file on a server that takes uploads by PUT (http, https), with WebDAV's MKCOL and MOVE where it has them.

RFC 9110 and RFC 4918. Where a server cannot move files, the file is sent to its final name at once: what
others see of it meanwhile is then up to the server.
"""

from __future__ import annotations

import re
import secrets
import time
from urllib.parse import urlsplit

from requests.utils import requote_uri

from sparkmesos_core.errors import SparkMesosError, UploadError, UsageError
from sparkmesos_core.progress import Progress
from sparkmesos_core.upload.destination import Destination, aside_name
from sparkmesos_core.upload.http.answers import content_length, origin, shown, timestamp, whole_length
from sparkmesos_core.upload.http.body import FileBody
from sparkmesos_core.upload.http.session import Answer, HttpSession
from sparkmesos_core.upload.local_file import LocalFile
from sparkmesos_core.upload.record import MAX_BYTES, SUFFIX
from sparkmesos_core.upload.target import Pieces, Stored, TransientFailureError, UploadOptions

_DONE = (200, 201, 202, 204)
_GONE = (404, 410)
_NO_PARENT = (403, 404, 409)
_NO_MOVE = (400, 403, 404, 405, 409, 412, 501)
"""Answers of servers that cannot move files, or do not recognize themselves in the address to move to."""
_DOUBTFUL = (500, 502)
"""May mean the same (RFC 4918, 9.9.4, has 502 for an address of elsewhere), or trouble that passes."""
_LINGER_SECONDS = 1.0
_CLEANING_SECONDS = 5.0
"""How long it may take to remove what is left: somebody who pressed Ctrl-C waits for it."""
_LEAST_SECONDS = 0.2
_SETTLING_SECONDS = (0.0, 0.25, 0.5)
_COLLECTION = re.compile(rb"<(?:[\w-]+:)?resourcetype[^>]*>\s*<(?:[\w-]+:)?collection\b")


class HttpTarget:
    """A file on an HTTP server. See `Target` for the methods."""

    def __init__(self, destination: Destination, options: UploadOptions) -> None:
        self._destination = destination
        self._url = destination.uri
        try:
            parts = urlsplit(self._url)
            usable = bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise UsageError(
                f"the destination's address {destination.authority!r} is no HOST or HOST:PORT",
                hint="An IPv6 address stands in brackets.",
            )
        self._stall_seconds = options.stall_seconds
        self._session = HttpSession(self._url, options, destination.user, destination.password)
        self._token = secrets.token_hex(4)
        self._asides = 0
        self._front = "."
        self._aside: str | None = None
        """The URL of what is sent until it gets its name; None where nothing is moved."""
        self._absolute = True
        self._in_place = False
        self._redirects = False
        self._left_over: list[str] = []
        """What has to be removed, should anything go wrong, or in any case."""
        self._stuck: list[str] = []
        self._before: tuple[object, ...] | None = None
        self._sending_in_place = False
        self._interrupted = False
        """Whether some of a file was sent that the server has not said to have."""

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
        remarks = []
        if self._in_place and self._before is not None:
            remarks.append(
                f"{self._destination.authority} cannot move files (WebDAV's MOVE), so the file was sent "
                "to its final name at once: an agent that fetched it meanwhile may have got a part of it"
            )
        remarks += [f"{shown(url)} may be left over: it could not be removed" for url in self._stuck]
        return remarks

    @property
    def sends_aside(self) -> bool:
        """See Target."""
        return not self._in_place

    def prepare(self) -> None:
        """See Target. An empty file is put aside, and moved, to see whether that can be done."""
        if self._aside is not None or self._in_place:
            return
        probe, aside = self._put_probe()
        self._left_over.append(aside)
        doubtful: Answer | None = None
        for self._absolute in (True, False):
            answer = self._move(probe, aside)
            if answer.status in _DONE:
                self._left_over.remove(probe)
                self._check_is_no_folder()
                self._aside = aside
                return
            if answer.status in _DOUBTFUL:
                doubtful = answer
            elif answer.status not in _NO_MOVE:
                raise self._session.refused("MOVE", answer)
            if answer.status in (405, 501):
                break
        if doubtful is not None:
            raise self._session.refused("MOVE", doubtful)
        self._in_place = True
        self._left_over.remove(aside)
        if self._removed(probe, _CLEANING_SECONDS):
            self._left_over.remove(probe)

    def stat(self) -> Stored | None:
        """See Target."""
        return self._stat(self._url)[0]

    def content(self) -> Pieces:
        """See Target."""
        return self._get(self._url)

    def read_record(self) -> tuple[bytes, float | None] | None:
        """See Target."""
        answer = self._session.ask("GET", self._url + SUFFIX, stream=True)
        if answer.status in _GONE:
            answer.response.close()
            return None
        self._session.success("GET", answer, (200,))
        content = bytearray()
        for piece in self._session.pieces(answer):
            content += piece
            if len(content) >= MAX_BYTES:
                break
        return bytes(content[:MAX_BYTES]), timestamp(answer.headers.get("Last-Modified"))

    def send(self, file: LocalFile, progress: Progress) -> None:
        """See Target."""
        if self._aside is not None and self._interrupted:
            self._aside = self._aside_url(self._destination.name)
        if self._in_place and not self._sending_in_place:
            self._before = self._stat(self._url)[1]
            self._sending_in_place = True
        url = self._aside or self._url
        if self._aside is not None and self._aside not in self._left_over:
            self._left_over.append(self._aside)
        self._interrupted = True
        linger = _LINGER_SECONDS if self._redirects else 0.0
        with FileBody(file, progress, self._stall_seconds, linger) as body:
            try:
                answer = self._put(url, body if file.size else b"")
                if body.answered_early:
                    raise TransientFailureError(
                        UploadError(
                            f"{self.label} answered before it had all of the file: {answer.said}",
                            hint="A proxy on the way may be at fault.",
                        )
                    )
            except BaseException:
                body.restart()
                raise
        self._interrupted = False

    def sent(self) -> Pieces:
        """See Target. No server says which digest it has computed, so it is read back."""
        return self._get(self._aside or self._url)

    def publish(self) -> None:
        """See Target."""
        if self._aside is not None:
            self._session.success("MOVE", self._move(self._aside, self._url), _DONE)
            self._left_over.remove(self._aside)
        self._sending_in_place = False

    def write_record(self, content: bytes) -> None:
        """See Target."""
        url = self._url + SUFFIX
        if self._aside is None:
            self._put(url, content)
            return
        aside = self._aside_url(self._destination.name + SUFFIX)
        self._left_over.append(aside)
        self._interrupted = True
        self._put(aside, content)
        self._session.success("MOVE", self._move(aside, url), _DONE)
        self._interrupted = False
        self._left_over.remove(aside)

    def discard(self, *, withdrawn: LocalFile | None = None) -> None:
        """See Target."""
        if not (self._left_over or self._sending_in_place):
            return
        # A connection may be in the middle of something, or just about to be closed by the server.
        self._session.close()
        end = time.monotonic() + _CLEANING_SECONDS
        # A server may only be about to write what came before the connection ended.
        for delay in _SETTLING_SECONDS if self._interrupted else (0.0,):
            time.sleep(delay)
            stuck: list[str] = []
            # The final name first: it is what agents would fetch.
            if self._sending_in_place and not self._removed_half_a_file((end - time.monotonic()) / 2):
                stuck.append(self._url)
            for number, url in enumerate(self._left_over):
                # Each gets its share of the time, so that all are asked for at least.
                share = (end - time.monotonic()) / (len(self._left_over) - number)
                if not self._removed(url, share):
                    stuck.append(url)
            if time.monotonic() >= end:
                break
        if self._session.answered:  # else nothing has got there
            self._stuck += stuck
        self._left_over.clear()
        self._interrupted = self._sending_in_place = False

    def close(self) -> None:
        """See Target."""
        self._session.close()

    def _put_probe(self) -> tuple[str, str]:
        """Put an empty file aside, in a folder that is made if need be; its URL, and one to move it to."""
        refused: Answer | None = None
        # Some servers keep hidden names from everybody.
        for self._front in (".", ""):
            probe, aside = (self._aside_url(self._destination.name) for _ in range(2))
            self._left_over.append(probe)
            answer = self._session.ask("PUT", probe, body=b"")
            if answer.status in _NO_PARENT and self._make_folder(self._sibling("")):
                answer = self._session.ask("PUT", probe, body=b"")
            if answer.status in _DONE:
                self._redirects = answer.url != probe
                return probe, aside
            if answer.status < 500:  # else it may be there all the same
                self._left_over.remove(probe)
            refused = refused or answer
            if answer.status not in (400, 403):
                break
        assert refused is not None
        raise self._session.refused("PUT", refused)

    def _make_folder(self, url: str) -> bool:
        """Whether a folder could be made, with those that it is in."""
        status = self._session.ask("MKCOL", url).status
        parent = url.rstrip("/").rpartition("/")[0] + "/"
        if status in (403, 404, 409) and origin(parent) == origin(url) and self._make_folder(parent):
            status = self._session.ask("MKCOL", url).status
        return status == 201

    def _check_is_no_folder(self) -> None:
        """Moving a file in the place of a folder would remove all that is in it (RFC 4918, 9.9.3)."""
        answer = self._session.ask("PROPFIND", self._url, headers={"Depth": "0"})
        if answer.status == 207 and _COLLECTION.search(answer.text()):
            raise self._is_a_folder()
        if answer.status != 207:
            self._stat(self._url)

    def _is_a_folder(self) -> UploadError:
        return UploadError(
            f"{self.label} is a folder",
            hint="Write a slash behind it if the file is to go into it.",
        )

    def _move(self, source: str, target: str) -> Answer:
        target = requote_uri(target)
        if not self._absolute:
            # Behind a proxy that ends TLS, a server may not know itself by its address.
            target = urlsplit(target).path
        return self._session.ask("MOVE", source, headers={"Destination": target, "Overwrite": "T"})

    def _put(self, url: str, body: bytes | FileBody) -> Answer:
        answer = self._session.ask(
            "PUT", url, body=body, headers={"Content-Type": "application/octet-stream"}
        )
        return self._session.success("PUT", answer, _DONE)

    def _get(self, url: str) -> Pieces:
        answer = self._session.ask("GET", url, stream=True)
        self._session.success("GET", answer, (200,))
        yield from self._session.pieces(answer)

    def _stat(self, url: str, patience: float | None = None) -> tuple[Stored | None, tuple[object, ...]]:
        """What is there, and all that tells it from something else."""
        answer = self._session.ask("HEAD", url, patience=patience)
        size = content_length(answer.headers)
        if answer.status in (400, 403, 405, 501):
            answer = self._session.ask(
                "GET", url, headers={"Range": "bytes=0-0"}, stream=True, patience=patience
            )
            size = (
                whole_length(answer.headers)
                if answer.status in (206, 416)
                else content_length(answer.headers)
            )
            if answer.status < 400:
                answer.response.close()
        if answer.status in _GONE:
            answer.response.close()
            return None, ()
        if urlsplit(answer.url).path == urlsplit(url).path + "/":
            answer.response.close()
            raise self._is_a_folder()
        if answer.status != 416:
            self._session.success(answer.response.request.method or "HEAD", answer, (200, 204, 206))
        modified = answer.headers.get("Last-Modified")
        return Stored(size, timestamp(modified)), (size, modified, answer.headers.get("ETag"))

    def _removed_half_a_file(self, seconds: float) -> bool:
        """Whether there is none under the final name, or no longer."""
        end = time.monotonic() + seconds
        try:
            there, state = self._stat(self._url, max(_LEAST_SECONDS, seconds / 2))
        except (SparkMesosError, TransientFailureError):
            return False
        # A server that keeps the old file until a new one is whole has nothing to be removed.
        return there is None or state == self._before or self._removed(self._url, end - time.monotonic())

    def _removed(self, url: str, seconds: float) -> bool:
        try:
            answer = self._session.ask("DELETE", url, patience=max(_LEAST_SECONDS, seconds))
        except (SparkMesosError, TransientFailureError):
            return False
        return answer.status in (*_DONE, *_GONE)

    def _aside_url(self, name: str) -> str:
        """A URL that nothing was ever sent to.

        A server may come to what it got of an earlier attempt when a later one has succeeded, and would put
        that in its place.
        """
        self._asides += 1
        return self._sibling(self._front + aside_name(name, f"{self._token}-{self._asides}")[1:])

    def _sibling(self, name: str) -> str:
        return self._destination.sibling(name).uri

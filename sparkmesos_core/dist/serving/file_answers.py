"""Files over HTTP/1.1, to read only: an ASGI application. Its memory does not grow with what it serves."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import time
from collections.abc import Sequence
from html import escape
from urllib.parse import quote, unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from sparkmesos_core.dist.serving.requested_part import Version, requested_part
from sparkmesos_core.dist.serving.served_files import Listed, ServedFiles
from sparkmesos_core.quoting import printable

logger = logging.getLogger(__name__)

PIECE_BYTES = 256 * 1024
"""What is in memory for each download, twice at most: in our hands, and in those of the connection."""

# Nothing is shown by a browser, whatever it is called; and nothing is marked as packed for the way, which
# a client would unpack: an agent wants the archive.
_FILE_HEADERS = {
    "Content-Type": "application/octet-stream",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
    "Cache-Control": "no-cache",
}
_LISTING_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_METHODS = ("GET", "HEAD")
_TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class FileAnswers:
    """The application; logs each request with what became of it."""

    def __init__(self, files: ServedFiles) -> None:
        self._files = files
        self.downloads = 0
        """How many times a whole file was given out."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        request = _Request(scope, send)
        try:
            await self._answer(request, receive)
        except OSError as error:
            if not request.is_begun:  # else to return is to cut it off
                await _failure(error)(scope, receive, request.send)
        finally:
            request.log()
            self.downloads += request.was_download

    async def _answer(self, request: _Request, receive: Receive) -> None:
        scope = request.scope
        if scope["method"] not in _METHODS:
            refusal = PlainTextResponse(
                "This server only gives out files.\n", 405, headers={"Allow": ", ".join(_METHODS)}
            )
            await refusal(scope, receive, request.send)
            return
        names, as_folder = _names(scope)
        found = await asyncio.to_thread(self._files.find, names)
        if isinstance(found, int):
            try:
                if as_folder:
                    raise FileNotFoundError
                request.is_file = True
                await _send_file(request, receive, found)
            finally:
                os.close(found)
        elif as_folder:
            await _listing(names, found)(scope, receive, request.send)
        else:
            # From its own path, so that it leads nowhere else, whatever was written.
            moved = Response(status_code=301, headers={"Location": _path(names)})
            await moved(scope, receive, request.send)


class _Request:
    """A request, and what was answered so far."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.is_file = False
        self._send = send
        self._status = 0
        self._sent = 0
        self._whole = False
        self._began = time.monotonic()

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)
        if message["type"] == "http.response.body":
            self._sent += 0 if self.scope["method"] == "HEAD" else len(message.get("body", b""))
            self._whole = not message.get("more_body", False)

    @property
    def is_begun(self) -> bool:
        """Whether a status was sent."""
        return self._status != 0

    @property
    def was_download(self) -> bool:
        """Whether a whole file was given out, which by now is over."""
        return self.is_file and self._whole and self._status == 200 and self.scope["method"] == "GET"

    def log(self) -> None:
        """One line on how it ended."""
        client = (self.scope.get("client") or ("?",))[0]
        logger.info(
            "%s %s %s: %d, %d bytes in %.1f s%s",
            client,
            self.scope["method"],
            printable(self.scope["path"]),
            self._status,
            self._sent,
            time.monotonic() - self._began,
            "" if self._whole else ", cut off",
        )


async def _send_file(request: _Request, receive: Receive, descriptor: int) -> None:
    version = _version(descriptor)
    part = requested_part(request.scope["method"], Headers(scope=request.scope), version)
    answer = {**_FILE_HEADERS, **version.headers}
    match part.status:
        case 304:
            answer = {**version.headers, "Cache-Control": "no-cache"}
        case 412:
            answer = {**version.headers, "Content-Length": "0"}
        case 416:
            answer = {"Content-Length": "0", "Content-Range": f"bytes */{version.size}"}
        case _:
            answer["Content-Length"] = str(part.length)
    if part.status == 206:
        answer["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{version.size}"
    await request.send(
        {
            "type": "http.response.start",
            "status": part.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in answer.items()],
        }
    )
    if request.scope["method"] == "HEAD" or part.length == 0:
        await request.send({"type": "http.response.body"})
        return
    # What is sent to a client that is gone is lost without a word: it has to be watched for.
    gone = asyncio.ensure_future(_gone(receive))
    try:
        position, end = part.start, part.start + part.length
        while position < end and not gone.done():
            piece = await asyncio.to_thread(os.pread, descriptor, min(PIECE_BYTES, end - position), position)
            position += len(piece)
            # Half of one version and half of another would pass for a whole file: rather cut it off, which
            # returning before the end does.
            if not piece or (position == end and _version(descriptor) != version):
                return
            await request.send({"type": "http.response.body", "body": piece, "more_body": position < end})
    finally:
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _version(descriptor: int) -> Version:
    status = os.fstat(descriptor)
    tag = f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
    return Version(status.st_size, tag, int(status.st_mtime))


def _names(scope: Scope) -> tuple[list[str], bool]:
    """The names in a request's path, decoded, and whether it ends as a folder's does."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    parts = raw.partition(b"?")[0].split(b"/")
    return [os.fsdecode(unquote_to_bytes(part)) for part in parts if part], not parts[-1]


def _path(names: Sequence[str]) -> str:
    """The path of a folder, as it stands in a URL."""
    return "".join("/" + quote(os.fsencode(name)) for name in names) + "/"


def _failure(error: OSError) -> Response:
    if isinstance(error, PermissionError):
        return PlainTextResponse("The server may not read this file.\n", 403)
    if error.errno in _TOO_MANY_OPEN:
        return PlainTextResponse("Too many downloads at once.\n", 503, headers={"Retry-After": "5"})
    if error.errno == errno.EIO:
        return PlainTextResponse("The file cannot be read.\n", 500)
    return PlainTextResponse("There is no such file.\n", 404)


def _listing(names: Sequence[str], content: Sequence[Listed]) -> Response:
    title = escape(printable("/".join(["", *names, ""])))
    rows = ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>'] if names else []
    for line in content:
        slash = "/" if line.is_folder else ""
        # With ./ in front no name is taken for a scheme.
        link = "./" + quote(os.fsencode(line.name)) + slash
        size = "" if line.is_folder else f"{line.size:,}"
        modified = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(line.modified))
        rows.append(
            f'<tr><td><a href="{escape(link)}">{escape(printable(line.name))}{slash}</a></td>'
            f'<td class="size">{size}</td><td>{modified}</td></tr>'
        )
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        "<style>body{font-family:sans-serif;margin:2em}td,th{padding:.1em 1em .1em 0;text-align:left}"
        ".size{text-align:right}</style></head>\n"
        f"<body><h1>{title}</h1>\n<table><tr><th>Name</th><th>Bytes</th><th>Modified (UTC)</th></tr>\n"
        + "\n".join(rows)
        + "\n</table></body></html>\n"
    )
    return Response(page.encode(), headers=_LISTING_HEADERS, media_type="text/html; charset=utf-8")

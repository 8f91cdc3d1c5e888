"""ASGI applications behind real ports in the loop of a test, and requests to them byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from sparkmesos_core.http_service.http_server import HttpServer, take_port

_PATIENCE = 60.0


_stopping: set[asyncio.Task[None]] = set()


def play(scene: Coroutine[Any, Any, None]) -> None:
    """Runs a scene to its end, which it has to come to."""

    async def to_the_end() -> None:
        await scene
        while _stopping:
            await _stopping.pop()

    asyncio.run(asyncio.wait_for(to_the_end(), _PATIENCE))


@contextlib.asynccontextmanager
async def served(
    app: ASGIApp, tls: ssl.SSLContext | None = None, port: int = 0, *, await_end: bool = True
) -> AsyncIterator[int]:
    """Serves an application as a dispatcher does; the port. Without `await_end` it stops some time later."""
    async with served_together(app, tls=tls, port=port, await_end=await_end) as (taken,):
        yield taken


@contextlib.asynccontextmanager
async def served_together(
    *apps: ASGIApp, tls: ssl.SSLContext | None = None, port: int = 0, await_end: bool = True
) -> AsyncIterator[list[int]]:
    """Serves several, which start and stop at once; their ports."""
    sockets = [take_port("127.0.0.1", port, "--port") for _ in apps]
    servers = [HttpServer(taken, app, tls) for taken, app in zip(sockets, apps, strict=True)]
    await asyncio.gather(*(server.start() for server in servers))
    try:
        yield [taken.getsockname()[1] for taken in sockets]
    finally:
        ends = [asyncio.create_task(server.stop()) for server in servers]
        if await_end:
            await asyncio.gather(*ends)
        else:
            _stopping.update(ends)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of all headers of this name, which is in lower case."""
        return [value for key, value in self.headers if key.lower() == name]

    def json(self) -> Any:
        return json.loads(self.body)


async def say(port: int, request: bytes) -> Reply:
    """The answer to a request over a connection of its own, which the server closes; chunks stay as they are."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Reply(int(first.split(" ")[1]), headers, body)


async def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
    """The same for an ordinary request; header names are written with underscores."""
    lines = [f"{method} {path} HTTP/1.1", "Host: h:8081", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return await say(port, "\r\n".join([*lines, "", ""]).encode() + body)

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from sparkmesos_core.loopback_names import OnlyForLoopbackNames


def ask(host: str | None) -> tuple[int, str]:
    """The status and text that a request with this `Host` gets."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if host is None else [(b"host", host.encode())]
    guarded = OnlyForLoopbackNames(PlainTextResponse("fine"), ["lab.example"], "The lab")
    asyncio.run(guarded({"type": "http", "method": "GET", "headers": headers}, receive, send))
    return sent[0]["status"], sent[1]["body"].decode()


@pytest.mark.parametrize(
    "host",
    [
        None,
        "127.0.0.1:5050",
        "127.0.0.1",
        "[::1]:5050",
        "[::1]",
        "localhost",
        "LOCALHOST:80",
        "app.localhost:80",
        "lab.example:8000",
        "Lab.Example",
    ],
)
def test_names_of_loopback(host: str | None) -> None:
    assert ask(host) == (200, "fine")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5050", "localhost.evil.example", "notlocalhost"]
)
def test_names_of_elsewhere(host: str) -> None:
    assert ask(host) == (403, "The lab answers only to the names of this machine's loopback")

"""Who is let in to a dispatcher that wants a token."""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from sparkmesos_core.dispatcher.server.auth import protected_rest
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.auth import KNOWN, given_token, protected_pages
from tests.asgi_client import ask

TOKEN = "0123456789abcdef"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"known: {scope.get(KNOWN)}")(scope, receive, send)


REST = protected_rest(app, AccessToken(TOKEN))
PAGES = protected_pages(app, AccessToken(TOKEN), {"/health"}, "dispatcher")

RIGHT = [f"Bearer {TOKEN}", f"bearer   {TOKEN} ", basic("anybody", TOKEN), basic("", TOKEN)]
WRONG = [
    "",
    TOKEN,
    "Bearer",
    "Bearer ",
    f"Bearer {TOKEN}x",
    f"Bearer {TOKEN[:-1]}",
    f"Token {TOKEN}",
    "Basic",
    "Basic ???",
    "Basic " + base64.b64encode(TOKEN.encode()).decode(),
    "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    basic(TOKEN, ""),
    basic("x", TOKEN + ":"),
    f"Negotiate {TOKEN}",
]


@pytest.mark.parametrize("guarded", [REST, PAGES])
@pytest.mark.parametrize("header", RIGHT)
def test_with_the_token(header: str, guarded: Any) -> None:
    answer = ask(guarded, "POST", "/v1/submissions/create", headers=[("Authorization", header)])
    assert (answer.status, answer.body) == (200, b"known: True")


@pytest.mark.parametrize("guarded", [REST, PAGES])
@pytest.mark.parametrize("header", [None, *WRONG])
def test_without_it(header: str | None, guarded: Any) -> None:
    headers = [] if header is None else [("Authorization", header)]
    for method, path in (
        ("GET", "/"),
        ("POST", "/v1/submissions/kill/x"),
        ("GET", "/health/"),
        ("GET", "//health"),
    ):
        answer = ask(guarded, method, path, headers=headers)
        assert answer.status == 401
        assert TOKEN not in answer.body.decode()
        assert answer.headers["cache-control"] == "no-store"


def test_each_is_told_how_to_send_it() -> None:
    rest, pages = ask(REST, "GET", "/v1/submissions"), ask(PAGES, "GET", "/")
    assert rest.headers["www-authenticate"] == 'Bearer realm="sparkmesos dispatcher"'
    body = rest.json()
    assert body["action"] == "ErrorResponse"
    assert "wants a token" in body["message"]
    assert list(body) == sorted(body)
    assert rest.headers["content-type"].startswith("application/json")
    # Browsers ask for a password only then.
    assert pages.headers["www-authenticate"].startswith("Basic realm=")
    assert "password" in pages.body.decode()


def test_health_is_open_and_says_whether_the_token_was_there() -> None:
    assert ask(PAGES, "GET", "/health").body == b"known: False"
    assert ask(PAGES, "GET", "/health", headers=[("Authorization", RIGHT[0])]).body == b"known: True"
    assert ask(REST, "GET", "/health").status == 401


def test_refusals_are_logged_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        ask(REST, "GET", "/a%0Ab" + "c" * 500, headers=[("Authorization", "Bearer almost-right")])
        ask(REST, "GET", "/")
    first, second = caplog.messages
    assert "a wrong token" in first
    assert r"/a\nb" in first
    assert "almost-right" not in first
    assert len(first) < 300
    assert "no token" in second
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]


def test_what_is_not_http_is_passed_on() -> None:
    seen: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    async def run() -> None:
        await protected_rest(inner, AccessToken(TOKEN))({"type": "lifespan"}, nothing, nothing)

    asyncio.run(run())
    assert seen == ["lifespan"]


def test_a_header_without_a_token() -> None:
    assert given_token(None) is None
    assert given_token(f"BEARER {TOKEN}") == TOKEN
    assert given_token(basic("u", "with:colon")) == "with:colon"

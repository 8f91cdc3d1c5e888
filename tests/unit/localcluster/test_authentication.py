from __future__ import annotations

import asyncio
import base64
import logging

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from sparkmesos_core.localcluster.authentication import PRINCIPAL, Authenticated
from sparkmesos_core.localcluster.credentials import Authentication

KNOWN = {"spark": "sp4rk", "ops": "0psecret"}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def ask(authentication: Authentication, path: str, header: str | None = None) -> tuple[int, str | None, str]:
    """The status, the realm asked for, and the principal that the application was told."""
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.append(scope.get(PRINCIPAL, ""))
        await PlainTextResponse("")(scope, receive, send)

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if header is None else [(b"authorization", header.encode())]
    scope = {"type": "http", "path": path, "method": "GET", "headers": headers}
    asyncio.run(Authenticated(app, authentication, "master", "/master")(scope, receive, send))
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered.get("www-authenticate"), "".join(told)


EVERYTHING = Authentication(KNOWN, frameworks=True, readonly=True, readwrite=True)


@pytest.mark.parametrize(
    ("path", "realm"),
    [
        ("/state", "readonly"),
        ("/master/state", "readonly"),
        ("/state.json", "readonly"),
        ("/files/read", "readonly"),
        ("/sandbox", "readonly"),
        ("/metrics/snapshot", "readonly"),
        ("/api/v1", "readwrite"),
        ("/master/teardown", "readwrite"),
        ("/api/v1/scheduler", "scheduler"),
        ("/master/api/v1/scheduler", "scheduler"),
    ],
)
def test_realms(path: str, realm: str) -> None:
    assert ask(EVERYTHING, path) == (401, f'Basic realm="mesos-master-{realm}"', "")
    assert ask(EVERYTHING, path, basic("ops:0psecret")) == (200, None, "ops")
    assert ask(Authentication(KNOWN), path, basic("ops:wrong")) == (200, None, "")


@pytest.mark.parametrize("path", ["/", "/health", "/version", "/redirect", "/nope", "/master/redirect"])
def test_what_is_open(path: str) -> None:
    assert ask(EVERYTHING, path) == (200, None, "")
    assert ask(EVERYTHING, path, basic("ops:wrong")) == (200, None, "")
    assert ask(EVERYTHING, path, basic("ops:0psecret")) == (200, None, "ops")


@pytest.mark.parametrize(("header", "given"), [(None, "no"), (basic("ops:wrong"), "wrong")])
def test_who_is_asked_for_credentials_is_no_trouble_in_the_log(
    header: str | None, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Reading goes like that: first without, then with them. Mesos logs nothing of it.
    caplog.set_level(logging.INFO)
    assert ask(EVERYTHING, "/flags", header)[0] == 401
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == f"Refused somebody with {given} credentials: /flags"


def test_each_realm_has_a_switch_of_its_own() -> None:
    frameworks = Authentication(KNOWN, frameworks=True)
    assert ask(frameworks, "/api/v1/scheduler")[0] == 401
    assert ask(frameworks, "/api/v1")[0] == ask(frameworks, "/state")[0] == 200
    assert frameworks.master_flags() == {
        "authenticate_http_frameworks": "true",
        "authenticate_http_readonly": "false",
        "authenticate_http_readwrite": "false",
    }

"""The sockets of a dispatcher, and what becomes of clients that hold on to them."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trustme
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sparkmesos_core.errors import DaemonError, UsageError
from sparkmesos_core.http_service import http_connection, http_server
from sparkmesos_core.http_service.http_connection import most_connections
from sparkmesos_core.http_service.http_server import HttpServer, take_port

_PATIENCE = 20.0
LONG = 20_000_000
CLOSE = b"Connection: close\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was sent, if that ever comes to an end."""
    try:
        body = await Request(scope, receive).body()
    except ClientDisconnect:
        return
    await PlainTextResponse(body)(scope, receive, send)


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server on 127.0.0.1, and for a client that trusts it."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return tls, trusting


def play(talk: Talk) -> None:
    """Has a client talk to a server."""

    async def run() -> None:
        server = HttpServer(taken := take_port("127.0.0.1", 0, "--port"), app)
        await server.start()
        reader, writer = await asyncio.open_connection(*taken.getsockname())
        try:
            await asyncio.wait_for(talk(reader, writer), _PATIENCE)
        finally:
            writer.close()
            await server.stop()

    asyncio.run(run())


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    length = next(line for line in head.splitlines() if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))


async def cut_off(reader: asyncio.StreamReader) -> bytes:
    """What came before the end."""
    received = b""
    try:
        while more := await reader.read(4096):
            received += more
    except ConnectionResetError:
        pass
    return received


def test_several_requests_share_a_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(HEAD + b"Content-Length: 5\r\n\r\nhello")
            assert await answer(reader) == b"hello"
        writer.write((HEAD + b"Content-Length: 5\r\n\r\nhello") * 2)
        assert [await answer(reader), await answer(reader)] == [b"hello", b"hello"]

    play(talk)


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        (b"", 1),
        *(
            (sent, number)
            for sent in (b"\r\n\r\n", b"POST / HT", HEAD, HEAD + b"Content-Length: 9\r\n\r\nhalf")
            for number in (1, 2)
        ),
    ],
)
def test_who_does_not_send_a_whole_request_is_cut_off(
    sent: bytes, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when that is the second one: the time for an idle connection ends with its first byte."""
    if number == 1:
        monkeypatch.setattr(http_connection, "_REQUEST_SECONDS", 0.05)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if number == 2:
            writer.write(HEAD + b"Content-Length: 0\r\n\r\n")
            await answer(reader)
            monkeypatch.setattr(http_connection, "_REQUEST_SECONDS", 0.05)
        writer.write(sent)
        assert await cut_off(reader) == b""

    play(talk)


@pytest.mark.parametrize("besides", [b"", b"\r\n", HEAD + b"Content-Length: 9\r\n\r\nhalf"])
def test_a_slow_answer_is_not_a_slow_request(besides: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if half of the next one is there, which is not read on before the first one is answered."""
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        began.set()
        await go_on.wait()
        await PlainTextResponse("done")(scope, receive, send)

    async def run() -> None:
        server = HttpServer(taken := take_port("127.0.0.1", 0, "--port"), slow)
        await server.start()
        reader, writer = await asyncio.open_connection(*taken.getsockname())
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await began.wait()
            monkeypatch.setattr(http_connection, "_REQUEST_SECONDS", 0.01)
            writer.write(besides)
            await asyncio.sleep(0.1)
            go_on.set()
            assert await asyncio.wait_for(answer(reader), _PATIENCE) == b"done"
        finally:
            writer.close()
            await server.stop()

    asyncio.run(run())


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nX: "], ids=["line", "header"])
def test_a_head_without_end_is_refused(begin: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = asyncio.create_task(cut_off(reader))
        writer.write(begin)
        with contextlib.suppress(ConnectionError):
            while not received.done():
                writer.write(b"x" * 10_000)
                await writer.drain()
                await asyncio.sleep(0)
        # Who goes on sending may lose the answer.
        assert (await received)[:13] in (b"", b"HTTP/1.1 400 ")

    play(talk)


async def in_one_piece(scope: Scope, receive: Receive, send: Send) -> None:
    """An answer that is larger than what the system takes for a client."""
    await PlainTextResponse(b"x" * LONG)(scope, receive, send)


async def in_pieces(scope: Scope, receive: Receive, send: Send) -> None:
    """The same, which is not made faster than the client takes it."""
    pieces = (b"x" * 1000 for _ in range(LONG // 1000))
    await StreamingResponse(pieces)(scope, receive, send)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system ends it when it likes")
@pytest.mark.parametrize(
    ("long", "close", "encrypted"),
    [
        (in_one_piece, CLOSE, False),
        (in_pieces, b"", False),
        (in_one_piece, b"", True),
        (in_pieces, CLOSE, True),
    ],
)
def test_who_takes_nothing_of_an_answer_is_cut_off(
    long: ASGIApp, close: bytes, encrypted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the answer is still being made, or all of it waits."""
    monkeypatch.setattr(http_server, "_TAKE_SECONDS", 0.5)
    left = asyncio.Event()
    monkeypatch.setattr(http_connection.Crowd, "leave", lambda crowd, connection: left.set())
    tls, trusting = contexts()

    def ask(address: tuple[str, int]) -> socket.socket:
        client = socket.create_connection(address, _PATIENCE)
        if encrypted:
            client = trusting.wrap_socket(client, server_hostname="127.0.0.1")
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + close + b"\r\n")
        return client

    async def run() -> None:
        taken = take_port("127.0.0.1", 0, "--port")
        server = HttpServer(taken, long, tls if encrypted else None)
        await server.start()
        try:
            with await asyncio.to_thread(ask, taken.getsockname()):
                await asyncio.wait_for(left.wait(), _PATIENCE)
        finally:
            await server.stop()

    asyncio.run(run())


def test_too_many_clients_cost_those_who_have_been_idle_longest_their_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            began.set()
            await go_on.wait()
        await PlainTextResponse(scope["path"])(scope, receive, send)

    async def ask(writer: asyncio.StreamWriter, path: bytes) -> None:
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await writer.drain()

    async def run() -> None:
        server = HttpServer(taken := take_port("127.0.0.1", 0, "--port"), slow, connections=2)
        await server.start()
        clients: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            clients.append(await asyncio.open_connection(*taken.getsockname()))
            return clients[-1]

        try:
            busy = await connect()
            await ask(busy[1], b"/slow")
            await began.wait()
            idle = await connect()
            await ask(idle[1], b"/idle")
            assert await answer(idle[0]) == b"/idle"
            for number in range(5):  # each takes the place of the one before
                newest = await connect()
                await ask(newest[1], b"/%d" % number)
                assert await answer(newest[0]) == b"/%d" % number
                assert await cut_off(idle[0]) == b""
                idle = newest
            began.clear()
            await ask(newest[1], b"/slow")
            await began.wait()
            assert await cut_off((await connect())[0]) == b""  # all others are being answered
            go_on.set()
            assert await answer(busy[0]) == await answer(newest[0]) == b"/slow"
            assert len([one for one in caplog.messages if "more than 2 clients are connected" in one]) == 1
        finally:
            for _, writer in clients:
                writer.close()
            await server.stop()

    asyncio.run(asyncio.wait_for(run(), _PATIENCE))


@pytest.mark.parametrize(
    ("files", "connections"),
    [(64, 32), (1024, 256), (65536, 2000), (resource.RLIM_INFINITY, 2000)],
)
def test_connections_leave_files_for_other_things(
    files: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (files, files))
    assert most_connections() == connections


def test_an_idle_client_of_tls_does_not_delay_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_LAST_ANSWERS_SECONDS", 600)
    tls, trusting = contexts()

    def ask(port: int) -> ssl.SSLSocket:
        client = trusting.wrap_socket(
            socket.create_connection(("127.0.0.1", port), _PATIENCE), server_hostname="127.0.0.1"
        )
        client.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        return client

    async def run() -> None:
        taken = take_port("127.0.0.1", 0, "--port")
        server = HttpServer(taken, app, tls)
        await server.start()
        with await asyncio.to_thread(ask, taken.getsockname()[1]):
            await asyncio.wait_for(server.stop(), _PATIENCE)

    asyncio.run(run())


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DaemonError, match=f"Port {port} of 127.0.0.1 is in use") as caught:
            take_port("127.0.0.1", port, "--webui-port")
    assert "--webui-port" in caught.value.hint


def test_of_two_who_take_a_port_at_the_same_time_one_is_told() -> None:
    async def run() -> None:
        first = take_port("127.0.0.1", 0, "--port")
        port = first.getsockname()[1]
        with take_port("127.0.0.1", port, "--port") as second:
            server = HttpServer(first, app)
            await server.start()
            try:
                with pytest.raises(
                    DaemonError, match=f"Cannot listen on port {port}: Address already in use"
                ):
                    await HttpServer(second, app).start()
            finally:
                await server.stop()

    asyncio.run(run())


@pytest.mark.parametrize("host", ["192.0.2.1", "a" * 64 + ".example"])
def test_a_host_that_is_not_this_machine(host: str) -> None:
    with pytest.raises(UsageError, match=f"--host {host} "):
        take_port(host, 0, "--port")

"""The server of a master or an agent: it dies and comes back at the same port."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster import http_server
from sparkmesos_core.localcluster.http_server import HttpServer
from sparkmesos_core.localcluster.network.namespaces import Within

ENDLESS = "/master/api/v1/scheduler"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, or without end."""

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    answer = PlainTextResponse("hello") if scope["path"] == "/" else StreamingResponse(drip())
    await answer(scope, receive, send)


class Client:
    """One request, on a thread; `begun` is done when its answer has begun."""

    def __init__(self, port: int, path: str) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.body = asyncio.ensure_future(
            asyncio.to_thread(self._ask, port, path, asyncio.get_running_loop())
        )

    def _ask(self, port: int, path: str, loop: asyncio.AbstractEventLoop) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            loop.call_soon_threadsafe(self.begun.set_result, None)
            return answer.read()
        finally:
            connection.close()


async def get(server: HttpServer) -> bytes:
    return await Client(server.port, "/").body


def test_it_has_its_port_and_refuses_until_it_is_started() -> None:
    async def run() -> None:
        server = HttpServer("127.0.0.1")
        try:
            with pytest.raises(ConnectionRefusedError):
                await get(server)
            await server.start(app)
            assert await get(server) == b"hello"
        finally:
            await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await get(server)

    asyncio.run(run())


def test_it_dies_and_comes_back_at_the_same_port() -> None:
    async def run() -> None:
        server = HttpServer("127.0.0.1")
        port = server.port
        try:
            for _ in range(2):
                await server.start(app)
                client = Client(port, "/endless")
                await client.begun
                server.kill()
                with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                    await client.body
                with pytest.raises(ConnectionRefusedError):
                    await get(server)
            await server.start(app)
            assert await get(server) == b"hello"
        finally:
            await server.stop()

    asyncio.run(run())


def test_it_keeps_its_port_when_a_process_that_is_being_started_holds_it_too() -> None:
    """Found by chaos, seed 11: another thread forked while a master died."""

    async def run() -> None:
        server = HttpServer("127.0.0.1")
        try:
            await server.start(app)
            with server._socket.dup():  # what a fork does
                server.kill()
                await server.start(app)
                assert await get(server) == b"hello"
        finally:
            await server.stop()

    asyncio.run(run())


@pytest.fixture
def stolen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """As soon as a server has died somebody connects from its port. The sockets that did."""
    thieves: list[socket.socket] = []
    bound = http_server._bound

    def late(host: str, port: int, within: Within) -> socket.socket:
        if port and not thieves:
            thieves.append(thief := socket.socket())
            thief.bind((host, port))
        return bound(host, port, within)

    monkeypatch.setattr(http_server, "_bound", late)
    yield thieves
    for thief in thieves:
        thief.close()


def test_a_port_that_somebody_has_for_a_moment_is_waited_for(stolen: list[socket.socket]) -> None:
    async def run() -> None:
        server = HttpServer("127.0.0.1")
        try:
            await server.start(app)
            server.kill()
            starting = asyncio.create_task(server.start(app))
            while not stolen:
                await asyncio.sleep(0)
            assert not starting.done()
            stolen[0].close()
            await asyncio.wait_for(starting, 20)
            assert await get(server) == b"hello"
        finally:
            await server.stop()

    asyncio.run(run())


def test_a_port_that_somebody_keeps_is_an_error(
    stolen: list[socket.socket], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_server, "_PORT_PATIENCE_SECONDS", 0.1)

    async def run() -> None:
        server = HttpServer("127.0.0.1")
        try:
            await server.start(app)
            server.kill()
            with pytest.raises(LocalClusterError, match=f"Port {server.port} of 127.0.0.1 is in use"):
                await server.start(app)
            stolen[0].close()
            await server.start(app)
            assert await get(server) == b"hello"
        finally:
            await server.stop()

    asyncio.run(run())
    assert "is in use" in caplog.text


@pytest.mark.parametrize("rounds", range(5))
def test_who_has_just_connected_when_it_dies_does_not_wait_in_vain(rounds: int) -> None:
    """Whatever round of the event loop it dies in, between the connection and its first byte."""

    async def run() -> None:
        server = HttpServer("127.0.0.1")
        await server.start(app)
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
                for _ in range(rounds):
                    await asyncio.sleep(0)
                server.kill()
                await server.start(app)
                with contextlib.suppress(ConnectionResetError):
                    assert await asyncio.to_thread(client.recv, 1) == b""
        finally:
            await server.stop()

    asyncio.run(run())


def test_only_subscriptions_are_cut() -> None:
    async def run() -> None:
        server = HttpServer("127.0.0.1")
        await server.start(app)
        try:
            subscription, other = Client(server.port, ENDLESS), Client(server.port, "/endless")
            await subscription.begun
            await other.begun
            assert server.cut_subscriptions() == 1
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                await subscription.body
            assert not other.body.done()
            assert server.cut_subscriptions() == 0
            server.kill()
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                await other.body
        finally:
            await server.stop()

    asyncio.run(run())


def test_while_it_is_paused_it_takes_connections_and_does_not_answer() -> None:
    async def run() -> None:
        server = HttpServer("127.0.0.1")
        await server.start(app)
        try:
            server.pause()
            client = Client(server.port, "/")
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                connection.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(connection.recv, 1)
            assert not client.begun.done()
            server.resume()
            assert await client.body == b"hello"
        finally:
            await server.stop()

    asyncio.run(run())


def test_a_port_that_somebody_else_listens_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalClusterError, match=f"Port {port} of 127.0.0.1 is in use") as caught:
            HttpServer("127.0.0.1", port)
    assert "--port" in caught.value.hint


def test_an_address_that_is_not_this_machine() -> None:
    with pytest.raises(LocalClusterError, match=r"Cannot listen on port 0 of 192\.0\.2\.1"):
        HttpServer("192.0.2.1")


def test_answers_have_a_date() -> None:
    async def run() -> None:
        server = HttpServer("127.0.0.1")
        await server.start(app)
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await asyncio.to_thread(connection.recv, 4096)
            assert answer.count(b"\r\ndate: ") == 1
        finally:
            await server.stop()

    asyncio.run(run())


def test_what_goes_wrong_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("unforeseen")

    async def run() -> None:
        server = HttpServer("127.0.0.1")
        try:
            await server.start(broken)
            assert await get(server) == b"Internal Server Error"
        finally:
            await server.stop()

    asyncio.run(run())
    assert "GET / could not be answered" in caplog.text
    assert "unforeseen" in caplog.text


def test_who_goes_away_in_the_middle_of_a_request_is_not_worth_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    over = asyncio.Event()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await Request(scope, receive).body()
        finally:
            over.set()

    async def run() -> None:
        server = HttpServer("127.0.0.1")
        try:
            await server.start(reading)
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf")
            await writer.drain()
            writer.close()
            await asyncio.wait_for(over.wait(), 20)
        finally:
            await server.stop()

    asyncio.run(run())
    assert caplog.text == ""


def test_every_socket_that_it_takes_is_taken_where_it_belongs() -> None:
    async def run() -> None:
        taken: list[int] = []
        inside: list[bool] = []

        @contextlib.contextmanager
        def within() -> Iterator[None]:
            inside.append(True)
            with socket.socket() as before:
                taken.append(before.fileno())
            yield
            inside.pop()

        server = HttpServer("127.0.0.1", 0, within)
        await server.start(app)
        server.kill()
        await server.start(app)
        assert await get(server) == b"hello"
        assert (len(taken), inside) == (2, [])
        await server.stop()

    asyncio.run(run())

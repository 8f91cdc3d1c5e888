"""Requests that a standby passes on, over real connections: what arrives, what comes back, and what if not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sparkmesos_core.dispatcher.rest.application import LARGEST_BODY
from sparkmesos_core.dispatcher.server import forwarding
from sparkmesos_core.dispatcher.server.forwarding import FAILURE, Failure, Forwarding
from sparkmesos_core.http_service import leader_connections
from sparkmesos_core.http_service.leader_connections import (
    LeaderConnections,
    LeaderRequest,
    NoAnswerError,
    NotReachedError,
)
from tests.served_app import Reply, play, say, served, served_together

GET = b"GET / HTTP/1.1\r\nHost: standby\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: standby\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"


@contextlib.asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server that does with each connection what it is told; the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@dataclass
class Leader:
    """An application that remembers what it was asked."""

    asked: list[tuple[Scope, bytes]] = field(default_factory=list)
    answer: Callable[[Request], Response] = lambda _: PlainTextResponse("done")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.asked.append((scope, await request.body()))
        await self.answer(request)(scope, receive, send)


async def unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    failure: Failure = scope[FAILURE]
    await PlainTextResponse(failure.reason, failure.status)(scope, receive, send)


@contextlib.asynccontextmanager
async def standby(
    leader: str | Callable[[], str | None] | None,
    *,
    seconds: float = 20.0,
    connections: LeaderConnections | None = None,
) -> AsyncIterator[int]:
    """A server that passes on to the leader; the port."""
    connections = connections or LeaderConnections()
    app = Forwarding(
        leader if callable(leader) else lambda: leader, unavailable, connections=connections, seconds=seconds
    )
    async with served(app, await_end=False) as port:
        yield port
        await connections.close()


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


class TestWhatArrives:
    def test_is_what_was_sent_but_for_what_is_of_one_connection(self) -> None:
        async def scene() -> None:
            leader = Leader()
            async with served(leader) as there, standby(url(there)) as here:
                await say(
                    here,
                    b"POST /v1/a%2Fb/%C3%BC//x?q=%20%26&q=+& HTTP/1.1\r\n"
                    b"Host: any.example:8081\r\nOrigin: http://any.example:8081\r\n"
                    b"Authorization: Bearer t0ken\r\nSec-Fetch-Site: same-origin\r\n"
                    b"X-Twice: 1\r\nX-Twice: 2\r\nX-Bytes: \xe4\xff\r\n"
                    b"Connection: close, X-Mine\r\nX-Mine: no\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
                    b"Proxy-Authorization: no\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
                )
            ((scope, body),) = leader.asked
            assert scope["method"] == "POST"
            assert scope["raw_path"] == b"/v1/a%2Fb/%C3%BC//x"
            assert scope["query_string"] == b"q=%20%26&q=+&"
            assert body == b"hello"
            assert scope["headers"] == [
                (b"host", b"any.example:8081"),
                (b"origin", b"http://any.example:8081"),
                (b"authorization", b"Bearer t0ken"),
                (b"sec-fetch-site", b"same-origin"),
                (b"x-twice", b"1"),
                (b"x-twice", b"2"),
                (b"x-bytes", b"\xe4\xff"),
                (b"sparkmesos-passed-on", b"1"),
                (b"content-length", b"5"),
            ]

        play(scene())

    def test_chunks_become_one_body(self) -> None:
        async def scene() -> None:
            leader = Leader()
            async with served(leader) as there, standby(url(there)) as here:
                await say(
                    here,
                    b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                )
            assert leader.asked[0][1] == b"hello"

        play(scene())

    def test_a_client_of_http_1_0_names_no_host(self) -> None:
        async def scene() -> None:
            leader = Leader()
            async with served(leader) as there, standby(url(there)) as here:
                assert (await say(here, b"GET / HTTP/1.0\r\n\r\n")).body == b"done"
            assert (b"host", f"127.0.0.1:{there}".encode()) in leader.asked[0][0]["headers"]

        play(scene())

    def test_one_connection_takes_many_requests(self) -> None:
        async def scene() -> None:
            leader = Leader()
            async with served(leader) as there, standby(url(there)) as here:
                for request in (GET, POST, GET, GET.replace(b"GET", b"HEAD"), POST):
                    assert (await say(here, request)).status == 200
            assert len({scope["client"] for scope, _ in leader.asked}) == 1

        play(scene())


class TestWhatComesBack:
    def test_is_what_was_answered(self) -> None:
        def answer(_: Request) -> Response:
            response = PlainTextResponse(b"gzip\xff", 468, {"Content-Encoding": "gzip", "Location": "/x"})
            response.set_cookie("a", "1")
            response.set_cookie("b", "2")
            return response

        async def scene() -> None:
            async with served(Leader(answer=answer)) as there, standby(url(there)) as here:
                reply = await say(here, GET)
            assert (reply.status, reply.body) == (468, b"gzip\xff")
            assert reply.all("location") == ["/x"]
            assert len(reply.all("set-cookie")) == 2
            assert len(reply.all("date")) == 1
            assert reply.all("content-length") == ["5"]

        play(scene())

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirects_are_for_the_client(self, status: int) -> None:
        async def scene() -> None:
            leader = Leader(answer=lambda _: Response(status_code=status, headers={"Location": "/there"}))
            async with served(leader) as there, standby(url(there)) as here:
                reply = await say(here, POST)
            assert (reply.status, reply.all("location"), len(leader.asked)) == (status, ["/there"], 1)

        play(scene())

    @pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
    def test_answers_without_a_body(self, method: bytes, status: int) -> None:
        async def scene() -> None:
            leader = Leader(
                answer=lambda _: Response(
                    status_code=status, headers={"Content-Length": "7"} if status == 200 else {}
                )
            )
            async with served(leader) as there, standby(url(there)) as here:
                for _ in range(2):
                    reply = await say(here, GET.replace(b"GET", method))
                    assert (reply.status, reply.body) == (status, b"")
            assert len({scope["client"] for scope, _ in leader.asked}) == 1

        play(scene())

    def test_comes_as_it_is_made(self) -> None:
        async def scene() -> None:
            more = asyncio.Event()

            async def pieces() -> AsyncIterator[bytes]:
                yield b"first"
                await more.wait()
                yield b"last"

            leader = Leader(answer=lambda _: StreamingResponse(pieces()))
            async with served(leader) as there, standby(url(there)) as here:
                reader, writer = await asyncio.open_connection("127.0.0.1", here)
                writer.write(GET)
                await reader.readuntil(b"first")
                more.set()
                await reader.readuntil(b"last\r\n0\r\n\r\n")
                writer.close()

        play(scene())

    def test_a_large_one(self) -> None:
        content = bytes(range(256)) * 40_000

        async def scene() -> None:
            async with (
                served(Leader(answer=lambda _: Response(content))) as there,
                standby(url(there)) as here,
            ):
                assert (await say(here, GET)).body == content

        play(scene())

    def test_one_that_breaks_off_looks_so(self) -> None:
        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

        async def scene() -> None:
            async with raw_server(cut) as there, standby(url(there)) as here:
                reply = await say(here, GET)
            assert reply.body == b"5\r\nhello\r\n", "without the chunk that ends it"

        play(scene())

    def test_a_client_that_goes_ends_the_answer(self) -> None:
        async def scene() -> None:
            ended = asyncio.Event()

            async def without_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                with contextlib.suppress(ConnectionError):
                    while True:
                        writer.write(b"again and again\n" * 1000)
                        await writer.drain()
                ended.set()

            async with raw_server(without_end) as there, standby(url(there)) as here:
                reader, writer = await asyncio.open_connection("127.0.0.1", here)
                writer.write(GET)
                await reader.readuntil(b"again")
                writer.transport.abort()
                await ended.wait()

        play(scene())


async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def keep_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(-1)


class TestNoAnswer:
    """503 says that nothing was done, 502 that nobody knows."""

    @pytest.mark.parametrize("request_", [GET, POST])
    def test_nobody_leads(self, request_: bytes) -> None:
        async def scene() -> None:
            async with standby(None) as here:
                reply = await say(here, request_)
            assert (reply.status, reply.body) == (503, b"No dispatcher leads at the moment")

        play(scene())

    @pytest.mark.parametrize("request_", [GET, POST])
    def test_the_leader_is_gone(self, request_: bytes) -> None:
        async def scene() -> None:
            async with served(Leader()) as there:
                pass
            async with standby(url(there)) as here:
                reply = await say(here, request_)
            assert reply.status == 503
            assert f"{url(there)}, cannot be reached: it refuses connections" in reply.body.decode()

        play(scene())

    @pytest.mark.parametrize(("request_", "status"), [(GET, 503), (POST, 502)])
    def test_the_leader_hangs_up(self, request_: bytes, status: int) -> None:
        async def scene() -> None:
            async with raw_server(hang_up) as there, standby(url(there)) as here:
                reply = await say(here, request_)
            assert reply.status == status
            assert "gave no answer" in reply.body.decode()

        play(scene())

    @pytest.mark.parametrize(("request_", "status"), [(GET, 503), (POST, 502)])
    def test_the_leader_keeps_silent(self, request_: bytes, status: int) -> None:
        async def scene() -> None:
            async with raw_server(keep_silent) as there, standby(url(there), seconds=0.2) as here:
                reply = await say(here, request_)
            assert reply.status == status
            assert "did not answer within 0.2 s" in reply.body.decode()

        play(scene())

    @pytest.mark.parametrize("following", [None, "http://127.0.0.1:1"])
    def test_the_leader_ceases_to_lead_meanwhile(self, following: str | None) -> None:
        async def scene() -> None:
            heard = asyncio.Event()
            leading: list[str | None] = []

            async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                heard.set()
                await reader.read(-1)

            async with raw_server(listen) as there, standby(lambda: leading[-1], seconds=3600) as here:
                leading.append(url(there))
                asking = asyncio.ensure_future(say(here, POST))
                await heard.wait()
                leading.append(following)
                reply = await asking
            assert reply.status == 502
            assert "ceased to lead" in reply.body.decode()

        play(scene())

    def test_no_request_goes_in_circles(self) -> None:
        async def scene() -> None:
            places: list[str] = []
            async with standby(lambda: places[1]) as one, standby(lambda: places[0]) as other:
                places.extend([url(one), url(other)])
                reply = await say(one, POST)
                assert (reply.status, reply.body) == (503, b"This dispatcher does not lead any more")
                places[1] = url(one)  # itself
                assert (await say(one, GET)).status == 503

        play(scene())

    def test_what_is_too_large_stays_here(self) -> None:
        async def scene() -> None:
            leader = Leader()
            head = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            async with served(leader) as there, standby(url(there)) as here:
                for size in (LARGEST_BODY, LARGEST_BODY + 1, 10 * LARGEST_BODY):
                    reply = await say(here, head % size + b"x" * size)
                    assert reply.status == (200 if size == LARGEST_BODY else 413)
            assert [len(body) for _, body in leader.asked] == [LARGEST_BODY]

        play(scene())

    def test_what_http_forbids_is_not_passed_on(self) -> None:
        async def scene() -> None:
            leader = Leader()
            async with served(leader) as there, standby(url(there)) as here:
                reply = await say(here, GET.replace(b"Host: standby\r\n", b"Host: a\r\nHost: b\r\n"))
                assert reply.status == 400
                assert (await say(here, GET)).status == 200
            assert len(leader.asked) == 1

        play(scene())

    def test_no_more_than_so_many_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forwarding, "_MOST_AT_ONCE", 2)

        async def scene() -> None:
            heard = asyncio.Semaphore(0)

            async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                heard.release()
                await reader.read(-1)

            async with raw_server(listen) as there, standby(url(there), seconds=0.5) as here:
                asking = [asyncio.ensure_future(say(here, POST)) for _ in range(2)]
                for _ in range(2):
                    await heard.acquire()
                third = await say(here, POST)
                # Either it waited in vain, or it had its turn when one of the others had given up.
                assert third.status in (502, 503)
                assert [(await one).status for one in asking] == [502, 502]

        play(scene())


class TestConnectionsThatAreKept:
    @pytest.mark.parametrize("request_", [GET, POST])
    def test_the_leader_is_restarted(self, request_: bytes) -> None:
        """What it closed is not used, so that no request is lost."""

        async def scene() -> None:
            leader = Leader()
            places: list[str] = []
            async with standby(lambda: places[-1]) as here:
                async with served(leader) as there:
                    places.append(url(there))
                    assert (await say(here, request_)).status == 200
                async with served(leader, port=there):
                    assert (await say(here, request_)).status == 200
            assert len(leader.asked) == 2

        play(scene())

    @pytest.mark.parametrize(("request_", "status"), [(GET, 200), (POST, 502)])
    def test_the_leader_hangs_up_when_it_is_asked_once_more(self, request_: bytes, status: int) -> None:
        """A question is asked again; what changes something may have been heard."""

        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if request_ is POST:
                await reader.readexactly(2)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")

        async def scene() -> None:
            async with raw_server(once) as there, standby(url(there)) as here:
                assert (await say(here, request_)).status == 200
                assert (await say(here, request_)).status == status

        play(scene())

    def test_a_leader_that_falls_silent_is_not_asked_again(self) -> None:
        """That would take twice as long as clients wait."""
        heard: list[bytes] = []

        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            await reader.read(-1)

        async def scene() -> None:
            connections = LeaderConnections()
            request = LeaderRequest(b"GET", b"/", [(b"host", b"h")], b"")
            async with raw_server(once) as there:
                answer = await connections.ask(url(there), request, 20)
                assert [piece async for piece in answer.body()] == []
                answer.close()
                with pytest.raises(NoAnswerError, match=r"did not answer within 0\.2 s"):
                    await connections.ask(url(there), request, 0.2)
                assert len(heard) == 2
                await connections.close()

        play(scene())

    def test_each_of_the_leaders_servers_has_its_own(self) -> None:
        """Pages that somebody looks at do not make REST connect anew each time."""

        async def scene() -> None:
            rest, webui = Leader(), Leader()
            connections = LeaderConnections()
            async with (
                served_together(rest, webui) as (rest_port, webui_port),
                standby(url(rest_port), connections=connections) as here,
                standby(url(webui_port), connections=connections) as pages,
            ):
                for _ in range(3):
                    assert (await say(here, POST)).status == 200
                    assert (await say(pages, GET)).status == 200
            for leader in (rest, webui):
                assert len({scope["client"] for scope, _ in leader.asked}) == 1

        play(scene())

    def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next(self) -> None:
        async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright" * 1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
            await reader.read(-1)

        async def scene() -> None:
            async with raw_server(twice) as there, standby(url(there)) as here:
                for _ in range(3):
                    assert (await say(here, GET)).body == b"right"

        play(scene())

    def test_old_ones_are_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(leader_connections, "_LONGEST_IDLE", 0.0)

        async def scene() -> None:
            leader = Leader()
            async with served(leader) as there, standby(url(there)) as here:
                for _ in range(2):
                    assert (await say(here, GET)).status == 200
            assert len({scope["client"] for scope, _ in leader.asked}) == 2

        play(scene())


class TestTls:
    @pytest.fixture(autouse=True)
    def no_authorities(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(variable, raising=False)

    @staticmethod
    def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context

    def asked(
        self, tls: ssl.SSLContext, *, ca_file: str | None = None, certificate: str | None = None
    ) -> Reply:
        replies: list[Reply] = []

        async def scene() -> None:
            connections = LeaderConnections(ca_file=ca_file, certificate=certificate)
            async with (
                served(Leader(), tls) as there,
                standby(f"https://127.0.0.1:{there}", connections=connections) as here,
            ):
                for _ in range(2):
                    replies.append(await say(here, POST))

        play(scene())
        return replies[-1]

    def test_dispatchers_may_share_a_certificate(self, tmp_path: Path) -> None:
        """Though it is no authority's."""
        certificate = trustme.CA().issue_cert("127.0.0.1")
        (shared := tmp_path / "cert.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
        assert self.asked(self.context(certificate), certificate=str(shared)).body == b"done"

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_an_authority_of_both(
        self, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = trustme.CA()
        (trusted := tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
        (own := tmp_path / "own.pem").write_bytes(authority.issue_cert("standby").cert_chain_pems[0].bytes())
        monkeypatch.setenv(variable, str(trusted))
        assert (
            self.asked(self.context(authority.issue_cert("127.0.0.1")), certificate=str(own)).body == b"done"
        )

    def test_an_authority_that_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        authority = trustme.CA()
        (trusted := tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        reply = self.asked(self.context(authority.issue_cert("127.0.0.1")), ca_file=str(trusted))
        assert reply.body == b"done"

    def test_somebody_else(self, tmp_path: Path) -> None:
        (own := tmp_path / "own.pem").write_bytes(
            trustme.CA().issue_cert("127.0.0.1").cert_chain_pems[0].bytes()
        )
        reply = self.asked(self.context(trustme.CA().issue_cert("127.0.0.1")), certificate=str(own))
        assert reply.status == 503
        assert "its certificate is not trusted here" in reply.body.decode()

    def test_a_certificate_for_another_host(self, tmp_path: Path) -> None:
        certificate = trustme.CA().issue_cert("other.example")
        (shared := tmp_path / "cert.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
        reply = self.asked(self.context(certificate), certificate=str(shared))
        assert reply.status == 503
        assert "not valid for '127.0.0.1'" in reply.body.decode()

    def test_certificates_that_are_not_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        reply = self.asked(self.context(trustme.CA().issue_cert("127.0.0.1")))
        assert reply.status == 503
        assert "none.pem" in reply.body.decode()


def test_whether_the_leader_can_be_reached() -> None:
    async def scene() -> None:
        leader = Leader()
        connections = LeaderConnections()
        request = LeaderRequest(b"GET", b"/", [(b"host", b"h")], b"")
        async with served(leader) as there:
            for _ in range(2):
                await connections.reach(url(there))
                (await connections.ask(url(there), request, 20)).close()
            # One whose answer nobody reads is not kept.
        assert len({scope["client"] for scope, _ in leader.asked}) == 2
        with pytest.raises(NotReachedError, match="refuses connections"):
            await connections.reach(url(there))
        await connections.close()
        with pytest.raises(NotReachedError, match="stopping"):
            await connections.reach(url(there))
        assert len(leader.asked) == 2

    play(scene())


def test_a_trial_does_not_make_a_connection_younger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server counts from the last request."""

    async def scene() -> None:
        accepted: list[asyncio.StreamWriter] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.append(writer)
            await reader.read(-1)

        async with raw_server(accept) as there:
            connections = LeaderConnections()
            loop = asyncio.get_running_loop()
            began = loop.time()
            for seconds, number in ((0, 1), (19, 1), (21, 2)):
                monkeypatch.setattr(loop, "time", lambda seconds=seconds: began + seconds)
                await connections.reach(url(there))
                monkeypatch.undo()
                while len(accepted) < number:
                    await asyncio.sleep(0)
                assert len(accepted) == number
            await connections.close()

    play(scene())

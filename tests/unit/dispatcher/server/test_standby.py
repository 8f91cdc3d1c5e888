"""The servers of a standby in front of those of a leader: what is passed on, what is its own, what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from sparkmesos_core.dispatcher.client import DispatcherClient, NotReadyError
from sparkmesos_core.dispatcher.drivers.driver import Outcome, State
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.dispatcher.messages import Outcome as Told
from sparkmesos_core.dispatcher.rest.application import LARGEST_BODY, RestApplication
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.dispatcher.server.auth import protected_rest
from sparkmesos_core.dispatcher.server.pages import pages_app
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.dispatcher.server.standby import standby_pages, standby_rest
from sparkmesos_core.durable_framework.standing_by import StandbyState
from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.leader_connections import LeaderConnections
from sparkmesos_core.master import Dispatcher, HostPort
from tests.in_memory_dispatcher import STARTED_AT, InMemoryDispatcher
from tests.sample_drivers import sample_dispatcher
from tests.served_app import ask, play, served, served_together

NOW = STARTED_AT + 100000.0
LEADER = PagesSettings(address="mesos://leader:7077", max_drivers=200, version="1.2.3")
STANDBY = replace(LEADER, address="mesos://standby:7077")
NOBODY = StandbyState(None, None, NOW, "ZooKeeper does not answer")
QUEUED, RUNNING = (f"driver-20260131120000-{number:04d}" for number in (11, 6))
TOKEN = "0123456789abcdef"
FORM = {"Content_Type": "application/x-www-form-urlencoded", "Origin": "http://h:8081"}
REQUEST = CreateSubmissionRequest("http://h/a.py", "", (), {"spark.app.name": "a"}, {}, "3.5.9")


@dataclass
class Stage:
    """A leader and a standby, each with its two ports."""

    dispatcher: InMemoryDispatcher
    state: StandbyState = NOBODY
    leader_rest: int = 0
    leader_webui: int = 0
    rest: int = 0
    webui: int = 0

    def leads(self) -> None:
        self.state = StandbyState(
            f"http://127.0.0.1:{self.leader_rest}", f"http://127.0.0.1:{self.leader_webui}", NOW
        )


@contextlib.asynccontextmanager
async def stage(token: AccessToken | None = None) -> AsyncIterator[Stage]:
    dispatcher = sample_dispatcher(NOW)
    it = Stage(dispatcher)
    connections = LeaderConnections()
    rest = RestApplication(dispatcher, Rules(spark_home="/opt/spark"))
    apps = (
        rest if token is None else protected_rest(rest, token),
        pages_app(dispatcher, LEADER, token=token, clock=lambda: NOW),
        standby_rest(lambda: it.state, connections=connections, token=token),
        standby_pages(lambda: it.state, STANDBY, connections=connections, token=token),
    )
    async with served_together(*apps) as (it.leader_rest, it.leader_webui, it.rest, it.webui):
        it.leads()
        yield it
        await connections.close()


@contextlib.asynccontextmanager
async def leader_that_hangs_up() -> AsyncIterator[str]:
    """Its URL. It reads the head of each request, and answers nothing."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def client(port: int, token: str | None = None) -> DispatcherClient:
    return DispatcherClient(Dispatcher(HostPort("127.0.0.1", port), "http"), patience=0, token=token)


class TestRest:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", f"/v1/submissions/status/{RUNNING}"),
            ("GET", "/v1/submissions/status/driver%2Fnone"),
            ("GET", "/v1/submissions?limit=2&state=RUNNING%2CQUEUED"),
            ("HEAD", "/v1/submissions"),
            ("GET", "/v1/submissions/readyz"),
            ("GET", "/v2/submissions/status/x"),
            ("GET", "/"),
            ("PUT", "/v1/submissions/create"),
            ("OPTIONS", "/v1/submissions/create"),
            ("BREW", "/v1/submissions/create"),
            ("POST", "/v1/submissions/create"),
            ("POST", "/v1/submissions/kill/driver-none"),
        ],
    )
    def test_the_answer_is_the_leaders(self, method: str, path: str) -> None:
        async def scene() -> None:
            async with stage() as it:
                direct = await ask(it.leader_rest, method, path)
                passed_on = await ask(it.rest, method, path)
            assert (passed_on.status, passed_on.body) == (direct.status, direct.body)
            assert {name.lower() for name, _ in passed_on.headers} == {
                name.lower() for name, _ in direct.headers
            }

        play(scene())

    def test_a_client_notices_nothing(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                asking = client(it.rest)
                created = await asyncio.to_thread(asking.create, REQUEST)
                status = await asyncio.to_thread(asking.status, created.submission_id)
                listed = await asyncio.to_thread(asking.drivers, limit=1)
                killed = await asyncio.to_thread(asking.kill, created.submission_id)
                assert status.outcome is Told.QUEUED
                assert [one.submission_id for one in listed.drivers] == [created.submission_id]
                assert killed.success
                assert it.dispatcher.by_id[created.submission_id].outcome is Outcome.KILLED

        play(scene())

    def test_nobody_leads(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                it.state = NOBODY
                reply = await ask(it.rest, "POST", "/v1/submissions/create", b"{}")
                assert (reply.status, reply.all("retry-after")) == (503, ["1"])
                assert reply.all("content-type") == ["application/json;charset=utf-8"]
                assert reply.json() == {
                    "action": "ErrorResponse",
                    "message": "No dispatcher leads at the moment: ZooKeeper does not answer. "
                    "The request has not been carried out.",
                    "serverSparkVersion": "3.5.9",
                }
                with pytest.raises(NotReadyError, match="No dispatcher leads at the moment"):
                    await asyncio.to_thread(client(it.rest).status, RUNNING)

        play(scene())

    def test_the_leader_gives_no_answer(self) -> None:
        async def scene() -> None:
            async with leader_that_hangs_up() as url, stage() as it:
                it.state = StandbyState(url, url, NOW)
                reply = await ask(it.rest, "POST", f"/v1/submissions/kill/{RUNNING}")
                assert (reply.status, reply.all("retry-after")) == (502, [])
                assert reply.json()["action"] == "ErrorResponse"
                assert reply.json()["message"].endswith("The request may have been carried out.")
                with pytest.raises(UnreachableError, match="gave no answer"):
                    await asyncio.to_thread(client(it.rest).kill, RUNNING)

        play(scene())

    def test_what_is_too_large(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                large = b"x" * (LARGEST_BODY + 1)
                direct = await ask(it.leader_rest, "POST", "/v1/submissions/create", large)
                passed_on = await ask(it.rest, "POST", "/v1/submissions/create", large)
            assert (passed_on.status, passed_on.body) == (direct.status, direct.body)
            assert direct.status == 413

        play(scene())


class TestAccess:
    def test_both_want_the_token(self) -> None:
        async def scene() -> None:
            async with stage(AccessToken(TOKEN)) as it:
                path = f"/v1/submissions/kill/{QUEUED}"
                assert (await ask(it.rest, "POST", path)).status == 401
                assert (await ask(it.webui, "GET", "/")).status == 401
                assert (await ask(it.webui, "GET", "/metrics")).status == 401
                assert it.dispatcher.by_id[QUEUED].state is State.QUEUED
                shown = f"Bearer {TOKEN}"
                assert (await ask(it.webui, "GET", "/", Authorization=shown)).status == 200
                assert (await asyncio.to_thread(client(it.rest, TOKEN).kill, QUEUED)).success
                assert it.dispatcher.by_id[QUEUED].outcome is Outcome.KILLED

        play(scene())

    def test_a_standby_that_wants_none_opens_nothing(self) -> None:
        async def scene() -> None:
            async with stage(AccessToken(TOKEN)) as it:
                connections = LeaderConnections()
                async with served(standby_rest(lambda: it.state, connections=connections)) as port:
                    reply = await ask(port, "GET", f"/v1/submissions/status/{QUEUED}")
                    assert (reply.status, reply.all("www-authenticate")[0][:6]) == (401, "Bearer")
                await connections.close()

        play(scene())

    def test_pages_of_other_sites_kill_nothing(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                evil = {**FORM, "Origin": "http://evil.example"}
                reply = await ask(it.webui, "POST", f"/driver/{QUEUED}/kill", b"token=x", **evil)
                assert reply.status == 403
                assert b"other sites" in reply.body

        play(scene())


class TestPages:
    @pytest.mark.parametrize(
        "path", ["/", f"/driver/{RUNNING}", "/assets/live.js", "/driver/none", "/nowhere"]
    )
    def test_are_the_leaders(self, path: str) -> None:
        async def scene() -> None:
            async with stage() as it:
                direct = await ask(it.leader_webui, "GET", path)
                passed_on = await ask(it.webui, "GET", path)
            note = " of this dispatcher, which stands by; mesos://leader:7077 leads"
            assert passed_on.status == direct.status
            assert passed_on.body.decode().replace(note, "") == direct.body.decode()
            assert (note in passed_on.body.decode()) is (path != "/assets/live.js")
            for header in ("content-security-policy", "cache-control", "x-content-type-options"):
                assert passed_on.all(header) == direct.all(header)

        play(scene())

    def test_a_driver_is_killed_by_the_leaders_form(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                page = await ask(it.webui, "GET", f"/driver/{QUEUED}/kill")
                token = re.search(rb'name="token" value="(\w+)"', page.body)
                assert token
                reply = await ask(it.webui, "POST", f"/driver/{QUEUED}/kill", b"token=" + token[1], **FORM)
                assert (reply.status, reply.all("location")) == (303, [f"/driver/{QUEUED}"])
                assert it.dispatcher.by_id[QUEUED].outcome is Outcome.KILLED

        play(scene())

    def test_nobody_leads(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                it.state = NOBODY
                reply = await ask(it.webui, "GET", f"/driver/{RUNNING}")
                page = reply.body.decode()
                assert (reply.status, reply.all("retry-after")) == (503, ["1"])
                assert "ZooKeeper does not answer" in page
                assert "This dispatcher, mesos://standby:7077, stands by" in page
                assert '<meta http-equiv="refresh" content="2">' in page
                assert 'id="live" data-refresh="5"' in page, "so that a page that is open goes on asking"
                assert reply.all("cache-control") == ["no-store"]
                assert "default-src 'none'" in reply.all("content-security-policy")[0]

        play(scene())

    def test_a_kill_of_which_nobody_knows(self) -> None:
        async def scene() -> None:
            async with leader_that_hangs_up() as url, stage() as it:
                it.state = StandbyState(url, url, NOW)
                reply = await ask(it.webui, "POST", f"/driver/{RUNNING}/kill", b"token=x", **FORM)
                assert reply.status == 502
                assert b"may have been done all the same" in reply.body
                assert b"refresh" not in reply.body, "there has to be time to read it"

        play(scene())

    def test_a_kill_while_nobody_leads(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                it.state = NOBODY
                reply = await ask(it.webui, "POST", f"/driver/{RUNNING}/kill", b"token=x", **FORM)
                assert reply.status == 503
                assert b"Nothing has been done" in reply.body
                assert b"refresh" not in reply.body

        play(scene())


class TestItsOwn:
    def test_health_while_another_one_leads(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                reply = await ask(it.webui, "GET", "/health")
                assert (reply.status, reply.all("cache-control")) == (200, ["no-store"])
                assert reply.json() == {
                    "ready": True,
                    "leads": False,
                    "subscribed": False,
                    "leader": f"http://127.0.0.1:{it.leader_rest}",
                    "reason": "",
                    "started_at": NOW,
                    "version": "1.2.3",
                }
                assert (await ask(it.leader_webui, "GET", "/health")).json()["leads"] is True

        play(scene())

    def test_health_while_nobody_leads(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                it.state = NOBODY
                reply = await ask(it.webui, "GET", "/health")
            assert reply.status == 503
            assert (reply.json()["ready"], reply.json()["leader"]) == (False, None)
            assert reply.json()["reason"] == "No dispatcher leads at the moment: ZooKeeper does not answer"

        play(scene())

    def test_health_while_the_leader_is_out_of_reach(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                async with served(RestApplication(it.dispatcher, Rules())) as gone:
                    pass
                it.state = StandbyState(f"http://127.0.0.1:{gone}", None, NOW)
                reply = await ask(it.webui, "GET", "/health")
            assert reply.status == 503
            assert "cannot be reached: it refuses connections" in reply.json()["reason"]

        play(scene())

    @pytest.mark.parametrize("path", ["/health", "/"])
    def test_a_leader_that_says_nothing(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """As a suspended process: its system still takes connections."""
        monkeypatch.setattr("sparkmesos_core.dispatcher.server.leader_check._SECONDS", 0.1)
        monkeypatch.setattr("sparkmesos_core.dispatcher.server.forwarding._CHECK_SECONDS", 0.1)

        async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(-1)
            writer.close()

        async def scene() -> None:
            server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
            async with server, stage() as it:
                silent = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
                it.state = StandbyState(silent, silent, NOW)
                # Pages would be waited for for 30 seconds, which is longer than this may take.
                reply = await asyncio.wait_for(ask(it.webui, "GET", path), 20)
            assert reply.status == 503
            assert f"The dispatcher that leads, {silent}, gave no answer".encode() in reply.body

        play(scene())

    def test_health_when_the_leader_has_lost_zookeeper(self) -> None:
        """Then it stands by, too, and may even take this one for the leader."""

        async def scene() -> None:
            async with stage() as it:
                other = NOBODY
                connections = LeaderConnections()
                former = standby_pages(lambda: other, STANDBY, connections=connections)
                async with served(former) as port:
                    it.state = StandbyState(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}", NOW)
                    reply = await ask(it.webui, "GET", "/health")
                    assert (reply.status, reply.json()["ready"]) == (503, False)
                    assert "does not lead any more" in reply.json()["reason"]
                    assert "ZooKeeper does not answer" in reply.json()["reason"]
                    assert (
                        "sparkmesos_dispatcher_ready 0"
                        in (await ask(it.webui, "GET", "/metrics")).body.decode()
                    )
                    other = StandbyState(f"http://127.0.0.1:{it.rest}", f"http://127.0.0.1:{it.webui}", NOW)
                    assert (await ask(it.webui, "GET", "/health")).status == 503, "they do not ask in circles"
                await connections.close()

        play(scene())

    def test_health_when_the_leader_takes_no_submissions(self) -> None:
        async def scene() -> None:
            async with stage() as it:
                condition = it.dispatcher.condition
                it.dispatcher.condition = replace(condition, ready=False, reason="its disk is full")
                reply = await ask(it.webui, "GET", "/health")
            assert reply.status == 503
            assert reply.json()["reason"].endswith("takes no submissions at the moment: its disk is full")

        play(scene())

    def test_health_tells_strangers_no_more_than_that(self) -> None:
        async def scene() -> None:
            async with stage(AccessToken(TOKEN)) as it:
                assert (await ask(it.webui, "GET", "/health")).json() == {
                    "ready": True,
                    "leads": False,
                    "subscribed": False,
                }
                known = await ask(it.webui, "GET", "/health", Authorization=f"Bearer {TOKEN}")
                assert known.json()["leader"] == f"http://127.0.0.1:{it.leader_rest}"

        play(scene())

    @pytest.mark.parametrize("leader", [True, False])
    def test_metrics(self, leader: bool) -> None:
        async def scene() -> None:
            async with stage() as it:
                if not leader:
                    it.state = NOBODY
                reply = await ask(it.webui, "GET", "/metrics")
                lines = reply.body.decode().splitlines()
                assert reply.all("content-type") == ["text/plain; version=0.0.4; charset=utf-8"]
                assert 'sparkmesos_dispatcher_info{version="1.2.3"} 1' in lines
                assert "sparkmesos_dispatcher_leads 0" in lines
                assert f"sparkmesos_dispatcher_ready {int(leader)}" in lines
                assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
                assert not any("drivers" in line for line in lines if not line.startswith("#"))
                leading = (await ask(it.leader_webui, "GET", "/metrics")).body.decode().splitlines()
                assert "sparkmesos_dispatcher_leads 1" in leading

        play(scene())


def test_states_of_drivers_are_those_of_the_leader_now() -> None:
    """Nothing is remembered by the standby."""

    async def scene() -> None:
        async with stage() as it:
            asking = client(it.rest)
            assert (await asyncio.to_thread(asking.status, RUNNING)).outcome is Told.RUNNING
            it.dispatcher.change(RUNNING, state=State.FINISHED, outcome=Outcome.SUCCEEDED, finished_at=NOW)
            assert (await asyncio.to_thread(asking.status, RUNNING)).outcome is Told.SUCCEEDED

    play(scene())

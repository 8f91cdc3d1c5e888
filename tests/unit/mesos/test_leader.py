"""Which master leads: what single answers and znodes say, and asking until somebody leads."""

from __future__ import annotations

import json
import random
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import trustme

from sparkmesos_core.errors import ExitCode, UnreachableError, UsageError
from sparkmesos_core.master import HostPort, MesosMaster
from sparkmesos_core.mesos.leader import (
    Leader,
    Leads,
    PointsTo,
    Refusal,
    choose_member,
    judge,
    read_member,
    resolve_leader,
)
from tests.http_stub import Answer, http_stub

JSON = {"Content-Type": "application/json"}
ROLES = Answer(200, b'{"roles": []}', JSON)
VERSION = Answer(200, b'{"version": "1.12.0"}', JSON)
LEADING = {"/roles": ROLES, "/version": VERSION}


def response(status: int, body: bytes = b"", **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content, made.reason = status, body, "X"
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


def pointing_to(address: HostPort) -> dict[str, Answer]:
    return {"/roles": Answer(307, b"", {"Location": f"//{address}/master/roles"}), "/version": VERSION}


@contextmanager
def refusing_address() -> Iterator[HostPort]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield HostPort("127.0.0.1", bound.getsockname()[1])


# Single answers


@pytest.mark.parametrize(
    ("location", "scheme", "expected"),
    [
        ("//h:5050/master/roles", "http", PointsTo("http", HostPort("h", 5050))),
        ("//h:5050", "https", PointsTo("https", HostPort("h", 5050))),
        ("h:5050", "http", PointsTo("http", HostPort("h", 5050))),
        ("//[::1]:5050/x", "http", PointsTo("http", HostPort("::1", 5050))),
        ("https://h/master/roles", "http", PointsTo("https", HostPort("h", 443))),
        ("http://h", "http", PointsTo("http", HostPort("h", 80))),
    ],
)
def test_redirects_keep_the_scheme_unless_they_name_one(
    location: str, scheme: str, expected: PointsTo
) -> None:
    assert judge(response(307, Location=location), "https" if scheme == "https" else "http") == expected


@pytest.mark.parametrize("location", ["", "//", "//h:port/x", "ftp://h/x", "//[::1/x", "/login"])
def test_redirects_to_nowhere(location: str) -> None:
    verdict = judge(response(307, Location=location), "http")
    assert isinstance(verdict, Refusal)
    assert f"redirects to '{location}', which is no address" in verdict.reason
    assert not verdict.passing


def test_a_redirect_does_not_lead_from_https_to_http() -> None:
    verdict = judge(response(307, Location="http://h:5050/"), "https")
    assert isinstance(verdict, Refusal)
    assert "from https" in verdict.reason


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (response(200, b'{"roles": []}'), Leads(sure=True)),
        (response(401, b"401 Unauthorized."), Leads(sure=False)),
        (response(403), Leads(sure=False)),
    ],
)
def test_a_master_that_answers_itself_leads(answer: requests.Response, expected: Leads) -> None:
    assert judge(answer, "http") == expected


@pytest.mark.parametrize(
    ("answer", "reason", "passing"),
    [
        (response(503, b"Master has not finished recovery"), "Master has not finished recovery", True),
        (response(503, b"No leader elected"), "No leader elected", True),
        (response(502), "502", True),
        (response(200, b"<html/>", Content_Type="text/html"), "200 X (a web page)", False),
        (response(200, b'{"roles": 1}'), "does not answer like a Mesos master", False),
        (response(200, b"[]"), "does not answer like a Mesos master", False),
        (response(404, b"404 Not Found."), "404 X: 404 Not Found.", False),
        (response(302, Location="/login"), "does not answer like a Mesos master: 302", False),
        (response(400, b'{"serverSparkVersion": "3.5.9"}'), "a REST server of Spark", False),
    ],
)
def test_other_answers(answer: requests.Response, reason: str, passing: bool) -> None:
    verdict = judge(answer, "http")
    assert isinstance(verdict, Refusal)
    assert reason in verdict.reason
    assert verdict.passing == passing


# ZooKeeper nodes


def test_the_smallest_number_leads_whatever_the_label() -> None:
    names = ["json.info_0000000012", "json.info_0000000003", "log_replicas", "info_0000000004", "0000000005"]
    for seed in range(5):
        random.Random(seed).shuffle(names)
        assert choose_member(names) == "json.info_0000000003"
    assert choose_member(["json.info_0000000003", "info_0000000002"]) == "info_0000000002"
    assert choose_member(["json.info_0000000003", "0000000001"]) == "0000000001"


@pytest.mark.parametrize("names", [[], ["log_replicas"], ["json.info_", "other_0000000001", "json.info_1x"]])
def test_other_nodes_are_no_masters(names: list[str]) -> None:
    assert choose_member(names) is None


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            {"address": {"ip": "10.0.0.1", "port": 5051, "hostname": "m1"}, "hostname": "x", "port": 1, "version": "1.12.0"},
            Leader(HostPort("10.0.0.1", 5051), "http", "m1", "1.12.0"),
        ),
        ({"address": {"ip": "fd00::1", "port": 5050}}, Leader(HostPort("fd00::1", 5050), "http", "fd00::1")),
        ({"hostname": "m1", "port": 5050, "pid": "master@10.0.0.1:5050"}, Leader(HostPort("m1", 5050), "http", "m1")),
        ({"address": {"port": 5050}, "hostname": "m1", "port": 5050}, Leader(HostPort("m1", 5050), "http", "m1")),
        ({"pid": "master@10.0.0.1:5050"}, Leader(HostPort("10.0.0.1", 5050), "http", "10.0.0.1")),
        ({"pid": "master@[::1]:5050", "version": 1}, Leader(HostPort("::1", 5050), "http", "::1")),
    ],
)  # fmt: skip
def test_the_address_is_taken_from_what_is_there(info: object, expected: Leader) -> None:
    assert read_member("json.info_0000000001", json.dumps(info).encode(), "http") == expected


def test_urls_of_a_leader() -> None:
    leader = Leader(HostPort("::1", 5050), "https", "m1")
    assert leader.http_url == "https://[::1]:5050"
    assert leader.spark_url == "mesos://https://[::1]:5050"
    assert Leader(HostPort("h", 5050)).spark_url == "mesos://h:5050"


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b"{}", b'{"address": 1}', b'{"hostname": "m", "port": true}', b'{"pid": "x"}'],
)
def test_a_node_that_describes_no_master(data: bytes) -> None:
    with pytest.raises(UnreachableError, match=r"'json.info_0000000001' does not describe a Mesos master"):
        read_member("json.info_0000000001", data, "http")


@pytest.mark.parametrize("name", ["info_0000000001", "0000000001"])
def test_nodes_of_old_masters_are_named_as_such(name: str) -> None:
    with pytest.raises(UnreachableError, match=r"Mesos 0\.23 and older") as caught:
        read_member(name, b"\n\x04id-1", "http")
    assert "Upgrade" in caught.value.hint


# Asking


def test_a_single_leader() -> None:
    with http_stub(LEADING) as stub:
        leader = resolve_leader(MesosMaster((stub.address,)))
    assert leader == Leader(stub.address, "http", "127.0.0.1", "1.12.0")


def test_a_leader_that_wants_credentials() -> None:
    with http_stub({"/roles": Answer(401, b"401 Unauthorized."), "/version": VERSION}) as stub:
        assert resolve_leader(MesosMaster((stub.address,))).version == "1.12.0"


def test_a_standby_that_wants_credentials_before_it_says_who_leads() -> None:
    """Only `/redirect` says it then; the leader points to itself."""
    closed = {"/roles": Answer(401, b"401 Unauthorized."), "/version": VERSION}
    leading = {**closed}
    with http_stub(leading) as leader:
        redirect = Answer(307, b"", {"Location": f"//{leader.address}"})
        leading["/redirect"] = redirect
        with http_stub({**closed, "/redirect": redirect}) as standby:
            found = resolve_leader(MesosMaster((standby.address, leader.address)))
            assert found.address == leader.address
            assert "/redirect" in [path for _, path, _ in leader.requests]


def test_a_standby_that_wants_credentials_while_nobody_leads() -> None:
    closed = {"/roles": Answer(401, b"401 Unauthorized."), "/version": VERSION}
    nobody = Answer(503, b"No leader elected", {"Content-Type": "text/plain"})
    with http_stub({**closed, "/redirect": nobody}) as stub, pytest.raises(UnreachableError) as caught:
        resolve_leader(MesosMaster((stub.address,)), timeout=0.3)
    assert "No leader elected" in caught.value.message


def test_a_leader_whose_own_name_is_unknown_here() -> None:
    closed = {"/roles": Answer(401), "/version": VERSION}
    redirect = Answer(307, b"", {"Location": "//master.mesos.invalid:5050"})
    with http_stub({**closed, "/redirect": redirect}) as stub:
        assert resolve_leader(MesosMaster((stub.address,))).address == stub.address


def test_something_else_that_wants_credentials() -> None:
    with http_stub(lambda path: Answer(401)) as stub, pytest.raises(UnreachableError) as caught:
        resolve_leader(MesosMaster((stub.address,)))
    assert f"http://{stub.address} wants credentials, but is no Mesos master" in caught.value.message


def test_a_master_without_a_readable_version() -> None:
    with http_stub({"/roles": ROLES}) as stub:
        assert resolve_leader(MesosMaster((stub.address,))).version is None


def test_the_first_that_leads_or_knows_who_does() -> None:
    with (
        refusing_address() as dead,
        http_stub(LEADING) as leading,
        http_stub(pointing_to(leading.address)) as other,
    ):
        assert resolve_leader(MesosMaster((dead, other.address))).address == leading.address
        assert len(other.requests) == 1


def test_a_leader_that_died_is_waited_out() -> None:
    """The other master points at the dead one until ZooKeeper drops it, then recovers, then leads."""
    with refusing_address() as dead:
        states = [pointing_to(dead)["/roles"], pointing_to(dead)["/roles"], Answer(503, b"recovering"), ROLES]

        def answer(path: str) -> Answer:
            return VERSION if path == "/version" else states.pop(0) if len(states) > 1 else states[0]

        with http_stub(answer) as stub:
            assert resolve_leader(MesosMaster((dead, stub.address))).address == stub.address
        assert states == [ROLES]


def test_when_nobody_leads_each_host_has_its_reason() -> None:
    with (
        refusing_address() as dead,
        http_stub({"/roles": Answer(503, b"Master has not finished recovery")}) as recovering,
        http_stub(pointing_to(dead)) as stale,
        http_stub({"/roles": Answer(400, b'{"serverSparkVersion": "3.5.9"}', JSON)}) as dispatcher,
    ):
        master = MesosMaster((dead, recovering.address, stale.address, dispatcher.address))
        with pytest.raises(UnreachableError) as caught:
            resolve_leader(master, timeout=0.6)
        assert caught.value.exit_code is ExitCode.UNREACHABLE
        for part in (
            "no leading Mesos master: ",
            f"http://{dead} refuses the connection; ",
            f"http://{recovering.address} answered 503 Service Unavailable: Master has not finished recovery; ",
            f"http://{stale.address} points to http://{dead}, which refuses the connection; ",
            f"http://{dispatcher.address} is a REST server of Spark, such as a dispatcher, not a Mesos master",
            "(asked for 0.6 s)",
        ):
            assert part in caught.value.message
        # Shells, and dispatchers themselves, ask for a leader, too: they cannot be submitted there.
        assert "a dispatcher is for applications (`sparkmesos submit --deploy-mode" in caught.value.hint
        assert len(recovering.requests) >= 2


def test_without_hope_it_is_reported_at_once() -> None:
    with http_stub({}) as stub:
        with pytest.raises(UnreachableError) as caught:
            resolve_leader(MesosMaster((stub.address,)), timeout=60)
        assert "does not answer like a Mesos master: 404 Not Found" in caught.value.message
        assert "asked for" not in caught.value.message
        assert len(stub.requests) == 1


def test_masters_that_point_at_each_other() -> None:
    targets: dict[str, HostPort] = {}
    with (
        http_stub(lambda _: pointing_to(targets["a"])["/roles"]) as a,
        http_stub(lambda _: pointing_to(a.address)["/roles"]) as b,
    ):
        targets["a"] = b.address
        with pytest.raises(UnreachableError, match="without end"):
            resolve_leader(MesosMaster((a.address,)), timeout=0.1)
        assert len(a.requests) == len(b.requests) == 1


def test_a_silent_host_does_not_use_up_the_time_of_the_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, http_stub(LEADING) as leading:
        address = HostPort("127.0.0.1", silent.getsockname()[1])
        leader = resolve_leader(MesosMaster((address, leading.address)), timeout=1)
    assert leader.address == leading.address


def test_https_masters_and_redirects_between_them(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with http_stub(LEADING, context) as leading, http_stub(pointing_to(leading.address), context) as other:
        master = MesosMaster((other.address,), "https")
        leader = resolve_leader(master, ca_file=str(tmp_path / "ca.pem"))
        assert leader == Leader(leading.address, "https", "127.0.0.1", "1.12.0")
        with pytest.raises(UnreachableError, match="not trusted") as caught:
            resolve_leader(master)
        assert "--ca-file" in caught.value.hint


def test_a_bad_ca_file_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        resolve_leader(MesosMaster((HostPort("h", 5050),), "https"), ca_file=str(tmp_path / "none.pem"))

"""Finding the leader, against what a real Mesos 1.12.0 and its ZooKeeper nodes said."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import requests

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

RECORDINGS = Path(__file__).parent / "recordings"
MASTER1 = PointsTo("http", HostPort("master1.mesos.example", 5050))


def recording(name: str) -> Any:
    return json.loads((RECORDINGS / f"{name}.json").read_text())


def exchange(name: str, path: str, method: str = "GET") -> Any:
    """The first recorded answer to a request."""
    return next(
        each["response"]
        for each in recording(name)["exchanges"]
        if (each["request"]["method"], each["request"]["path"]) == (method, path)
    )


def body_of(recorded: Any) -> bytes:
    body = recorded.get("body", "")
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def as_response(recorded: Any) -> requests.Response:
    made = requests.Response()
    made.status_code = recorded["status"]
    made._content = body_of(recorded)
    made.headers.update(recorded["headers"])
    return made


def as_answer(recorded: Any, master1: HostPort | None = None) -> Answer:
    """What was recorded, to be served; with another address in place of master1's."""
    headers = {
        k: v for k, v in recorded["headers"].items() if k not in ("Content-Length", "Content-Encoding")
    }
    if master1 is not None:
        headers = {k: v.replace(str(MASTER1.address), str(master1)) for k, v in headers.items()}
    return Answer(recorded["status"], body_of(recorded), headers)


def test_a_leading_master_leads() -> None:
    assert judge(as_response(exchange("mesos-1.12.0/master-GET_roles", "/roles")), "http") == Leads(sure=True)


def test_a_leading_master_with_authentication_leads() -> None:
    # Recorded of /slaves: authentication refuses before the endpoint is looked at.
    refused = exchange("mesos-1.12.0/authentication", "/slaves")
    assert refused["status"] == 401
    assert judge(as_response(refused), "http") == Leads(sure=False)


def test_every_redirect_of_a_non_leading_master_points_to_the_leader() -> None:
    redirects = [
        each["response"]
        for name in ("non-leading-master", "leading-master-redirect")
        for each in recording(f"mesos-1.12.0/{name}")["exchanges"]
        if each["response"]["status"] == 307
    ]
    assert len(redirects) > 15
    for redirect in redirects:
        assert judge(as_response(redirect), "http") == MASTER1
    assert judge(as_response(redirects[0]), "https") == PointsTo("https", MASTER1.address)


def test_a_failover_is_waited_for() -> None:
    polling = next(
        event["_polling"]
        for event in recording("mesos-1.12.0/scheduler-master-failover-before")["events"]
        if "_polling" in event
    )
    stale, recovering = (judge(as_response(answer), "http") for answer in polling[:2])
    assert stale == MASTER1
    assert isinstance(recovering, Refusal)
    assert recovering.passing
    assert "Master has not finished recovery" in recovering.reason


def test_the_master_that_leads_after_a_failover_is_found_through_the_other_one() -> None:
    """One request after the other: to the dead one, not recovered, itself."""
    polling = next(
        event["_polling"]
        for event in recording("mesos-1.12.0/scheduler-master-failover-before")["events"]
        if "_polling" in event
    )
    roles = exchange("mesos-1.12.0/master-GET_roles", "/roles")
    version = exchange("mesos-1.12.0/master-GET_version", "/version")
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # and does not listen
        address = HostPort("127.0.0.1", dead.getsockname()[1])
        answers = [
            *(as_answer(each, address) for each in (polling[0], polling[0], polling[1])),
            as_answer(roles),
        ]
        with http_stub(lambda path: as_answer(version) if path == "/version" else answers.pop(0)) as stub:
            found = resolve_leader(MesosMaster((stub.address,)))
    assert found == Leader(stub.address, "http", "127.0.0.1", "1.12.0")
    assert not answers


def test_from_a_non_leading_master_to_the_leader() -> None:
    leading = {
        "/roles": as_answer(exchange("mesos-1.12.0/master-GET_roles", "/roles")),
        "/version": as_answer(exchange("mesos-1.12.0/master-GET_version", "/version")),
    }
    with http_stub(leading) as leader:
        redirect = as_answer(exchange("mesos-1.12.0/non-leading-master", "/roles"), leader.address)
        with http_stub({"/roles": redirect}) as other:
            found = resolve_leader(MesosMaster((other.address,)))
    assert found == Leader(leader.address, "http", "127.0.0.1", "1.12.0")


def test_an_agent_is_not_a_master() -> None:
    # What an agent and a master alike answer for a path that they do not have.
    missing = exchange("mesos-1.12.0/non-leading-master", "/nope")
    verdict = judge(as_response(missing), "http")
    assert isinstance(verdict, Refusal)
    assert not verdict.passing


def test_sparks_dispatcher_is_recognised() -> None:
    for each in recording("spark-3.5.9-rest/server-paths")["exchanges"]:
        answer = each["response"]
        if answer["status"] in (400, 468) and isinstance(answer.get("body"), dict):
            verdict = judge(as_response(answer), "http")
            assert isinstance(verdict, Refusal)
            assert "dispatcher" in verdict.reason


def test_zookeeper_nodes() -> None:
    nodes = recording("mesos-1.12.0/zookeeper-mesos")
    expected = {
        "two_masters": Leader(HostPort("127.0.0.1", 5050), "http", "master1.mesos.example", "1.12.0"),
        "after_leader_killed": Leader(HostPort("127.0.0.1", 5050), "http", "master1.mesos.example", "1.12.0"),
        "new_leader": Leader(HostPort("127.0.0.1", 5150), "http", "master2.mesos.example", "1.12.0"),
    }
    for moment, leader in expected.items():
        data = {node["name"]: node["data_raw"].encode() for node in nodes[moment]}
        assert "log_replicas" in data
        chosen = choose_member(data)
        assert chosen is not None
        assert read_member(chosen, data[chosen], "http") == leader
        assert read_member(chosen, data[chosen], "https").http_url == f"https://{leader.address}"

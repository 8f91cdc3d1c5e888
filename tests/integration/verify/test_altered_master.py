"""The server in front of the master: without changes it is the master; and each kind of change is made."""

from __future__ import annotations

import json
import socket
import threading

import pytest
import requests

from sparkmesos_core.localcluster.cluster import RunningCluster
from sparkmesos_core.master import MesosMaster, parse_master
from sparkmesos_core.mesos.leader import resolve_leader
from tests.integration.verify.altered_master import EVERYWHERE, AlteredServer


def get(server: AlteredServer, path: str) -> requests.Response:
    return requests.get(server.http_url + path, timeout=30)


def test_everything_is_passed_on(cluster: RunningCluster, altered: AlteredServer) -> None:
    for path in ("/state", "/master/flags", "/version", "/nothing", "/files/read?path=/nothing"):
        real = requests.get(cluster.http_url + path, timeout=30)
        passed = get(altered, path)
        assert (passed.status_code, passed.headers["Content-Type"]) == (
            real.status_code,
            real.headers["Content-Type"],
        )
        assert len(passed.content) == len(real.content)
    assert altered.requests == {"/state": 1, "/flags": 1, "/version": 1, "/nothing": 1, "/files/read": 1}


def test_it_leads(altered: AlteredServer) -> None:
    master = parse_master(altered.url)
    assert isinstance(master, MesosMaster)
    assert resolve_leader(master).http_url == altered.http_url
    assert get_location(altered) == f"//127.0.0.1:{altered.port}"


def get_location(altered: AlteredServer) -> str:
    answer = requests.get(altered.http_url + "/redirect", timeout=30, allow_redirects=False)
    assert answer.status_code == 307
    return answer.headers["Location"]


def test_a_subscription_is_passed_on_and_ends_with_either_side(
    cluster: RunningCluster, altered: AlteredServer
) -> None:
    info = {"user": "root", "name": "a framework", "failover_timeout": 0}
    with requests.post(
        f"{altered.http_url}/api/v1/scheduler",
        json={"type": "SUBSCRIBE", "subscribe": {"framework_info": info}},
        stream=True,
        timeout=30,
    ) as answer:
        assert answer.headers["Mesos-Stream-Id"]
        events = answer.iter_content(4096)  # which ends the connection with itself
        assert b"SUBSCRIBED" in next(events)
        assert [f["name"] for f in get(altered, "/frameworks").json()["frameworks"]] == ["a framework"]
    while get(altered, "/frameworks").json()["frameworks"]:
        pass  # the master hears of the end when the connection to it is cut


def test_changes(altered: AlteredServer) -> None:
    altered.edit("/version", lambda version: {**version, "version": "0.20.0"})
    altered.edit("/version", lambda version: version.update(git_tag="0.20.0"))
    altered.headers(EVERYWHERE, {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Content-Type": None})
    altered.status("/health", 503, b"not well")
    altered.body("/flags", b"{")
    version = get(altered, "/master/version")
    assert (version.json()["version"], version.json()["git_tag"]) == ("0.20.0", "0.20.0")
    assert version.headers["Date"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert "Content-Type" not in version.headers
    assert (get(altered, "/health").status_code, get(altered, "/health").text) == (503, "not well")
    assert (get(altered, "/flags").status_code, get(altered, "/flags").text) == (200, "{")
    altered.heal()
    assert get(altered, "/version").json()["version"] != "0.20.0"
    assert get(altered, "/health").status_code == 200
    assert get(altered, "/flags").json()["flags"]


def test_calls_of_the_operator_api_by_their_types(altered: AlteredServer) -> None:
    altered.edit("/api/v1 GET_VERSION", lambda answer: answer.update(type="CHANGED"))
    types = [
        requests.post(f"{altered.http_url}/api/v1", json={"type": kind}, timeout=30).json()["type"]
        for kind in ("GET_VERSION", "GET_HEALTH")
    ]
    assert types == ["CHANGED", "GET_HEALTH"]
    assert altered.requests["/api/v1"] == 2
    assert altered.requests["/api/v1 GET_HEALTH"] == 1


def test_an_answer_that_waits(altered: AlteredServer) -> None:
    until = threading.Event()
    altered.delay("/health", until)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(altered.http_url + "/health", timeout=0.2)
    until.set()
    assert get(altered, "/health").status_code == 200


def test_in_front_of_an_agent(cluster: RunningCluster, altered: AlteredServer) -> None:
    agent = altered.in_front_of_agent(cluster, 1)
    agent.edit("/version", lambda version: version.update(version="0.20.0"))
    ports = [one["port"] for one in get(altered, "/slaves").json()["slaves"]]
    assert ports == [int(cluster.agent_urls[0].rpartition(":")[2]), agent.port]
    assert f'@127.0.0.1:{agent.port}"' in get(altered, "/state").text
    assert get(agent, "/version").json()["version"] == "0.20.0"
    altered.heal()
    assert [one["port"] for one in get(altered, "/slaves").json()["slaves"]] == ports


def test_an_end_during_a_request(cluster: RunningCluster) -> None:
    server = AlteredServer(cluster.http_url)
    server.delay("/health", threading.Event())
    with socket.socket() as waiting, server.serving():
        waiting.connect(("127.0.0.1", server.port))
        waiting.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while not server.received:
            pass
        assert json.dumps(server.requests) == '{"/health": 1}'

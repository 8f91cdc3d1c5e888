from __future__ import annotations

import base64
import json
import socket
import threading
import time
from typing import Any

import pytest

from sparkmesos_core.errors import MesosError, TimedOutError, UnreachableError
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.cluster_reading import MasterAccess, read_cluster_facts
from tests.http_stub import Answer, HttpStub, http_stub

JSON = {"Content-Type": "application/json"}
REFUSED = Answer(401, b"401 Unauthorized.", {"WWW-Authenticate": 'Basic realm="mesos-master-readonly"'})
SLAVES = {
    "slaves": [
        {
            "id": "m-S0",
            "hostname": "agent1",
            "pid": "slave(1)@192.0.2.11:5051",
            "attributes": {},
            "resources": {"cpus": 2.0, "mem": 1024.0},
        }
    ],
    "recovered_slaves": [{"id": "m-S1"}],
}
FLAGS = {"flags": {"roles": "spark", "filter_gpu_resources": "true"}}


def answer(content: Any) -> Answer:
    return Answer(200, json.dumps(content).encode(), JSON)


ANSWERS = {"/slaves": answer(SLAVES), "/flags": answer(FLAGS)}


def read(stub: HttpStub, *, seconds: float = 60, **access: Any) -> ClusterFacts:
    return read_cluster_facts(
        MasterAccess(f"http://{stub.address}", **access), deadline=time.monotonic() + seconds
    )


def test_what_the_master_tells() -> None:
    with http_stub(ANSWERS) as stub:
        facts = read(stub, principal="spark", secret="hunter2")
    assert [agent.hostname for agent in facts.agents] == ["agent1"]
    assert (facts.recovering, facts.roles_whitelist, facts.withholds_gpu_agents) == (
        1,
        frozenset({"spark"}),
        True,
    )
    assert facts.master == stub.address
    assert sorted(path for _, path, _ in stub.requests) == ["/flags", "/slaves"]
    # It did not ask for them.
    assert not any("Authorization" in headers for _, _, headers in stub.requests)


def test_credentials_are_for_a_master_that_asks() -> None:
    wanted = "Basic " + base64.b64encode(b"spark:hunter2").decode()
    given: list[str | None] = []

    def reply(path: str) -> Answer:
        asked = [headers for _, asked_path, headers in stub.requests if asked_path == path]
        authorization = asked[-1].get("Authorization")
        if authorization is None:
            return REFUSED
        given.append(authorization)
        return ANSWERS[path]

    with http_stub(reply) as stub:
        assert read(stub, principal="spark", secret="hunter2").roles_whitelist == frozenset({"spark"})
        assert given == [wanted, wanted]
        with pytest.raises(MesosError, match="401"):
            read(stub)
        with pytest.raises(MesosError, match="401"):
            read(stub, principal="spark")


def test_flags_that_are_not_told_count_as_not_set() -> None:
    for refused in (Answer(403, b"no"), Answer(200, b"<html>"), REFUSED):
        with http_stub({**ANSWERS, "/flags": refused}) as stub:
            facts = read(stub)
        assert (len(facts.agents), facts.roles_whitelist, facts.withholds_gpu_agents) == (1, None, False)


@pytest.mark.parametrize(
    "slaves",
    [
        Answer(307, b"", {"Location": "//192.0.2.9:5050/slaves"}),
        Answer(503, b"Master has not finished recovery"),
        Answer(200, b"[]", JSON),
        Answer(200, b'{"slaves": [{}]}', JSON),
    ],
)
def test_what_is_no_list_of_agents(slaves: Answer) -> None:
    with http_stub({**ANSWERS, "/slaves": slaves}) as stub, pytest.raises(MesosError):
        read(stub)


def test_flags_that_are_something_else() -> None:
    with http_stub({**ANSWERS, "/flags": answer({"flags": 1})}) as stub, pytest.raises(MesosError):
        read(stub)


def test_a_master_that_is_too_slow() -> None:
    over = threading.Event()

    def reply(path: str) -> Answer:
        if path == "/slaves":
            over.wait(60)
        return ANSWERS[path]

    with http_stub(reply) as stub:
        try:
            with pytest.raises((TimedOutError, UnreachableError)):
                read(stub, seconds=0.5)
        finally:
            over.set()


def test_nobody_there() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # taken, and not listened on
        access = MasterAccess(f"http://127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(UnreachableError, match="refuses the connection"):
            read_cluster_facts(access, deadline=time.monotonic() + 60)


def test_no_secret_in_words() -> None:
    assert "hunter2" not in repr(MasterAccess("http://h:5050", principal="spark", secret="hunter2"))

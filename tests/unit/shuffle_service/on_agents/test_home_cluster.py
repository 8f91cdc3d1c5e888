"""Whether a cluster is the one that records are of, by what it says of agents and frameworks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sparkmesos_core.errors import DaemonError, MesosError, UnreachableError
from sparkmesos_core.master import MesosMaster, ZooKeeperMaster, parse_master
from sparkmesos_core.shuffle_service.on_agents.home_cluster import check_home, spelled
from tests.http_stub import Answer, HttpStub, http_stub

HOME = "mesos://m1:5050"


def master(text: str) -> MesosMaster | ZooKeeperMaster:
    parsed = parse_master(text)
    assert isinstance(parsed, (MesosMaster, ZooKeeperMaster))
    return parsed


def told(content: Any) -> Answer:
    return Answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


def cluster(agents: tuple[str, ...] = (), **frameworks: Any) -> dict[str, Answer]:
    slaves = [
        {
            **{"id": agent, "hostname": agent, "pid": "slave(1)@127.0.0.1:5051", "active": True},
            **{"resources": {}, "unreserved_resources_full": [], "attributes": {}, "version": "1.12.0"},
        }
        for agent in agents
    ]
    return {
        "/roles": told({"roles": []}),
        "/slaves": told({"slaves": slaves}),
        "/frameworks?framework_id=F": told(frameworks),
    }


def check(stub: HttpStub, *agent_ids: str) -> None:
    check_home(master(f"mesos://{stub.address}"), HOME, "F", agent_ids, place="/state/services.db")


@pytest.mark.parametrize(
    ("answers", "agent_ids"),
    [
        (cluster(("a-S0", "a-S7")), ("a-S1", "a-S7")),
        (cluster(frameworks=[{"id": "F"}]), ()),
        (cluster(completed_frameworks=[{"id": "F"}]), ("a-S1",)),
        (cluster(unregistered_frameworks=["F"]), ("a-S1",)),
    ],
)
def test_one_known_id_is_enough(answers: dict[str, Answer], agent_ids: tuple[str, ...]) -> None:
    with http_stub(answers) as stub:
        check(stub, *agent_ids)


def test_another_cluster_is_refused_with_what_to_do() -> None:
    with http_stub(cluster(("b-S0",), frameworks=[{"id": "G"}])) as stub:
        with pytest.raises(DaemonError) as raised:
            check(stub, "a-S0")
        assert raised.value.message == (
            f"The records in /state/services.db are of another cluster: of the framework F at {HOME}, and"
            f" mesos://{stub.address} knows neither that nor any of its agents"
        )
        assert f"--stop --master {HOME}" in raised.value.hint


def test_one_that_does_not_tell_is_not_taken_for_another() -> None:
    silent = {**cluster(), "/slaves": Answer(403, b"no")}
    with http_stub(silent) as stub, pytest.raises(MesosError, match="It cannot be told whether"):
        check(stub, "a-S0")
    with pytest.raises(UnreachableError, match=r"which was mesos://m1:5050: "):
        check_home(master("mesos://127.0.0.1:1"), HOME, "F", (), place="x")


def test_credentials_are_not_kept() -> None:
    assert spelled(master("mesos://zk://u:hush@z:2181/mesos")) == "mesos://zk://z:2181/mesos"
    assert spelled(master("mesos://m1:5050")) == HOME

"""Reading a cluster's state: what is kept of it, and that no more is."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from benchmarks.large_state import LargeCluster
from sparkmesos_core.errors import MesosError
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.mesos.state_stream import JsonStream
from sparkmesos_core.verify.facts.cluster_state import AgentsState, ClusterState, FrameworkState
from sparkmesos_core.verify.facts.cluster_state_reading import (
    agent_state,
    left_of,
    read_agents,
    read_state,
    splits_reservations,
    summed_up,
)

Json = dict[str, Any]


def slave(**fields: Any) -> Json:
    return {
        "id": "S0",
        "hostname": "agent1",
        "port": 5051,
        "pid": "slave(1)@192.0.2.1:5051",
        "attributes": {},
        "registered_time": 100.5,
        "resources": {"cpus": 4.0, "mem": 4096.0, "ports": "[31000-32000]"},
        "used_resources": {"cpus": 1.0, "mem": 1024.0, "ports": "[31000-31009]"},
        "offered_resources": {"cpus": 0.5, "mem": 0.0},
        "reserved_resources": {},
        "unreserved_resources": {"cpus": 4.0, "mem": 4096.0, "ports": "[31000-32000]"},
        "active": True,
        **fields,
    }


def framework(**fields: Any) -> Json:
    return {"id": "F1", "name": "app", "active": True, "tasks": [], "completed_tasks": [], **fields}


def task(state: str, **fields: Any) -> Json:
    return {
        "id": "0",
        "name": "app 0",
        "framework_id": "F1",
        "executor_id": "",
        "slave_id": "S0",
        "state": state,
        "statuses": [{"state": state, "timestamp": 50.0}],
        **fields,
    }


def read(**content: Any) -> ClusterState:
    text = json.dumps({"frameworks": [], **content}).encode()
    return read_state(JsonStream([text], "http://master/state"), read_at=1000.0)


def read_slaves(answer: Any, unreachable: int = 0) -> AgentsState:
    stream = JsonStream([json.dumps(answer).encode()], "http://master/slaves")
    return read_agents(stream, unreachable=unreachable)


def read_framework(**fields: Any) -> FrameworkState:
    (found,) = read(frameworks=[framework(**fields)]).frameworks
    return found


class TestAgents:
    def test_what_is_free_is_neither_used_nor_offered(self) -> None:
        state = agent_state(slave())
        assert state.free == Resources.parse("cpus:2.5;mem:3072;ports:[31010-32000]")
        assert state.offered == Resources.parse("cpus:0.5")

    def test_each_has_a_name_of_its_own(self) -> None:
        slaves = [slave(), slave(id="S1", pid="slave(1)@192.0.2.1:5052"), slave(id="S2", hostname="agent2")]
        gone = [{"id": "S3", "hostname": "agent1", "port": 5053}]
        there = ["agent1:5051", "agent1:5052", "agent2"]
        for state in (
            read_slaves({"slaves": slaves, "recovered_slaves": gone}),
            read(recovered_slaves=gone, slaves=slaves).agents,
        ):
            assert [agent.facts.name for agent in state.agents] == there
            assert state.recovering == ("agent1:5053",)

    def test_by_role_where_resources_are_listed_one_by_one(self) -> None:
        state = agent_state(
            slave(
                reserved_resources={"etl": {"cpus": 2.0}},
                unreserved_resources={"cpus": 2.0, "mem": 4096.0},
                used_resources_full=[
                    {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.5}, "role": "etl"},
                    {
                        "name": "cpus",
                        "type": "SCALAR",
                        "scalar": {"value": 9},
                        "role": "*",
                        "revocable": {},
                    },
                ],
                offered_resources_full=[],
            )
        )
        assert state.free.of_role("etl") == Resources.parse("cpus(etl):0.5")
        assert state.free.of_role("*").scalar("cpus") == 2.0

    def test_without_roles_unreserved_resources_are_used_first(self) -> None:
        state = agent_state(
            slave(
                reserved_resources={"etl": {"cpus": 2.0}},
                unreserved_resources={"cpus": 2.0},
                used_resources={"cpus": 3.0},
                offered_resources={},
            )
        )
        assert state.free.scalar("cpus") == 1.0
        assert state.free.of_role("etl") == Resources.parse("cpus(etl):1")

    @pytest.mark.parametrize(
        ("fields", "known"),
        [
            ({}, True),
            ({"reserved_resources": {"etl": {"cpus": 1.0}}}, False),
            ({"reserved_resources": {"etl": {"cpus": 1.0}}, "used_resources_full": []}, True),
            (
                {
                    "reserved_resources": {"etl": {"cpus": 1.0}},
                    "used_resources": {"cpus": 0.0},
                    "offered_resources": {"mem": 0.0},
                },
                True,
            ),
        ],
    )
    def test_when_the_roles_of_what_is_used_are_known(self, fields: Json, known: bool) -> None:
        assert splits_reservations(slave(**fields)) is known
        assert read(slaves=[slave(**fields)]).splits_reservations is known

    def test_draining(self) -> None:
        # `SlaveWriter` in Mesos' src/master/readonly_handler.cpp
        state = agent_state(
            slave(
                deactivated=True,
                drain_info={"state": "DRAINING", "config": {"mark_gone": False}},
                estimated_drain_start_time_seconds=1795334073,
            )
        )
        assert state.deactivated
        assert state.draining == "DRAINING"
        assert not state.facts.active

    def test_the_latest_registration_counts(self) -> None:
        assert agent_state(slave()).registered_at == 100.5
        assert agent_state(slave(reregistered_time=200.5)).registered_at == 200.5

    def test_those_that_have_not_come_back(self) -> None:
        recovered = [{"id": "S7", "hostname": "agent7"}, {"id": "S8"}]
        state = read(slaves=[], recovered_slaves=recovered, unreachable_slaves=3.0)
        assert state.agents.recovering == ("agent7", "S8")
        assert state.agents.unreachable == 3
        agents = read_slaves({"slaves": [], "recovered_slaves": recovered, "other": [{}]})
        assert agents.recovering == ("agent7", "S8")

    def test_slaves_tells_the_same_as_the_state(self) -> None:
        slaves = [slave(), slave(id="S1", hostname="agent2")]
        agents = read_slaves({"slaves": slaves}, unreachable=2)
        assert agents == read(slaves=slaves, unreachable_slaves=2.0).agents

    @pytest.mark.parametrize("answer", [None, [], {}, {"slaves": [{}]}, {"slaves": [{"id": "S0"}]}, "text"])
    def test_what_is_no_answer_of_slaves(self, answer: Any) -> None:
        with pytest.raises(MesosError, match="http://master/slaves answered what cannot be understood"):
            read_slaves(answer)


class TestResources:
    def test_a_summary(self) -> None:
        given = {"cpus": 1.5, "mem": 32.0, "ports": "[1-2]", "disks": "{a, b}", "cpus_revocable": 7.0}
        assert summed_up(given) == Resources.parse("cpus:1.5;mem:32;ports:[1-2];disks:{a,b}")

    @pytest.mark.parametrize(
        ("total", "taken", "left"),
        [
            ("cpus:2;mem:10", "cpus:1", "cpus:1;mem:10"),
            ("cpus:2", "cpus:3", ""),
            ("cpus(a):2;cpus:1", "cpus(a):1.5", "cpus(a):0.5;cpus:1"),
            ("cpus(a):2;cpus:1", "cpus(b):2", "cpus(a):1"),
            ("ports:[1-10]", "ports:[3-4,20-30]", "ports:[1-2,5-10]"),
            ("disks:{a,b}", "disks:{b,c}", "disks:{a}"),
            ("cpus:1", "gpus:1", "cpus:1"),
        ],
    )
    def test_what_is_left(self, total: str, taken: str, left: str) -> None:
        assert left_of(Resources.parse(total), Resources.parse(taken)) == Resources.parse(left)


class TestFrameworks:
    def test_tasks_are_counted_by_their_state(self) -> None:
        found = read_framework(
            tasks=[task("TASK_RUNNING"), task("TASK_STAGING", statuses=[])],
            unreachable_tasks=[task("TASK_UNREACHABLE")],
            completed_tasks=[task("TASK_FAILED"), task("TASK_FAILED", id="1"), task("TASK_FINISHED")],
        )
        assert found.tasks == {
            "TASK_RUNNING": 1,
            "TASK_STAGING": 1,
            "TASK_UNREACHABLE": 1,
            "TASK_FAILED": 2,
            "TASK_FINISHED": 1,
        }
        assert sorted(one.state for one in found.failed) == ["TASK_FAILED", "TASK_FAILED", "TASK_UNREACHABLE"]
        assert [one.id for one in found.staging] == ["0"]
        assert found.staging[0].ended_at == 0.0

    def test_only_the_latest_failures_are_kept(self) -> None:
        failures = [
            task(
                "TASK_FAILED", id=str(number), statuses=[{"state": "TASK_FAILED", "timestamp": float(number)}]
            )
            for number in range(500)
        ]
        found = read_framework(completed_tasks=failures[250:] + failures[:250])
        assert [one.id for one in found.failed] == [str(number) for number in range(499, 489, -1)]

    def test_offers(self) -> None:
        offers = [{"id": f"O{number}", "resources": {}} for number in range(3)]
        assert read_framework(offers=offers).offers == {"O0", "O1", "O2"}
        many = [{"id": f"O{number}"} for number in range(5000)]
        assert len(read_framework(offers=many).offers) == 1000

    @pytest.mark.parametrize(
        ("fields", "executors", "drivers"),
        [
            ({}, False, False),
            ({"tasks": [task("TASK_RUNNING", id="7", name="app 7")]}, True, False),
            ({"tasks": [task("TASK_RUNNING", id="7", name="app 8")]}, False, False),
            ({"tasks": [task("TASK_RUNNING", id="7", name="Task 7")]}, True, False),
            ({"completed_tasks": [task("TASK_FINISHED", name="Driver for job")]}, False, True),
            (
                {
                    "executors": [
                        {
                            "executor_id": "S0",
                            "command": {
                                "value": "bin/spark-class org.apache.spark.executor.MesosExecutorBackend"
                            },
                        }
                    ]
                },
                True,
                False,
            ),
            ({"executors": [{"executor_id": "x", "command": {"shell": False, "argv": []}}]}, False, False),
        ],
    )
    def test_what_belongs_to_spark(self, fields: Json, executors: bool, drivers: bool) -> None:
        found = read_framework(**fields)
        assert (found.runs_executors, found.runs_drivers) == (executors, drivers)

    def test_roles_old_and_new(self) -> None:
        assert read_framework(role="etl").roles == ("etl",)
        assert read_framework(roles=["a", "b"]).roles == ("a", "b")
        assert read_framework().roles == ("*",)

    def test_masters_before_1_0(self) -> None:
        """They know nothing of `connected`, and list tasks without statuses."""
        found = read_framework(active=True, tasks=[{**task("TASK_RUNNING"), "statuses": []}])
        assert found.connected
        assert not read_framework(active=False).connected

    def test_completed_ones_come_last(self) -> None:
        state = read(completed_frameworks=[framework(id="F0")], frameworks=[framework()])
        assert [(one.id, one.completed) for one in state.frameworks] == [("F1", False), ("F0", True)]

    def test_when_it_was_read(self) -> None:
        assert read().read_at == 1000.0


@pytest.mark.parametrize(
    "content",
    [
        {"frameworks": [{"name": "app"}]},
        {"frameworks": [framework(tasks=[{"id": "0"}])]},
        {"frameworks": [framework(tasks=["0"])]},
        {"frameworks": [framework(tasks=[task("TASK_FAILED", statuses="x")])]},
        {"frameworks": [1]},
        {"frameworks": {}},
        {"slaves": [{"id": "S0"}]},
        {"unreachable_slaves": "many"},
    ],
)
def test_what_is_no_state(content: Json) -> None:
    with pytest.raises(MesosError) as error:
        read(**content)
    assert error.value.message.startswith("http://master/state answered what cannot be understood")
    assert error.value.hint


def test_an_answer_without_frameworks_is_no_state() -> None:
    with pytest.raises(MesosError, match="there are no frameworks"):
        read_state(JsonStream([b'{"slaves": []}'], "http://master/state"), read_at=0.0)


def test_memory_does_not_grow_with_tasks() -> None:
    content = b"".join(LargeCluster(agents=20, tasks=4_000).state())
    pieces = (content[at : at + 16_384] for at in range(0, len(content), 16_384))
    tracemalloc.start()
    try:
        state = read_state(JsonStream(pieces, "master"), read_at=0.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sum(framework.tasks.values()) for framework in state.frameworks) == 4_000
    assert len(content) > 3_000_000
    assert peak < 1_000_000

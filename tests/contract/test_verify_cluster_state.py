"""What verify-cluster makes of the state of a real Mesos 1.12.0, and of tasks that failed on it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.mesos.state_stream import JsonStream
from sparkmesos_core.verify.checks.frameworks import (
    dispatcher_verdict,
    hoarding_verdict,
    inactive_verdict,
    spark_verdict,
)
from sparkmesos_core.verify.checks.tasks import failing_verdict, lost_verdict
from sparkmesos_core.verify.facts.cluster_state import ClusterState, TaskState
from sparkmesos_core.verify.facts.cluster_state_reading import read_agents, read_state
from sparkmesos_core.verify.facts.task_ends import TaskEnd, told_by_agent
from sparkmesos_core.verify.task_failures import explain
from sparkmesos_core.verify.task_troubles import unsuccessful
from tests.contract.recorded import RECORDINGS, Json, load
from tests.http_stub import Answer, http_stub
from tests.verified import subject

MASTER = "http://master1.mesos.example:5050"
NOW = 1795335070.0
"""Soon after the recordings of Spark's cluster mode."""
CLUSTER_MODE = RECORDINGS.parent / "spark-3.5.9-cluster-mode"
GET_STATE, GET_FRAMEWORKS, GET_SLAVES = 0, 2, 3


def recorded(name: str, exchange: int = 0) -> Any:
    return load(name)["exchanges"][exchange]["response"]["body"]


def read(content: Any, piece: int = 1000) -> ClusterState:
    text = json.dumps(content).encode()
    pieces = (text[start : start + piece] for start in range(0, len(text), piece))
    return read_state(JsonStream(pieces, f"{MASTER}/state"), read_at=NOW)


@pytest.fixture(scope="module")
def running() -> ClusterState:
    return read(recorded("master-while-running", GET_STATE))


def test_agents(running: ClusterState) -> None:
    reserved, used = running.agents.agents
    assert (reserved.facts.hostname, used.facts.hostname) == ("agent2.mesos.example", "agent1.mesos.example")
    assert used.free == Resources.parse("cpus:3.9;mem:4064;disk:10000;ports:[31000-32000]")
    assert reserved.free.of_role("spark") == Resources.parse(
        "cpus(spark):1;mem(spark):512;ports(spark):[33001-33010]"
    )
    assert not used.offered
    assert not used.deactivated
    assert used.draining == ""
    assert used.registered_at == 1795334074.746589
    assert running.agents.unreachable == 0
    assert running.agents.recovering == ()
    assert running.splits_reservations


def test_slaves_tells_the_same_agents(running: ClusterState) -> None:
    content = json.dumps(recorded("master-while-running", GET_SLAVES)).encode()
    assert read_agents(JsonStream([content], f"{MASTER}/slaves")) == running.agents


def test_frameworks_tells_the_same_frameworks(running: ClusterState) -> None:
    assert read(recorded("master-while-running", GET_FRAMEWORKS)).frameworks == running.frameworks


def test_frameworks(running: ClusterState) -> None:
    busy, ok = running.frameworks
    assert (busy.name, busy.roles, busy.principal, busy.user) == ("busy", ("*",), "spark", "root")
    assert (busy.hostname, busy.webui_url) == ("driver.mesos.example", "http://driver.mesos.example:4040")
    assert busy.active
    assert busy.connected
    assert busy.tasks == {"TASK_RUNNING": 1}
    assert busy.used == Resources.parse("cpus:0.1;mem:32")
    assert busy.failover_timeout == 30.0
    assert busy.runs_drivers
    assert ok.completed
    assert ok.tasks == {"TASK_FINISHED": 1}


def test_nothing_is_wrong_with_it(running: ClusterState) -> None:
    assert spark_verdict(running).problems == ()
    assert dispatcher_verdict(running, subject(), MASTER).problems == ()
    assert inactive_verdict(running, running.agents, MASTER).problems == ()
    assert hoarding_verdict(running, running.agents, {}, MASTER).problems == ()
    assert unsuccessful(running) == ()
    assert lost_verdict(running, {}).problems == ()


@pytest.mark.parametrize("name", ["master-GET_state", "master-GET_state_completed"])
def test_idle(name: str) -> None:
    state = read(recorded(name))
    assert len(state.agents.agents) == 2
    assert all(framework.completed for framework in state.frameworks)
    assert unsuccessful(state) == ()


def test_a_task_that_was_lost() -> None:
    exchanges = {
        (one["request"]["method"], one["request"]["path"]): one["response"].get("body")
        for one in load("scheduler-agent-killed")["exchanges"]
    }
    task = exchanges["GET", "/tasks"]["tasks"][0]
    state = _with_tasks([task], frameworks=_framework("app"), slaves=exchanges["GET", "/slaves"]["slaves"])
    (series,) = state.series
    assert (series.losses, series.failures) == (1, 0)
    assert series.latest_lost[0].state == "TASK_LOST"
    # Its agent has not come back, but the master does not count it as unreachable either: it is told here.
    (problem,) = lost_verdict(state, {}).problems
    assert "A task of 'app' was lost" in problem.message
    assert task["slave_id"] in problem.message


@pytest.mark.parametrize(
    ("name", "meaning", "line"),
    [
        ("driver-cores", "Spark's own dispatcher cannot launch", "Driver cores must be a positive number"),
        ("java", "cannot fetch a file", "Failed to fetch '/opt/spark/examples/jars/none.jar'"),
        ("py-files-file-scheme", "cannot fetch a file", "Failed to fetch 'file:/srv/dist/libs/dep.py'"),
    ],
)
def test_drivers_that_failed(name: str, meaning: str, line: str) -> None:
    recording = json.loads((CLUSTER_MODE / f"{name}.json").read_text())
    run = next(one for one in recording["tasks"] if one["framework_name"] == "Spark Cluster")
    tasks = [
        {**task, "framework_id": run["framework"], "executor_id": "", "slave_id": "S0"}
        for task in run["tasks"]
    ]
    state = _with_tasks(tasks, frameworks=recording["frameworks"][0])
    (series,) = unsuccessful(state)
    assert series.of_spark
    output = {stream: tuple(run[stream].splitlines()) for stream in ("stderr", "stdout")}
    ends = {task.key: TaskEnd(task, "agent1.mesos.example", output) for task in series.latest_failed}
    (problem,) = failing_verdict([series], ends).problems
    assert problem.severity is Severity.WARNING
    assert f"on agent1.mesos.example: {meaning}" in problem.message or meaning in problem.message
    assert line in problem.message
    assert problem.hint
    assert any(line in detail for detail in problem.details)


def test_a_supervised_driver_is_one_series() -> None:
    recording = json.loads((CLUSTER_MODE / "supervise.json").read_text())
    tasks = [
        {**task, "framework_id": run["framework"], "executor_id": "", "slave_id": "S0"}
        for run in recording["tasks"]
        if run["framework_name"] == "Spark Cluster"
        for task in run["tasks"]
    ]
    (series,) = unsuccessful(_with_tasks(tasks, frameworks=recording["frameworks"][0]))
    assert series.failures == sum(task["state"] == "TASK_FAILED" for task in tasks) > 1
    assert [task.ended_at for task in series.latest_failed] == sorted(
        (task.ended_at for task in series.latest_failed), reverse=True
    )


def test_a_dispatcher_that_does_not_get_offers_any_more() -> None:
    recording = json.loads((CLUSTER_MODE / "bad-containerizer.json").read_text())
    state = _with_tasks([], frameworks=recording["frameworks"][0])
    (problem,) = dispatcher_verdict(state, subject(), MASTER).problems
    assert "'Spark Cluster' (http://127.0.0.1:8081) is registered, but not connected" in problem.message


def test_failed_fetches() -> None:
    recording = load("scheduler-fetcher")
    failed = [
        one["update"]["status"]
        for one in recording["events"]
        if one.get("type") == "UPDATE" and one["update"]["status"]["state"] == "TASK_FAILED"
    ]
    assert failed
    written = {
        one["request"]["path"].partition("/executors/")[2].partition("/")[0]: one["response"]["body"]["data"]
        for one in recording["exchanges"]
        if "stderr&offset=0" in one["request"]["path"]
    }
    for status in failed:
        lines = written[status["task_id"]["value"]].splitlines()
        found = explain([lines], status["reason"], status["message"])
        assert found is not None
        assert found.meaning == "the agent cannot fetch a file"
        assert "Failed to fetch '" in found.line
        without_output = explain([], status["reason"], status["message"])
        assert without_output is not None
        assert without_output.meaning == "the agent cannot fetch a file"


@pytest.mark.parametrize(
    ("task", "meaning"),
    [("fail-1", ""), ("fail-2", "it was killed with SIGKILL, as the kernel does when memory runs out")],
)
def test_what_mesos_says_of_failed_tasks(task: str, meaning: str) -> None:
    statuses: list[Json] = [
        one["update"]["status"]
        for one in load("scheduler-task-failed")["events"]
        if one.get("type") == "UPDATE" and one["update"]["status"]["task_id"]["value"] == task
    ]
    found = explain([], statuses[-1].get("reason", ""), statuses[-1]["message"])
    assert found is not None
    assert found.meaning == meaning
    assert found.line == statuses[-1]["message"]


def _framework(name: str) -> Json:
    frameworks: list[Json] = recorded("master-while-running", GET_STATE)["frameworks"]
    return {**frameworks[0], "name": name, "tasks": [], "completed_tasks": []}


def _with_tasks(tasks: list[Json], *, frameworks: Json, slaves: list[Json] | None = None) -> ClusterState:
    """The recorded state with one framework, in which these tasks have ended."""
    state = recorded("master-GET_state")
    return read(
        {
            **state,
            "slaves": slaves if slaves is not None else state["slaves"],
            "frameworks": [{**frameworks, "completed_tasks": tasks}],
            "completed_frameworks": [],
        }
    )


def test_the_agent_tells_why_a_task_has_ended() -> None:
    exchange = next(
        one
        for one in load("agent-while-running")["exchanges"]
        if one["request"].get("body") == {"type": "GET_TASKS"}
    )
    body = json.dumps(exchange["response"]["body"]).encode()
    framework = "eedcf4e8-43d2-4379-8e3f-c3f958078fba-0000"
    task = TaskState("ok-1", "ok", framework, "", "S0", "TASK_FINISHED")
    with (
        http_stub({"/api/v1": Answer(200, body, {"Content-Type": "application/json"})}) as agent,
        MesosHttp(f"http://{agent.address}") as http,
    ):
        told = told_by_agent(http, task)
        assert (told.message, told.source) == ("Command exited with status 0", "SOURCE_EXECUTOR")
        of_another_framework = replace(task, framework_id="F9")
        assert told_by_agent(http, of_another_framework) == of_another_framework
    assert json.loads(agent.bodies[0]) == {"type": "GET_TASKS"}


def test_an_agent_that_does_not_answer_is_asked_once() -> None:
    """From behind another network, each further request would take as long again."""
    with http_stub({}) as agent:
        address = agent.address
    with MesosHttp(f"http://{address}") as http, pytest.raises(UnreachableError):
        told_by_agent(http, TaskState("ok-1", "ok", "F1", "", "S0", "TASK_FAILED"))


@pytest.mark.parametrize("answer", [Answer(404), Answer(200, b"[]"), Answer(200, b'{"get_tasks": [1]}')])
def test_agents_that_do_not_know_that_call(answer: Answer) -> None:
    """Those before 1.0, and servers that are none."""
    task = TaskState("ok-1", "ok", "F1", "", "S0", "TASK_FAILED")
    with http_stub({"/api/v1": answer}) as agent, MesosHttp(f"http://{agent.address}") as http:
        assert told_by_agent(http, task) == task

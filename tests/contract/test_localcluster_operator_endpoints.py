"""The operator endpoints of the embedded master and agents have the shapes and values of a real Mesos 1.12.0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.cluster import ClusterSpec, RunningCluster, cluster_in_thread
from tests.contract.comparison import Bindings
from tests.contract.recorded import load
from tests.contract.replay import AGENTS
from tests.contract.scheduler_client import Json, Subscription, request, subscribe

# What a real Mesos says of itself and the embedded one cannot: how it was built, where its log is, its registry.
LEFT_OUT = {"git_sha", "build_date", "build_time", "build_user", "log_dir", "master_hostname"}
# Of these only what is true here: flags, capabilities; an agent of the recorded master had come back once.
PARTLY = {"flags", "capabilities"}
SINCE_RESTART = {"reregistered_time"}
# Moments, and what a process has used by then: perhaps nothing yet.
MEASURED = {"nanoseconds", "cpus_system_time_secs", "cpus_user_time_secs"}
REGISTRATIONS = {
    "messages_register_slave",
    "messages_reregister_slave",
    "slave_registrations",
    "slave_reregistrations",
}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RunningCluster]:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path, agents=AGENTS, allocation_interval=60)) as running:
        yield running


def get(url: str, path: str) -> tuple[int, dict[str, str], Any]:
    status, headers, text = request(url, "GET", path)
    return status, headers, json.loads(text) if headers.get("content-type") == "application/json" else text


def stripped(value: Any) -> Any:
    """A document without what is left out on purpose, and agents of the operator API by their attributes."""
    if isinstance(value, dict):
        left_out = LEFT_OUT | PARTLY | SINCE_RESTART | MEASURED
        return {key: stripped(item) for key, item in value.items() if key not in left_out}
    if isinstance(value, list):
        items = [stripped(item) for item in value]
        if items and isinstance(items[0], dict) and "agent_info" in items[0]:
            items.sort(key=lambda item: json.dumps(item["agent_info"]["attributes"]))
        return items
    return value


def bindings_for(cluster: RunningCluster, recorded: Any) -> Bindings:
    """Agents are known by their attributes on both sides."""
    live = {agent["attributes"]["os"]: agent["id"] for agent in get(cluster.http_url, "/slaves")[2]["slaves"]}
    known = {
        agent["id"]: live[agent["attributes"]["os"]]
        for agent in (recorded.get("slaves", []) if isinstance(recorded, dict) else [])
    }
    return Bindings(known)


def body_of(name: str, path: str | None = None) -> Any:
    exchanges = load(name)["exchanges"]
    return next(x["response"]["body"] for x in exchanges if path in (None, x["request"]["path"]))


@pytest.mark.parametrize(
    "name",
    [
        "master-GET_state",
        "master-GET_state-summary",
        "master-GET_master_state-summary",
        "master-GET_slaves",
        "master-GET_master_slaves",
        "master-GET_frameworks",
        "master-GET_tasks",
        "master-GET_roles",
        "master-GET_health",
        "master-GET_maintenance_status",
        "master-GET_master_health",
        "master-GET_nope",
        "master-GET_api_v1",
    ],
)
def test_the_idle_master(name: str, cluster: RunningCluster) -> None:
    exchange = load(name)["exchanges"][0]
    recorded = exchange["response"]
    status, headers, body = get(cluster.http_url, exchange["request"]["path"])
    assert status == recorded["status"]
    assert headers.get("content-type") == recorded["headers"].get("Content-Type")
    assert headers.get("allow") == recorded["headers"].get("Allow")
    bindings = bindings_for(cluster, recorded["body"])
    assert bindings.differences(stripped(recorded["body"]), stripped(body)) == []


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("agent-GET_state", 0),
        ("agent-GET_slave1_state", 0),
        ("agent2-GET_state", 1),
        ("agent-GET_health", 0),
        ("agent-GET_slave1_health", 0),
        ("agent-GET_containers", 0),
    ],
)
def test_an_idle_agent(name: str, agent: int, cluster: RunningCluster) -> None:
    exchange = load(name)["exchanges"][0]
    status, _, body = get(cluster.agent_urls[agent], exchange["request"]["path"])
    assert status == exchange["response"]["status"]
    recorded = exchange["response"]["body"]
    assert Bindings({}).differences(stripped(recorded), stripped(body)) == []


@pytest.mark.parametrize("path", ["/redirect", "/master/redirect"])
def test_redirect_to_the_leader(path: str, cluster: RunningCluster) -> None:
    for exchange in load("leading-master-redirect")["exchanges"][:2]:
        assert exchange["response"]["headers"]["Location"] == "//master1.mesos.example:5050"
    status, headers, _ = get(cluster.http_url, path)
    assert (status, headers["location"]) == (307, cluster.http_url.removeprefix("http:"))


def test_version_and_flags_claim_nothing_that_mesos_does_not_have(cluster: RunningCluster) -> None:
    for url, prefix in ((cluster.http_url, "master"), (cluster.agent_urls[0], "agent")):
        version = get(url, "/version")[2]
        assert version["version"] == body_of(f"{prefix}-GET_version")["version"]
        assert version.keys() <= body_of(f"{prefix}-GET_version").keys()
        flags = get(url, "/flags")[2]["flags"]
        assert flags.keys() <= body_of(f"{prefix}-GET_flags")["flags"].keys()
    metrics = get(cluster.http_url, "/metrics/snapshot")[2]
    recorded = body_of("master-GET_metrics_snapshot")
    assert metrics.keys() <= recorded.keys()
    # The recorded agents had come back to a master that was started again.
    other = {"master/uptime_secs"} | {f"master/{name}" for name in REGISTRATIONS}
    idle = {name: value for name, value in metrics.items() if name not in other}
    assert idle == {name: recorded[name] for name in idle}


@pytest.fixture
def busy(cluster: RunningCluster) -> Iterator[Subscription]:
    """The recorded situation: one framework torn down after a task of its own, another with a running task."""
    first = subscribe(cluster.http_url, name="ok", failover_timeout=30)
    offer = offer_of(first, "centos7")
    resources = [
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
    ]
    command = "echo out; echo err >&2; pwd; env | sort; sleep 0.1"
    labels = {"labels": [{"key": "k", "value": "v"}]}
    task = {"task_id": {"value": "ok-1"}, "name": "ok", "labels": labels, "resources": resources}
    first.launch(offer, {**task, "command": {"value": command}})
    first.await_state("TASK_FINISHED")
    assert first.call("TEARDOWN")[0] == 202
    first.close()
    second = subscribe(
        cluster.http_url,
        name="busy",
        failover_timeout=30,
        roles=["*"],
        capabilities=[{"type": "MULTI_ROLE"}],
        webui_url="http://driver.mesos.example:4040",
        hostname="driver.mesos.example",
        principal="spark",
        labels={"labels": [{"key": "team", "value": "data"}]},
    )
    offers = second.await_type("OFFERS")["offers"]["offers"]
    offer = next(offer for offer in offers if offer["attributes"][0]["text"]["value"] == "centos7")
    task = {"task_id": {"value": "busy-1"}, "name": "Driver for busy", "resources": resources}
    second.launch(offer, {**task, "command": {"value": "sleep 30"}}, refuse_seconds=600)
    second.await_state("TASK_RUNNING")
    for other in offers:
        if other is not offer:
            fields = {"offer_ids": [other["id"]], "filters": {"refuse_seconds": 600}}
            assert second.call("DECLINE", decline=fields)[0] == 202
    yield second
    second.close()


def offer_of(scheduler: Subscription, os: str) -> Json:
    offers = scheduler.await_type("OFFERS")["offers"]["offers"]
    found: Json = next(offer for offer in offers if offer["attributes"][0]["text"]["value"] == os)
    return found


@pytest.mark.parametrize("path", ["/state", "/frameworks", "/slaves", "/state-summary", "/roles", "/tasks"])
def test_the_master_while_a_task_runs(path: str, cluster: RunningCluster, busy: Subscription) -> None:
    recorded = body_of("master-while-running", path)
    status, _, body = get(cluster.http_url, path)
    assert status == 200
    bindings = bindings_for(cluster, body_of("master-while-running", "/slaves"))
    wanted, live = stripped(recorded), stripped(body)
    assert bindings.differences(wanted, live) == []


def test_the_agent_while_a_task_runs(cluster: RunningCluster, busy: Subscription) -> None:
    recorded = body_of("agent-while-running", "/state")
    body = get(cluster.agent_urls[0], "/slave(1)/state")[2]
    wanted = next(f for f in recorded["frameworks"] if f["name"] == "busy")
    live = body["frameworks"]
    assert [framework["name"] for framework in live] == ["busy"]
    where = "/frameworks/"
    recorded_root = wanted["executors"][0]["directory"].partition("/slaves/")[0]
    bindings = Bindings({recorded_root: live[0]["executors"][0]["directory"].partition("/slaves/")[0]})
    assert bindings.differences(stripped(wanted), stripped(live[0])) == []
    # The recorded agent still kept the executor of the ended task for a moment; here it is completed at once.
    ended = next(f for f in recorded["frameworks"] if f["name"] == "ok")["executors"]
    completed = body["completed_frameworks"][0]["completed_executors"]
    assert bindings.differences(stripped(ended), stripped(completed)) == []
    assert where in completed[0]["directory"]


def test_containers_of_an_agent(cluster: RunningCluster, busy: Subscription) -> None:
    recorded = next(c for c in body_of("agent-while-running", "/containers") if c["executor_id"] == "busy-1")
    live = get(cluster.agent_urls[0], "/containers")[2]
    assert len(live) == 1
    assert Bindings({}).differences(stripped(recorded), stripped(live[0])) == []


def test_metrics_count_what_runs(cluster: RunningCluster, busy: Subscription) -> None:
    metrics = get(cluster.http_url, "/metrics/snapshot")[2]
    assert metrics["master/tasks_running"] == 1
    assert metrics["master/cpus_used"] == 0.1
    assert metrics["master/frameworks_active"] == 1


def test_large_answers_are_packed_for_who_can_unpack(cluster: RunningCluster) -> None:
    headers = request(cluster.http_url, "GET", "/state", headers={"Accept-Encoding": "gzip"})[1]
    assert headers["content-encoding"] == "gzip"
    assert "content-encoding" not in request(cluster.http_url, "GET", "/state")[1]


def test_teardown_without_an_id(cluster: RunningCluster) -> None:
    status, _, text = request(cluster.http_url, "POST", "/teardown", "")
    assert status == 400
    assert "frameworkId" in text


def test_names_of_elsewhere_are_refused(cluster: RunningCluster) -> None:
    port = cluster.http_url.rpartition(":")[2]
    for host, expected in (
        (f"evil.example:{port}", 403),
        ("evil.example", 403),
        (f"localhost:{port}", 200),
        ("[::1]:1", 200),
    ):
        for url in (cluster.http_url, cluster.agent_urls[0]):
            assert request(url, "GET", "/version", headers={"Host": host})[0] == expected, host


def call(url: str, kind: str, **fields: Any) -> tuple[int, dict[str, str], Any]:
    """A call of the v1 operator API."""
    body = {"type": kind, **fields}
    status, headers, text = request(url, "POST", "/api/v1", body, {"Content-Type": "application/json"})
    return status, headers, json.loads(text) if headers.get("content-type") == "application/json" else text


API_CALLS = ["AGENTS", "EXECUTORS", "FRAMEWORKS", "HEALTH", "MASTER", "ROLES", "STATE", "TASKS", "VERSION"]


@pytest.mark.parametrize("name", [f"master-api-GET_{kind}" for kind in API_CALLS] + ["master-api-NOPE"])
def test_the_operator_api_of_the_idle_master(name: str, cluster: RunningCluster) -> None:
    exchange = load(name)["exchanges"][0]
    recorded = exchange["response"]
    status, headers, body = call(cluster.http_url, exchange["request"]["body"]["type"])
    assert (status, headers.get("content-type")) == (recorded["status"], recorded["headers"]["Content-Type"])
    bindings = api_bindings(cluster, recorded["body"])
    assert bindings.differences(stripped(recorded["body"]), stripped(body)) == []


@pytest.mark.parametrize("kind", ["CONTAINERS", "HEALTH", "STATE", "VERSION"])
def test_the_operator_api_of_an_idle_agent(kind: str, cluster: RunningCluster) -> None:
    recorded = load(f"agent-api-GET_{kind}")["exchanges"][0]["response"]
    status, _, body = call(cluster.agent_urls[0], f"GET_{kind}")
    assert status == recorded["status"]
    assert Bindings({}).differences(stripped(recorded["body"]), stripped(body)) == []


def api_bindings(cluster: RunningCluster, recorded: Any) -> Bindings:
    """Agents are known by their attributes here, too."""
    live = {agent["attributes"]["os"]: agent["id"] for agent in get(cluster.http_url, "/slaves")[2]["slaves"]}
    content = recorded.get("get_state", recorded) if isinstance(recorded, dict) else {}
    infos = [agent["agent_info"] for agent in content.get("get_agents", {}).get("agents", [])]
    return Bindings({i["id"]["value"]: live[i["attributes"][0]["text"]["value"]] for i in infos})


@pytest.mark.parametrize("kind", ["GET_TASKS", "GET_FRAMEWORKS", "GET_AGENTS", "GET_ROLES"])
def test_the_operator_api_of_the_master_while_a_task_runs(
    kind: str, cluster: RunningCluster, busy: Subscription
) -> None:
    bindings = bindings_for(cluster, body_of("master-while-running", "/slaves"))
    recorded = recorded_call("master-while-running", kind)
    assert bindings.differences(stripped(recorded), stripped(call(cluster.http_url, kind)[2])) == []


def test_the_operator_api_of_an_agent_while_a_task_runs(cluster: RunningCluster, busy: Subscription) -> None:
    tasks, executors, containers = (
        recorded_call("agent-while-running", kind)[kind.lower()]
        for kind in ("GET_TASKS", "GET_EXECUTORS", "GET_CONTAINERS")
    )
    bindings = bindings_for(cluster, body_of("master-while-running", "/slaves"))
    live = call(cluster.agent_urls[0], "GET_TASKS")[2]["get_tasks"]
    assert bindings.differences(tasks, live) == []
    # The recorded agent still kept the executor of the ended task for a moment.
    running = [e for e in executors["executors"] if e["executor_info"]["source"] == "busy-1"]
    shown = call(cluster.agent_urls[0], "GET_EXECUTORS")[2]["get_executors"]["executors"]
    for executor in (running[0], shown[0]):
        # Where Mesos is installed; and what a command executor takes is written in another format there.
        del executor["executor_info"]["command"]
    assert bindings.differences(running, shown) == []
    running = [c for c in containers["containers"] if c["executor_id"]["value"] == "busy-1"]
    shown = call(cluster.agent_urls[0], "GET_CONTAINERS")[2]["get_containers"]["containers"]
    assert bindings.differences(stripped(running), stripped(shown)) == []


def recorded_call(name: str, kind: str) -> Any:
    exchanges = load(name)["exchanges"]
    return next(
        x["response"]["body"] for x in exchanges if (x["request"].get("body") or {}).get("type") == kind
    )


def test_flags_and_metrics_through_the_operator_api(cluster: RunningCluster) -> None:
    for url in (cluster.http_url, cluster.agent_urls[0]):
        flags = call(url, "GET_FLAGS")[2]["get_flags"]["flags"]
        assert {flag["name"]: flag["value"] for flag in flags} == get(url, "/flags")[2]["flags"]
        metrics = call(url, "GET_METRICS", get_metrics={})[2]["get_metrics"]["metrics"]
        assert {metric["name"] for metric in metrics} == get(url, "/metrics/snapshot")[2].keys()


@pytest.mark.parametrize(
    ("body", "headers", "status", "text"),
    [
        ("not json", {}, 400, "Failed to parse body into JSON: syntax error at line 1 near: ot json"),
        ({}, {}, 400, "Failed to validate {}::Call: Expecting 'type' to be present"),
        ({"type": 7}, {}, 400, "Failed to validate {}::Call: Expecting 'type' to be present"),
        (
            {"type": "GET_METRICS"},
            {},
            400,
            "Failed to validate {}::Call: Expecting 'get_metrics' to be present",
        ),
        ({"type": "LIST_FILES"}, {}, 501, "The embedded cluster does not implement LIST_FILES"),
        (
            {"type": "GET_HEALTH"},
            {"Content-Type": "text/plain"},
            415,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
        (
            {"type": "GET_HEALTH"},
            {"Accept": "text/html"},
            406,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
        ),
    ],
)
def test_calls_of_the_operator_api_that_are_refused(
    body: Any, headers: dict[str, str], status: int, text: str, cluster: RunningCluster
) -> None:
    for url, owner in ((cluster.http_url, "master"), (cluster.agent_urls[0], "agent")):
        sent = {"Content-Type": "application/json", **headers}
        answer = request(url, "POST", "/api/v1", body, sent)
        assert (answer[0], answer[2]) == (status, text.format(owner))


def test_the_operator_ends_a_framework(cluster: RunningCluster, busy: Subscription) -> None:
    framework_id = {"value": busy.framework_id}
    assert call(cluster.http_url, "TEARDOWN", teardown={"framework_id": framework_id})[0] == 200
    assert busy.ended.wait(20)
    answer = call(cluster.http_url, "TEARDOWN", teardown={"framework_id": framework_id})
    assert (answer[0], answer[2]) == (400, "No framework found with specified ID")


@pytest.mark.parametrize("grace", [None, {"seconds": 1, "nanos": 10**9}, "2s"])
def test_the_operator_takes_an_agent_out_of_service_for_a_while(grace: Any, tmp_path: Path) -> None:
    """As Mesos' own tests of draining have it (src/tests/master_draining_tests.cpp)."""
    period = {} if grace is None else {"max_grace_period": grace}
    config = {"max_grace_period": {"nanoseconds": 2_000_000_000}} if period else {}
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as cluster:
        (slave,) = get(cluster.http_url, "/slaves")[2]["slaves"]
        agent = {"agent_id": {"value": slave["id"]}}
        assert call(cluster.http_url, "DRAIN_AGENT", drain_agent={**agent, **period})[0] == 200
        for path in ("/slaves", "/state", "/state-summary"):
            (slave,) = get(cluster.http_url, path)[2]["slaves"]
            assert (slave["active"], slave["deactivated"]) == (False, True)
            assert slave["drain_info"] == {"state": "DRAINED", "config": {"mark_gone": False, **config}}
            assert slave["estimated_drain_start_time_seconds"] > 0
        assert call(cluster.http_url, "DRAIN_AGENT", drain_agent=agent)[0] == 200  # again
        assert call(cluster.http_url, "REACTIVATE_AGENT", reactivate_agent=agent)[0] == 200
        answer = call(cluster.http_url, "REACTIVATE_AGENT", reactivate_agent=agent)
        assert (answer[0], answer[2]) == (400, "Agent is not deactivated")
        assert call(cluster.http_url, "DEACTIVATE_AGENT", deactivate_agent=agent)[0] == 200
        (slave,) = get(cluster.http_url, "/slaves")[2]["slaves"]
        assert (slave["active"], slave["deactivated"], slave.get("drain_info")) == (False, True, None)


def test_the_operator_takes_an_agent_out_of_service_for_ever(
    cluster: RunningCluster, busy: Subscription
) -> None:
    """It has a task, which is killed; what else there is of Mesos' `mark_gone` is in the units' tests."""
    tasks = get(cluster.http_url, "/tasks")[2]["tasks"]
    (agent_id,) = (task["slave_id"] for task in tasks if task["state"] == "TASK_RUNNING")
    agent = {"agent_id": {"value": agent_id}}
    answer = call(
        cluster.http_url, "DRAIN_AGENT", drain_agent={**agent, "mark_gone": True, "max_grace_period": "0s"}
    )
    assert answer[0] == 200
    assert busy.await_state("TASK_KILLED")["reason"] == "REASON_AGENT_DRAINING"
    assert busy.await_type("FAILURE")["failure"] == agent
    left = [slave["id"] for slave in get(cluster.http_url, "/slaves")[2]["slaves"]]
    assert left
    assert agent_id not in left
    answer = call(cluster.http_url, "DRAIN_AGENT", drain_agent=agent)
    assert (answer[0], answer[2]) == (400, "Unknown agent")


def test_what_cannot_be_drained(cluster: RunningCluster) -> None:
    agent = {"agent_id": {"value": get(cluster.http_url, "/slaves")[2]["slaves"][0]["id"]}}
    for wrong in ("2", {"seconds": "x"}, {"nanoseconds": 7}, 7):
        answer = call(cluster.http_url, "DRAIN_AGENT", drain_agent={**agent, "max_grace_period": wrong})
        assert (answer[0], answer[2]) == (400, "max_grace_period is not a duration")
    answer = call(cluster.http_url, "DRAIN_AGENT", drain_agent={**agent, "mark_gone": "yes"})
    assert (answer[0], answer[2]) == (400, "mark_gone is neither true nor false")
    for kind, text in (
        ("DRAIN_AGENT", "Unknown agent"),
        ("DEACTIVATE_AGENT", "Unknown agent"),
        ("REACTIVATE_AGENT", "Agent is not deactivated"),
    ):
        answer = call(cluster.http_url, kind, **{kind.lower(): {"agent_id": {"value": "nope"}}})
        assert (answer[0], answer[2]) == (400, text)


def test_the_operator_schedules_maintenance(tmp_path: Path) -> None:
    """By the operator API and by the older endpoints."""
    machine = {"hostname": "127.0.0.1", "ip": "127.0.0.1"}
    window = {"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 10**18}}}
    schedule = {"windows": [window]}
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as cluster:
        url = cluster.http_url

        def operate(kind: str, **fields: Any) -> tuple[int, Any]:
            status, _, answer = call(url, kind, **{kind.lower(): fields})
            return status, answer

        assert operate("UPDATE_MAINTENANCE_SCHEDULE", schedule=schedule)[0] == 200
        told = call(url, "GET_MAINTENANCE_SCHEDULE")[2]
        assert told == {
            "type": "GET_MAINTENANCE_SCHEDULE",
            "get_maintenance_schedule": {"schedule": schedule},
        }
        assert get(url, "/maintenance/schedule")[2] == schedule
        told = call(url, "GET_MAINTENANCE_STATUS")[2]
        assert told["get_maintenance_status"] == {"status": {"draining_machines": [{"id": machine}]}}
        refused = operate("STOP_MAINTENANCE", machines=[machine])
        assert (refused[0], "is not in DOWN mode" in refused[1]) == (400, True)
        refused = operate("UPDATE_MAINTENANCE_SCHEDULE", schedule={"windows": [{}]})
        assert refused == (400, "List of machines in the maintenance window is empty")
        assert operate("START_MAINTENANCE", machines=[machine])[0] == 200
        assert get(url, "/slaves")[2]["slaves"] == []
        assert get(url, "/master/maintenance/status")[2] == {"down_machines": [machine]}
        assert operate("STOP_MAINTENANCE", machines=[machine])[0] == 200
        assert request(url, "POST", "/maintenance/schedule", schedule)[0] == 200
        assert request(url, "POST", "/machine/down", [machine])[0] == 200
        status, _, text = request(url, "POST", "/machine/down", [machine])
        assert (status, "is not in DRAINING mode" in text) == (400, True)
        status, _, text = request(url, "POST", "/machine/up", {"machines": [machine]})
        assert (status, text) == (400, "Failed to parse body into JSON: JSON::Array expected")
        assert request(url, "POST", "/machine/up", [machine])[0] == 200
        for path in ("/machine/down", "/master/machine/up"):
            assert get(url, path)[0] == 405
        assert request(url, "POST", "/maintenance/schedule", schedule)[0] == 200
        assert request(url, "POST", "/maintenance/schedule", {})[0] == 200
        assert get(url, "/maintenance/schedule")[2] == {}
        assert request(url, "POST", "/maintenance/status", {})[0] == 405
        assert request(url, "DELETE", "/maintenance/schedule", {})[0] == 405


def test_the_operator_marks_agents_gone_that_there_are(cluster: RunningCluster) -> None:
    answer = call(cluster.http_url, "MARK_AGENT_GONE", mark_agent_gone={"agent_id": {"value": "nope"}})
    assert (answer[0], answer[2]) == (404, "Agent 'nope' not found")


def test_files_of_a_master_and_an_agent_without_logs(cluster: RunningCluster) -> None:
    assert get(cluster.agent_urls[0], "/files/debug")[2] == body_of("agent-GET_files_debug")
    assert get(cluster.http_url, "/files/debug")[2] == {}
    assert get(cluster.http_url, "/files/browse?path=/master")[::2] == (404, "")
    assert get(cluster.http_url, "/files/read?path=/master/log")[0] == 404


def test_the_log_of_an_agent(tmp_path: Path) -> None:
    """As the master's, under the name that Mesos' agents give it (src/slave/slave.cpp)."""
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path, agent_logs=True)) as cluster:
        url = cluster.agent_urls[0]
        log = tmp_path / "agent1" / "agent.log"
        assert get(url, "/files/debug")[2] == {"/slave/log": str(log)}
        assert get(url, "/files/read?path=/slave/log&offset=-1")[2]["data"] == ""
        assert get(url, "/files/read?path=/slave/log&offset=0")[2]["data"] == log.read_text()
        assert "is registered with master" in log.read_text()
        assert request(url, "GET", "/files/download?path=/slave/log")[2] == log.read_text()
        assert get(url, "/flags")[2]["flags"]["log_dir"] == str(log.parent)
        assert get(url, "/state")[2]["log_dir"] == str(log.parent)


def test_the_log_of_the_master(tmp_path: Path) -> None:
    log = tmp_path / "the.log"
    log.write_text("a line\n" * 100)
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path / "work", log=log)) as cluster:
        recorded = {x["request"]["path"]: x["response"] for x in load("master-files-log")["exchanges"]}
        for path, wanted in recorded.items():
            status, headers, text = request(cluster.http_url, "GET", path)
            assert (status, headers["content-type"]) == (wanted["status"], wanted["headers"]["Content-Type"])
            if path.endswith("offset=0&length=200"):
                assert json.loads(text) == {"data": ("a line\n" * 100)[:200], "offset": 0}
            elif path.endswith("offset=-1"):
                assert json.loads(text) == {"data": "", "offset": 700}
            elif path.startswith("/files/download"):
                assert (text, headers["content-disposition"]) == (
                    log.read_text(),
                    "attachment; filename=the.log",
                )
        assert get(cluster.http_url, "/files/debug")[2] == {"/master/log": str(log)}
        assert body_of("master-GET_files_debug").keys() == {"/master/log"}
        assert get(cluster.http_url, "/flags")[2]["flags"]["log_dir"] == str(tmp_path)

"""Why no executor starts: decided from what an executor needs and what the master's /slaves says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.bridge.messages import update

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe

pytestmark = pytest.mark.slow

Json = dict[str, Any]

NOT_FETCHED = "Failed to launch container: Failed to fetch all URIs for container 'c-1': exited with status 1"


def agent(host: str, cpus: float, mem: float, **more: Any) -> Json:
    """An agent in the form of GET /slaves. `used` and `reserved` take (cpus, mem) from it."""
    used_cpus, used_mem = more.pop("used", (0, 0))
    reserved = more.pop("reserved", {})
    rest_cpus = cpus - sum(c for c, _ in reserved.values())
    rest_mem = mem - sum(m for _, m in reserved.values())
    return {
        "hostname": host,
        "resources": {"cpus": cpus, "mem": mem},
        "unreserved_resources": {"cpus": rest_cpus, "mem": rest_mem},
        "reserved_resources": {role: {"cpus": c, "mem": m} for role, (c, m) in reserved.items()},
        "used_resources": {"cpus": used_cpus, "mem": used_mem},
        "attributes": {},
        "active": True,
        **more,
    }


@pytest.mark.parametrize(
    ("situation", "said"),
    [
        pytest.param(
            {"needs": {"memory": 5504}, "slaves": [agent("small", 4, 1024), agent("127.0.0.1", 2, 2048)]},
            [
                "One executor needs 1 cpu and 5504 MB of memory (384 MB of it overhead).",
                "No agent is large enough. mem: needs 5504 MB, the largest agent, 127.0.0.1, has 2048 MB.",
                "lower spark.executor.memory",
            ],
            id="memory is short",
        ),
        pytest.param(
            {"needs": {"cpus": 4}, "slaves": [agent("a", 3.5, 9000)]},
            ["cpus: needs 4, the largest agent, a, has 3.5.", "lower spark.executor.cores"],
            id="cpus are short",
        ),
        pytest.param(
            {"needs": {"cpus": 4, "memory": 4000}, "slaves": [agent("c", 8, 1000), agent("m", 1, 8000)]},
            ["no agent has both: c has 8 cpus and 1000 MB, m has 1 cpu and 8000 MB"],
            id="no agent has both",
        ),
        pytest.param(
            {"slaves": [agent("a", 4, 4096, used=(3.5, 0)), agent("b", 4, 4096, used=(1, 3000))]},
            ["2 agents are large enough but busy now", "a, has 0.5 cpus and 4096 MB free", "wait"],
            id="busy",
        ),
        pytest.param(
            {"slaves": []}, ["No agent is registered with the Mesos master at 127.0.0.1:5050"], id="no agents"
        ),
        pytest.param(
            {"slaves": [agent("a", 4, 4096, active=False)]}, ["No agent is registered"], id="inactive agents"
        ),
        pytest.param(
            {"slaves": [agent("a", 4, 4096, reserved={"web": (3.5, 4000)})]},
            ["No agent is large enough", "reserved for other roles than '*'", "spark.mesos.role"],
            id="reserved for others",
        ),
        pytest.param(
            {"needs": {"role": "web"}, "slaves": [agent("a", 4, 4096, reserved={"web": (3.5, 4000)})]},
            ["1 agent has enough free (for example a)", "Mesos has not offered it"],
            id="reserved for us",
        ),
        pytest.param(
            {
                "needs": {"constraints": "os:centos7;zone:"},
                "slaves": [agent("a", 4, 4096, attributes={"os": "debian", "rackid": 3.0})],
            },
            ["No agent satisfies spark.mesos.constraints=os:centos7;zone:", "a (os:debian;rackid:3.0)"],
            id="constraints",
        ),
        pytest.param(
            {
                "needs": {"constraints": "os:centos7,debian;rackid:2;ports:7500"},
                "slaves": [
                    agent("a", 4, 4096, attributes={"os": "debian", "rackid": 3.0, "ports": "[7000-8000]"})
                ],
            },
            ["1 agent has enough free", "check spark.mesos.constraints"],
            id="constraints that hold",
        ),
        pytest.param(
            {"needs": {"cpus": 4, "coresMax": 2}, "slaves": [agent("a", 8, 4096)]},
            ["spark.cores.max=2 is less than spark.executor.cores=4, so Spark starts none."],
            id="cores.max",
        ),
        pytest.param(
            {
                "ended": 4,
                "lastEnd": "TASK_FAILED on a (exited with status 127)",
                "slaves": [agent("a", 8, 4096)],
            },
            [
                "4 executors were launched and ended at once",
                "TASK_FAILED on a (exited with status 127)",
                "sandbox",
            ],
            id="executors fail",
        ),
        pytest.param(
            {
                "ended": 2,
                "lastEnd": f"TASK_FAILED on a ({NOT_FETCHED}, REASON_CONTAINER_LAUNCH_FAILED)",
                "lastUris": ["https://u:hunter2@repo.example/spark.tgz?X-Signature=hunter2"],
            },
            [
                f"the last one: TASK_FAILED on a ({NOT_FETCHED}, REASON_CONTAINER_LAUNCH_FAILED). "
                "Its agent could not fetch, or not unpack, https://repo.example/spark.tgz.\n",
                "What to do: see that agents can (spark.executor.uri, spark.mesos.uris); stderr in the task's sandbox",
            ],
            id="the archive cannot be fetched",
        ),
        pytest.param(
            {"ended": 1, "lastEnd": f"TASK_FAILED ({NOT_FETCHED})", "lastUris": ["http://h/a.tgz", "/b.zip"]},
            ["could not fetch, or not unpack, one of http://h/a.tgz, /b.zip.\n"],
            id="one of several URIs cannot be fetched",
        ),
        pytest.param(
            {"preparing": 1, "slaves": [agent("a", 8, 4096)]},
            ["1 executor was launched and did not begin to run yet"],
            id="executors are being prepared",
        ),
        pytest.param(
            {"silent": 2, "slaves": [agent("a", 8, 4096)]},
            ["2 executors were launched and did not register with this driver yet", "spark.driver.host"],
            id="executors that are not heard of",
        ),
        pytest.param(
            {"problem": "127.0.0.1:5050: Connection refused"},
            ["is not registered with Mesos: 127.0.0.1:5050: Connection refused"],
            id="no master",
        ),
        pytest.param({}, ["does not let this application read its list of agents"], id="nothing is known"),
    ],
)
def test_explanation(situation: Json, said: list[str], probe: Probe) -> None:
    text = probe.do("explain", **{"needs": {}, **situation})
    for part in said:
        assert part in text
    assert "hunter2" not in text
    assert ("Agents need Java" in text) == ("ended" in situation and "lastUris" not in situation)
    assert text.splitlines()[-1].startswith("What to do: ")


def test_agents_that_could_not_fetch_as_recorded(probe: Probe, recording: Callable[[str], Json]) -> None:
    events = recording("scheduler-fetcher")["events"]
    statuses = [event["update"]["status"] for event in events if event.get("type") == "UPDATE"]
    failures = [status["message"] for status in statuses if status["state"] == "TASK_FAILED"]
    assert len(failures) == 3  # nobody listens, no such file, no Hadoop client
    for message in failures:
        text = probe.do("explain", needs={}, ended=1, lastEnd=f"TASK_FAILED ({message})")
        assert f"{message}). Its agent could not fetch, or not unpack, what it needs." in text


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://repo.example:8443/dist/spark.tgz", "https://repo.example:8443/dist/spark.tgz"),
        ("https://u@h/a.tgz", "https://h/a.tgz"),
        ("https://u@h:80/a@b.tgz?sig=x@y#z", "https://h:80/a@b.tgz"),
        ("https://u:p@h:80/a.tgz?sig=x@y#z", "https://h:80/a.tgz"),
        ("https://h:80/a:b@c.tgz#z@y", "https://h:80/a:b@c.tgz"),
        ("https://u:p@q/r@h/a.tgz?x", "https://h/a.tgz"),
        ("https://u:p/q?r#s@h/a.tgz?x", "https://h/a.tgz"),
        ("http://[::1]/a@b.tgz", "http://[::1]/a@b.tgz"),
        ("hdfs:///dist/a.tgz", "hdfs:///dist/a.tgz"),
        ("file:/dist/a.tgz", "file:/dist/a.tgz"),
        ("/dist/what?.tgz", "/dist/what?.tgz"),
        ("http://u:p@", "http://"),
        ("", ""),
    ],
)
def test_uris_without_secrets(uri: str, shown: str, probe: Probe) -> None:
    assert probe.do("shown uri", text=uri) == shown


@pytest.mark.parametrize(
    ("conf", "needs"),
    [
        ({}, "Needs(1.0,1408,384,None,,)"),
        (
            {
                "spark.cores.max": " 4",
                "spark.executor.cores": "2 ",
                "spark.executor.memory": " 8g ",
                "spark.mesos.coarse": " true",
                "spark.mesos.role": "web",
                "spark.mesos.constraints": "zone:a",
            },
            "Needs(2.0,9011,819,Some(4),web,zone:a)",
        ),
        (
            {
                "spark.mesos.coarse": "false",
                "spark.task.cpus": " 2",
                "spark.mesos.executor.memoryOverhead": " 1 ",
            },
            "Needs(3.0,1025,1,None,,)",
        ),
    ],
)
def test_what_an_executor_needs(conf: dict[str, str], needs: str, probe: Probe) -> None:
    """Blanks around values are ignored, as Spark does."""
    assert probe.do("needs", conf=conf) == needs


def test_agents_as_recorded(probe: Probe, recording: Callable[[str], Json]) -> None:
    body = recording("master-GET_slaves")["exchanges"][0]["response"]["body"]
    text = probe.do("explain", needs={"cpus": 3, "memory": 4097}, slaves=body["slaves"])
    assert "mem: needs 4097 MB, the largest agent, agent1.mesos.example, has 4096 MB." in text
    text = probe.do("explain", needs={"cpus": 3, "memory": 2560, "role": "spark"}, slaves=body["slaves"])
    assert "2 agents have enough free" in text
    text = probe.do(
        "explain", needs={"cpus": 3, "memory": 2560, "constraints": "zone:us-east-1b"}, slaves=body["slaves"]
    )
    assert "cpus: needs 3, the largest agent, agent2.mesos.example, has 2;" in text


@pytest.mark.parametrize("has_executors", [True, False])
def test_an_executor_that_has_finished_need_not_have_started(has_executors: bool, probe: Probe) -> None:
    """One that is cut off from its driver ends with status 0. In fine-grained mode a task has, and its executor is there."""
    states = ("TASK_RUNNING", "TASK_FINISHED")
    said = probe.do("watch", hasExecutors=has_executors, events=[update("t-1", state) for state in states])
    if has_executors:
        assert said == ""
    else:
        assert "sparkmesos: No executor has started within" in said
        assert "1 executor was launched and ended at once; the last one: TASK_FINISHED." in said

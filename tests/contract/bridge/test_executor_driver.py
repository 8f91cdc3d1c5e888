"""The bridge's executor driver with a scripted agent: what was recorded, failures, subscriptions anew, states, the end."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.contract.bridge.conftest import HERE, JARS, JAVA, PATIENCE, RECORDINGS, Probe
from tests.contract.bridge.scripted_executor_agent import ScriptedAgent

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Stream

pytestmark = pytest.mark.slow

Json = dict[str, Any]
EXECUTOR = {
    "type": "CUSTOM",
    "executor_id": {"value": "e-0"},
    "framework_id": {"value": "F-0"},
    "command": {"shell": True, "value": "run"},
    "data": base64.b64encode(b"for the executor").decode(),
}
SUBSCRIBED = {
    "type": "SUBSCRIBED",
    "subscribed": {
        "executor_info": EXECUTOR,
        "framework_info": {"user": "u", "name": "n", "id": {"value": "F-0"}},
        "agent_info": {"hostname": "agent", "port": 5051, "id": {"value": "S-0"}},
        "container_id": {"value": "c-0"},
    },
}


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A driver's name; every test has its own."""
    return str(request.node.name)


@pytest.fixture
def agent() -> Iterator[ScriptedAgent]:
    scripted = ScriptedAgent()
    yield scripted
    scripted.stop()


@pytest.fixture(scope="module")
def probe_command(bridge_jar: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Starts a JVM with executors on a leash (ExecutorProbe.scala)."""
    classes = tmp_path_factory.mktemp("executor-probe")
    scala = os.pathsep.join(map(str, JARS.glob("scala-[clr]*")))
    names = ("mesos-*", "jackson-*", "scala-library*")
    libraries = [str(bridge_jar), *(str(jar) for pattern in names for jar in JARS.glob(pattern))]
    compiler = [str(JAVA), "-XX:TieredStopAtLevel=1", "-cp", scala, "scala.tools.nsc.Main", "-nowarn"]
    subprocess.run(
        [*compiler, "-cp", os.pathsep.join(libraries), "-d", str(classes), str(HERE / "ExecutorProbe.scala")],
        check=True,
    )
    options = ["-XX:TieredStopAtLevel=1", "-Dlog4j2.level=OFF", "-cp", f"{classes}:{bridge_jar}:{JARS}/*"]
    return [str(JAVA), *options, "org.sparkmesos.bridge.ExecutorProbe"]


def run_probe(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    # A session of its own, as an agent starts its executors.
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        start_new_session=True,
    )


def close_probe(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()


@pytest.fixture(scope="module")
def probe(probe_command: list[str]) -> Iterator[Probe]:
    """One JVM for all tests; each uses drivers of its own."""
    process = run_probe(probe_command, {})
    yield Probe(process)
    assert process.stdin is not None
    process.stdin.close()
    try:
        assert process.wait(PATIENCE) == 0
    finally:
        close_probe(process)


def launch(task_id: str, **more: Any) -> Json:
    task = {
        "name": "t",
        "task_id": {"value": task_id},
        "agent_id": {"value": "S-0"},
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}}],
        "executor": EXECUTOR,
        **more,
    }
    return {"type": "LAUNCH", "launch": {"task": task}}


def status(task_id: str, state: str, **more: Any) -> Json:
    return {"task_id": {"value": task_id}, "state": state, **more}


def acknowledged(update: Json) -> Json:
    """What the agent says of an update that it has safely."""
    body = {"task_id": update["status"]["task_id"], "uuid": update["status"]["uuid"]}
    return {"type": "ACKNOWLEDGED", "acknowledged": body}


def start(
    probe: Probe, agent: ScriptedAgent, name: str, environment: dict[str, str] | None = None, **options: Any
) -> Stream:
    """A driver that is registered."""
    probe.do("new", name, environment=agent.environment() if environment is None else environment, **options)
    assert probe.do("start", name) == "DRIVER_RUNNING"
    stream = agent.stream()
    stream.emit(SUBSCRIBED)
    assert probe.callback(name)["callback"] == "registered"
    return stream


def threads(probe: Probe) -> str:
    """The driver's threads, once they have had time to end."""
    deadline = time.monotonic() + PATIENCE
    while (left := str(probe.do("threads"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


# ---- what was recorded ---------------------------------------------------------------------------------------------


def v0(value: Any) -> Any:
    """v1 JSON with the names that v0 has: slaves instead of agents."""
    if isinstance(value, dict):
        return {key.replace("agent_id", "slave_id"): v0(inner) for key, inner in value.items()}
    return [v0(inner) for inner in value] if isinstance(value, list) else value


def check_callback(callback: Json, event: Json, again: bool) -> None:
    body = event.get(event["type"].lower(), {})
    match event["type"]:
        case "SUBSCRIBED" if again:
            assert callback["callback"] == "reregistered"
            assert callback["slave"] == v0(body["agent_info"])
        case "SUBSCRIBED":
            assert callback["callback"] == "registered"
            assert callback["executor"] == v0(body["executor_info"])
            assert callback["framework"] == v0(body["framework_info"])
            assert callback["slave"] == v0(body["agent_info"])
        case "LAUNCH":
            assert callback["callback"] == "launchTask"
            assert callback["task"] == v0(body["task"])
        case "KILL":
            assert (callback["callback"], callback["task"]) == ("killTask", body["task_id"])
        case "MESSAGE":
            assert callback["callback"] == "frameworkMessage"
            assert callback["data"] == base64.b64decode(body["data"]).decode()
        case "SHUTDOWN":
            assert callback["callback"] == "shutdown"
        case other:
            pytest.fail(f"an event {other}")


@pytest.mark.parametrize("recorded_name", ["executor-http", "executor-http-agent-restart"])
def test_replay(
    recorded_name: str, probe: Probe, agent: ScriptedAgent, recording: Callable[[str], Json]
) -> None:
    recorded = recording(recorded_name)
    environment = {
        **recorded["environment"],
        **{"MESOS_SUBSCRIPTION_BACKOFF_MAX": "50ms", "MESOS_LOCAL": "1"},
    }
    for variable in ("MESOS_AGENT_ENDPOINT", "MESOS_SLAVE_PID"):
        environment[variable] = environment[variable].replace("5051", str(agent.port))
    driver = f"replay {recorded_name}"
    probe.do("new", driver, environment=environment)
    assert probe.do("start", driver) == "DRIVER_RUNNING"
    uuids: dict[str, str] = {}  # ours for each recorded one
    streams: list[Stream] = []
    for entry in recorded["conversation"]:
        if "event" in entry:
            event = entry["event"]
            if event["type"] == "ACKNOWLEDGED":
                event["acknowledged"]["uuid"] = uuids[event["acknowledged"]["uuid"]]
                streams[-1].emit(event)
            else:
                streams[-1].emit(event)
                check_callback(probe.callback(driver), event, again=len(streams) > 1)
        elif "note" in entry:
            if entry["note"].startswith("event stream ended"):
                agent.go()
                assert probe.callback(driver)["callback"] == "disconnected"
        elif entry["call"]["body"]["type"] == "SUBSCRIBE":
            if streams:
                agent.come()
            streams.append(agent.stream())
            assert streams[-1].request == entry["call"]["body"]
            assert streams[-1].headers.items() >= entry["call"]["headers"].items()
        else:
            expected = entry["call"]["body"]
            if expected["type"] == "MESSAGE":
                text = base64.b64decode(expected["message"]["data"]).decode()
                assert probe.do("message", driver, text=text) == "DRIVER_RUNNING"
                assert agent.call() == expected
                continue
            wanted = expected["update"]["status"]
            filled_in = ("uuid", "timestamp", "source", "executor_id")
            asked = {key: value for key, value in wanted.items() if key not in filled_in}
            assert probe.do("update", driver, status=asked) == "DRIVER_RUNNING"
            call = agent.call()
            sent = call["update"]["status"]
            uuids[wanted["uuid"]] = sent["uuid"]
            assert len(base64.b64decode(sent["uuid"])) == 16
            assert abs(sent["timestamp"] - time.time()) < PATIENCE
            changed = {key: sent[key] for key in ("uuid", "timestamp")}
            agent_id = {"value": environment["MESOS_SLAVE_ID"]}
            expected["update"]["status"] = {**wanted, **changed, "agent_id": agent_id}
            assert call == expected
            assert agent.headers.items() >= entry["call"]["headers"].items()
    assert probe.do("stop", driver) == "DRIVER_STOPPED"
    assert agent.calls.empty()
    assert not probe.has_callback(driver)
    assert threads(probe) == ""


REFUSALS = json.loads((RECORDINGS / "executor-bad-requests.json").read_text())["exchanges"]


@pytest.mark.parametrize("refusal", [exchange["response"] for exchange in REFUSALS], ids=range(len(REFUSALS)))
@pytest.mark.parametrize("refused", ["SUBSCRIBE", "UPDATE"])
def test_a_refused_call_is_an_error(
    refused: str, refusal: Json, probe: Probe, agent: ScriptedAgent, name: str
) -> None:
    answer = (refusal["status"], refusal["body"])
    if refused == "SUBSCRIBE":
        agent.on_subscribe = lambda call: answer
        probe.do("new", name, environment=agent.environment())
        assert probe.do("start", name) == "DRIVER_RUNNING"
    else:
        agent.on_call = lambda call: answer
        start(probe, agent, name)
        probe.do("update", name, status=status("t-1", "TASK_RUNNING"))
    error = probe.callback(name)
    assert error["callback"] == "error"
    assert f"{refusal['body']} ({refusal['status']})" in error["message"]
    assert error["join"] == "DRIVER_ABORTED"
    assert probe.do("stop", name) == "DRIVER_ABORTED"
    assert threads(probe) == ""


# ---- environment ---------------------------------------------------------------------------------------------------


NEEDED = {
    "MESOS_AGENT_ENDPOINT": "10.0.0.1:5051",
    "MESOS_FRAMEWORK_ID": "F",
    "MESOS_EXECUTOR_ID": "E",
    "MESOS_SLAVE_ID": "S",
}


@pytest.mark.parametrize(
    ("more", "understood"),
    [
        ({}, "10.0.0.1:5051,/slave(1)/api/v1/executor,F,E,S,false,900000,2000,5000,None,false"),
        ({"MESOS_SLAVE_PID": "slave(2)@10.0.0.1:5051"}, "/slave(2)/api/v1/executor"),
        ({"LIBPROCESS_SSL_ENABLED": "true"}, "https://10.0.0.1:5051"),
        ({"LIBPROCESS_SSL_ENABLED": "0"}, "(10.0.0.1:5051"),
        (
            {
                "MESOS_CHECKPOINT": "1",
                "MESOS_RECOVERY_TIMEOUT": "1.5hrs",
                "MESOS_SUBSCRIPTION_BACKOFF_MAX": "250ms",
                "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "2mins",
            },
            ",true,5400000,250,120000,",
        ),
        ({"MESOS_LOCAL": ""}, ",true)"),
    ],
)
def test_the_environment_of_the_agent(more: dict[str, str], understood: str, probe: Probe) -> None:
    assert understood in probe.do("environment", environment={**NEEDED, **more})


@pytest.mark.parametrize(
    "missing", ["MESOS_AGENT_ENDPOINT", "MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID", "MESOS_SLAVE_ID"]
)
def test_a_missing_variable_is_named(missing: str, probe: Probe, agent: ScriptedAgent, name: str) -> None:
    environment = agent.environment()
    del environment[missing]
    probe.do("new", name, environment=environment)
    assert probe.do("start", name) == "DRIVER_ABORTED"
    assert missing in probe.callback(name)["message"]
    assert probe.do("join", name) == "DRIVER_ABORTED"
    assert probe.do("stop", name) == "DRIVER_ABORTED"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MESOS_AGENT_ENDPOINT", "agent:many"),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5 parsecs"),
        ("MESOS_RECOVERY_TIMEOUT", "soon"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "10"),
    ],
)
def test_a_bad_variable_is_named(
    variable: str, value: str, probe: Probe, agent: ScriptedAgent, name: str
) -> None:
    probe.do("new", name, environment=agent.checkpointing(**{variable: value}))
    assert probe.do("start", name) == "DRIVER_ABORTED"
    assert f"{variable}={value}" in probe.callback(name)["message"]


def test_the_token_of_the_agent_is_shown_to_it(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name, agent.environment(MESOS_EXECUTOR_AUTHENTICATION_TOKEN="a.b.c"))
    assert stream.headers["Authorization"] == "Bearer a.b.c"
    probe.do("message", name, text="hello")
    agent.call()
    assert agent.headers["Authorization"] == "Bearer a.b.c"
    probe.do("stop", name)


def test_a_driver_needs_an_executor(probe: Probe) -> None:
    assert "NullPointerException" in probe.do("null")


# ---- states and threads --------------------------------------------------------------------------------------------


def test_states(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    probe.do("new", name, environment=agent.environment())
    for command in ("join", "stop", "abort"):
        assert probe.do(command, name) == "DRIVER_NOT_STARTED"
    assert probe.do("message", name, text="x") == "DRIVER_NOT_STARTED"
    assert probe.do("start", name) == "DRIVER_RUNNING"
    assert probe.do("start", name) == "DRIVER_RUNNING"
    agent.stream().emit(SUBSCRIBED)
    probe.callback(name)
    assert probe.do("abort", name) == "DRIVER_ABORTED"
    assert probe.do("abort", name) == "DRIVER_ABORTED"
    assert probe.do("update", name, status=status("t-1", "TASK_RUNNING")) == "DRIVER_ABORTED"
    assert probe.do("join", name) == "DRIVER_ABORTED"
    assert probe.do("stop", name) == "DRIVER_ABORTED"
    assert probe.do("stop", name) == "DRIVER_STOPPED"
    assert threads(probe) == ""
    assert agent.calls.empty()


def test_what_was_sent_before_the_end_gets_out(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    start(probe, agent, name)
    for index in range(20):
        probe.do("update", name, status=status(f"t-{index}", "TASK_FINISHED"))
    assert probe.do("stop", name) == "DRIVER_STOPPED"
    sent = [agent.calls.get_nowait()["update"]["status"]["task_id"]["value"] for _ in range(20)]
    assert sent == [f"t-{index}" for index in range(20)]
    assert threads(probe) == ""


def test_interrupted_threads_report_and_stop_as_well(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    """Spark interrupts the threads of tasks that it kills, and those report the end of their tasks."""
    start(probe, agent, name)
    sent = status("t-1", "TASK_KILLED")
    assert probe.do("update", name, status=sent, interrupted=True) == "DRIVER_RUNNING, interrupted: true"
    assert agent.call()["update"]["status"]["state"] == "TASK_KILLED"
    assert probe.do("stop", name, interrupted=True) == "DRIVER_STOPPED, interrupted: true"
    assert threads(probe) == ""


def test_drivers_side_by_side(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    first = start(probe, agent, name + "1")
    second = start(probe, agent, name + "2", agent.environment(MESOS_EXECUTOR_ID="e-1"))
    assert second.request["executor_id"] == {"value": "e-1"}
    second.emit(launch("two"))
    first.emit(launch("one"))
    callbacks = [probe.callback(name + number) for number in "12"]
    assert [callback["task"]["task_id"]["value"] for callback in callbacks] == ["one", "two"]
    assert callbacks[0]["thread"] != callbacks[1]["thread"]
    assert probe.do("stop", name + "1") == "DRIVER_STOPPED"
    second.emit(launch("three"))
    assert probe.callback(name + "2")["task"]["task_id"]["value"] == "three"
    assert probe.do("stop", name + "2") == "DRIVER_STOPPED"
    assert threads(probe) == ""


def test_callbacks_come_in_order_from_one_thread(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name)
    for index in range(50):
        stream.emit(launch(str(index)))
    callbacks = [probe.callback(name) for _ in range(50)]
    assert [callback["task"]["task_id"]["value"] for callback in callbacks] == [str(n) for n in range(50)]
    assert len({callback["thread"] for callback in callbacks}) == 1
    probe.do("stop", name)


def test_stop_within_a_callback(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name, stopIn="launchTask")
    stream.emit(launch("t-1"))
    stream.emit(launch("t-2"))
    assert probe.callback(name)["callback"] == "launchTask"
    assert probe.do("join", name) == "DRIVER_STOPPED"
    assert threads(probe) == ""
    assert not probe.has_callback(name)


def test_a_callback_that_throws_ends_the_driver(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name, throwIn="launchTask")
    stream.emit(launch("t-1"))
    stream.emit(launch("t-2"))
    assert probe.callback(name)["callback"] == "launchTask"
    error = probe.callback(name)
    assert error["message"] == (
        "The executor failed in launchTask: java.lang.IllegalStateException: thrown in launchTask"
    )
    assert error["join"] == "DRIVER_ABORTED"
    assert threads(probe) == ""
    assert not probe.has_callback(name)


def test_events_that_mean_nothing_here(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name)
    stream.emit({"type": "HEARTBEAT"})
    stream.emit({"type": "NEVER_HEARD_OF"})
    stream.emit({"type": "ACKNOWLEDGED", "acknowledged": {"task_id": {"value": "?"}, "uuid": "AAAA"}})
    stream.emit({"type": "KILL", "kill": {"task_id": {"value": "?"}}})
    assert probe.callback(name)["callback"] == "killTask"
    probe.do("stop", name)


def test_a_group_of_tasks_fails(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name)
    tasks = [launch(task_id)["launch"]["task"] for task_id in ("a", "b")]
    stream.emit({"type": "LAUNCH_GROUP", "launch_group": {"task_group": {"tasks": tasks}}})
    for task_id in ("a", "b"):
        told = agent.call()["update"]["status"]
        assert (told["task_id"]["value"], told["state"]) == (task_id, "TASK_FAILED")
        assert "LAUNCH_GROUP" in told["message"]
    probe.do("stop", name)
    assert not probe.has_callback(name)


def test_an_error_of_the_agent_ends_the_driver(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name)
    stream.emit({"type": "ERROR", "error": {"message": "Unrecoverable"}})
    error = probe.callback(name)
    assert (error["callback"], error["message"], error["join"]) == (
        "error",
        "Unrecoverable",
        "DRIVER_ABORTED",
    )
    assert threads(probe) == ""


# ---- the agent goes ------------------------------------------------------------------------------------------------


def test_without_checkpointing_the_executor_ends_with_its_agent(
    probe: Probe, agent: ScriptedAgent, name: str
) -> None:
    start(probe, agent, name)
    agent.go()
    assert probe.callback(name)["callback"] == "shutdown"
    assert probe.do("join", name) == "DRIVER_STOPPED"
    assert threads(probe) == ""
    assert not probe.has_callback(name)
    agent.come()
    assert agent.streams.empty()


def test_an_agent_that_is_not_there(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    agent.go()
    probe.do("new", name, environment=agent.environment())
    probe.do("start", name)
    assert probe.callback(name)["callback"] == "shutdown"
    assert probe.do("join", name) == "DRIVER_STOPPED"
    assert threads(probe) == ""
    agent.come()


def test_an_agent_that_is_not_ready(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    answers = [(404, ""), (503, "Agent has not finished recovery")]
    agent.on_subscribe = lambda call: answers.pop() if answers else None
    start(probe, agent, name, agent.environment(MESOS_SUBSCRIPTION_BACKOFF_MAX="50ms"))
    assert not answers
    probe.do("stop", name)


def test_what_is_not_acknowledged_is_told_again(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name, agent.checkpointing())
    for task_id in ("acknowledged", "reported", "silent"):
        stream.emit(launch(task_id))
        probe.callback(name)
    probe.do("update", name, status=status("acknowledged", "TASK_RUNNING"))
    stream.emit(acknowledged(agent.call()["update"]))
    probe.do("update", name, status=status("acknowledged", "TASK_FINISHED", message="done"))
    finished = agent.call()["update"]
    probe.do("update", name, status=status("reported", "TASK_RUNNING"))
    running = agent.call()["update"]
    stream.emit({"type": "KILL", "kill": {"task_id": {"value": "silent"}}})  # behind the acknowledgement
    probe.callback(name)
    agent.go()
    assert probe.callback(name)["callback"] == "disconnected"
    assert probe.do("update", name, status=status("silent", "TASK_RUNNING")) == "DRIVER_RUNNING"
    assert probe.do("message", name, text="meanwhile") == "DRIVER_RUNNING"
    agent.come()
    again = agent.stream()
    told = again.request["subscribe"]
    tasks = [task["task_id"]["value"] for task in told["unacknowledged_tasks"]]
    assert tasks == ["reported", "silent"]
    assert told["unacknowledged_tasks"][0] == launch("reported")["launch"]["task"]
    assert told["unacknowledged_updates"][:2] == [finished, running]
    assert [update["status"]["task_id"]["value"] for update in told["unacknowledged_updates"][2:]] == [
        "silent"
    ]
    again.emit(SUBSCRIBED)
    assert probe.callback(name)["callback"] == "reregistered"
    # The updates have been told with the subscription; the message has not.
    assert agent.call()["message"] == {"data": base64.b64encode(b"meanwhile").decode()}
    for update in told["unacknowledged_updates"]:
        again.emit(acknowledged(update))
    again.emit({"type": "KILL", "kill": {"task_id": {"value": "silent"}}})
    probe.callback(name)
    agent.go()
    assert probe.callback(name)["callback"] == "disconnected"
    agent.come()
    empty: Json = {"unacknowledged_tasks": [], "unacknowledged_updates": []}
    assert agent.stream().request["subscribe"] == empty
    probe.do("stop", name)
    assert agent.calls.empty()
    assert threads(probe) == ""


def test_an_agent_that_does_not_return(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    start(probe, agent, name, agent.checkpointing(recovery="300ms"))
    agent.go()
    assert probe.callback(name)["callback"] == "disconnected"
    assert probe.callback(name)["callback"] == "shutdown"
    assert probe.do("join", name) == "DRIVER_STOPPED"
    assert threads(probe) == ""
    agent.come()


def test_stop_while_the_agent_is_away(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    start(probe, agent, name, agent.checkpointing(backoff="10mins"))
    agent.go()
    assert probe.callback(name)["callback"] == "disconnected"
    probe.do("update", name, status=status("t-1", "TASK_RUNNING"))
    assert probe.do("stop", name) == "DRIVER_STOPPED"
    assert threads(probe) == ""
    agent.come()


def test_an_update_is_repeated_until_it_arrives(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    troubles = ["no answer", "recovers", "not subscribed"]
    attempts: list[Json] = []

    def answer(call: Json) -> tuple[int, str] | None:
        attempts.append(call)
        match troubles.pop() if troubles else "":
            case "no answer":
                raise ConnectionAbortedError
            case "recovers":
                return 503, "Agent has not finished recovery"
            case "not subscribed":
                return 403, "Executor is not subscribed"
        return None

    start(probe, agent, name)
    agent.on_call = answer
    probe.do("update", name, status=status("t-1", "TASK_RUNNING"))
    probe.do("message", name, text="behind it")
    while agent.call()["type"] != "MESSAGE":
        pass
    assert [call["type"] for call in attempts] == ["UPDATE"] * 4 + ["MESSAGE"]
    assert all(call == attempts[0] for call in attempts[:4])
    probe.do("stop", name)


def test_a_message_that_may_have_arrived_is_not_repeated(
    probe: Probe, agent: ScriptedAgent, name: str
) -> None:
    attempts: list[Json] = []

    def answer(call: Json) -> None:
        attempts.append(call)
        if len(attempts) == 1:
            raise ConnectionAbortedError

    start(probe, agent, name)
    agent.on_call = answer
    for text in ("one", "two"):
        probe.do("message", name, text=text)
    assert base64.b64decode(agent.call()["message"]["data"]) == b"two"
    assert len(attempts) == 2
    probe.do("stop", name)


# ---- the end -------------------------------------------------------------------------------------------------------


def test_shutdown_waits_for_the_tasks(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name, agent.environment(MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD="10mins"))
    stream.emit(launch("t-1"))
    probe.callback(name)
    stream.emit({"type": "SHUTDOWN"})
    stream.emit(launch("too late"))
    assert probe.callback(name)["callback"] == "shutdown"
    assert probe.do("update", name, status=status("t-1", "TASK_RUNNING")) == "DRIVER_RUNNING"
    probe.do("update", name, status=status("t-1", "TASK_KILLED"))
    assert probe.do("join", name) == "DRIVER_STOPPED"
    assert [agent.call()["update"]["status"]["state"] for _ in range(2)] == ["TASK_RUNNING", "TASK_KILLED"]
    assert threads(probe) == ""
    assert not probe.has_callback(name)


def test_shutdown_does_not_wait_for_ever(probe: Probe, agent: ScriptedAgent, name: str) -> None:
    stream = start(probe, agent, name, agent.environment(MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD="200ms"))
    stream.emit(launch("t-1"))
    probe.callback(name)
    stream.emit({"type": "SHUTDOWN"})
    assert probe.callback(name)["callback"] == "shutdown"
    assert probe.do("join", name) == "DRIVER_STOPPED"
    assert threads(probe) == ""


@pytest.mark.parametrize("cause", ["SHUTDOWN", "the agent is gone"])
def test_a_process_that_does_not_end_is_killed_with_all_it_started(
    cause: str, probe_command: list[str], agent: ScriptedAgent, name: str
) -> None:
    environment = agent.environment(MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD="500ms")
    del environment["MESOS_LOCAL"]
    # The shell and its `sleep` are of the same process group as the JVM.
    shell = ["/bin/sh", "-c", 'sleep 600 & exec "$@"', "sh", *probe_command]
    process = run_probe(shell, environment)
    try:
        probe = Probe(process)
        probe.do("new", name)
        assert probe.do("runs", name) == "started"
        stream = agent.stream()
        stream.emit(SUBSCRIBED)
        assert probe.callback(name)["callback"] == "registered"
        group = psutil.Process(process.pid).children()
        assert [child.name() for child in group] == ["sleep"]
        if cause == "SHUTDOWN":
            stream.emit({"type": "SHUTDOWN"})
        else:
            agent.go()
        assert probe.callback(name)["callback"] == "shutdown"
        ended = probe.callback(name)
        assert (ended["callback"], ended["outcome"]) == ("run() ended", "DRIVER_STOPPED")
        assert process.wait(PATIENCE) == -9
        assert not psutil.wait_procs(group, timeout=PATIENCE)[1]
    finally:
        close_probe(process)
        if cause != "SHUTDOWN":
            agent.come()


# In a session of its own, but in a process group that is not that of the session, with a neighbour.
SHARED_GROUP = """
import os, subprocess, sys
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    subprocess.Popen(["sleep", "600"])
    os.execv(sys.argv[1], sys.argv[1:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_the_processes_of_others_are_left_alone(
    probe_command: list[str], agent: ScriptedAgent, name: str
) -> None:
    environment = agent.environment(MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD="500ms")
    del environment["MESOS_LOCAL"]
    process = run_probe([sys.executable, "-c", SHARED_GROUP, *probe_command], environment)
    neighbours: list[psutil.Process] = []
    try:
        probe = Probe(process)
        probe.do("new", name)
        probe.do("runs", name)
        stream = agent.stream()
        stream.emit(SUBSCRIBED)
        assert probe.callback(name)["callback"] == "registered"
        (jvm,) = psutil.Process(process.pid).children()
        neighbours = jvm.children()
        assert [neighbour.name() for neighbour in neighbours] == ["sleep"]
        stream.emit({"type": "SHUTDOWN"})
        assert process.wait(PATIENCE) == 1  # the JVM has ended all the same
        assert neighbours[0].status() != psutil.STATUS_ZOMBIE
    finally:
        for left in neighbours:
            left.kill()
        close_probe(process)


@pytest.mark.parametrize(
    ("stat", "own"),
    [
        ("300 (java) S 299 300 300 0 -1 4194304", True),
        ("301 (java) S 300 300 300 0 -1 4194304", True),
        ("301 (a ) S 7 7 7) S 300 301 300 0 -1", False),
        ("301 (java) S 0 0 0 0 -1", False),
        ("301 (java) S 300", False),
        ("", False),
    ],
)
def test_whose_process_group_it_is(stat: str, own: bool, probe: Probe) -> None:
    """Lines of /proc/PID/stat."""
    assert probe.do("own group", stat=stat) == str(own).lower()

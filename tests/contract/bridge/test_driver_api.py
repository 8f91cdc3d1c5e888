"""The Java API: what Mesos' own driver class has, the states it returns, acknowledgement, and threads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.bridge.conftest import JARS, running_probe
from tests.contract.bridge.messages import FRAMEWORK, finish, offers, resume, start, task, update

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe, ScriptedMaster

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def test_every_constructor_and_method_is_there(probe: Probe) -> None:
    assert probe.do("missing") == ""


@pytest.mark.parametrize("form", [{}, {"single": True}])
@pytest.mark.parametrize("filters", [{}, {"filters": {"refuse_seconds": 2.0}}])
def test_launching(form: Json, filters: Json, probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name)
    probe.do("launch", name, offers=["O-1"], tasks=[task()], **form, **filters)
    accept = master.call()["accept"]
    assert accept["offer_ids"] == [{"value": "O-1"}]
    assert accept["operations"] == [{"type": "LAUNCH", "launch": {"task_infos": [task()]}}]
    assert accept["filters"] == filters.get("filters", {})
    finish(probe, name)


def test_accepting_without_operations_declines(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name)
    probe.do("accept", name, offers=["O-1", "O-2"], filters={"refuse_seconds": 9.0})
    assert master.call() == {
        "type": "ACCEPT",
        "framework_id": {"value": "F-0"},
        "accept": {
            "offer_ids": [{"value": "O-1"}, {"value": "O-2"}],
            "operations": [],
            "filters": {"refuse_seconds": 9.0},
        },
    }
    finish(probe, name)


def test_roles_that_want_no_offers(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name, suppressed=["a", "b"])
    assert stream.request["subscribe"]["suppressed_roles"] == ["a", "b"]
    probe.do("revive", name, roles=["a"])
    assert master.call()["revive"] == {"roles": ["a"]}
    probe.do("suppress", name, roles=["b"])
    assert master.call()["suppress"] == {"roles": ["b"]}
    for command in ("revive", "suppress"):
        probe.do(command, name)
        assert master.call() == {"type": command.upper(), "framework_id": {"value": "F-0"}}
    finish(probe, name)


def test_roles_that_want_no_offers_after_a_new_subscription(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """SUBSCRIBE says which roles are suppressed, so it must not name those that were revived meanwhile."""
    stream = start(
        probe, master, name, framework={**FRAMEWORK, "roles": ["a", "b", "c"]}, suppressed=["a", "b"]
    )
    steps: list[tuple[str, Json, list[str] | None]] = [
        ("revive", {"roles": ["a"]}, ["b"]),
        ("suppress", {"roles": ["c"]}, ["b", "c"]),
        ("revive", {}, None),
        ("suppress", {}, None),  # told by a SUPPRESS of its own
        ("revive", {"roles": ["b"]}, ["a", "c"]),
    ]
    for command, roles, suppressed in steps:
        probe.do(command, name, **roles)
        assert master.call()["type"] == command.upper()
        stream.close()
        stream = resume(probe, master, name)
        assert stream.request["subscribe"].get("suppressed_roles") == suppressed
        if (command, roles) == ("suppress", {}):
            assert master.call()["type"] == "SUPPRESS"
    assert master.calls.empty()
    finish(probe, name)


def test_requests_and_messages(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name)
    probe.do("request", name)
    assert master.call()["request"] == {"requests": [{"agent_id": {"value": "s"}}]}
    probe.do("message", name, executor="e", agent="S-0", text="hello")
    assert master.call()["message"] == {
        "agent_id": {"value": "S-0"},
        "executor_id": {"value": "e"},
        "data": "aGVsbG8=",
    }
    finish(probe, name)


def test_implicit_reconciliation(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name)
    probe.do("reconcile", name, tasks=[])
    assert master.call()["reconcile"] == {"tasks": []}
    finish(probe, name)


def test_explicit_acknowledgement(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name, implicit=False)
    status = update("t-1", "TASK_RUNNING", uuid="q80=")
    stream.emit(status)
    seen = probe.callback(name)["status"]
    assert seen["uuid"] == "q80="
    assert master.calls.empty()
    assert probe.do("acknowledge", name, status=status["update"]["status"]) == "DRIVER_RUNNING"
    assert master.call()["acknowledge"] == {
        "agent_id": {"value": "S-0"},
        "task_id": {"value": "t-1"},
        "uuid": "q80=",
    }
    finish(probe, name)


def test_updates_without_uuid_are_not_acknowledged(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name)
    stream.emit(update("t-1", "TASK_LOST"))
    assert probe.callback(name)["status"]["state"] == "TASK_LOST"
    probe.do("revive", name)
    assert master.call()["type"] == "REVIVE"
    assert "IllegalState" in probe.do(
        "acknowledge", name, status={"task_id": {"value": "t"}, "state": "TASK_LOST"}
    )
    finish(probe, name)


def test_states(probe: Probe, master: ScriptedMaster, name: str) -> None:
    probe.do("new", name, master=master.address, framework=FRAMEWORK)
    for command in ("join", "revive", "abort", "stop"):
        assert probe.do(command, name) == "DRIVER_NOT_STARTED"
    assert probe.do("start", name) == "DRIVER_RUNNING"
    assert probe.do("start", name) == "DRIVER_RUNNING"
    master.stream().subscribed()
    assert probe.callback(name)["callback"] == "registered"
    assert probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
    assert master.call()["type"] == "TEARDOWN"
    for command in ("join", "revive", "abort", "stop", "start"):
        assert probe.do(command, name) == "DRIVER_STOPPED"
    assert master.calls.empty()


def test_abort_silences_and_stop_still_tears_down(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name)
    assert probe.do("abort", name) == "DRIVER_ABORTED"
    assert probe.do("join", name) == "DRIVER_ABORTED"
    assert master.call()["type"] == "SUPPRESS"
    stream.emit(offers("O-1"))
    assert probe.do("revive", name) == "DRIVER_ABORTED"
    assert probe.do("stop", name, failover=False) == "DRIVER_ABORTED"
    assert master.call()["type"] == "TEARDOWN"
    assert not probe.has_callback(name)


def test_an_interrupted_thread_stops_the_driver_as_well(
    probe: Probe, master: ScriptedMaster, name: str
) -> None:
    start(probe, master, name)
    assert probe.do("stop", name, interrupted=True) == "DRIVER_STOPPED, interrupted: true"
    assert master.call()["type"] == "TEARDOWN"
    assert probe.do("join", name) == "DRIVER_STOPPED"


def test_failover_leaves_the_framework_alone(probe: Probe, master: ScriptedMaster, name: str) -> None:
    start(probe, master, name)
    assert probe.do("stop", name, failover=True) == "DRIVER_STOPPED"
    assert master.calls.empty()


def test_a_callback_that_throws_is_told_as_an_error(probe: Probe, master: ScriptedMaster, name: str) -> None:
    stream = start(probe, master, name, throwIn="resourceOffers")
    stream.emit(offers("O-1"))
    assert probe.callback(name)["callback"] == "resourceOffers"
    error = probe.callback(name)
    assert error["callback"] == "error"
    assert "thrown in resourceOffers" in error["message"]
    assert probe.do("join", name) == "DRIVER_ABORTED"
    probe.do("stop", name, failover=False)
    assert [master.call()["type"] for _ in range(2)] == ["SUPPRESS", "TEARDOWN"]


@pytest.mark.parametrize("address", ["the master's", "host:port"])
def test_an_error_that_keeps_the_scheduler_waiting_for_the_end_of_run(
    address: str, probe: Probe, master: ScriptedMaster, name: str
) -> None:
    """As it happens in Spark: error() wants a lock that is held until run() has ended. libmesos ends the driver first."""
    master.on_subscribe = lambda call, headers: (403, {}, "Not authorized")
    chosen = master.address if address == "the master's" else address
    probe.do("new", name, master=chosen, framework=FRAMEWORK, blockInError=True)
    probe.do("runs", name)
    message = probe.callback(name)["message"]
    assert probe.callback(name)["status"] == "DRIVER_ABORTED"  # of join() within error()
    assert message in probe.callback(name)["outcome"]


@pytest.mark.parametrize("missing", ["zookeeper*.jar", "zookeeper-jute-*.jar"])
def test_a_jar_that_is_missing_is_an_error(
    missing: str, probe_classes: Path, bridge_jar: Path, tmp_path: Path, name: str
) -> None:
    """Classes are looked for when they are needed: here as the driver starts, and in the thread that asks ZooKeeper."""
    jars = tmp_path / "jars"
    jars.mkdir()
    for jar in JARS.glob("*.jar"):
        if not jar.match(missing):
            (jars / jar.name).symlink_to(jar)
    with running_probe(probe_classes, bridge_jar, tmp_path / "warnings", jars=jars) as probe:
        probe.do("new", name, master="zk://127.0.0.1:1/mesos", framework=FRAMEWORK)
        probe.do("runs", name)
        assert "NoClassDefFoundError: org/apache/" in probe.callback(name)["message"]
        assert probe.callback(name)["outcome"] == "DRIVER_ABORTED"

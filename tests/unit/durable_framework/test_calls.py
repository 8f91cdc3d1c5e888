"""What becomes of calls that fail, and which calls are made at all; `test_dispatcher.py` runs a real Mesos."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from sparkmesos_core.durable_framework import calls
from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    Decline,
    KillTask,
    LaunchTasks,
    Reconcile,
    Revive,
    Suppress,
    Teardown,
)
from sparkmesos_core.durable_framework.calls import Calls
from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError
from sparkmesos_core.mesos.framework import Framework

_PATIENCE = 20.0


class Master:
    """Takes the calls of a framework; `refusals` are raised for the next ones of a kind, in order."""

    connected = True

    def __init__(self) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.refusals: dict[str, list[SparkMesosError]] = {}
        self.tried: list[str] = []
        self.in_a_call = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    def _hear(self, kind: str, content: Any) -> None:
        self.tried.append(kind)
        self.in_a_call.set()
        assert self.answers.wait(_PATIENCE)
        if refusals := self.refusals.get(kind):
            raise refusals.pop(0)
        self.heard.put((kind, content))

    def accept(self, offer_ids: Any, operations: Any, filters: Any) -> None:
        tasks = [task["task_id"]["value"] for task in operations[0]["launch"]["task_infos"]]
        assert operations[0]["type"] == "LAUNCH"
        self._hear("ACCEPT", ([one["value"] for one in offer_ids], tasks, filters["refuse_seconds"]))

    def decline(self, offer_ids: Any, filters: Any) -> None:
        self._hear("DECLINE", ([one["value"] for one in offer_ids], filters["refuse_seconds"]))

    def teardown(self) -> None:
        self._hear("TEARDOWN", None)

    def kill(self, task_id: str, agent_id: str | None) -> None:
        self._hear("KILL", (task_id, agent_id))

    def reconcile(self, tasks: Any) -> None:
        self._hear("RECONCILE", tasks)

    def acknowledge(self, status: Any) -> None:
        self._hear("ACKNOWLEDGE", status)

    def revive(self) -> None:
        self._hear("REVIVE", None)

    def suppress(self) -> None:
        self._hear("SUPPRESS", None)

    def next(self) -> tuple[str, Any]:
        """The next call that was taken."""
        return self.heard.get(timeout=_PATIENCE)


class Stage:
    """Calls that are made at a played master, and the updates that are made up."""

    def __init__(self) -> None:
        self.master = Master()
        self.reported: queue.Queue[dict[str, Any]] = queue.Queue()
        self.torn_down: queue.Queue[Framework] = queue.Queue()
        self.teardown_refused: queue.Queue[MesosError] = queue.Queue()
        self.calls = Calls(
            lambda _framework, event: self.reported.put(event["update"]["status"]),
            self.torn_down.put,
            lambda _framework, error: self.teardown_refused.put(error),
        )
        self.subscribe()

    def subscribe(self) -> None:
        self.calls.use(cast(Framework, self.master))

    def quiet(self) -> bool:
        """Whether nothing is heard but what is asked for now."""
        self.calls.put([KillTask("marker", "")])
        return self.master.next() == ("KILL", ("marker", None)) and self.reported.empty()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(calls, "_SECONDS_BETWEEN_TRIALS", 0.01)
    logging.getLogger(calls.__name__).setLevel(logging.CRITICAL)
    stage = Stage()
    yield stage
    stage.calls.close(_PATIENCE)
    logging.getLogger(calls.__name__).setLevel(logging.NOTSET)


def task(name: str, agent: str = "S0") -> dict[str, Any]:
    return {"task_id": {"value": name}, "agent_id": {"value": agent}}


def test_calls_are_made_in_order(stage: Stage) -> None:
    stage.calls.put([LaunchTasks("o1", [task("a"), task("b")], 120.0), Decline(["o2", "o3"], 120.0)])
    stage.calls.put(
        [KillTask("a", "S0"), Acknowledge("b", "S1", "dXVpZA=="), Reconcile({"a": "S0", "b": ""})]
    )
    stage.calls.put([Revive(), Suppress()])
    assert [stage.master.next() for _ in range(7)] == [
        ("ACCEPT", (["o1"], ["a", "b"], 120.0)),
        ("DECLINE", (["o2", "o3"], 120.0)),
        ("KILL", ("a", "S0")),
        ("ACKNOWLEDGE", {"task_id": {"value": "b"}, "agent_id": {"value": "S1"}, "uuid": "dXVpZA=="}),
        ("RECONCILE", {"a": "S0", "b": None}),
        ("REVIVE", None),
        ("SUPPRESS", None),
    ]


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("was not answered"),
        MesosError("500 trouble", status=500),
        MesosError("401 who are you", status=401),
    ],
)
def test_what_is_not_taken_is_said_again(stage: Stage, error: SparkMesosError) -> None:
    stage.master.refusals = {"KILL": [error] * 3}
    stage.calls.put([KillTask("a", "S0"), Acknowledge("b", "S1", "dXVpZA==")])
    assert stage.master.next()[0] == "ACKNOWLEDGE"
    assert stage.master.next() == ("KILL", ("a", "S0"))
    assert stage.quiet()


def test_a_launch_of_which_nothing_is_known_is_not_made_again_but_asked_for(stage: Stage) -> None:
    """Made twice it could be refused the second time, in the name of a task that runs."""
    stage.master.refusals = {"ACCEPT": [UnreachableError("timed out")]}
    stage.calls.put([LaunchTasks("o1", [task("a"), task("b", "S1")], 120.0)])
    assert stage.master.next() == ("DECLINE", (["o1"], 120.0))
    assert stage.master.next() == ("RECONCILE", {"a": "S0", "b": "S1"})
    assert stage.quiet()


def test_the_demand_that_was_said_last_counts(stage: Stage) -> None:
    stage.master.refusals = {"SUPPRESS": [UnreachableError("timed out")]}
    stage.calls.put([Suppress(), Revive()])
    assert stage.master.next()[0] == "REVIVE"
    assert stage.quiet()


def test_of_tasks_that_mesos_does_not_understand_only_the_bad_one_fails(stage: Stage) -> None:
    stage.master.refusals = {"ACCEPT": [MesosError("400 cannot be parsed", status=400)]}
    stage.calls.put([LaunchTasks("o1", [task("a"), task("b")], 120.0)])
    assert stage.master.next() == ("ACCEPT", (["o1"], ["a"], 0.0))
    lost = stage.reported.get(timeout=_PATIENCE)
    assert (lost["task_id"]["value"], lost["state"], lost["reason"]) == (
        "b", "TASK_LOST", "REASON_INVALID_OFFERS",
    )  # fmt: skip
    stage.master.refusals = {"ACCEPT": [MesosError("400 cannot be parsed", status=400)]}
    stage.calls.put([LaunchTasks("o2", [task("b")], 120.0)])
    failed = stage.reported.get(timeout=_PATIENCE)
    assert (failed["task_id"]["value"], failed["state"]) == ("b", "TASK_ERROR")
    assert failed["message"] == "400 cannot be parsed"
    assert stage.master.next() == ("DECLINE", (["o2"], 120.0))
    assert stage.quiet()


def _new_subscription(stage: Stage) -> None:
    stage.subscribe()


def _lost_and_new(stage: Stage) -> None:
    stage.calls.use(None)
    stage.calls.put([KillTask("between", "S0")])
    stage.subscribe()


@pytest.mark.parametrize("change", [_new_subscription, _lost_and_new])
def test_calls_that_wait_do_not_outlive_their_subscription(
    stage: Stage, change: Callable[[Stage], None]
) -> None:
    stage.master.answers.clear()
    stage.calls.put([Revive(), KillTask("old", "S0")])
    assert stage.master.in_a_call.wait(_PATIENCE)
    change(stage)
    stage.master.answers.set()
    assert stage.master.next()[0] == "REVIVE"
    assert stage.quiet()


@pytest.mark.parametrize("change", [_new_subscription, _lost_and_new])
def test_calls_that_fail_do_not_outlive_their_subscription(
    stage: Stage, change: Callable[[Stage], None]
) -> None:
    error = UnreachableError("not subscribed")
    stage.master.refusals = {"KILL": [error] * 10_000}
    stage.calls.put([KillTask("old", "S0"), Revive()])
    assert stage.master.next()[0] == "REVIVE"
    change(stage)
    tried = []
    for _ in range(3):
        # What is refused once is made again together with all others that were refused.
        stage.master.refusals["SUPPRESS"] = [error]
        stage.calls.put([Suppress()])
        assert stage.master.next()[0] == "SUPPRESS"
        tried.append(stage.master.tried.count("KILL"))
    assert tried[1] == tried[2]  # one may have been under way before


def test_a_teardown_is_asked_for_until_it_is_taken(stage: Stage) -> None:
    stage.master.refusals = {
        "TEARDOWN": [UnreachableError("not answered"), MesosError("500 trouble", status=500)]
    }
    stage.calls.put([Teardown()])
    assert stage.torn_down.get(timeout=_PATIENCE) == cast(Framework, stage.master)
    assert stage.master.tried == ["TEARDOWN"] * 3
    assert stage.master.next() == ("TEARDOWN", None)
    assert stage.teardown_refused.empty()


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_teardown_that_is_refused_is_told_and_not_made_again(stage: Stage, status: int) -> None:
    refusal = MesosError("Mesos refuses it", status=status)
    stage.master.refusals = {"TEARDOWN": [refusal], "REVIVE": [UnreachableError("not answered")]}
    stage.calls.put([Teardown(), Revive()])
    assert stage.teardown_refused.get(timeout=_PATIENCE) is refusal
    assert stage.master.next() == ("REVIVE", None), "what has to be made again was"
    assert stage.master.tried.count("TEARDOWN") == 1
    assert stage.torn_down.empty()


def test_a_teardown_of_a_lost_subscription_is_not_asked_for_again(stage: Stage) -> None:
    stage.master.answers.clear()
    stage.master.refusals = {"TEARDOWN": [UnreachableError("not answered")]}
    stage.calls.put([Teardown()])
    assert stage.master.in_a_call.wait(_PATIENCE)
    stage.subscribe()
    stage.master.answers.set()
    assert stage.quiet()
    assert stage.master.tried == ["TEARDOWN", "KILL"]
    assert stage.torn_down.empty()

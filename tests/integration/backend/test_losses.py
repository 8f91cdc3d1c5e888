"""Why an executor is lost: whom it is charged to, told from the TaskStatus that a real Mesos 1.12.0 was recorded with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.backend.harness import Harness

RECORDINGS = Path(__file__).parents[2] / "contract" / "recordings" / "mesos-1.12.0"
Json = dict[str, Any]


def statuses(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        if "task_id" in node and str(node.get("state", "")).startswith("TASK_"):
            yield node
        for value in node.values():
            yield from statuses(value)
    elif isinstance(node, list):
        for value in node:
            yield from statuses(value)


def recorded(name: str, state: str, message: str = "") -> Json:
    """The first status of a recording with this state, whose message has this part."""
    recording = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    found = (one for one in statuses(recording) if one["state"] == state)
    return next(one for one in found if message in one.get("message", ""))


def status(state: str, reason: str | None = None, message: str = "") -> Json:
    told: Json = {"task_id": {"value": "0"}, "agent_id": {"value": "S0"}, "state": state, "message": message}
    return told if reason is None else {**told, "reason": reason}


def loss(
    harness: Harness, told: Json, *, had_started: bool = True, was_killed: bool = False, **more: Any
) -> Json:
    mine = {"hadRegistered": had_started, "hadStarted": had_started, "wasKilled": was_killed}
    result: Json = harness.ask("loss", {"status": told, **mine, **more})
    return result


@pytest.mark.parametrize(
    ("name", "state", "message", "code"),
    [
        ("scheduler-task-failed", "TASK_FAILED", "exited with status 3", 3),
        ("scheduler-task-failed", "TASK_FAILED", "terminated with signal Killed", 137),
    ],
)
def test_an_end_of_its_own_is_charged_to_the_application(
    harness: Harness, name: str, state: str, message: str, code: int
) -> None:
    found = loss(harness, recorded(name, state, message))
    assert (found["exitCode"], found["byApplication"], found["agentGone"]) == (code, True, False)


@pytest.mark.parametrize(
    ("how", "charged", "quit"),
    [
        ({}, False, True),
        ({"quits": 1}, True, True),
        ({"was_killed": True}, True, False),
        ({"wasLeaving": True, "quits": 1}, True, False),
        ({"had_started": False}, True, False),
    ],
    ids=["first", "again", "killed", "leaving", "not started"],
)
def test_who_ends_as_if_all_were_well_is_charged_if_its_tasks_have_seen_that_before(
    harness: Harness, how: dict[str, Any], charged: bool, quit: bool
) -> None:
    """As with System.exit(0); the connection to the driver, which ends an executor in the same way, breaks once."""
    found = loss(harness, recorded("scheduler-task-finished", "TASK_FINISHED", "exited with status 0"), **how)
    assert (found["exitCode"], found["byApplication"], found["hasQuit"]) == (0, charged, quit)
    assert ("System.exit" in found["message"]) == quit


def test_what_quits_is_counted_by_tasks(harness: Harness) -> None:
    def starts(executor: str, attempt: int, index: int, stage: int = 0) -> Json:
        return {"started": executor, "attempt": attempt, "stage": stage, "index": index}

    answers = harness.ask(
        "quits",
        [
            {"of": "0"},
            starts("0", 10, 0), starts("0", 11, 1), starts("1", 12, 2), {"ended": "0", "attempt": 11},
            {"quit": "0"}, {"of": "0"}, {"of": "1"},
            {"ended": "0", "attempt": 10}, {"of": "0"},
            starts("1", 13, 0), {"of": "1"}, {"quit": "1"}, {"of": "1"},
            {"ended": "1", "attempt": 13}, {"of": "1"},
            starts("2", 14, 1), {"of": "2"}, starts("2", 15, 0, stage=1), {"of": "2"},
            {"completed": 0}, starts("3", 16, 0), {"of": "3"},
        ],
    )  # fmt: skip
    # The task beside it that had ended, and one of another stage, have seen nothing.
    assert answers == [0, 1, 0, 0, 1, 2, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Command terminated with signal Killed", 137),
        ("Command terminated with signal Segmentation fault", 139),
        ("Command terminated with signal Aborted (core dumped)", 134),
        ("Container exited with status 52", 52),
        ("Command terminated with signal RTMIN+3", None),
        ("something else", None),
    ],
)
def test_exit_codes_are_read_from_what_mesos_says(harness: Harness, message: str, code: int | None) -> None:
    found = loss(harness, status("TASK_FAILED", message=message))
    assert (found["exitCode"], found["byApplication"]) == (code, True)


@pytest.mark.parametrize("code", [53, 56, 58])
def test_what_its_host_brings_about_is_charged_to_nobody_either(harness: Harness, code: int) -> None:
    """No directory can be made on its disks, or heartbeats do not get through: as StandaloneSchedulerBackend has it."""
    found = loss(harness, status("TASK_FAILED", message=f"Command exited with status {code}"))
    assert (found["exitCode"], found["byApplication"]) == (code, False)


@pytest.mark.parametrize(
    ("name", "state", "message", "gone"),
    [
        ("scheduler-agent-killed", "TASK_LOST", "disconnected", False),  # its process may come back
        ("scheduler-agent-partitioned", "TASK_LOST", "health check timed out", True),
        ("scheduler-agent-gone", "TASK_GONE_BY_OPERATOR", "", True),
        ("scheduler-agent-lost-partition-aware", "TASK_UNREACHABLE", "", True),
        ("scheduler-reconcile", "TASK_LOST", "", False),
        ("scheduler-kill", "TASK_KILLED", "", False),
        ("scheduler-rescind", "TASK_LOST", "", False),
    ],
)
def test_what_mesos_does_is_charged_to_nobody(
    harness: Harness, name: str, state: str, message: str, gone: bool
) -> None:
    for had_started in (False, True):
        found = loss(harness, recorded(name, state, message), had_started=had_started)
        assert not found["byApplication"], found
        assert not found["agentFailed"], found
        assert found["agentGone"] == gone, found


def test_an_agent_answers_for_what_never_started_there(harness: Harness) -> None:
    for told in (
        recorded("scheduler-fetcher", "TASK_FAILED", "Failed to fetch"),
        recorded("scheduler-invalid-launch", "TASK_ERROR", "Total resources"),
        recorded("scheduler-task-failed", "TASK_FAILED", "exited"),
        status(
            "TASK_FAILED", "REASON_EXECUTOR_TERMINATED", "Abnormal executor termination: unknown container"
        ),
    ):
        assert loss(harness, told, had_started=False)["agentFailed"], told
        assert not loss(harness, told, had_started=True)["agentFailed"], told
        assert not loss(harness, told, had_started=False, was_killed=True)["agentFailed"], told


def test_a_task_id_of_an_earlier_driver_says_nothing_of_the_agent(harness: Harness) -> None:
    told = recorded("scheduler-invalid-launch", "TASK_ERROR", "duplicate ID")
    assert not loss(harness, told, had_started=False)["agentFailed"]


@pytest.mark.parametrize(
    "reason",
    [
        "REASON_CONTAINER_LAUNCH_FAILED",
        "REASON_EXECUTOR_TERMINATED",
        "REASON_AGENT_RESTARTED",
        "REASON_SLAVE_RESTARTED",
    ],
)
def test_failures_of_mesos_own_parts_are_not_charged(harness: Harness, reason: str) -> None:
    assert not loss(harness, status("TASK_FAILED", reason))["byApplication"]


def test_a_container_that_grew_too_large_is_charged_and_says_what_helps(harness: Harness) -> None:
    found = loss(
        harness, status("TASK_FAILED", "REASON_CONTAINER_LIMITATION_MEMORY", "Memory limit exceeded")
    )
    assert found["byApplication"]
    assert "Memory limit exceeded" in found["message"]
    assert "raise spark.executor.memoryOverhead" in found["message"]


def test_spark_decides_about_those_that_it_had_killed(harness: Harness) -> None:
    """It charges nobody unless it was asked to count them, and then the reason has to be one that counts."""
    found = loss(harness, recorded("scheduler-kill", "TASK_KILLED"), was_killed=True)
    assert (found["byApplication"], found["agentFailed"]) == (True, False)

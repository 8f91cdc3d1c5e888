"""Tasks by series: attempts at the same thing are told as one, and the latest of them decides."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.verify.facts.cluster_state import TaskSeries
from sparkmesos_core.verify.facts.task_history import Newest, TaskHistory, task_state

Json = dict[str, Any]


def task(state: str, ended: float = 50.0, *, ran: float | None = None, **fields: Any) -> Json:
    statuses = [{"state": state, "timestamp": ended}]
    if ran is not None and state != "TASK_RUNNING":
        statuses.insert(0, {"state": "TASK_RUNNING", "timestamp": ran})
    return {
        "id": "0",
        "name": "app 0",
        "framework_id": "F1",
        "executor_id": "",
        "slave_id": "S0",
        "state": state,
        "statuses": statuses,
        **fields,
    }


def series(*tasks: tuple[str, Json], of_spark: bool = False) -> tuple[TaskSeries, ...]:
    history = TaskHistory()
    for framework, one in tasks:
        history.add(framework, one, of_spark=of_spark)
    return history.series()


def test_names_that_differ_in_numbers_only_are_one_series() -> None:
    (found,) = series(
        ("etl-2026-11-22", task("TASK_FAILED", 10.0, name="etl-2026-11-22 0", framework_id="F1")),
        ("etl-2026-11-23", task("TASK_FAILED", 20.0, name="etl-2026-11-23 17", framework_id="F2")),
    )
    assert found.failures == 2
    assert found.framework == "etl-2026-11-23"
    assert found.last_failure == 20.0
    assert [one.framework_id for one in found.latest_failed] == ["F2", "F1"]


def test_so_are_names_with_uuids() -> None:
    (found,) = series(
        ("marathon", task("TASK_FAILED", name="web.d3b07384-d9a0-4c9b-8f3e-2f1e4c6a7b80")),
        ("marathon", task("TASK_FAILED", name="web.0a1b2c3d-d9a0-4c9b-8f3e-2f1e4c6a7b81")),
    )
    assert found.failures == 2


def test_other_names_are_other_series_and_the_latest_trouble_comes_first() -> None:
    found = series(
        ("a", task("TASK_FAILED", 10.0)), ("b", task("TASK_FAILED", 30.0)), ("c", task("TASK_LOST", 20.0))
    )
    assert [one.framework for one in found] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("state", "failures", "losses"),
    [
        ("TASK_FAILED", 1, 0),
        ("TASK_ERROR", 1, 0),
        ("TASK_LOST", 0, 1),
        ("TASK_GONE", 0, 1),
        ("TASK_GONE_BY_OPERATOR", 0, 1),
        ("TASK_DROPPED", 0, 1),
    ],
)
def test_what_went_wrong(state: str, failures: int, losses: int) -> None:
    (found,) = series(("app", task(state)))
    assert (found.failures, found.losses) == (failures, losses)
    (kept,) = found.latest_failed + found.latest_lost
    assert kept.state == state
    assert bool(found.latest_failed) is bool(failures)


@pytest.mark.parametrize(
    "state", ["TASK_RUNNING", "TASK_FINISHED", "TASK_KILLED", "TASK_STAGING", "TASK_UNREACHABLE"]
)
def test_what_has_not_failed_is_not_told_of(state: str) -> None:
    assert series(("app", task(state))) == ()


def test_how_it_went_otherwise() -> None:
    (found,) = series(
        ("app", task("TASK_FAILED", 30.0, ran=10.0)),
        ("app", task("TASK_FAILED", 31.0, ran=30.0)),
        ("app", task("TASK_FINISHED", 40.0, ran=35.0)),
        ("app", task("TASK_KILLED", 45.0, ran=41.0)),
        ("app", task("TASK_KILLED", 99.0)),  # before it ran
        ("app", task("TASK_RUNNING", 60.0)),
    )
    assert found.longest_failed_run == 20.0
    assert found.last_success == 45.0
    assert found.running_since == 60.0


def test_only_a_few_tasks_are_kept_of_many() -> None:
    (found,) = series(*(("app", task("TASK_FAILED", float(n), id=str(n))) for n in range(1000)))
    assert found.failures == 1000
    assert [one.id for one in found.latest_failed] == ["999", "998", "997", "996", "995"]


def test_a_failure_is_kept_however_many_are_lost_after_it() -> None:
    losses = [("app", task("TASK_LOST", 10.0 + n, id=f"lost-{n}")) for n in range(10)]
    (found,) = series(("app", task("TASK_FAILED", 5.0, id="failed")), *losses)
    assert [one.id for one in found.latest_failed] == ["failed"]
    assert [one.id for one in found.latest_lost][:2] == ["lost-9", "lost-8"]


def test_series_without_end_are_bounded() -> None:
    names = (chr(0x4E00 + n % 20_000) + chr(0x4E00 + n // 20_000) for n in range(25_000))
    assert len(series(*(("app", task("TASK_FAILED", name=name)) for name in names))) == 1000


def test_whether_it_is_known_to_be_of_spark() -> None:
    assert series(("app", task("TASK_FAILED")), of_spark=True)[0].of_spark
    assert not series(("app", task("TASK_FAILED")))[0].of_spark


def test_a_task() -> None:
    status = {
        "state": "TASK_FAILED",
        "timestamp": 7.5,
        "reason": "REASON_COMMAND_EXECUTOR_FAILED",
        "message": "Command exited with status 1",
        "source": "SOURCE_EXECUTOR",
    }
    found = task_state({**task("TASK_FAILED"), "executor_id": "e", "statuses": [status]})
    assert (found.id, found.name, found.framework_id, found.executor_id, found.agent_id) == (
        "0",
        "app 0",
        "F1",
        "e",
        "S0",
    )
    assert (found.reason, found.message, found.source, found.ended_at) == (
        "REASON_COMMAND_EXECUTOR_FAILED",
        "Command exited with status 1",
        "SOURCE_EXECUTOR",
        7.5,
    )
    assert task_state({**task("TASK_FAILED"), "statuses": []}).ended_at == 0.0
    assert task_state(task("TASK_STAGING")).ended_at == 0.0


def test_the_newest_come_first_whatever_the_order() -> None:
    newest = Newest(2)
    for ended in (5.0, 1.0, 9.0, 3.0):
        one = task_state(task("TASK_FAILED", ended))
        if newest.takes(ended):
            newest.add(one)
    assert [one.ended_at for one in newest.all()] == [9.0, 5.0]
    assert not newest.takes(4.0)

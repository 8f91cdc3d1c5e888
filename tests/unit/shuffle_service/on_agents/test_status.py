"""The document that `--status` tells, and its words for people."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.shuffle_service.on_agents.status import (
    ServiceReport,
    ServicesStatus,
    State,
    covered,
    missing,
    rows,
)

NOW = 1_000_000.0


def report(host: str = "a", **fields: Any) -> ServiceReport:
    given = {"agent_id": f"{host}-S1", "state": State.RUNNING.value, "registered": True, "answers": True}
    return ServiceReport(host=host, **{"found": "a shuffle service of Spark", **given, **fields})


def status(*agents: ServiceReport, **fields: Any) -> ServicesStatus:
    usual = {"subscribed": True, "problem": "", "stopping": False, "constraints": ""}
    given: dict[str, Any] = {**usual, **fields}
    return ServicesStatus(
        url="http://h:7338",
        pid=7,
        framework_id="F",
        master="http://m:5050",
        port=7337,
        agents=agents,
        **given,
    )


@pytest.mark.parametrize(
    ("told", "complete"),
    [
        (status(report()), True),
        (status(report(), report("b", answers=False)), False),
        (status(report(), report("b", state="starting")), False),
        (status(report(), report("b", state="shared")), True),
        (status(report(), report("b", state="unreachable", answers=False, registered=False)), True),
        (status(), False),
        (status(report("b", state="unreachable", registered=False)), False),
        (status(report(), subscribed=False), False),
        (status(report(), problem="the master did not list its agents"), False),
        (status(report(), stopping=True), False),
    ],
)
def test_when_it_is_complete(told: ServicesStatus, complete: bool) -> None:
    assert told.is_complete is complete
    assert told.to_json()["complete"] is complete


def test_it_comes_back_from_json_with_what_newer_ones_add() -> None:
    told = status(report(last_lines=("x", "y"), since=NOW, next_try=NOW + 1))
    fields = json.loads(json.dumps(told.to_json()))
    assert ServicesStatus.from_json(fields) == told
    fields["new"] = 1
    fields["agents"][0]["new"] = 2
    assert ServicesStatus.from_json(fields) == told


@pytest.mark.parametrize("fields", [{}, {"format": 2}, {"format": 1}, {"format": 1, "agents": [{}]}])
def test_what_is_none(fields: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        ServicesStatus.from_json(fields)


def test_fields_of_the_document() -> None:
    """Scripts read them: none may go, or change its name."""
    fields = status(report()).to_json()
    assert set(fields) == {
        *("url", "pid", "framework_id", "master", "subscribed", "problem", "port", "constraints"),
        *("stopping", "begins_anew", "agents", "complete", "format"),
    }
    assert set(fields["agents"][0]) == {
        *("host", "agent_id", "state", "registered", "answers", "found", "task_id", "since", "failures"),
        *("message", "cause", "last_lines", "next_try", "settling", "taken", "cleans"),
    }


@pytest.mark.parametrize(
    ("agent", "row"),
    [
        (report(since=NOW - 3 * 3600), ("a", "running", "yes", "3h", "0", "")),
        (
            report(since=NOW - 90, answers=False, found="nothing listens at its port"),
            ("a", "running", "no", "1m", "0", "nothing listens at its port"),
        ),
        (
            report(
                state=State.BACKING_OFF.value,
                answers=False,
                found="nothing listens at its port",
                since=NOW - 5,
                failures=4,
                message="it ended",
                cause="its memory is too small",
                next_try=NOW + 3,
            ),
            ("a", "backing off", "no", "5s", "4", "its memory is too small; next try in 3s"),
        ),
        (
            report(answers=False, settling=True, found="Spark's cleaner is being looked at"),
            ("a", "running", "not yet", "", "0", "Spark's cleaner is being looked at"),
        ),
        (
            report(state="waiting", answers=False, taken=True, message="no offer", found="it is another's"),
            ("a", "waiting", "no", "", "0", "no offer; it is another's"),
        ),
        # It works, but for that.
        (
            report(cleans=False),
            (
                *("a", "running", "yes", "", "0"),
                "it deletes no shuffle files, as Spark's cleaner died in it: end its java, and another starts",
            ),
        ),
        # What it ended of before is no fault of one that works now.
        (report(failures=2, cause="its memory is too small"), ("a", "running", "yes", "", "2", "")),
        (
            report(
                state=State.SHARED.value,
                answers=False,
                found="nothing listens at its port",
                message="another agent of a has one",
            ),
            ("a", "shared", "no", "", "0", "another agent of a has one; nothing listens at its port"),
        ),
        (
            report(
                state=State.BACKING_OFF.value, answers=False, found="", message="it ended", next_try=NOW - 1
            ),
            ("a", "backing off", "no", "", "0", "it ended; next try with the next offer"),
        ),
        (
            report(state=State.UNREACHABLE.value, registered=False, since=NOW - 2 * 86400, message="gone"),
            ("a", "unreachable", "yes", "2d", "0", "gone; the agent is not at the master"),
        ),
    ],
)
def test_rows(agent: ServiceReport, row: tuple[str, ...]) -> None:
    assert rows(status(agent), NOW) == [row]


def test_what_is_missing() -> None:
    silent = report("b", answers=False, found="nothing listens at its port")
    waiting = report("c", state="waiting", answers=False, message="it offered only 1 of 2 cores")
    away = report("d", state="unreachable", answers=False, registered=False)
    told = status(report(), silent, waiting, away)
    assert missing(told) == [
        "b: running; nothing listens at its port",
        "c: waiting; it offered only 1 of 2 cores",
    ]
    assert covered(told) == "1 of 3 agents have a service at port 7337"
    assert missing(status(report(), away)) == []


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (status(constraints="rack:a"), "no agent that meets rack:a is registered at http://m:5050"),
        (status(report(registered=False)), "no agent is registered at http://m:5050"),
        (
            status(report(), problem="no master leads"),
            "the framework has no part in the cluster now, or does not know all of it: no master leads",
        ),
        (
            status(subscribed=False),
            "the framework has no part in the cluster now, or does not know all of it: Mesos does not know it",
        ),
    ],
)
def test_what_is_missing_of_all(told: ServicesStatus, line: str) -> None:
    assert not told.is_complete
    assert missing(told) == [line]


def test_a_clock_that_was_set_back() -> None:
    assert rows(status(replace(report(), since=NOW + 50)), NOW)[0][3] == "0s"

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from sparkmesos_core.verify.probe.course import MOST_AT_ONCE, Action, Course, Decline, Launch
from sparkmesos_core.verify.probe.report import MARK, Report, read_report
from sparkmesos_core.verify.probe.result import Ending, ProbeResult
from tests.unit.verify.probe.example_results import plan

NAMES = {"S1": "agent1", "S2": "agent2"}


def course(names: dict[str, str] = NAMES, most: int | None = None) -> Course:
    return Course(plan(), names, (f"token{number}" for number in count(1)), most=most)


def offer(agent: str, number: int = 1, cpus: float = 2, mem: float = 2048) -> dict[str, Any]:
    return {
        "id": {"value": f"{agent}-O{number}"},
        "agent_id": {"value": agent},
        "hostname": f"the name of {agent}",
        "url": {"scheme": "http", "address": {"ip": "192.0.2.1", "port": 5051}},
        "resources": [
            {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": "*"}
            for name, value in (("cpus", cpus), ("mem", mem))
        ],
    }


def status(number: int, state: str, **fields: str) -> dict[str, Any]:
    return {"task_id": {"value": f"sparkmesos-probe-{number}"}, "state": state, **fields}


def whole() -> Report:
    report = read_report(f"{MARK} end=yes")
    assert report is not None
    return report


def result(of: Course) -> ProbeResult:
    return of.result(patience=10, timeout=120, unfit=0)


def shown(actions: Sequence[Action]) -> list[Any]:
    return [
        (action.offer_id, action.task_info["task_id"]["value"])
        if isinstance(action, Launch)
        else (action.offer_ids, action.seconds)
        for action in actions
    ]


def test_a_task_for_each_agent() -> None:
    one = course()
    assert shown(one.on_offers([offer("S1"), offer("S2"), offer("S3")])) == [
        (("S3-O1",), 3600.0),  # first, as the others take their time
        ("S1-O1", "sparkmesos-probe-1"),
        ("S2-O1", "sparkmesos-probe-2"),
    ]
    assert not one.wants_offers
    assert one.is_waiting_for_tasks
    assert shown(one.on_offers([offer("S1", 2)])) == [(("S1-O2",), 3600.0)]


def test_a_task_takes_little_of_an_offer() -> None:
    (launch,) = course().on_offers([offer("S1")])
    assert isinstance(launch, Launch)
    taken = {one["name"]: one["scalar"]["value"] for one in launch.task_info["resources"]}
    assert taken == {"cpus": 0.1, "mem": 256.0}
    (launch,) = course().on_offers([offer("S1", mem=150)])
    assert isinstance(launch, Launch)
    assert {one["name"]: one["scalar"]["value"] for one in launch.task_info["resources"]}["mem"] == 150.0


def test_offers_that_are_too_small() -> None:
    one = course()
    assert one.on_offers([offer("S1", cpus=0.05)]) == [Decline(("S1-O1",), 1.0)]
    assert one.on_offers([offer("S1", mem=127)]) == [Decline(("S1-O1",), 1.0)]
    assert one.wants_offers
    assert result(one).without_offers == ("agent1", "agent2")


def test_end() -> None:
    one = course()
    one.on_offers([offer("S2"), offer("S1")])
    one.on_report("token1", whole())
    one.on_report("token2", whole())
    assert (one.is_waiting_for_tasks, one.is_about_to_end) == (False, True)
    one.on_status(status(1, "TASK_FINISHED"))
    one.on_status(status(2, "TASK_FINISHED"))
    assert (one.is_waiting_for_tasks, one.is_about_to_end) == (False, False)
    assert one.to_read() == []
    told = result(one)
    assert [(agent.name, agent.ending) for agent in told.agents] == [
        ("agent1", Ending.TOLD),
        ("agent2", Ending.TOLD),
    ]
    assert told.without_offers == ()


def test_output_of_what_has_failed_is_read_once() -> None:
    one = course()
    one.on_offers([offer("S1"), offer("S2")])
    one.on_status(status(1, "TASK_FAILED", message="Failed to fetch", reason="REASON_X"))
    (sandbox,) = one.to_read()
    assert (sandbox.agent_url, sandbox.task_id) == ("http://192.0.2.1:5051", "sparkmesos-probe-1")
    assert (one.to_read(), one.has_to_read) == ([], False)
    one.on_output(sandbox.token, ["a", "b"])
    one.on_status(status(1, "TASK_LOST"))  # repeated or late: the first end counts
    (running,) = one.to_read(also_running=True)
    one.on_output(running.token, (), "no answer")
    failed, late = result(one).agents
    assert (failed.ending, failed.state, failed.message) == (Ending.ENDED, "TASK_FAILED", "Failed to fetch")
    assert (failed.reason, failed.output) == ("REASON_X", ("a", "b"))
    assert (late.ending, late.unread) == (Ending.LATE, "no answer")


def test_report_that_is_not_whole_does_not_replace_one_that_is() -> None:
    one = course()
    one.on_offers([offer("S1")])
    partly = read_report(f"{MARK} user=spark")
    one.on_report("token1", partly)
    assert one.is_waiting_for_tasks
    one.on_report("token1", whole())
    one.on_report("token1", partly)
    one.on_report("token1", None)
    one.on_report("somebody", whole())
    assert result(one).agents[0].ending is Ending.TOLD


def test_launch_that_mesos_refuses() -> None:
    one = course()
    (launch,) = one.on_offers([offer("S1")])
    assert isinstance(launch, Launch)
    one.on_refused(launch, "403 Forbidden")
    assert not one.is_waiting_for_tasks
    assert not one.has_to_read
    assert (result(one).agents[0].ending, result(one).agents[0].message) == (Ending.ENDED, "403 Forbidden")


def test_launch_that_gets_lost() -> None:
    """Nobody knows whether Mesos has heard of it: the agent is tried again."""
    one = course()
    (launch,) = one.on_offers([offer("S1")])
    assert isinstance(launch, Launch)
    one.on_lost(launch, "no answer")
    assert not one.is_waiting_for_tasks
    assert not one.knows("token1")
    (again,) = one.on_offers([offer("S1", 2)])
    assert isinstance(again, Launch)


def test_some_agents_only() -> None:
    one = course(most=1)
    one.on_offers([offer("S2"), offer("S1")])
    assert not one.wants_offers
    assert result(one).left_out == 1
    assert result(one).without_offers == ()
    assert [agent.name for agent in result(one).agents] == ["agent2"]


def test_too_few_of_some_agents() -> None:
    one = course({**NAMES, "S3": "agent3"}, most=2)
    one.on_offers([offer("S2")])
    assert one.wants_offers
    assert result(one).without_offers == ("agent1", "agent3")
    assert result(one).left_out == 0


def test_offer_that_is_taken_back_before_the_launch() -> None:
    """As recorded (scheduler-rescind): it says nothing of the agent, which is tried again, but not for ever."""
    one = course({"S1": "agent1"})
    gone = {"reason": "REASON_INVALID_OFFERS", "message": "Task launched with invalid offers: S1-O1"}
    for number in (1, 2):
        (launch,) = one.on_offers([offer("S1", number)])
        assert isinstance(launch, Launch)
        one.on_status(status(number, "TASK_LOST", **gone))
        assert one.wants_offers
        assert (one.has_to_read, one.is_waiting_for_tasks) == (False, False)
    assert shown(one.on_offers([offer("S1", 3)])) == [("S1-O3", "sparkmesos-probe-3")]
    one.on_status(status(3, "TASK_LOST", **gone))
    assert not one.wants_offers
    assert result(one).agents[0].reason == "REASON_INVALID_OFFERS"


def test_tokens() -> None:
    one = course()
    assert not one.knows("token1")
    one.on_offers([offer("S1")])
    assert one.knows("token1")
    assert not one.knows("token2")


def test_so_many_at_once() -> None:
    names = {f"S{number}": f"agent{number}" for number in range(MOST_AT_ONCE + 1)}
    one = course(names)
    actions = one.on_offers([offer(agent) for agent in names])
    assert sum(isinstance(action, Launch) for action in actions) == MOST_AT_ONCE
    assert actions[0] == Decline((f"S{MOST_AT_ONCE}-O1",), 2.0)
    assert (result(one).put_off, result(one).without_offers) == ((f"agent{MOST_AT_ONCE}",), ())
    one.on_report("token1", whole())
    (launch,) = one.on_offers([offer(f"S{MOST_AT_ONCE}", 2)])
    assert isinstance(launch, Launch)
    assert result(one).put_off == ()

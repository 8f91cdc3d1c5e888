"""The embedded master's decisions, without any clock or connection."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master import launches
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.master_actions import CloseStream
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    KillTask,
    RunTask,
    ShutdownFramework,
    StatusUpdate,
    UnregisterAgent,
    UpdateFramework,
)
from tests.unit.localcluster.master.master_play import Play, amount, task

Json = dict[str, Any]


def test_a_new_framework_is_offered_everything_at_once() -> None:
    play = Play("cpus:4;mem:4096", "cpus:2;mem:2048")
    play.subscribe()
    assert [event["type"] for event in play.events()] == ["SUBSCRIBED", "HEARTBEAT", "OFFERS"]
    assert [amount(offer, "cpus") for offer in play.offers()] == [4, 2]
    play.later(10)
    assert play.events() == [], "nothing is left to be offered"


def test_a_new_agent_is_offered_at_once() -> None:
    play = Play()
    play.subscribe()
    play.register("cpus:8;mem:100")
    assert [amount(offer, "cpus") for offer in play.offers()] == [8]


def test_heartbeats() -> None:
    play = Play(heartbeat_interval=15)
    play.subscribe()
    play.later(14.9)
    assert play.events() == []
    play.later(30.2)
    assert play.events() == [{"type": "HEARTBEAT"}] * 3


def test_what_is_too_small_to_be_of_use_is_not_offered() -> None:
    play = Play("cpus:0.009;mem:31.9", "cpus:0.01;mem:1", "cpus:0.001;mem:32")
    play.subscribe()
    assert [offer["agent_id"]["value"] for offer in play.offers()] == ["M-S1", "M-S2"]


def test_gpus_are_for_who_asks_for_them() -> None:
    play = Play("cpus:1;gpus:1")
    play.subscribe("a")
    assert play.offers("a") == []
    play.subscribe("b", capabilities=[{"type": "GPU_RESOURCES"}])
    assert len(play.offers("b")) == 1


def test_a_declined_offer_comes_back_when_its_filter_has_expired() -> None:
    play = Play()
    framework = play.subscribe()
    play.call(calls.Decline(framework, (play.offers()[0]["id"]["value"],), 5.0))
    play.later(4.5)
    assert play.offers() == []
    play.later(2)
    assert len(play.offers()) == 1


def test_revive_forgets_filters_and_suppress_stops_offers() -> None:
    play = Play()
    framework = play.subscribe()
    play.call(calls.Decline(framework, (play.offers()[0]["id"]["value"],), 600))
    play.call(calls.Revive(framework, ()))
    assert len(play.offers()) == 1
    play.call(calls.Decline(framework, (play.offers()[0]["id"]["value"],), 0))
    play.call(calls.Suppress(framework, ()))
    play.later(60)
    assert play.offers() == []
    play.call(calls.Revive(framework, ()))
    assert len(play.offers()) == 1


def test_a_filter_does_not_hide_what_has_become_more() -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task(cpus=1), refuse=600)
    play.later(5)
    assert play.offers() == []
    play.report(framework, "t1", "TASK_FINISHED")
    play.later(1)
    assert [amount(offer, "cpus") for offer in play.offers()] == [4]


def test_nobody_else_is_kept_from_what_one_declines() -> None:
    play = Play()
    first = play.subscribe("a")
    offer = play.offers("a")[0]
    play.subscribe("b")
    assert play.offers("b") == []
    play.call(calls.Decline(first, (offer["id"]["value"],), 600), "a")
    play.later(1)
    assert len(play.offers("b")) == 1


def test_who_has_least_is_offered_first() -> None:
    play = Play("cpus:4;mem:100", "cpus:4;mem:100", "cpus:4;mem:100")
    first = play.subscribe("a")
    offers = play.offers("a")
    play.launch(first, offers[0], task(cpus=3), stream="a")
    for offer in offers[1:]:
        play.call(calls.Decline(first, (offer["id"]["value"],), 0), "a")
    play.subscribe("b")
    # b is given agents until it has more than the three cores of a: the one core that is left, and one agent.
    assert [amount(offer, "cpus") for offer in play.offers("b")] == [1, 4]
    assert [amount(offer, "cpus") for offer in play.offers("a")] == [4]


def test_roles_come_before_frameworks() -> None:
    play = Play("cpus:2;mem:100", "cpus:2;mem:100")
    first = play.subscribe("a", role="spark")
    for offer in play.offers("a"):
        play.call(calls.Decline(first, (offer["id"]["value"],), 0), "a")
    play.state.subscribe(calls.Subscribe(None, {"user": "u", "name": "b", "role": "spark"}), "b", play.now)
    play.state.subscribe(calls.Subscribe(None, {"user": "u", "name": "c", "role": "other"}), "c", play.now)
    roles = [offer.role for offer in play.state.offers.values()]
    assert sorted(roles) == ["spark", "spark"], "b is the first to come and is offered everything"
    for framework_id, stream in (("M-0000", "a"), ("M-0001", "b")):
        ids = [o.offer_id for o in play.state.offers.values() if o.framework_id == framework_id]
        play.call(calls.Decline(framework_id, tuple(ids), 0), stream)
    play.later(1)
    roles = [offer.role for offer in play.state.offers.values()]
    assert sorted(roles) == ["other", "spark"], (
        "each role is given one agent, though spark has two frameworks"
    )


def test_several_offers_of_one_agent_are_used_together() -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task("t1", 3))
    play.later(1)
    rest = play.offers()[0]
    play.report(framework, "t1", "TASK_FINISHED")
    play.later(1)
    freed = play.offers()[0]
    infos = [{"name": "t", "agent_id": rest["agent_id"], "command": {"value": "true"}, **task("t2", 4)}]
    operation = {"type": "LAUNCH", "launch": {"task_infos": infos}}
    play.call(calls.Accept(framework, (rest["id"]["value"], freed["id"]["value"]), (operation,), 0))
    assert [type(message) for message in play.told()] == [RunTask]


def test_offers_of_two_agents_cannot_be_used_together() -> None:
    play = Play("cpus:1;mem:100", "cpus:1;mem:100")
    framework = play.subscribe()
    one, other = play.offers()
    infos = [{"name": "t", "agent_id": one["agent_id"], "command": {"value": "true"}, **task()}]
    operation = {"type": "LAUNCH", "launch": {"task_infos": infos}}
    play.call(calls.Accept(framework, (one["id"]["value"], other["id"]["value"]), (operation,), 0))
    assert play.statuses()[0]["reason"] == "REASON_INVALID_OFFERS"
    assert not play.told()
    play.later(1)
    assert len(play.offers()) == 2, "both are given back"


def test_two_tasks_of_one_launch_share_the_offer() -> None:
    play = Play("cpus:2;mem:100")
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task("t1", 1.5), task("t2", 1))
    assert [message.task["task_id"]["value"] for message in play.told()] == ["t1"]
    assert "more than available" in play.statuses()[0]["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executor": {"executor_id": {"value": "e"}}}, "at least one (but not both)"),
        ({"resources": []}, "uses no resources"),
        ({"resources": [{"name": "cpus"}]}, "malformed"),
        ({"agent_id": {"value": "M-S9"}}, "invalid agent M-S9"),
        ({"task_id": {"value": "x" * 256}}, "255"),
        ({"task_id": {"value": ".."}}, "disallowed"),
        ({"task_id": {"value": ""}}, "empty"),
        ({"command": {}}, "no 'value'"),
        ({"command": {"shell": False, "value": "x", "arguments": 5}}, "not an array"),
        ({"resources": 5}, "no array"),
        ({"resources": "cpus"}, "no array"),
        ({"resources": {"name": "cpus"}}, "no array"),
        ({"task_id": {"value": "\ud800"}}, "invalid characters"),
        ({"kill_policy": 5}, "'kill_policy' is malformed"),
        ({"kill_policy": {"grace_period": {}}}, "'kill_policy' is malformed"),
        ({"kill_policy": {"grace_period": {"nanoseconds": "soon"}}}, "'kill_policy' is malformed"),
        ({"kill_policy": {"grace_period": {"nanoseconds": float("inf")}}}, "'kill_policy' is malformed"),
        ({"kill_policy": {"grace_period": {"nanoseconds": 10**400}}}, "'kill_policy' is malformed"),
        ({"kill_policy": {"grace_period": {"nanoseconds": -1}}}, "must be non-negative"),
    ],
)
def test_invalid_tasks_are_answered_with_an_error(changes: Json, message: str) -> None:
    play = Play()
    framework = play.subscribe()
    info = {"name": "t", "agent_id": {"value": "M-S0"}, "command": {"value": "true"}, **task(), **changes}
    info = {key: value for key, value in info.items() if value is not None}
    operation = {"type": "LAUNCH", "launch": {"task_infos": [info]}}
    play.call(calls.Accept(framework, (play.offers()[0]["id"]["value"],), (operation,), 0))
    assert [status["state"] for status in play.statuses()] == ["TASK_ERROR"]
    assert play.statuses()[0]["reason"] == "REASON_TASK_INVALID"
    assert message in play.statuses()[0]["message"]
    assert not play.told()


def test_a_task_group_is_refused_task_by_task() -> None:
    play = Play()
    framework = play.subscribe()
    tasks = [{"name": "t", "agent_id": {"value": "M-S0"}, **task(name)} for name in ("a", "b")]
    operation = {"type": "LAUNCH_GROUP", "launch_group": {"task_group": {"tasks": tasks}}}
    play.call(calls.Accept(framework, (play.offers()[0]["id"]["value"],), (operation,), 0))
    assert [status["state"] for status in play.statuses()] == ["TASK_ERROR", "TASK_ERROR"]
    assert "does not launch task groups" in play.statuses()[0]["message"]


@pytest.mark.parametrize(
    "operation",
    [{"type": "RESERVE"}, {"type": "LAUNCH"}, {"type": "LAUNCH", "launch": {"task_infos": [{"name": "t"}]}}],
)
def test_other_operations_are_refused_before_anything_happens(operation: Json) -> None:
    play = Play()
    framework = play.subscribe()
    offer_id = play.offers()[0]["id"]["value"]
    with pytest.raises(CallRefused) as refused:
        play.call(calls.Accept(framework, (offer_id,), (operation,), 0))
    assert refused.value.status == 400
    assert offer_id in play.state.offers


def test_resources_are_free_when_a_task_has_ended_and_listed_until_that_is_acknowledged() -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task(cpus=1))
    play.report(framework, "t1", "TASK_RUNNING")
    assert [status["state"] for status in play.statuses()] == ["TASK_RUNNING"]
    uuid = play.report(framework, "t1", "TASK_FINISHED")
    assert play.state.agents["M-S0"].free.scalar("cpus") == 4
    assert "t1" in play.state.frameworks[framework].tasks
    play.call(calls.Acknowledge(framework, "M-S0", "t1", uuid))
    assert play.told() == [AcknowledgeUpdate(framework, "t1", uuid)]
    assert [t.task_id for t in play.state.frameworks[framework].completed_tasks] == ["t1"]


def test_a_repeated_update_is_passed_on_but_counts_once() -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task(cpus=1))
    status = {"task_id": {"value": "t1"}, "state": "TASK_FINISHED", "uuid": "u", "timestamp": 1.0}
    for _ in range(2):
        update = StatusUpdate("M-S0", framework, status, "TASK_FINISHED")
        play.actions = play.state.from_agent(update, play.now)
        assert play.statuses() == [status]
    assert play.state.agents["M-S0"].free.scalar("cpus") == 4
    assert len(play.state.frameworks[framework].tasks["t1"].statuses) == 1


def test_an_update_for_nobody_is_acknowledged_so_that_it_ends() -> None:
    play = Play()
    uuid = play.report("gone", "t1", "TASK_FINISHED")
    assert play.told() == [AcknowledgeUpdate("gone", "t1", uuid)]


def test_kill() -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task())
    play.call(calls.Kill(framework, "t1", None, 2.5))
    assert play.told() == [KillTask(framework, "t1", 2.5)]
    play.call(calls.Kill(framework, "t1", "other-agent", None))
    assert play.actions == []


def test_a_scheduler_that_goes_away_has_its_failover_timeout() -> None:
    play = Play()
    framework = play.subscribe(failover_timeout=10)
    play.launch(framework, play.offers()[0], task())
    play.later(1)
    assert len(play.offers()) == 1
    play.actions = play.state.stream_closed("s", play.now)
    assert not play.state.offers, "its offers are taken back"
    play.later(9)
    assert framework in play.state.frameworks
    with pytest.raises(CallRefused) as refused:
        play.call(calls.Revive(framework, ()))
    assert (refused.value.status, refused.value.text) == (403, "Framework is not subscribed")
    play.later(2)
    assert play.told() == [ShutdownFramework(framework)]
    assert framework not in play.state.frameworks
    ended = play.state.completed_frameworks[0].completed_tasks[0]
    assert (ended.state, play.state.agents["M-S0"].free.scalar("cpus")) == ("TASK_KILLED", 4)


def test_a_scheduler_that_comes_back_in_time_keeps_its_tasks() -> None:
    play = Play()
    framework = play.subscribe(failover_timeout=10)
    play.launch(framework, play.offers()[0], task())
    play.actions = play.state.stream_closed("s", play.now)
    play.later(9)
    assert play.subscribe("new", framework, failover_timeout=10) == framework
    info = {"user": "root", "name": "test", "failover_timeout": 10, "id": {"value": framework}}
    assert play.told() == [UpdateFramework(info)]
    play.later(60)
    assert not play.told()
    assert "t1" in play.state.frameworks[framework].tasks


def test_without_failover_timeout_it_ends_at_once() -> None:
    play = Play()
    framework = play.subscribe(failover_timeout=0)
    play.actions = play.state.stream_closed("s", play.now)
    assert play.told() == [ShutdownFramework(framework)]
    play.subscribe("t", framework)
    assert play.events("t") == [{"type": "ERROR", "error": {"message": "Framework has been removed"}}]
    assert play.actions[-1] == CloseStream("t")


def test_a_takeover_ends_the_old_stream_and_its_late_end_changes_nothing() -> None:
    play = Play()
    framework = play.subscribe("old")
    play.subscribe("new", framework)
    assert play.events("old") == [{"type": "ERROR", "error": {"message": "Framework failed over"}}]
    assert CloseStream("old") in play.actions
    play.actions = play.state.stream_closed("old", play.now)
    assert play.state.frameworks[framework].stream_id == "new"
    with pytest.raises(CallRefused, match="didn't match the stream ID"):
        play.call(calls.Revive(framework, ()), "old")


def test_a_takeover_keeps_filters() -> None:
    play = Play()
    framework = play.subscribe("old")
    play.call(calls.Decline(framework, (play.offers("old")[0]["id"]["value"],), 600), "old")
    play.subscribe("new", framework)
    play.later(5)
    assert play.offers("new") == []


def test_an_invented_framework_id_is_no_way_out_of_the_work_dir() -> None:
    play = Play()
    assert play.subscribe("s", "../../etc") == ""
    assert "invalid" in play.events()[0]["error"]["message"]


def test_operators_tear_down() -> None:
    play = Play()
    framework = play.subscribe()
    play.actions = play.state.teardown(framework, play.now)
    assert CloseStream("s") in play.actions
    assert play.events() == [], "without any ERROR"
    with pytest.raises(KeyError):
        play.state.teardown(framework, play.now)


def test_nothing_is_waited_for_when_nobody_is_there() -> None:
    play = Play()
    (first,) = (agent_id for agent_id in play.state.agents)
    play.actions = play.state.from_agent(UnregisterAgent(first), play.now)
    assert play.state.next_deadline() is None
    play.subscribe(failover_timeout=0)
    assert play.state.next_deadline() is not None
    play.state.stream_closed("s", play.now)
    assert play.state.next_deadline() is None


def test_a_thousand_tasks_leave_the_books_balanced() -> None:
    play = Play("cpus:1000;mem:100000")
    framework = play.subscribe()
    offer = play.offers()[0]
    play.launch(framework, offer, *(task(f"t{i}", 0.1) for i in range(1000)))
    assert play.state.agents["M-S0"].free.scalar("cpus") == 900
    for i in range(1000):
        play.report(framework, f"t{i}", "TASK_FINISHED")
    assert play.state.agents["M-S0"].free == play.state.agents["M-S0"].total
    assert play.state.shares.is_balanced()


def test_agents_may_have_the_same_ports() -> None:
    resources = "cpus:2;mem:100;ports:[31000-32000];disks:{a}"
    play = Play(resources, resources)
    framework = play.subscribe(failover_timeout=0)
    for offer in play.offers():
        play.call(calls.Decline(framework, (offer["id"]["value"],), 0))
    for agent in play.state.agents.values():
        assert agent.free == agent.total
    play.later(1)
    first, second = play.offers()
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31004}]}}
    for offer, name in ((first, "t1"), (second, "t2")):
        one = task(name)
        play.launch(framework, offer, {**one, "resources": [*one["resources"], ports]})
        assert [type(message) for message in play.told()] == [RunTask]
    play.report(framework, "t1", "TASK_FINISHED", first["agent_id"]["value"])
    play.later(1)
    assert play.offers(), "what is left of both and what has ended"
    play.actions = play.state.stream_closed("s", play.now)
    for agent in play.state.agents.values():
        assert agent.free == agent.total
    assert play.state.shares.is_balanced()


def test_the_end_of_a_task_counts_before_its_turn_to_be_told_has_come() -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task(cpus=1))
    starting = play.report(framework, "t1", "TASK_STARTING")
    play.report(framework, "t1", "TASK_FINISHED", waiting=True)
    assert play.actions == [], "the framework hears of it in its turn"
    assert play.state.agents["M-S0"].free.scalar("cpus") == 4
    play.call(calls.Reconcile(framework, (("t1", None),)))
    assert [status["state"] for status in play.statuses()] == ["TASK_STARTING"], "the last one that was told"
    play.call(calls.Acknowledge(framework, "M-S0", "t1", starting))
    assert "t1" in play.state.frameworks[framework].tasks, "its end is not acknowledged yet"
    running = play.report(framework, "t1", "TASK_RUNNING", latest="TASK_FINISHED")
    assert play.state.frameworks[framework].tasks["t1"].ended
    play.call(calls.Acknowledge(framework, "M-S0", "t1", running))
    assert "t1" in play.state.frameworks[framework].tasks
    finished = play.report(framework, "t1", "TASK_FINISHED")
    play.call(calls.Acknowledge(framework, "M-S0", "t1", finished))
    assert "t1" not in play.state.frameworks[framework].tasks
    assert play.state.agents["M-S0"].free.scalar("cpus") == 4


def test_offers_survive_whatever_goes_wrong_with_a_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play()
    framework = play.subscribe()
    offer = play.offers()[0]

    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(launches, "task_problem", fail)
    with pytest.raises(RuntimeError):
        play.launch(framework, offer, task("t1"), task("t2"))
    assert not play.state.frameworks[framework].tasks
    monkeypatch.undo()
    play.launch(framework, offer, task("t1"))
    assert [type(message) for message in play.told()] == [RunTask]


def test_an_id_occurs_once_in_a_launch() -> None:
    play = Play()
    framework = play.subscribe()
    play.launch(framework, play.offers()[0], task("t1"), task("t1"))
    assert len(play.told()) == 1
    assert "duplicate ID" in play.statuses()[0]["message"]


def test_an_id_that_is_no_text_is_refused() -> None:
    play = Play()
    assert play.subscribe("s", "\ud800") == ""
    assert "invalid" in play.events()[0]["error"]["message"]

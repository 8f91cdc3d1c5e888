"""Agents that go away, in cases which the recordings do not have."""

from __future__ import annotations

import pytest

from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.messages import Ping, Pong, ShutdownAgent, UnregisterAgent
from tests.unit.localcluster.master.master_play import Play


def test_pings_are_repeated_and_say_whether_the_agent_is_believed_to_be_there() -> None:
    play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=3)
    play.later(2.5)
    assert play.pings() == [Ping(True), Ping(True)]
    play.vanish()
    play.later(1)
    assert play.pings() == [Ping(False)]


def test_an_answer_in_time_is_enough() -> None:
    play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=3)
    play.silent.add("M-S0")
    play.later(2.5)
    play.state.from_agent(Pong("M-S0"), play.now)
    play.later(2)
    assert "M-S0" in play.state.agents
    play.later(2)
    assert "M-S0" not in play.state.agents


def test_a_disconnected_agent_that_answers_but_does_not_come_back() -> None:
    play = Play(agent_reregister_timeout=600)
    play.running_task(checkpoint=True)
    play.vanish()
    play.silent.clear()
    play.later(599)
    assert play.kinds() == []
    play.later(2)
    assert play.kinds() == ["UPDATE", "FAILURE"]
    message = "agent did not reregister within 10mins after disconnecting"
    assert play.statuses()[0]["message"] == message


def test_agents_that_do_not_come_back_after_a_failover_are_unreachable() -> None:
    play = Play(agent_reregister_timeout=60)
    framework = play.running_task(checkpoint=True, capabilities=[{"type": "PARTITION_AWARE"}])
    play.fail_over()
    play.subscribe("t", framework, capabilities=[{"type": "PARTITION_AWARE"}])
    play.call(calls.Reconcile(framework, (("t1", None),)), "t")
    assert play.actions == [], "it may run on an agent that is still to come"
    play.later(61)
    assert play.kinds("t") == ["FAILURE"], "nobody knows what runs there"
    play.call(calls.Reconcile(framework, (("t1", "M-S0"), ("t1", None))), "t")
    assert [s["state"] for s in play.statuses("t")] == ["TASK_UNREACHABLE", "TASK_UNKNOWN"]
    assert play.statuses("t")[0]["unreachable_time"]


def test_an_agent_that_is_shut_down_leaves_for_good() -> None:
    play = Play()
    play.running_task(checkpoint=True)
    play.actions = play.state.from_agent(UnregisterAgent("M-S0"), play.now)
    assert play.kinds() == ["UPDATE", "RESCIND", "FAILURE"]
    status = play.statuses()[0]
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_AGENT_REMOVED")
    assert status["message"] == "Agent agent1 removed: the agent unregistered"
    assert not play.registry.admitted
    assert not play.registry.unreachable
    assert play.state.shares.is_balanced()


def test_every_connected_framework_hears_of_a_lost_agent() -> None:
    play = Play()
    play.subscribe("a")
    play.subscribe("b")
    play.subscribe("c")
    play.actions = play.state.stream_closed("c", play.now)
    play.actions = play.state.from_agent(UnregisterAgent("M-S0"), play.now)
    assert (play.kinds("a")[-1], play.kinds("b"), play.kinds("c")) == ("FAILURE", ["FAILURE"], [])


@pytest.mark.parametrize(
    ("capabilities", "state", "reason"),
    [
        ([{"type": "PARTITION_AWARE"}], "TASK_GONE_BY_OPERATOR", "REASON_AGENT_REMOVED_BY_OPERATOR"),
        ([], "TASK_LOST", "REASON_AGENT_REMOVED"),
    ],
)
def test_an_unreachable_agent_is_gone(capabilities: list[dict[str, str]], state: str, reason: str) -> None:
    play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=1)
    framework = play.running_task(checkpoint=True, capabilities=capabilities)
    play.vanish()
    play.later(2)
    play.actions = play.state.mark_agent_gone("M-S0", play.now)
    (status,) = play.statuses()
    assert (status["state"], status["reason"]) == (state, reason)
    assert not play.registry.unreachable
    assert [t.task_id for t in play.state.frameworks[framework].completed_tasks] == ["t1"]
    play.call(calls.Reconcile(framework, (("t1", "M-S0"),)))
    expected = "TASK_GONE_BY_OPERATOR" if capabilities else "TASK_LOST"
    assert [s["state"] for s in play.statuses()] == [expected]
    assert play.statuses()[0]["message"] == "Reconciliation: Task is gone"
    assert play.state.mark_agent_gone("M-S0", play.now) == [], "again"


def test_an_agent_of_an_earlier_master_is_gone() -> None:
    play = Play()
    play.fail_over()
    play.actions = play.state.mark_agent_gone("M-S0", play.now)
    assert not play.state.recovered
    play.fail_over("O")
    play.come_back()
    assert play.told() == [ShutdownAgent("Agent has been marked gone")]


def test_nobody_can_be_gone_who_never_was() -> None:
    with pytest.raises(KeyError):
        Play().state.mark_agent_gone("M-S7", 0.0)


def test_the_id_of_an_unreachable_task_is_not_free() -> None:
    play = Play("cpus:4;mem:100", "cpus:4;mem:100", agent_ping_timeout=1, max_agent_ping_timeouts=1)
    framework = play.running_task(checkpoint=True)
    play.vanish()
    play.later(2)
    play.call(calls.Revive(framework, ()))
    offer = next(o for o in play.state.offers.values() if o.agent_id == "M-S1")
    info = play.state.frameworks[framework].unreachable_tasks["t1"].info
    again = {**info, "agent_id": {"value": "M-S1"}}
    operation = {"type": "LAUNCH", "launch": {"task_infos": [again]}}
    play.call(calls.Accept(framework, (offer.offer_id,), (operation,), 0))
    assert play.statuses()[0]["message"] == "Task reuses the ID of an unreachable task: t1"


def test_unreachable_tasks_end_with_their_framework() -> None:
    play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=1)
    framework = play.running_task(checkpoint=True, capabilities=[{"type": "PARTITION_AWARE"}])
    play.vanish()
    play.later(2)
    play.call(calls.Teardown(framework))
    (ended,) = play.state.completed_frameworks[0].completed_tasks
    assert (ended.state, ended.statuses[-1]["reason"]) == ("TASK_KILLED", "REASON_FRAMEWORK_REMOVED")
    assert not play.state.completed_frameworks[0].unreachable_tasks


def test_who_is_not_known_is_not_heard() -> None:
    play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=1)
    framework = play.running_task(checkpoint=True)
    play.vanish()
    play.later(2)
    play.report(framework, "t1", "TASK_FINISHED")
    assert play.actions == []
    play.state.from_agent(Pong("M-S0"), play.now)
    assert play.state.from_agent(UnregisterAgent("M-S0"), play.now) == []

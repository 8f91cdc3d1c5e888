"""Agents that register and come back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    AgentRegistered,
    AgentReregistered,
    KillTask,
    Ping,
    RunningExecutor,
    RunningTask,
    RunTask,
    ShutdownAgent,
    ShutdownExecutor,
    ShutdownFramework,
    UpdateFramework,
)
from tests.unit.localcluster.master.master_play import Play, amount, scalar, task

Json = dict[str, Any]


def test_an_agent_is_answered_and_pinged_at_once() -> None:
    play = Play(agent_ping_timeout=2, max_agent_ping_timeouts=3)
    assert play.told() == [AgentRegistered("M-S0", "M", 6.0)]
    assert play.pings() == [Ping(True)]
    assert play.registry.admitted["M-S0"] == play.descriptions["M-S0"]


def test_who_asks_again_gets_the_same_answer() -> None:
    play = Play()
    agent_id, play.actions = play.state.register_agent(play.descriptions["M-S0"], play.now)
    assert agent_id == "M-S0"
    assert play.told() == [AgentRegistered("M-S0", "M", 75.0)]
    assert list(play.state.agents) == ["M-S0"]


def test_a_new_agent_takes_the_address_of_one_that_was_disconnected() -> None:
    play = Play()
    framework = play.running_task(checkpoint=True)
    play.vanish()
    agent_id, play.actions = play.state.register_agent(play.descriptions["M-S0"], play.now)
    assert agent_id == "M-S1"
    status = play.statuses()[0]
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_AGENT_REMOVED")
    assert status["message"] == "Agent agent1 removed: a new agent registered at the same address"
    assert play.kinds() == ["UPDATE", "FAILURE", "OFFERS"]
    assert list(play.state.agents) == ["M-S1"]
    assert list(play.registry.admitted) == ["M-S1"]
    assert framework in play.state.frameworks


@pytest.mark.parametrize("resources", ["cpus:four", "ports:[1-"])
def test_bad_texts_are_not_admitted(resources: str) -> None:
    play = Play()
    with pytest.raises(UsageError):
        play.register(resources)
    assert list(play.state.agents) == ["M-S0"]
    assert list(play.registry.admitted) == ["M-S0"]


def test_a_connection_is_cut_for_a_moment() -> None:
    play = Play()
    framework = play.running_task(checkpoint=True)
    info = play.state.frameworks[framework].info
    play.vanish()
    assert play.kinds() == ["RESCIND"]
    play.later(5)
    assert play.kinds() == [], "nothing is offered of an agent that is not there"
    play.come_back(frameworks=[info], tasks=[play.running()])
    assert play.told() == [AgentReregistered("M-S0", "M", 75.0), UpdateFramework(info)]
    play.later(1)
    assert [amount(offer, "cpus") for offer in play.offers()] == [3]
    play.later(120)
    assert play.kinds() == [], "it answers pings again"


def test_what_an_agent_has_not_heard_of_is_asked_for() -> None:
    play = Play()
    framework = play.subscribe(checkpoint=True)
    play.launch(framework, play.offers()[0], task())
    play.vanish()
    play.come_back()
    assert play.told() == [AgentReregistered("M-S0", "M", 75.0, ((framework, "t1"),))]
    assert "t1" in play.state.frameworks[framework].tasks, "the agent will say what has become of it"


def test_a_kill_that_was_missed_is_told_again() -> None:
    play = Play()
    framework = play.running_task(checkpoint=True)
    play.vanish()
    play.call(calls.Kill(framework, "t1", None, None))
    assert play.told() == []
    play.come_back(frameworks=[play.state.frameworks[framework].info], tasks=[play.running()])
    assert play.told()[-1] == KillTask(framework, "t1", None)


def test_what_was_declared_lost_is_ended_when_it_turns_up() -> None:
    play = Play()
    framework = play.running_task()
    known = play.running()
    play.vanish()
    executor = RunningExecutor(framework, {"executor_id": {"value": "e"}}, "*")
    play.come_back(frameworks=[play.state.frameworks[framework].info], tasks=[known], executors=[executor])
    assert KillTask(framework, "t1", None) in play.told()
    assert ShutdownExecutor(framework, "e") in play.told()
    assert play.state.agents["M-S0"].free == play.state.agents["M-S0"].total


def test_frameworks_that_have_ended_meanwhile_end_on_the_agent() -> None:
    play = Play()
    framework = play.running_task(checkpoint=True)
    info, known = play.state.frameworks[framework].info, play.running()
    play.vanish()
    play.call(calls.Teardown(framework))
    play.come_back(frameworks=[info], tasks=[known])
    assert ShutdownFramework(framework) in play.told()
    assert framework not in play.state.frameworks


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hostname": "elsewhere"}, "different IP / hostname"),
        ({"ip": "127.0.0.2"}, "different IP / hostname"),
        ({"resources": "cpus:0.5"}, "less resources"),
    ],
)
def test_another_agent_under_an_id_is_ended(changes: Json, message: str) -> None:
    play = Play()
    play.running_task(checkpoint=True)
    play.vanish()
    play.come_back(agent=replace(play.descriptions["M-S0"], **changes))
    (told,) = play.told()
    assert isinstance(told, ShutdownAgent)
    assert message in told.message
    assert not play.state.agents["M-S0"].connected


def test_an_agent_may_come_back_with_more() -> None:
    play = Play()
    framework = play.running_task(checkpoint=True)
    play.vanish()
    bigger = replace(play.descriptions["M-S0"], resources="cpus:8;mem:4096", port=6000)
    play.come_back(agent=bigger, frameworks=[play.state.frameworks[framework].info], tasks=[play.running()])
    play.later(1)
    assert [amount(offer, "cpus") for offer in play.offers()] == [7]
    assert play.offers()[0]["url"]["address"]["port"] == 6000


# --- after a failover of the master


def failed_over(**info: Any) -> tuple[Play, str, Json, RunningTask]:
    play = Play()
    framework = play.running_task(**info)
    known = play.running()
    info = play.state.frameworks[framework].info
    play.fail_over()
    return play, framework, info, known


def test_a_framework_is_recovered_until_its_scheduler_subscribes() -> None:
    play, framework, info, known = failed_over(failover_timeout=0)
    assert list(play.state.recovered) == ["M-S0"]
    play.come_back(frameworks=[info], tasks=[known])
    assert play.told() == [AgentReregistered("M-S0", "N", 75.0)]
    assert not play.state.recovered
    recovered = play.state.frameworks[framework]
    assert (recovered.recovered, recovered.connected) == (True, False)
    assert recovered.tasks["t1"].state == "TASK_RUNNING"
    assert play.state.agents["M-S0"].free.scalar("cpus") == 3
    play.later(3600)
    assert framework in play.state.frameworks, "there was no disconnection that a timeout could begin with"
    play.subscribe("t", framework, failover_timeout=0)
    assert play.kinds("t") == ["SUBSCRIBED", "OFFERS"]
    assert [amount(offer, "cpus") for offer in play.offers("t")] == [3]
    assert (recovered.recovered, recovered.registered_time) == (False, play.now)
    assert recovered.reregistered_time is None


def test_updates_go_on_under_another_master() -> None:
    play, framework, info, known = failed_over()
    play.come_back(frameworks=[info], tasks=[known])
    uuid = play.report(framework, "t1", "TASK_FINISHED")
    assert play.heard[-1]["type"] != "UPDATE", "nobody is there yet"
    assert play.state.frameworks[framework].tasks["t1"].sent_state == "TASK_RUNNING"
    play.subscribe("t", framework)
    uuid = play.report(framework, "t1", "TASK_FINISHED")
    play.call(calls.Acknowledge(framework, "M-S0", "t1", uuid), "t")
    assert play.told() == [AcknowledgeUpdate(framework, "t1", uuid)]
    assert [t.task_id for t in play.state.frameworks[framework].completed_tasks] == ["t1"]


def test_an_acknowledgement_of_what_an_earlier_master_sent_is_dropped() -> None:
    play, framework, info, known = failed_over()
    play.come_back(frameworks=[info], tasks=[replace(known, sent_state=None, statuses=())])
    play.subscribe("t", framework)
    play.call(calls.Acknowledge(framework, "M-S0", "t1", "old"), "t")
    assert play.told() == []


def test_a_task_that_has_ended_holds_nothing() -> None:
    play, framework, info, known = failed_over()
    play.come_back(frameworks=[info], tasks=[replace(known, state="TASK_FINISHED")])
    assert play.state.agents["M-S0"].free.scalar("cpus") == 4
    play.subscribe("t", framework)
    play.call(calls.Reconcile(framework, ()), "t")
    assert [s["state"] for s in play.statuses("t")] == ["TASK_RUNNING"], "its end has not been told yet"


def test_custom_executors_are_adopted() -> None:
    play, framework, info, known = failed_over()
    executor = {"executor_id": {"value": "e"}, "resources": [scalar("cpus", 0.5)]}
    play.come_back(frameworks=[info], tasks=[known], executors=[RunningExecutor(framework, executor, "*")])
    assert play.state.agents["M-S0"].free.scalar("cpus") == 2.5
    play.subscribe("t", framework)
    assert play.offers("t")[0]["executor_ids"] == [{"value": "e"}]


def test_an_agent_that_runs_more_than_it_has_is_ended() -> None:
    play, _, info, known = failed_over()
    small = replace(play.descriptions["M-S0"], resources="cpus:0.5")
    play.come_back(agent=small, frameworks=[info], tasks=[known])
    assert [type(message) for message in play.told()] == [ShutdownAgent]
    assert not play.state.agents


def test_an_agent_that_the_registry_does_not_know_is_admitted_with_its_tasks() -> None:
    play, framework, info, known = failed_over()
    play.registry.admitted.clear()
    play.fail_over("O")
    play.subscribe("t", framework)
    play.come_back(frameworks=[info], tasks=[known])
    (status,) = play.statuses("t")
    assert (status["state"], status["message"]) == ("TASK_RUNNING", "Unknown agent reregistered")
    assert "uuid" not in status


def test_new_ids_name_the_new_master() -> None:
    play, _, info, known = failed_over()
    play.come_back(frameworks=[info], tasks=[known])
    assert play.register("cpus:1;mem:64") == "N-S0"
    assert play.subscribe("u") == "N-0000"


def test_a_task_that_was_launched_again_elsewhere_stays_there() -> None:
    play = Play("cpus:4;mem:4096", "cpus:4;mem:4096", agent_ping_timeout=1)
    framework = play.running_task()
    old, info = play.running(), play.state.frameworks[framework].info
    play.vanish()  # the framework does not checkpoint, so its task is lost
    play.later(6)  # and the agent unreachable
    (offer,) = [{"id": {"value": o}, "agent_id": {"value": "M-S1"}} for o in play.state.offers]
    play.launch(framework, offer, task(cpus=2))
    assert [type(message) for message in play.told("M-S1")] == [RunTask]
    play.come_back(frameworks=[info], tasks=[old])
    assert KillTask(framework, "t1", None) in play.told("M-S0")
    assert play.statuses() == []
    assert play.state.frameworks[framework].tasks["t1"].agent_id == "M-S1"
    play.vanish("M-S0")
    play.vanish("M-S1")
    play.later(6)
    assert not play.state.agents, "both can be given up"


def test_a_task_is_not_running_and_unreachable_at_once() -> None:
    play = Play("cpus:4;mem:4096", "cpus:4;mem:4096", agent_ping_timeout=1)
    framework = play.running_task(checkpoint=True)
    known, info = play.running(), play.state.frameworks[framework].info
    play.vanish()
    play.later(6)
    assert "t1" in play.state.frameworks[framework].unreachable_tasks
    play.come_back("M-S1", frameworks=[info])
    play.vanish("M-S1")
    play.later(6)
    play.come_back("M-S1", frameworks=[info], tasks=[known])
    assert play.state.frameworks[framework].tasks["t1"].agent_id == "M-S1"
    assert not play.state.frameworks[framework].unreachable_tasks


def test_the_registry_knows_what_an_agent_has_by_now() -> None:
    play = Play()
    larger = replace(play.descriptions["M-S0"], resources="cpus:8;mem:4096")
    play.vanish()
    play.come_back(agent=larger)
    assert play.registry.admitted["M-S0"] == larger

"""What operators are shown of agents, frameworks and tasks that are not as they should be."""

from __future__ import annotations

from typing import Any

from sparkmesos_core.localcluster.master import master_json
from sparkmesos_core.localcluster.master import scheduler_call as calls
from tests.unit.localcluster.master.master_play import Play, scalar, task

Json = dict[str, Any]

AWARE = [{"type": "PARTITION_AWARE"}]


def lost(**info: Any) -> tuple[Play, str]:
    """A framework whose task was on an agent that does not answer any more."""
    play = Play("cpus:4;mem:4096", "cpus:2;mem:64", agent_ping_timeout=1, max_agent_ping_timeouts=2)
    framework = play.running_task(checkpoint=True, **info)
    play.vanish()
    play.later(3)
    return play, framework


def test_an_unreachable_agent_and_its_tasks() -> None:
    play, framework = lost(capabilities=AWARE)
    state = master_json.master_state(play.state)
    assert (state["activated_slaves"], state["deactivated_slaves"], state["unreachable_slaves"]) == (1, 0, 1)
    assert [slave["id"] for slave in state["slaves"]] == ["M-S1"]
    (shown,) = state["frameworks"]
    assert shown["tasks"] == []
    assert [(t["id"], t["state"]) for t in shown["unreachable_tasks"]] == [("t1", "TASK_UNREACHABLE")]
    assert shown["used_resources"]["cpus"] == 0
    (listed,) = master_json.tasks(play.state, {"framework_id": framework})["tasks"]
    states = [status["state"] for status in listed["statuses"]]
    assert states == ["TASK_STARTING", "TASK_RUNNING", "TASK_UNREACHABLE"]
    summary = master_json.state_summary(play.state)
    assert summary["frameworks"][0]["TASK_UNREACHABLE"] == 1
    metrics = master_json.master_metrics(play.state, play.now)
    assert metrics["master/slaves_unreachable"] == metrics["master/tasks_unreachable"] == 1
    assert metrics["master/slave_removals/reason_unhealthy"] == 1
    assert metrics["master/cpus_total"] == 2


def test_lost_tasks_of_others_are_unreachable_too() -> None:
    play, _ = lost()
    (shown,) = master_json.frameworks(play.state)["frameworks"]
    assert [t["state"] for t in shown["unreachable_tasks"]] == ["TASK_LOST"]
    assert master_json.master_metrics(play.state, play.now)["master/tasks_lost"] == 1


def test_a_disconnected_agent_is_not_active() -> None:
    play = Play()
    play.running_task(checkpoint=True)
    play.vanish()
    (slave,) = master_json.slaves(play.state)["slaves"]
    assert (slave["active"], slave["deactivated"], slave["used_resources"]["cpus"]) == (False, False, 1)
    metrics = master_json.master_metrics(play.state, play.now)
    assert metrics["master/slaves_disconnected"] == metrics["master/slaves_inactive"] == 1
    assert metrics["master/tasks_running"] == 1
    play.come_back(tasks=[play.running()])
    assert master_json.slaves(play.state)["slaves"][0]["reregistered_time"] == play.now


def test_after_a_failover() -> None:
    play = Play()
    framework = play.running_task()
    info, known = play.state.frameworks[framework].info, play.running()
    play.fail_over()
    (slave,) = master_json.slaves(play.state)["recovered_slaves"]
    assert slave == {"id": "M-S0", "hostname": "agent1", "port": 5051, "attributes": {}}
    play.come_back(frameworks=[info], tasks=[known])
    state = master_json.master_state(play.state)
    assert state["recovered_slaves"] == []
    (shown,) = state["frameworks"]
    assert (shown["recovered"], shown["active"], shown["connected"]) == (True, False, False)
    assert [t["state"] for t in shown["tasks"]] == ["TASK_RUNNING"]


def test_a_custom_executor() -> None:
    play = Play()
    framework = play.subscribe()
    executor = {
        "executor_id": {"value": "e"},
        "name": "mine",
        "command": {"shell": False, "value": "run", "arguments": ["run", "x"]},
        "resources": [scalar("cpus", 0.5)],
    }
    play.launch(framework, play.offers()[0], task(executor=executor))
    (shown,) = master_json.frameworks(play.state)["frameworks"]
    assert shown["tasks"][0]["executor_id"] == "e"
    assert shown["used_resources"]["cpus"] == 1.5
    (listed,) = shown["executors"]
    assert listed["command"] == {"shell": False, "value": "run", "argv": ["run", "x"], "uris": []}
    assert {name: listed[name] for name in ("executor_id", "name", "framework_id", "slave_id", "role")} == {
        "executor_id": "e",
        "name": "mine",
        "framework_id": framework,
        "slave_id": "M-S0",
        "role": "*",
    }
    (slave,) = master_json.slaves(play.state)["slaves"]
    assert slave["used_resources"]["cpus"] == 1.5
    assert sum(r["scalar"]["value"] for r in slave["used_resources_full"]) == 1.5


def test_roles_of_offers_and_tasks() -> None:
    play = Play("cpus:4;mem:64;cpus(spark):1")
    framework = play.subscribe(role="spark")
    play.launch(framework, play.offers()[0], task(cpus=1.5))
    play.later(1)
    (role,) = master_json.roles(play.state)["roles"]
    assert (role["name"], role["frameworks"]) == ("spark", [framework])
    assert role["allocated"] == {"cpus": 1.5}
    assert role["offered"] == {"cpus": 3.5, "mem": 64}
    assert role["reserved"] == {"cpus": 1}


def test_counters() -> None:
    play = Play()
    framework = play.running_task()
    play.decline(play.offers()[0])
    play.call(calls.Kill(framework, "t1", None, None))
    play.report(framework, "t1", "TASK_KILLED")
    play.call(calls.Teardown(framework))
    metrics = master_json.master_metrics(play.state, play.now)
    counted = {name: value for name, value in metrics.items() if value == 1}
    assert counted.keys() >= {
        "master/elected",
        "master/messages_decline_offers",
        "master/messages_kill_task",
        "master/messages_launch_tasks",
        "master/messages_register_framework",
        "master/messages_register_slave",
        "master/messages_unregister_framework",
        "master/slave_registrations",
        "master/tasks_killed",
    }


def test_flags_name_what_was_asked_for() -> None:
    play = Play(offer_timeout=3, roles=("a", "b"), agent_ping_timeout=1.5)
    flags = master_json.master_flags(play.state)
    assert (flags["offer_timeout"], flags["roles"], flags["agent_ping_timeout"]) == ("3secs", "a,b", "1500ms")
    assert flags["agent_reregister_timeout"] == "10mins"

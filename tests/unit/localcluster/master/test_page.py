"""What the page shows of a cluster that has seen a lot."""

from __future__ import annotations

from datetime import datetime

import pytest

from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.master.master_actions import SendEvent
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.master.page import (
    SHOWN_AWAY_AGENTS,
    SHOWN_ENDED_TASKS,
    SHOWN_FRAMEWORKS,
    page_content,
    render_page,
    short_names,
)
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.messages import AgentDescription, StatusUpdate
from tests.unit.localcluster.master.master_play import Play, description


def busy_master(tasks: int, frameworks: int) -> Master:
    master = Master(MasterOptions(), lambda: 1000.0, Registry())
    state = master.state
    agent_id, _ = state.register_agent(AgentDescription("127.0.0.1", "127.0.0.1", 1, "cpus:99;mem:99", ""), 0)
    info = {"user": "u", "name": "n", "failover_timeout": 60}
    for number in range(frameworks):
        actions = state.subscribe(calls.Subscribe(None, info), f"s{number}", float(number))
        if number == 0:
            offers = [a for a in actions if isinstance(a, SendEvent) and a.event["type"] == "OFFERS"]
            offer = offers[0].event["offers"]["offers"][0]
    framework_id = offer["framework_id"]["value"]
    infos = [
        {
            "name": "t",
            "task_id": {"value": f"task-{number}"},
            "agent_id": {"value": agent_id},
            "command": {"value": "true"},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.01}}],
        }
        for number in range(tasks)
    ]
    operation = {"type": "LAUNCH", "launch": {"task_infos": infos}}
    state.call(calls.Accept(framework_id, (offer["id"]["value"],), (operation,), 0), "s0", 0)
    for number in range(tasks):
        status = {
            "task_id": {"value": f"task-{number}"},
            "state": "TASK_FINISHED",
            "uuid": f"u{number}",
            "timestamp": float(number),
        }
        state.from_agent(StatusUpdate(agent_id, framework_id, status, "TASK_FINISHED"), 0)
    return master


def test_only_the_latest_are_shown_and_how_many_more_there_are() -> None:
    master = busy_master(SHOWN_ENDED_TASKS + 17, SHOWN_FRAMEWORKS + 1)
    content = page_content(master.state)
    names = [row["id"] for row in content["completed_tasks"]]
    assert names == [f"task-{number}" for number in range(SHOWN_ENDED_TASKS + 16, 16, -1)]
    assert len(content["frameworks"]) == SHOWN_FRAMEWORKS
    html = bytes(render_page(master).body).decode()
    assert "17 earlier ones are not shown" in html
    assert "1 earlier one is not shown" in html
    assert f"<small>{SHOWN_ENDED_TASKS + 17}</small>" in html


def test_nothing_is_said_when_all_are_shown() -> None:
    assert "not shown" not in bytes(render_page(busy_master(3, 2)).body).decode()


def test_agents_that_are_away() -> None:
    play = Play("cpus:1;mem:64", "cpus:1;mem:64", "cpus:1;mem:64", agent_ping_timeout=1)
    framework = play.running_task(checkpoint=True, capabilities=[{"type": "PARTITION_AWARE"}])
    play.vanish("M-S0")
    play.later(6)
    play.vanish("M-S1")
    play.state.recovered["L-S7"] = description()
    play.registry.admit("L-S8", description(6060, host="agent8"))
    play.registry.mark_gone("L-S8", 1000.0)
    master = Master(MasterOptions(), lambda: 1000.0, play.registry)
    master.state = play.state
    content = page_content(master.state)
    assert [(row["id"], row["state"]) for row in content["agents"]] == [
        ("M-S1", "disconnected"),
        ("M-S2", ""),
        ("L-S7", "awaited"),
        ("M-S0", "unreachable"),
        ("L-S8", "gone"),
    ]
    html = bytes(render_page(master).body).decode()
    since = datetime.fromtimestamp(1000.0).strftime("%Y-%m-%d %H:%M:%S")
    gone = f"marked gone by an operator at <time>{since}</time>"
    for shown in ("disconnected", "awaited", "does not answer since", gone, "UNREACHABLE", "2 agents on"):
        assert shown in html
    unreachable = next(row for row in content["agents"] if row["id"] == "M-S0")
    assert unreachable["where"] == "agent1:5051"
    assert "<td>agent1:5051</td>" in html
    assert "<td>agent8:6060</td>" in html, "it is no link: nobody is there"
    assert framework in html
    assert "stdout" not in html, "nobody knows where the logs are"


@pytest.mark.parametrize("timestamp", [1e300, 10**400, -1], ids=["late", "beyond", "early"])
def test_executors_may_live_at_any_time(timestamp: float) -> None:
    master = busy_master(1, 1)
    (framework,) = master.state.frameworks.values()
    status = {
        "task_id": {"value": "task-0"},
        "state": "TASK_FINISHED",
        "uuid": "u",
        "timestamp": timestamp,
    }
    update = StatusUpdate(next(iter(master.state.agents)), framework.framework_id, status, "TASK_FINISHED")
    master.state.from_agent(update, 0)
    assert "FINISHED" in bytes(render_page(master).body).decode()


def test_of_agents_that_went_away_only_the_latest_are_shown() -> None:
    master = Master(MasterOptions(), lambda: 1000.0, Registry())
    registry = master.state.registry
    for number in range(SHOWN_AWAY_AGENTS + 2):
        registry.admit(f"M-S{number}", description())
        registry.mark_gone(f"M-S{number}", float(number))
    content = page_content(master.state)
    assert content["agents"][0]["id"] == f"M-S{SHOWN_AWAY_AGENTS + 1}"
    assert content["agents"][-1]["id"] == "M-S2"
    assert "2 that went away earlier are not shown" in bytes(render_page(master).body).decode()


def test_agents_of_two_masters_can_be_told_apart() -> None:
    one, other = "0d6f-1111-aaaa", "77aa-2222-aaaa"
    names = short_names([f"{one}-S0", f"{other}-S0", f"{other}-S1", "odd"])
    assert names == {
        f"{one}-S0": "…111-aaaa-S0",
        f"{other}-S0": "…222-aaaa-S0",
        f"{other}-S1": "S1",
        "odd": "odd",
    }
    assert short_names(["a-S0", "ba-S0"]) == {"a-S0": "a-S0", "ba-S0": "ba-S0"}


def test_with_an_election_it_is_not_the_leaders_address_that_is_advised() -> None:
    url = "mesos://zk://127.0.0.1:2181/mesos"
    master = Master(MasterOptions(port=5051, cluster_url=url), lambda: 1000.0, Registry())
    html = bytes(render_page(master).body).decode()
    assert f"<code>--master {url}</code>" in html
    assert "mesos://127.0.0.1" not in html
    assert "The leading master is 127.0.0.1:5051" in html

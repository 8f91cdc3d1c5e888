"""What frameworks hear when agents and masters fail, event by event as a real Mesos told it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.messages import ShutdownAgent
from tests.unit.localcluster.master.master_play import Play, scalar, task

Json = dict[str, Any]

RECORDINGS = Path(__file__).parents[3] / "contract" / "recordings" / "mesos-1.12.0"
RESOURCES = "cpus:4;mem:4096;disk:10000;ports:[31000-32000]"


def recorded(name: str, begin: str = "", end: str = "") -> list[Json]:
    """The bare events of a recording between two of the recorder's notes."""
    events = json.loads((RECORDINGS / f"{name}.json").read_text())["events"]
    notes = [str(event.get("_note", "")) for event in events]
    first = next(i for i, note in enumerate(notes) if begin in note)
    last = next((i for i, note in enumerate(notes) if end and end in note), len(events))
    return [bare(event) for event in events[first:last] if "type" in event and event["type"] != "HEARTBEAT"]


def bare(event: Json) -> Json:
    """An event without what differs each time, and without what is in offers."""
    if event["type"] == "OFFERS":
        offers = [sorted(r["name"] for r in offer["resources"]) for offer in event["offers"]["offers"]]
        return {"type": "OFFERS", "resources": offers}
    text = json.dumps(event)
    text = re.sub(r'"[^"]*-(S|O)\d+"', r'"\1"', text)
    text = re.sub(r'"container_status": \{.*\}(?=\}\}\})', '"container_status": "..."', text)
    text = re.sub(r'"nanoseconds": \d{12,}', '"nanoseconds": "..."', text)
    result: Json = json.loads(re.sub(r', "timestamp": [0-9.]+', "", text))
    return result


class Failure(Play):
    """The recorded situation: a task runs, an offer of the same agent is held; a second's patience, twice."""

    def __init__(self, name: str, checkpoint: bool, *capabilities: str, task_id: str = "lost-1") -> None:
        super().__init__(
            RESOURCES, host="agent1.mesos.example", agent_ping_timeout=1, max_agent_ping_timeouts=2
        )
        declared = [{"type": capability} for capability in capabilities]
        self.task_id = task_id
        self.framework = self.subscribe(checkpoint=checkpoint, capabilities=declared)
        resources = [scalar("cpus", 0.1), scalar("mem", 32)]
        self.launch(self.framework, self.offers()[0], {**task(task_id), "resources": resources})
        for state in ("TASK_STARTING", "TASK_RUNNING"):
            uuid = self.report(self.framework, task_id, state)
            self.call(calls.Acknowledge(self.framework, "M-S0", task_id, uuid))
        self.later(1)
        assert self.offers()
        self.name = name
        self.heard.clear()

    def reconcile(self, explicit: bool = True) -> None:
        tasks = ((self.task_id, "M-S0"),) if explicit else ()
        self.call(calls.Reconcile(self.framework, tasks))

    def told_since(self) -> list[Json]:
        heard = [bare(event) for event in self.heard if event["type"] != "HEARTBEAT"]
        self.heard.clear()
        return heard

    def returns(self, *, with_task: bool) -> None:
        info = self.state.frameworks[self.framework].info
        tasks = [self.running(self.task_id)] if with_task else []
        self.come_back(frameworks=[info], tasks=tasks)
        self.later(2)


HELD, AGAIN = "is held", "started again"


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("scheduler-agent-killed", ()),
        ("scheduler-agent-killed-partition-aware", ("PARTITION_AWARE",)),
        ("scheduler-agent-shutdown", ()),
    ],
)
def test_an_agent_dies_under_a_framework_without_checkpoint(name: str, capabilities: tuple[str, ...]) -> None:
    play = Failure(name, False, *capabilities)
    play.vanish()
    play.later(3)
    play.reconcile()
    assert play.told_since() == recorded(name, HELD, AGAIN)
    assert [task.state for task in play.state.frameworks[play.framework].completed_tasks] == ["TASK_LOST"]
    if capabilities:
        play.returns(with_task=False)
        play.reconcile(explicit=False)
        play.reconcile()
        assert play.told_since() == recorded(name, AGAIN)


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("scheduler-agent-lost-checkpoint", ()),
        ("scheduler-agent-lost-partition-aware", ("PARTITION_AWARE",)),
    ],
)
def test_an_agent_dies_under_a_framework_with_checkpoint(name: str, capabilities: tuple[str, ...]) -> None:
    play = Failure(name, True, *capabilities)
    play.vanish()
    play.later(3)
    play.reconcile()
    assert play.told_since() == recorded(name, HELD, AGAIN)
    unreachable = play.state.frameworks[play.framework].unreachable_tasks
    assert [task.state for task in unreachable.values()] == [
        "TASK_UNREACHABLE" if capabilities else "TASK_LOST"
    ]
    play.returns(with_task=True)
    play.reconcile(explicit=False)
    play.reconcile()
    assert play.told_since() == recorded(name, AGAIN)
    assert not unreachable


@pytest.mark.parametrize(
    ("name", "checkpoint", "capabilities"),
    [
        ("scheduler-agent-partitioned", False, ()),
        ("scheduler-agent-partitioned-partition-aware", True, ("PARTITION_AWARE",)),
    ],
)
def test_an_agent_does_not_answer_for_a_while(
    name: str, checkpoint: bool, capabilities: tuple[str, ...]
) -> None:
    play = Failure(name, checkpoint, *capabilities)
    play.silent.add("M-S0")
    play.later(3)
    play.reconcile()
    assert play.told_since() == recorded(name, HELD, "SIGCONT")
    assert list(play.registry.unreachable) == ["M-S0"]
    play.returns(with_task=True)
    play.reconcile(explicit=False)
    play.reconcile()
    assert play.told_since() == recorded(name, "SIGCONT")
    assert not play.registry.unreachable
    assert play.state.agents["M-S0"].reregistered_time is not None


def test_an_operator_marks_an_agent_as_gone() -> None:
    name = "scheduler-agent-gone"
    play = Failure(name, True, "PARTITION_AWARE", task_id="gone-1")
    for offer in list(play.state.offers.values()):
        play.state.discard_offer(offer)  # none was held when this was recorded
    play.actions = play.state.mark_agent_gone("M-S0", play.now)
    assert play.told() == [ShutdownAgent("Agent has been marked gone")]
    wanted = [event for event in recorded(name) if event["type"] not in ("SUBSCRIBED", "OFFERS")]
    assert play.told_since() == wanted[2:], "after two updates of the task's start"
    assert not play.state.agents
    assert play.come_back() == [*play.actions], "gone for good"
    assert play.told() == [ShutdownAgent("Agent has been marked gone")]


def test_another_master_leads() -> None:
    name = "scheduler-master-failover-after"
    play = Failure(name, True, task_id="zk-1")
    info = play.state.frameworks[play.framework].info
    known = play.running("zk-1")
    play.fail_over()
    play.subscribe("t", play.framework, **{k: v for k, v in info.items() if k != "id"})
    play.call(calls.Reconcile(play.framework, (("zk-1", "M-S0"),)), "t")
    assert play.actions == [], "the agent has not come back yet"
    play.come_back(frameworks=[info], tasks=[known])
    for tasks in ((), (("zk-1", "M-S0"),)):
        play.call(calls.Reconcile(play.framework, tasks), "t")
    heard, wanted = play.told_since(), recorded(name)
    assert [event["type"] for event in heard] == [event["type"] for event in wanted]
    assert heard[1:] == wanted[1:], "but for the SUBSCRIBED, which names the master"


def test_offers_that_nobody_answers_are_rescinded() -> None:
    play = Play("cpus:2;mem:2048;disk:5000;ports:[1-9]", RESOURCES, offer_timeout=3)
    framework = play.subscribe()
    offers = play.offers()
    play.heard.clear()
    play.later(3.0)
    play.launch(framework, offers[1], task("late"))
    wanted = [
        event for event in recorded("scheduler-rescind") if event["type"] not in ("SUBSCRIBED", "OFFERS")
    ]
    heard = [bare(event) for event in play.heard if event["type"] in ("RESCIND", "UPDATE")]
    assert json.loads(re.sub(r"Offer \S+", "Offer O", json.dumps(heard))) == json.loads(
        re.sub(r"Offer \S+", "Offer O", json.dumps(wanted))
    )

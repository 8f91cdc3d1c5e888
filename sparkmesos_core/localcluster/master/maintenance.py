"""Maintenance of machines, as Mesos' maintenance primitives: frameworks are asked for agents back before it.

An operator says when which machine will be away (`update_schedule`). Offers of its agents tell so then, and
whoever holds something there is sent an inverse offer, which is a question: nothing but the answers to it
comes of it. When the operator brings the machine down, its agents end (Mesos' `src/master/http.cpp`,
`master.cpp`, and `generateInverseOffers` of its allocator).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from sparkmesos_core.localcluster.master.agent_loss import remove_agent
from sparkmesos_core.localcluster.master.allocation import agent_url, allocate
from sparkmesos_core.localcluster.master.machines import MachineId, named, scheduled
from sparkmesos_core.localcluster.master.master_actions import Action, Note, SendEvent, TellAgent
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import Agent, Framework, JsonObject
from sparkmesos_core.localcluster.messages import ShutdownAgent


def update_schedule(books: Books, schedule: Any, now: float) -> list[Action]:
    """Replace the v1 Schedule; CallRefused if it is none, or leaves out a machine that is down.

    All offers of the agents concerned are rescinded, inverse ones too, and made anew.
    """
    old = books.registry.machines
    new = scheduled(schedule, old)
    books.registry.machines = new
    concerned = [agent for agent in books.agents.values() if {machine_of(agent)} & (old.keys() | new.keys())]
    actions: list[Action] = [Note(f"The maintenance schedule is updated: {len(new)} machines")]
    for agent in concerned:
        for offer in list(agent.offers.values()):
            actions += books.rescind_offer(offer)
        for framework_id in list(agent.inverse_offers):
            actions += books.rescind_inverse_offer(agent, framework_id)
        agent.inverse_answers.clear()
        agent.unheard_questions.clear()
        for framework in books.frameworks.values():
            framework.inverse_filters.pop(agent.agent_id, None)
    return [*actions, *allocate(books, now, concerned), *ask_back(books, now)]


def bring_down(books: Books, machines: Any, now: float) -> list[Action]:
    """The maintenance of scheduled machines begins: their agents are told to end, and are gone.

    No agent registers from there until `bring_up`. CallRefused for machines that are not scheduled, or down.
    """
    actions: list[Action] = []
    for machine_id in named(machines, books.registry.machines, "DRAINING"):
        for agent in [agent for agent in books.agents.values() if machine_of(agent) == machine_id]:
            actions.append(TellAgent(agent.agent_id, ShutdownAgent("Operator initiated 'Machine DOWN'")))
            actions += remove_agent(books, agent, "Operator initiated 'Machine DOWN'", now)
        books.registry.machines[machine_id] = replace(books.registry.machines[machine_id], mode="DOWN")
        actions.append(Note(f"Machine {machine_id.hostname} ({machine_id.ip}) is down for maintenance"))
    return actions


def bring_up(books: Books, machines: Any) -> list[Action]:
    """The maintenance of machines is over, and they leave the schedule; CallRefused if they are not down."""
    actions: list[Action] = []
    for machine_id in named(machines, books.registry.machines, "DOWN"):
        del books.registry.machines[machine_id]
        actions.append(Note(f"Machine {machine_id.hostname} ({machine_id.ip}) is up again"))
    return actions


def ask_back(books: Books, now: float) -> list[Action]:
    """Send inverse offers to all who hold something of an agent that is to be away, or are offered it.

    Each is asked again when it has answered, and the time is over that its answer named. Of an agent that is
    deactivated, or away, nobody hears: Mesos' allocator takes the question for asked nevertheless, and does
    not repeat it when the agent is active again, only for another schedule.
    """
    asked: dict[str, list[JsonObject]] = {}
    for agent in books.agents.values():
        machine = books.registry.machines.get(machine_of(agent))
        if machine is None:
            continue
        for framework_id in _holders(agent):
            framework = books.frameworks[framework_id]
            if not framework.connected or framework_id in {*agent.inverse_offers, *agent.unheard_questions}:
                continue
            if framework.inverse_filters.get(agent.agent_id, 0.0) > now:
                continue
            if not books.is_active(agent):
                agent.unheard_questions.add(framework_id)
                continue
            offer_id = books.add_inverse_offer(framework, agent)
            if (timeout := books.options.offer_timeout) is not None:
                books.deadlines.set("inverse offer", offer_id, now + timeout)
            one = {
                "id": {"value": offer_id},
                "url": agent_url(agent),
                "framework_id": {"value": framework_id},
                "agent_id": {"value": agent.agent_id},
                "unavailability": machine.unavailability,
            }
            asked.setdefault(framework_id, []).append(one)
    return [
        SendEvent(stream_id, {"type": "INVERSE_OFFERS", "inverse_offers": {"inverse_offers": those}})
        for framework_id, those in asked.items()
        if (stream_id := books.frameworks[framework_id].stream_id) is not None
    ]


def answered(
    books: Books,
    framework: Framework,
    offer_ids: tuple[str, ...],
    answer: Literal["ACCEPT", "DECLINE"],
    refuse_seconds: float,
    now: float,
) -> list[Action]:
    """A framework says whether it leaves; nothing follows for those that are not its own, or over."""
    for agent in books.agents.values():
        if agent.inverse_offers.get(framework.framework_id) not in offer_ids:
            continue
        del agent.inverse_offers[framework.framework_id]
        agent.inverse_answers[framework.framework_id] = {
            "status": answer,
            "framework_id": {"value": framework.framework_id},
            "timestamp": {"nanoseconds": int(now * 1e9)},
        }
        if refuse_seconds > 0:  # to the moment: what is longer for offers is so for them alone
            framework.inverse_filters[agent.agent_id] = now + refuse_seconds
    return []


def answer_is_late(books: Books, offer_id: str) -> list[Action]:
    """The time for the answer to an inverse offer is over: it is taken back, and asked anew."""
    return [
        action
        for agent in books.agents.values()
        for framework_id, asked in list(agent.inverse_offers.items())
        if asked == offer_id
        for action in books.rescind_inverse_offer(agent, framework_id)
    ]


def status_json(books: Books) -> JsonObject:
    """The v1 ClusterStatus: which machines are down, and what frameworks have answered of the others."""
    draining: list[JsonObject] = []
    down: list[JsonObject] = []
    for machine_id, machine in books.registry.machines.items():
        if machine.mode == "DOWN":
            down.append(machine.shown)
            continue
        agents = [agent for agent in books.agents.values() if machine_of(agent) == machine_id]
        statuses = [answer for agent in agents for answer in agent.inverse_answers.values()]
        draining.append({"id": machine.shown, **({"statuses": statuses} if statuses else {})})
    shown = {"draining_machines": draining, "down_machines": down}
    return {name: machines for name, machines in shown.items() if machines}


def machine_of(agent: Agent) -> MachineId:
    """Where an agent is."""
    return MachineId.of_agent(agent.description)


def _holders(agent: Agent) -> list[str]:
    """The frameworks that have tasks or executors on an agent, or an offer of it."""
    held = [task.framework_id for task in agent.tasks.values() if task.holds_resources]
    held += [executor.framework_id for executor in agent.executors.values()]
    held += [offer.framework_id for offer in agent.offers.values()]
    return list(dict.fromkeys(held))

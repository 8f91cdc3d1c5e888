"""Agents that an operator takes out of service for a while: deactivated, drained, and reactivated.

As with Mesos' calls DEACTIVATE_AGENT, DRAIN_AGENT and REACTIVATE_AGENT (its `src/master/http.cpp` has what
they refuse, and in which words): nothing is offered of a deactivated agent; a draining one has its tasks
killed as well. Both outlive the master, and the agent's being away.
"""

from __future__ import annotations

from dataclasses import replace

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master import agent_loss
from sparkmesos_core.localcluster.master.allocation import allocate
from sparkmesos_core.localcluster.master.machines import MachineId
from sparkmesos_core.localcluster.master.master_actions import Action, Note, TellAgent
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import Agent
from sparkmesos_core.localcluster.master.registry import Draining
from sparkmesos_core.localcluster.messages import Drain


def deactivate(books: Books, agent_id: str) -> list[Action]:
    """Offer nothing of an agent any more; what runs there goes on. CallRefused if there is no such one."""
    _find(books, agent_id)
    books.registry.deactivated.setdefault(agent_id, None)
    return [Note(f"Agent {agent_id} is deactivated by an operator"), *_rescind(books, agent_id)]


def drain(
    books: Books, agent_id: str, grace: float | None, now: float, *, mark_gone: bool = False
) -> list[Action]:
    """The same, and its tasks are killed; they get `grace` seconds at most, None for what they want.

    When all have ended, and that is acknowledged, it is drained, or marked gone. One that is away is drained
    when it comes back, and one that is drained already is so again. Raises CallRefused as above, and for
    agents whose machine is scheduled for maintenance.
    """
    agent = _find(books, agent_id)
    if agent is not None and (machine_id := MachineId.of_agent(agent.description)) in books.registry.machines:
        where = f"{machine_id.hostname} ({machine_id.ip})"
        raise CallRefused(400, f"Agent {agent_id} is part of a maintenance schedule under Machine {where}")
    books.registry.deactivated[agent_id] = Draining(grace, mark_gone)
    actions = [Note(f"Agent {agent_id} is drained by an operator"), *_rescind(books, agent_id)]
    if agent is None:
        return actions
    agent.drain_start = now
    return [*actions, *go_on_draining(books, agent, now)]


def reactivate(books: Books, agent_id: str, now: float) -> list[Action]:
    """Offer of it again. Raises CallRefused if it is active, or not drained yet.

    It is raised of an agent that is away, too, which is offered nevertheless once it is back.
    """
    if agent_id not in books.registry.deactivated:
        raise CallRefused(400, "Agent is not deactivated")
    draining = books.registry.deactivated[agent_id]
    if draining is not None and not draining.done:
        raise CallRefused(400, "Agent is still in the DRAINING state")
    del books.registry.deactivated[agent_id]
    agent = books.agents.get(agent_id)
    if agent is None:
        raise CallRefused(409, "Agent removed while processing the call")
    agent.drain_start = None
    return [Note(f"Agent {agent_id} is reactivated by an operator"), *allocate(books, now, [agent])]


def go_on_draining(books: Books, agent: Agent, now: float) -> list[Action]:
    """Tell an agent that is drained, if it is; one that has told that it is back may have missed it.

    It is told even if it has no task any more, as Mesos does.
    """
    draining = books.registry.deactivated.get(agent.agent_id)
    if draining is None:
        return []
    told: list[Action] = []
    if agent.connected:
        told.append(TellAgent(agent.agent_id, Drain(draining.max_grace_seconds, draining.mark_gone)))
    return [*told, *_drained(books, agent, draining, now)]


def task_has_gone(books: Books, agent_id: str, now: float) -> list[Action]:
    """A task of a draining agent is not expected to be heard of any more: perhaps it was the last one."""
    agent = books.agents.get(agent_id)
    draining = books.registry.deactivated.get(agent_id)
    if agent is None or draining is None or not agent.connected:
        return []
    return _drained(books, agent, draining, now)


def _drained(books: Books, agent: Agent, draining: Draining, now: float) -> list[Action]:
    """What follows if an agent has no tasks (`checkAndTransitionDrainingAgent` in src/master/master.cpp)."""
    if agent.tasks or draining.done:
        return []
    drained = Note(f"Agent {agent.agent_id} is drained")
    if draining.mark_gone:
        return [drained, *agent_loss.mark_gone(books, agent.agent_id, now)]
    books.registry.deactivated[agent.agent_id] = replace(draining, done=True)
    return [drained]


def _find(books: Books, agent_id: str) -> Agent | None:
    if agent_id not in books.registry.admitted and agent_id not in books.registry.unreachable:
        raise CallRefused(400, "Unknown agent")
    return books.agents.get(agent_id)


def _rescind(books: Books, agent_id: str) -> list[Action]:
    agent = books.agents.get(agent_id)
    offers = list(agent.offers.values()) if agent is not None else []
    actions = [action for offer in offers for action in books.rescind_offer(offer)]
    if agent is not None:
        for framework_id in list(agent.inverse_offers):
            actions += books.rescind_inverse_offer(agent, framework_id)
    return actions

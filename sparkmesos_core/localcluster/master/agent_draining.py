"""Agents that an operator takes out of service for a while: deactivated, drained, and reactivated.

As with Mesos' calls DEACTIVATE_AGENT, DRAIN_AGENT and REACTIVATE_AGENT (its `src/master/http.cpp` has what
they refuse, and in which words): nothing is offered of a deactivated agent; a draining one has its tasks
killed as well. Both outlive the master, and the agent's being away.
"""

from __future__ import annotations

from dataclasses import replace

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master.allocation import allocate
from sparkmesos_core.localcluster.master.master_actions import Action, Note, TellAgent
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import Agent, Task
from sparkmesos_core.localcluster.master.registry import Draining
from sparkmesos_core.localcluster.messages import KillTask
from sparkmesos_core.localcluster.v1_info import grace_seconds


def deactivate(books: Books, agent_id: str) -> list[Action]:
    """Offer nothing of an agent any more; what runs there goes on. CallRefused if there is no such one."""
    _find(books, agent_id)
    books.registry.deactivated.setdefault(agent_id, None)
    return [Note(f"Agent {agent_id} is deactivated by an operator"), *_rescind(books, agent_id)]


def drain(books: Books, agent_id: str, grace: float | None, now: float) -> list[Action]:
    """The same, and its tasks are killed; they get `grace` seconds at most, None for what they want.

    One that is away is drained when it comes back, and one that is drained already is so again. Raises
    CallRefused as above.
    """
    agent = _find(books, agent_id)
    books.registry.deactivated[agent_id] = Draining(max_grace_seconds=grace)
    if agent is not None:
        agent.drain_start = now
        agent.draining_tasks.clear()  # they are told again, with the new grace
    return [
        Note(f"Agent {agent_id} is drained by an operator"),
        *_rescind(books, agent_id),
        *kill_tasks(books, agent_id),
    ]


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


def kill_tasks(books: Books, agent_id: str) -> list[Action]:
    """Go on with the draining of an agent that is there; nothing for others."""
    agent = books.agents.get(agent_id)
    draining = books.registry.deactivated.get(agent_id)
    if agent is None or draining is None or draining.done or not agent.connected:
        return []
    if not agent.tasks:
        books.registry.deactivated[agent_id] = replace(draining, done=True)
        return [Note(f"Agent {agent_id} is drained")]
    running = {
        key: task for key, task in agent.tasks.items() if not task.ended and key not in agent.draining_tasks
    }
    agent.draining_tasks.update(running)
    return [
        TellAgent(agent_id, KillTask(*key, _grace(task, draining.max_grace_seconds), draining=True))
        for key, task in running.items()
    ]


def _grace(task: Task, most: float | None) -> float | None:
    """What overrides a task's own kill policy: what the operator grants, if the task may take longer.

    Or says nothing (`Slave::drain` in Mesos' src/slave/slave.cpp).
    """
    own = grace_seconds(task.info.get("kill_policy"))
    return most if most is not None and (own is None or most < own) else None


def is_drained(books: Books, agent_id: str) -> list[Action]:
    """The last task of a draining agent has gone."""
    agent = books.agents.get(agent_id)
    return kill_tasks(books, agent_id) if agent is not None and not agent.tasks else []


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

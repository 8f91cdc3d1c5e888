"""What outlives a master, as Mesos' registrar keeps it: which agents were admitted, unreachable or gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.localcluster.master.machines import Machine, MachineId
from sparkmesos_core.localcluster.messages import AgentDescription

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Departed:
    """An agent that went away: when it was marked, in seconds since the epoch, and what it was.

    Mesos' registrar keeps the time only; the description, None if nobody knew it, is for those who look.
    """

    since: float
    description: AgentDescription | None


@dataclass(frozen=True)
class Draining:
    """How an agent is drained: how long its tasks may take, and whether it is marked gone after them."""

    max_grace_seconds: float | None = None
    mark_gone: bool = False
    done: bool = False


@dataclass
class Registry:
    """Shared by the masters of a cluster, of which only the leading one writes.

    An agent is in one of the first three at most; one that is gone is in `gone` only.
    """

    admitted: dict[str, AgentDescription] = field(default_factory=dict)
    unreachable: dict[str, Departed] = field(default_factory=dict)
    gone: dict[str, Departed] = field(default_factory=dict)
    deactivated: dict[str, Draining | None] = field(default_factory=dict)
    """Agents of which nothing is offered, with how they are drained; None for those that are not."""
    machines: dict[MachineId, Machine] = field(default_factory=dict)
    """Those that are scheduled for maintenance."""

    def admit(self, agent_id: str, agent: AgentDescription) -> None:
        """An agent is part of the cluster, perhaps again."""
        self.unreachable.pop(agent_id, None)
        self.admitted[agent_id] = agent

    def mark_unreachable(self, agent_id: str, now: float) -> None:
        """An agent does not answer; it may come back."""
        self.unreachable[agent_id] = Departed(now, self.admitted.pop(agent_id, None))

    def mark_gone(self, agent_id: str, now: float) -> None:
        """An agent never comes back."""
        away = self.unreachable.get(agent_id)
        known = away.description if away is not None else self.admitted.get(agent_id)
        self.remove(agent_id)
        self.gone[agent_id] = Departed(now, known)

    def remove(self, agent_id: str) -> None:
        """An agent has left."""
        self.admitted.pop(agent_id, None)
        self.unreachable.pop(agent_id, None)
        self.deactivated.pop(agent_id, None)

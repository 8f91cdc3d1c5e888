"""What outlives a master, as Mesos' registrar keeps it: which agents were admitted, unreachable or gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.localcluster.messages import AgentDescription

JsonObject = dict[str, Any]


@dataclass
class Registry:
    """Shared by the masters of a cluster, of which only the leading one writes.

    An agent is in one of the three at most. Times are seconds since the epoch: when an agent was marked.
    """

    admitted: dict[str, AgentDescription] = field(default_factory=dict)
    unreachable: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)

    def admit(self, agent_id: str, agent: AgentDescription) -> None:
        """An agent is part of the cluster, perhaps again."""
        self.unreachable.pop(agent_id, None)
        self.admitted[agent_id] = agent

    def mark_unreachable(self, agent_id: str, now: float) -> None:
        """An agent does not answer; it may come back."""
        self.admitted.pop(agent_id, None)
        self.unreachable[agent_id] = now

    def mark_gone(self, agent_id: str, now: float) -> None:
        """An agent never comes back."""
        self.remove(agent_id)
        self.gone[agent_id] = now

    def remove(self, agent_id: str) -> None:
        """An agent has left."""
        self.admitted.pop(agent_id, None)
        self.unreachable.pop(agent_id, None)

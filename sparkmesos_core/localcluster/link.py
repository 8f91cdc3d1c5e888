"""What connects an agent to a master, as TCP does: messages in order, both ways, until one end is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sparkmesos_core.localcluster.messages import ToAgent, ToMaster


@dataclass(frozen=True)
class MasterEnd:
    """Called for what comes from the agent, and once when the link is closed by the other end."""

    receive: Callable[[ToMaster], None]
    closed: Callable[[], None]


@dataclass(frozen=True)
class AgentEnd:
    """Called for what comes from the master, and once when the link is closed by the other end."""

    receive: Callable[[ToAgent], None]
    closed: Callable[[], None]


class Link:
    """One connection between an agent and a master, on one event loop.

    Nothing is delivered from within `tell_master` and `tell_agent`: what an end does must not come before
    what the other end has left to do. While it is held, as when the network is cut or one process is
    stopped, messages and the news of its end wait; `release` delivers them in order.
    """

    def __init__(self, agent: AgentEnd) -> None:
        """`agent` is who connects; the master answers with `accept`."""
        self._agent = agent
        self._master: MasterEnd | None = None
        self._held = False
        self._waiting: list[Callable[[], None]] = []
        self._closed = False

    def accept(self, master: MasterEnd) -> None:
        """The master's end, before any message is sent."""
        self._master = master

    @property
    def is_closed(self) -> bool:
        """Whether an end has closed it."""
        return self._closed

    @property
    def is_held(self) -> bool:
        """Whether messages wait."""
        return self._held

    def tell_master(self, message: ToMaster) -> None:
        """Send to the master; lost if the link is closed."""
        if not self._closed and self._master is not None:
            receive = self._master.receive
            self._deliver(lambda: receive(message))

    def tell_agent(self, message: ToAgent) -> None:
        """Send to the agent; lost if the link is closed."""
        if not self._closed:
            self._deliver(lambda: self._agent.receive(message))

    def close_by_master(self) -> None:
        """The master's process has ended."""
        if not self._closed:
            self._closed = True
            self._deliver(self._agent.closed)

    def close_by_agent(self) -> None:
        """The agent's process has ended, or it turns to another master."""
        if not self._closed:
            self._closed = True
            if self._master is not None:
                self._deliver(self._master.closed)

    def hold(self) -> None:
        """Let messages wait from now on."""
        self._held = True

    def release(self) -> None:
        """Deliver what has waited, and go on."""
        self._held = False
        waiting, self._waiting = self._waiting, []
        for delivery in waiting:
            self._deliver(delivery)

    def _deliver(self, delivery: Callable[[], None]) -> None:
        if self._held:
            self._waiting.append(delivery)
        else:
            asyncio.get_running_loop().call_soon(delivery)

"""Which agents the leading master knows, and which ports they have in all, as its `/slaves` tells.

An offer says what is free of an agent. That the service's port is missing there may mean that somebody has
it, or that the agent hands out others only: its ports in all tell which.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from sparkmesos_core.errors import MesosError, SparkMesosError
from sparkmesos_core.http_service.patient_threads import PatientThreads
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.preflight.cluster_facts import AgentFacts, agents_of

logger = logging.getLogger(__name__)

_TIMEOUT = 5.0
_PAUSE = 1.0
"""Seconds between two readings at least, as long as something is unknown."""
_REFUSALS = (401, 403, 404)
_FRESH_SECONDS = 300.0
"""After which an agent's ports are read again: it may have been configured anew, and kept its id."""


class AgentPorts:
    """Asks the leading master in a thread of its own, and remembers the answers. Lives in one event loop.

    Principal and secret are shown to a master that wants to know who asks.
    """

    def __init__(
        self,
        *,
        principal: str | None = None,
        secret: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = partial(MesosHttp, timeout=_TIMEOUT, principal=principal, secret=secret)
        self._clock = clock
        self._threads = PatientThreads(2, "agent-ports")
        self._master = ""
        self._agents: Mapping[str, AgentFacts] = {}
        self._read_at = 0.0
        """When the agents that are known were read; 0 if they never were."""
        self._tried_at = 0.0
        self._refused = False
        self._reading: asyncio.Task[None] | None = None

    def follow(self, master: str) -> None:
        """From now on this one leads, `HOST:PORT`."""
        self._master = master
        self._tried_at = 0.0

    def ports(self, agent_id: str) -> Ranges | None:
        """All ports of an agent, free or not; None as long as they are not known, and are being asked for.

        Those of a master that lists its agents to others only count as none.
        """
        agent = self._agents.get(agent_id)
        if agent is None or self._clock() - self._read_at > _FRESH_SECONDS:
            self._begin()
        if agent is not None:
            return ports_of(agent)
        return Ranges() if self._refused else None

    def url(self, agent_id: str) -> str:
        """Where the master reaches an agent; empty if that is not known. Its name may not be known here."""
        agent = self._agents.get(agent_id)
        return "" if agent is None else f"http://{HostPort(agent.host, agent.port)}"

    async def agents(self, patience: float) -> tuple[Mapping[str, AgentFacts], str]:
        """The agents that are registered, by id, read now; and why they could not be, empty if they were.

        After `patience` seconds, or without an answer, those that were read last.
        """
        self._begin(at_once=True)
        assert self._reading is not None
        asked_at = self._clock()
        await asyncio.wait({self._reading}, timeout=patience)
        if self._read_at >= asked_at:
            return self._agents, ""
        return self._agents, f"{self._master or 'the master'} did not list its agents"

    def close(self) -> None:
        """Wait for no answer any more."""
        if self._reading is not None:
            self._reading.cancel()
        self._threads.close(MesosError("The process ends, and asks the master nothing any more"))

    def _begin(self, *, at_once: bool = False) -> None:
        if self._reading is not None and not self._reading.done():
            return
        now = self._clock()
        if not at_once and self._tried_at and now - self._tried_at < _PAUSE:
            return
        self._tried_at = now
        self._reading = asyncio.create_task(self._read(self._master))

    async def _read(self, master: str) -> None:
        if not master:
            return
        try:
            agents = await self._threads.run(partial(self._ask, master))
        except SparkMesosError as error:
            # Who does not answer, or does not lead just now, may do so later; who refuses will do that again.
            refused = isinstance(error, MesosError) and error.status in _REFUSALS
            if refused and not self._refused:
                logger.warning("the ports of agents are not known: %s", error.message)
            self._refused = refused
        else:
            self._refused = False
            self._agents, self._read_at = {agent.id: agent for agent in agents}, self._clock()

    def _ask(self, master: str) -> tuple[AgentFacts, ...]:
        with self._http(f"http://{master}") as http:
            try:
                return agents_of(http.get_json("/slaves"))
            except ValueError as error:
                raise MesosError(f"{master} answered what cannot be understood: {error}") from error


def ports_of(agent: AgentFacts) -> Ranges:
    """All ports of an agent, whoever they are reserved for."""
    ports = Ranges()
    for key, value in agent.resources:
        if key.name == "ports" and isinstance(value, Ranges):
            ports += value
    return ports

"""The records of services: which changed since they were written, which hosts have a living one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sparkmesos_core.durable_framework.actions import Action, Forget, Save
from sparkmesos_core.shuffle_service.on_agents.record import (
    HOME_ID,
    STOPS_ID,
    AgentService,
    Entry,
    Home,
    Phase,
    Stops,
)


class ServiceLedger:
    """All records. What is changed here is written with the actions of the event at hand."""

    def __init__(self) -> None:
        self._services: dict[str, AgentService] = {}
        self._stops: Stops | None = None
        self._home: Home | None = None
        self._hosts: dict[str, set[str]] = {}
        self._next_number = 1
        self._changed: dict[str, None] = {}
        """The ids of records that are to be written, or forgotten if they are no more."""

    def load(self, entries: Iterable[Entry], next_number: int) -> None:
        """Begin with what a store holds."""
        self._next_number = next_number
        for entry in entries:
            self._next_number = max(self._next_number, entry.number + 1)
            if isinstance(entry, Stops):
                self._stops = entry
            elif isinstance(entry, Home):
                self._home = entry
            else:
                self._put(entry)

    @property
    def stops(self) -> Stops | None:
        """The record of stops; None: there never was one."""
        return self._stops

    @property
    def home(self) -> str:
        """The master that the framework is of; empty if that was not kept."""
        return "" if self._home is None else self._home.master

    def set_home(self, master: str) -> None:
        """Keep this of the master; an empty text: nothing."""
        if master != self.home:
            self._home = Home(self.new_number(), master) if master else None
            self._changed[HOME_ID] = None

    def new_number(self) -> int:
        """A number that no record has had."""
        number = self._next_number
        self._next_number += 1
        return number

    def set_stops(self, count: int, *, under_way: bool) -> None:
        """Keep this of stops."""
        number = self.new_number() if self._stops is None else self._stops.number
        self._stops = Stops(number, count, under_way)
        self._changed[STOPS_ID] = None

    def get(self, agent_id: str) -> AgentService | None:
        """The record of an agent."""
        return self._services.get(agent_id)

    def all(self) -> Sequence[AgentService]:
        """All services, in the order of their numbers."""
        return sorted(self._services.values(), key=lambda service: service.number)

    def put(self, service: AgentService) -> AgentService:
        """Keep this record, in place of the agent's last one."""
        if self._services.get(service.id) != service:
            self._put(service)
            self._changed[service.id] = None
        return service

    def change(self, service: AgentService, **changes: Any) -> AgentService:
        """Keep a record with these fields changed."""
        return self.put(replace(service, **changes))

    def forget(self, agent_id: str) -> None:
        """Remove a record."""
        service = self._services.pop(agent_id, None)
        if service is not None:
            self._leave_host(service)
            self._changed[agent_id] = None

    def neighbour(self, host: str, agent_id: str) -> AgentService | None:
        """A service that runs on the same host, of another agent, as far as can be known."""
        others = self._hosts.get(host, set()) - {agent_id}
        return self._services[min(others)] if others else None

    def to_write(self) -> list[Action]:
        """What has changed since this was called last."""
        changed, self._changed = self._changed, {}
        others: dict[str, Stops | Home | None] = {STOPS_ID: self._stops, HOME_ID: self._home}
        actions: list[Action] = []
        for record_id in changed:
            record = others[record_id] if record_id in others else self._services.get(record_id)
            actions.append(Forget(record_id) if record is None else Save(record))
        return actions

    def _put(self, service: AgentService) -> None:
        before = self._services.get(service.id)
        if before is not None:
            self._leave_host(before)
        self._services[service.id] = service
        if service.host and service.phase in (Phase.LAUNCHED, Phase.RUNNING):
            self._hosts.setdefault(service.host, set()).add(service.id)

    def _leave_host(self, service: AgentService) -> None:
        there = self._hosts.get(service.host)
        if there is not None:
            there.discard(service.id)
            if not there:
                del self._hosts[service.host]

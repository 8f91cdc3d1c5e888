"""Drives the embedded master's state machine: streams, timers and links on one event loop."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import Any

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.link import Link, MasterEnd
from sparkmesos_core.localcluster.master import maintenance
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.action_log import agent_line, log_line
from sparkmesos_core.localcluster.master.master_actions import Action, CloseStream, SendEvent, TellAgent
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.master.master_state import MasterState
from sparkmesos_core.localcluster.master.registry import Registry
from sparkmesos_core.localcluster.messages import RegisterAgent, ReregisterAgent, ToMaster

JsonObject = dict[str, Any]

logger = logging.getLogger(__name__)
_PAUSE_AFTER_FAILURE = 1.0


class EventStream:
    """One subscription: events to send, in order, and its end."""

    def __init__(self) -> None:
        self.stream_id = str(uuid.uuid4())
        self._events: asyncio.Queue[JsonObject | None] = asyncio.Queue()

    def put(self, event: JsonObject | None) -> None:
        """Append an event; None is the end."""
        self._events.put_nowait(event)

    async def next(self) -> JsonObject | None:
        """Wait for the next event; None when the stream is to end."""
        return await self._events.get()


class Master:
    """One life of a master's process: everything runs on the event loop that created it; none of it blocks.

    It follows until `lead` is called. While `recovering` it has been elected and does not answer yet.
    `leader` is the MasterInfo of whoever leads, as far as this one knows.
    """

    def __init__(self, options: MasterOptions, clock: Callable[[], float], registry: Registry) -> None:
        self.clock = clock
        self.state = MasterState(options, clock(), registry)
        self.leading = False
        self.recovering = False
        self.leader: JsonObject | None = None
        self._streams: dict[str, EventStream] = {}
        self._links: dict[str, Link] = {}
        self._open_links: set[Link] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_deadline: float | None = None
        self._recovery: asyncio.TimerHandle | None = None
        self._closed = False

    # --- election

    def lead(self) -> None:
        """It was elected: it reads the registry, which takes `recovery_seconds`, and leads."""
        if self.leading or self.recovering or self._closed:
            return
        self.leader = self.state.master_info()
        seconds = self.state.options.recovery_seconds
        if seconds > 0:
            self.recovering = True
            self._recovery = asyncio.get_running_loop().call_later(seconds, self._recovered)
        else:
            self._recovered()

    def _recovered(self) -> None:
        self._recovery = None
        self.recovering, self.leading = False, True
        actions = self.state.elect(self.clock())
        logger.info("Master %s leads; %d agents are awaited", self.state.master_id, len(self.state.recovered))
        self._perform(actions)

    def follow(self, leader: JsonObject | None) -> None:
        """Somebody else leads (a v1 MasterInfo), or nobody.

        A leader that is one no longer ends as a process, as with Mesos: `close` it.
        """
        if self.leading or self.recovering:
            logger.info("Master %s leads no longer", self.state.master_id)
            self.close()
        self.leader = leader

    # --- agents

    def connect(self, link: Link) -> None:
        """An agent connects; it is heard as long as this master leads."""
        if self._closed:
            link.close_by_master()
            return
        self._open_links.add(link)
        link.accept(MasterEnd(lambda message: self._receive(link, message), lambda: self._link_closed(link)))

    def mark_agent_gone(self, agent_id: str) -> None:
        """An operator says that an agent never comes back; KeyError if there was no such one."""
        self._perform(self.state.mark_agent_gone(agent_id, self.clock()))

    def deactivate_agent(self, agent_id: str) -> None:
        """An operator wants nothing of an agent offered; CallRefused if there is no such one."""
        self._perform(self.state.deactivate_agent(agent_id))

    def drain_agent(self, agent_id: str, grace: float | None, *, mark_gone: bool = False) -> None:
        """The same, and its tasks are killed, in `grace` seconds at most.

        `mark_gone` is for an agent that never comes back. Raises CallRefused as above, and if its machine is
        scheduled for maintenance.
        """
        self._perform(self.state.drain_agent(agent_id, grace, self.clock(), mark_gone=mark_gone))

    def reactivate_agent(self, agent_id: str) -> None:
        """An operator wants it offered again; CallRefused if it is active, draining or away."""
        self._perform(self.state.reactivate_agent(agent_id, self.clock()))

    def update_maintenance_schedule(self, schedule: Any) -> None:
        """An operator says when which machines will be away (a v1 Schedule); CallRefused if it is none."""
        self._perform(maintenance.update_schedule(self.state, schedule, self.clock()))

    def start_maintenance(self, machines: Any) -> None:
        """The agents of scheduled machines (v1 MachineIDs) end; CallRefused for others."""
        self._perform(maintenance.bring_down(self.state, machines, self.clock()))

    def stop_maintenance(self, machines: Any) -> None:
        """Agents are taken from machines again that are down; CallRefused for others."""
        self._perform(maintenance.bring_up(self.state, machines))

    def _receive(self, link: Link, message: ToMaster) -> None:
        if not self.leading or self._closed:
            return  # the agent asks again
        now = self.clock()
        try:
            if isinstance(message, RegisterAgent):
                agent_id, actions = self.state.register_agent(message.agent, now)
                self._links[agent_id] = link
            else:
                if isinstance(message, ReregisterAgent):
                    self._links[message.agent_id] = link
                elif self._links.get(message.agent_id) is not link:
                    return  # it has connected again meanwhile
                actions = self.state.from_agent(message, now)
        except UsageError as error:
            logger.error("An agent is not admitted: %s", error.message)
            return
        if (line := agent_line(message)) is not None:
            logger.info(line)
        self._perform(actions)

    def _link_closed(self, link: Link) -> None:
        self._open_links.discard(link)
        if self._closed:
            return
        for agent_id in [agent_id for agent_id, own in self._links.items() if own is link]:
            del self._links[agent_id]
            logger.info("Agent %s has disconnected", agent_id)
            self._perform(self.state.agent_disconnected(agent_id, self.clock()))

    # --- schedulers

    def subscribe(self, call: calls.Subscribe) -> EventStream:
        """A new subscription, whose first events are already in it.

        CallRefused if this master does not lead.
        """
        if not self.leading or self._closed:
            raise CallRefused(503, "Master has not finished recovery")
        stream = EventStream()
        actions = self.state.subscribe(call, stream.stream_id, self.clock())
        self._streams[stream.stream_id] = stream
        self._perform(actions)
        return stream

    def disconnected(self, stream: EventStream) -> None:
        """The connection of a subscription has ended, on either side."""
        if self._streams.pop(stream.stream_id, None) is not None and not self._closed:
            self._perform(self.state.stream_closed(stream.stream_id, self.clock()))

    def call(self, call: calls.Call, stream_id: str | None) -> None:
        """Any call but SUBSCRIBE; raises CallRefused."""
        self._perform(self.state.call(call, stream_id, self.clock()))

    def teardown(self, framework_id: str) -> None:
        """An operator ends a framework; KeyError if there is no such one."""
        self._perform(self.state.teardown(framework_id, self.clock()))

    def close(self) -> None:
        """The process has ended: all subscriptions and links are cut, the clockwork stops.

        Frameworks and agents are told nothing, as when a master dies.
        """
        if self._closed:
            return
        self._closed = True
        self.leading = self.recovering = False
        for timer in (self._timer, self._recovery):
            if timer is not None:
                timer.cancel()
        for stream in self._streams.values():
            stream.put(None)
        for link in self._open_links:
            link.close_by_master()
        self._open_links.clear()
        self._links.clear()

    # --- the clockwork

    def _perform(self, actions: list[Action]) -> None:
        try:
            for action in actions:
                if (line := log_line(action)) is not None:
                    logger.info(line)
                match action:
                    case SendEvent():
                        if (stream := self._streams.get(action.stream_id)) is not None:
                            stream.put(action.event)
                    case CloseStream():
                        if (stream := self._streams.get(action.stream_id)) is not None:
                            stream.put(None)
                    case TellAgent():
                        if (link := self._links.get(action.agent_id)) is not None:
                            link.tell_agent(action.message)
        finally:
            self._wind()

    def _wind(self, at_least: float = 0.0) -> None:
        deadline = None if self._closed else self.state.next_deadline()
        if self._timer is not None:
            if deadline == self._timer_deadline and not at_least:
                return
            self._timer.cancel()
            self._timer = None
        self._timer_deadline = deadline
        if deadline is not None:
            delay = max(at_least, deadline - self.clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self._perform(self.state.tick(self.clock()))
        except Exception:  # everybody waits for the clockwork
            logger.exception("The embedded master's clockwork has failed; it goes on")
            self._wind(at_least=_PAUSE_AFTER_FAILURE)  # what failed may still be due

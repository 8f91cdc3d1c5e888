"""Drives the embedded master's state machine: streams, timers and agents on one event loop."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from sparkmesos_core.localcluster import scheduler_call as calls
from sparkmesos_core.localcluster.action_log import log_line
from sparkmesos_core.localcluster.master_state import (
    Action,
    CloseStream,
    MasterOptions,
    MasterState,
    SendEvent,
    TellAgent,
)
from sparkmesos_core.localcluster.messages import AgentRegistration, StatusUpdate, ToAgent

JsonObject = dict[str, Any]

logger = logging.getLogger(__name__)
_PAUSE_AFTER_FAILURE = 1.0


class SteadyClock:
    """Seconds since the epoch that never jump: the wall clock at the start, moved on by the monotonic one."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        """Now."""
        return time.monotonic() + self._offset


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
    """The embedded master: everything runs on the event loop that created it, and none of it blocks."""

    def __init__(self, options: MasterOptions, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.state = MasterState(options, clock())
        self._streams: dict[str, EventStream] = {}
        self._agents: dict[str, Callable[[ToAgent], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # --- agents

    def register(self, registration: AgentRegistration) -> str:
        """A new agent's id.

        It gets messages only after `connect`. Raises UsageError for bad resource texts.
        """
        agent_id, actions = self.state.register_agent(registration, self.clock())
        where = f"{registration.hostname}:{registration.port}"
        logger.info("Agent %s at %s has registered with %s", agent_id, where, registration.resources)
        self._perform(actions)
        return agent_id

    def connect(self, agent_id: str, receive: Callable[[ToAgent], None]) -> None:
        """Say how messages get to an agent."""
        self._agents[agent_id] = receive

    def status_update(self, update: StatusUpdate) -> None:
        """An agent reports."""
        self._perform(self.state.status_update(update, self.clock()))

    # --- schedulers

    def subscribe(self, call: calls.Subscribe) -> EventStream:
        """A new subscription, whose first events are already in it."""
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
        """End all subscriptions and stop the clockwork.

        Frameworks are told nothing, as when a master dies.
        """
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for stream in self._streams.values():
            stream.put(None)

    # --- the clockwork

    def _perform(self, actions: list[Action]) -> None:
        loop = asyncio.get_running_loop()
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
                        if (receive := self._agents.get(action.agent_id)) is not None:
                            # Not called from here: what an agent does must not come before what is left.
                            loop.call_soon(receive, action.message)
        finally:
            self._wind()

    def _wind(self, at_least: float = 0.0) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.state.next_deadline()
        if deadline is not None and not self._closed:
            delay = max(at_least, deadline - self.clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self._perform(self.state.tick(self.clock()))
        except Exception:  # everybody waits for the clockwork
            logger.exception("The embedded master's clockwork has failed; it goes on")
            self._wind(at_least=_PAUSE_AFTER_FAILURE)  # what failed may still be due

"""An agent's side of its connection to the leading master: (re-)registration with back-off, and pings."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from sparkmesos_core.localcluster.link import AgentEnd, Link
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import (
    AgentRegistered,
    AgentReregistered,
    Ping,
    RegisterAgent,
    ReregisterAgent,
    ToAgent,
    ToMaster,
)

LONGEST_BACKOFF_SECONDS = 60.0
"""Mesos' REGISTER_RETRY_INTERVAL_MAX."""


class Registration:
    """Offers the agent to whoever leads until it is answered, again and again; lives on one event loop."""

    def __init__(
        self,
        backoff: float,
        offer: Callable[[], RegisterAgent | ReregisterAgent],
        receive: Callable[[ToAgent], None],
        lost: Callable[[], None],
        log: LogFile,
    ) -> None:
        """`receive` gets the master's messages; `lost` is called when the master is not there any more."""
        self.is_registered = False
        self.registered = asyncio.Event()
        self._first_backoff = backoff
        self._backoff = backoff
        self._offer = offer
        self._receive = receive
        self._lost = lost
        self._log = log
        self._connect: Callable[[AgentEnd], Link] | None = None
        self._link: Link | None = None
        self._ready = False
        self._closed = False
        self._is_final = False
        self._retry: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._ping_timeout = 0.0

    def master_detected(self, connect: Callable[[AgentEnd], Link] | None) -> None:
        """Turn to another master; None if nobody leads."""
        if self._closed:
            return
        self._leave()
        self._connect = connect
        self._attach()

    def ready(self) -> None:
        """The agent knows what it has to tell a master."""
        self._ready = True
        if self._link is None:
            self._attach()

    def tell(self, message: ToMaster) -> None:
        """Send to the master; lost if there is none."""
        if self._link is not None:
            self._link.tell_master(message)

    def no_more(self) -> None:
        """The agent is about to end: it still tells and is told, but is not offered to any master any more.

        Mesos' agent skips its registration while it is TERMINATING, too (`src/slave/slave.cpp`). The master
        that wanted it to end has forgotten it and sends no pings; it must not come back to that one while it
        waits for the end of its executors.
        """
        self._is_final = True

    def close(self) -> None:
        """End for ever: nothing is received or sent any more."""
        self._closed = True
        self._leave()

    def _attach(self) -> None:
        if not self._ready or self._connect is None or self._closed:
            return
        link: Link | None = None

        def receive(message: ToAgent) -> None:
            if self._link is link:
                self._take(message)

        def closed() -> None:
            if self._link is link:
                self._log.warning("The master is gone; waiting for another one")
                self._leave()

        link = self._connect(AgentEnd(receive, closed))
        self._link = link
        self._begin()

    def _begin(self) -> None:
        self._backoff = self._first_backoff
        self._try()

    def _try(self) -> None:
        if self._is_final:
            return
        # A stopped process asks nothing; it asks afterwards, and tells what is then. Were the offers kept
        # instead, the master would answer each of them, and frameworks would get updates again as often.
        held = self._link is not None and self._link.is_held
        if not held:
            self.tell(self._offer())
        delay = random.uniform(0.5, 1.0) * min(self._backoff, LONGEST_BACKOFF_SECONDS)  # noqa: S311 - no secret
        if not held:
            self._backoff *= 2
        self._retry = asyncio.get_running_loop().call_later(delay, self._try)

    def _take(self, message: ToAgent) -> None:
        if isinstance(message, AgentRegistered | AgentReregistered):
            if self.is_registered:
                return  # the answer to a repeated offer
            self._cancel()
            self.is_registered = True
            self._ping_timeout = message.total_ping_timeout
            self._expect_ping()
            self._receive(message)
            self.registered.set()
            return
        if isinstance(message, Ping):
            self._pinged(message)
        self._receive(message)

    def _pinged(self, ping: Ping) -> None:
        if not self.is_registered:
            return
        if ping.connected:
            self._expect_ping()
        else:
            self._log.warning("The master believes that this agent is gone: registering again")
            self._again()

    def _expect_ping(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        loop = asyncio.get_running_loop()
        self._silence = loop.call_later(self._ping_timeout, self._no_pings)

    def _no_pings(self) -> None:
        self._log.warning("No ping of the master for %g seconds: registering again", self._ping_timeout)
        self._again()

    def _again(self) -> None:
        self._cancel()
        self._not_registered()
        self._begin()

    def _leave(self) -> None:
        self._cancel()
        link, self._link = self._link, None
        if link is not None:
            link.close_by_agent()
        self._not_registered()

    def _not_registered(self) -> None:
        self.is_registered = False
        self.registered.clear()
        self._lost()

    def _cancel(self) -> None:
        for timer in (self._retry, self._silence):
            if timer is not None:
                timer.cancel()
        self._retry = self._silence = None

"""A durable framework's side of Mesos: one subscription after the other, events, and calls in order.

Events come in the event loop, calls are made in a thread of their own: neither waits for the other.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from enum import Enum
from typing import Any, Protocol

from sparkmesos_core.durable_framework.actions import Action
from sparkmesos_core.durable_framework.calls import Calls
from sparkmesos_core.errors import MesosError, SparkMesosError, UsageError
from sparkmesos_core.master import MesosMaster, ZooKeeperMaster
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.mesos.leader import Leader, LeaderWatch

logger = logging.getLogger(__name__)

_SECONDS_FOR_LAST_CALLS = 5.0
_REMOVED = ("has been removed", "completed framework")
_TAKEN_OVER = "failed over"


class End(Enum):
    """Why Mesos has nothing to do with a framework any more."""

    REMOVED = "removed"
    """Its id is worth nothing from now on, and its tasks are no more."""
    TAKEN_OVER = "taken over"
    """Somebody else has subscribed with its id."""
    TORN_DOWN = "torn down"
    """A `Teardown` was answered; the same as removed otherwise."""
    REFUSED = "refused"
    """It is not let in as it is: its credentials, its role."""


class Listener(Protocol):
    """Who is told what Mesos says. All of it is called in the event loop."""

    def on_subscribed(self, framework_id: str, master: str) -> None:
        """There is a subscription; `master` is the `HOST:PORT` of the leader, empty if it did not tell."""

    def on_disconnected(self) -> None:
        """The subscription is lost; another one follows by itself."""

    def on_event(self, event: Mapping[str, Any]) -> None:
        """An event of the v1 scheduler API: OFFERS, RESCIND, UPDATE, FAILURE and such."""

    def on_end(self, end: End, error: SparkMesosError) -> None:
        """There will be no subscription before `subscribe` is called again."""

    def on_teardown_refused(self, error: SparkMesosError) -> None:
        """Mesos was asked to end the framework, and does not."""


class Scheduler:
    """Subscribes a framework and makes its calls. To be used in one event loop, and in the main thread."""

    def __init__(
        self,
        master: MesosMaster | ZooKeeperMaster,
        info: Mapping[str, Any],
        listener: Listener,
        *,
        principal: str | None = None,
        secret: str | None = None,
    ) -> None:
        self._master = master
        self._info = dict(info)
        self._listener = listener
        self._credentials = {"principal": principal, "secret": secret}
        self._loop = asyncio.get_running_loop()
        self._framework: Framework | None = None
        self._wanted = False
        self._leader: Leader | None = None
        self._told_leader = False
        self._last_error = ""
        self._subscribed_before = False
        self._calls = Calls(self._later_on_event, self._later_on_torn_down, self._later_on_teardown_refused)
        self._resources = ExitStack()
        if isinstance(master, ZooKeeperMaster):
            self._watch: LeaderWatch | None = LeaderWatch(master, self._later_on_leader)
            self._resources.enter_context(self._watch)
        else:
            self._watch = None
            self._leader = Leader(master.hosts[0])

    @property
    def problem(self) -> str:
        """Why there is no subscription, as far as anything is known about it."""
        if self._watch is not None and self._watch.problem is not None:
            return self._watch.problem.message
        if self._leader is None:
            return "no master leads" if self._told_leader else "ZooKeeper has not told yet which master leads"
        if self._framework is not None and self._framework.problem:
            return self._framework.problem
        if self._subscribed_before:
            return "the subscription is lost, and there is no other one yet"
        return f"the master {self._master} has not answered yet"

    def subscribe(self, framework_id: str | None) -> None:
        """Begin to subscribe, without end; with the id of the framework if it is to go on.

        Raises UsageError if one of the masters that were listed cannot be spoken to.
        """
        self.unsubscribe()
        self._wanted = True
        self._info.pop("id", None)
        if framework_id is not None:
            self._info["id"] = {"value": framework_id}
        try:
            self._begin()
        except UsageError as error:
            if self._watch is None:
                raise
            self._refuse(error)

    def unsubscribe(self) -> None:
        """Leave; Mesos keeps the framework and its tasks. Nothing is heard from now on."""
        self._wanted = False
        framework, self._framework = self._framework, None
        self._calls.use(None)
        if framework is not None:
            framework.stop()

    def make(self, actions: Sequence[Action]) -> None:
        """Make these calls, in this order, after those before. Without a subscription they are left out."""
        self._calls.put(actions)

    async def close(self) -> None:
        """Make the calls that are waiting, for some seconds at most, and leave."""
        await asyncio.to_thread(self._calls.close, _SECONDS_FOR_LAST_CALLS)
        framework = self._framework
        self.unsubscribe()
        if framework is not None:
            await asyncio.to_thread(_ended, framework)
        await asyncio.to_thread(self._resources.close)

    # In the event loop

    def _begin(self) -> None:
        if not self._wanted or self._framework is not None or self._leader is None:
            return
        others = (
            [Leader(host) for host in self._master.hosts[1:]] if isinstance(self._master, MesosMaster) else []
        )
        # The callbacks belong to this framework: what an earlier one still says is not heard.
        framework = Framework(
            self._info,
            self._leader,
            lambda event: self._later(self._on_event, framework, event),
            others=others,
            on_disconnected=lambda: self._later(self._on_disconnected, framework),
            acknowledge=False,
            **self._credentials,
        )
        self._framework = framework
        self._last_error = ""
        framework.start()
        threading.Thread(
            target=self._await_end, args=[framework], name="mesos-framework-end", daemon=True
        ).start()

    def _on_leader(self, leader: Leader | None) -> None:
        self._leader, self._told_leader = leader, True
        try:
            if self._framework is not None:
                self._framework.follow(leader)
            else:
                self._begin()
        except UsageError as error:
            self._refuse(error)

    def _refuse(self, error: UsageError) -> None:
        """The leader cannot be spoken to; another one may follow."""
        self.unsubscribe()
        self._listener.on_end(End.REFUSED, error)

    def _on_event(self, framework: Framework, event: dict[str, Any]) -> None:
        if framework is not self._framework:
            return
        kind = event["type"]
        if kind == "SUBSCRIBED":
            subscribed = event["subscribed"]
            self._calls.use(framework)
            self._subscribed_before = True
            address = subscribed.get("master_info", {}).get("address", {})
            # Agents find masters by address, too; a name may be known to people alone.
            host = address.get("ip") or address.get("hostname") or ""
            master = f"{host}:{address['port']}" if host and "port" in address else ""
            self._listener.on_subscribed(subscribed["framework_id"]["value"], master)
        elif kind == "ERROR":
            self._last_error = event.get("error", {}).get("message", "")
        else:
            self._listener.on_event(event)

    def _on_disconnected(self, framework: Framework) -> None:
        if framework is self._framework:
            self._calls.use(None)
            self._listener.on_disconnected()

    def _on_end(self, framework: Framework, error: SparkMesosError) -> None:
        if framework is not self._framework:
            return
        self.unsubscribe()
        said = self._last_error.lower()
        end = End.REFUSED
        if any(words in said for words in _REMOVED):
            end = End.REMOVED
        elif _TAKEN_OVER in said:
            end = End.TAKEN_OVER
        self._listener.on_end(end, error)

    def _on_torn_down(self, framework: Framework) -> None:
        if framework is self._framework:
            self.unsubscribe()
            self._listener.on_end(End.TORN_DOWN, MesosError("Mesos has torn the framework down"))

    def _on_teardown_refused(self, framework: Framework, error: MesosError) -> None:
        if framework is self._framework:
            self._listener.on_teardown_refused(error)

    # In other threads

    def _later(self, function: Any, *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _later_on_event(self, framework: Framework, event: dict[str, Any]) -> None:
        self._later(self._on_event, framework, event)

    def _later_on_torn_down(self, framework: Framework) -> None:
        self._later(self._on_torn_down, framework)

    def _later_on_teardown_refused(self, framework: Framework, error: MesosError) -> None:
        self._later(self._on_teardown_refused, framework, error)

    def _later_on_leader(self, leader: Leader | None) -> None:
        self._later(self._on_leader, leader)

    def _await_end(self, framework: Framework) -> None:
        try:
            framework.join()
        except SparkMesosError as error:
            self._later(self._on_end, framework, error)
        except Exception as error:
            logger.exception("the subscription has failed")
            self._later(
                self._on_end, framework, MesosError(f"The subscription has failed: {type(error).__name__}")
            )


def _ended(framework: Framework) -> None:
    try:
        framework.join(_SECONDS_FOR_LAST_CALLS)
    except SparkMesosError as error:
        logger.warning("the subscription ended with an error: %s", error.message)

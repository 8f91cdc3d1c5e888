"""A framework that does what a test says: launches tasks, keeps offers, goes away."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from sparkmesos_core.errors import MesosError
from sparkmesos_core.localcluster.cluster import RunningCluster
from sparkmesos_core.master import MesosMaster, parse_master
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.mesos.leader import resolve_leader

Json = dict[str, Any]

PATIENCE = 60.0
_TERMINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_ERROR", "TASK_GONE"}


class SmallFramework:
    """Subscribed for the length of a `with` block, and torn down in the end unless it has left before.

    Offers are declined unless a launch waits for one, or `keeps_offers`.
    """

    def __init__(
        self, cluster: RunningCluster, name: str, *, keeps_offers: bool = False, **info: Any
    ) -> None:
        master = parse_master(cluster.url)
        assert isinstance(master, MesosMaster)
        described = {"user": "root", "name": name, "failover_timeout": 0.0, **info}
        self._framework = Framework(described, resolve_leader(master), self._on_event)
        self.name = name
        self._keeps_offers = keeps_offers
        self._changed = threading.Condition()
        self._waiting: list[Json] = []
        self._statuses: dict[str, list[Json]] = defaultdict(list)
        self.offers: dict[str, Json] = {}
        """Those that it keeps, by id."""

    def __enter__(self) -> SmallFramework:
        self._framework.start()
        self._await(lambda: self._framework.connected)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._framework.stop(teardown=True)
        with contextlib.suppress(MesosError):  # somebody has torn it down before
            self._framework.join(PATIENCE)

    @property
    def id(self) -> str:
        assert self._framework.framework_id is not None
        return self._framework.framework_id

    def leave(self) -> None:
        """Closes the connection: the master keeps the framework until its failover timeout."""
        self._framework.stop()
        self._framework.join(PATIENCE)

    def launch(
        self,
        command: str,
        *,
        task_id: str,
        name: str = "",
        agent: str = "",
        uris: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        cpus: float = 0.1,
    ) -> None:
        """Launches a task on the next offer, of the agent with that id if one is given."""
        variables = [{"name": key, "value": value} for key, value in (environment or {}).items()]
        task = {
            "name": name or task_id,
            "task_id": {"value": task_id},
            "agent_id": {"value": agent},
            "resources": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
            ],
            "command": {
                "shell": True,
                "value": command,
                "uris": [{"value": uri} for uri in uris],
                "environment": {"variables": variables},
            },
        }
        with self._changed:
            self._waiting.append(task)
        self._framework.revive()

    def ran(self, command: str, *, task_id: str, **launch: Any) -> Json:
        """The last status of a task that is launched, after it has ended."""
        self.launch(command, task_id=task_id, **launch)
        return self.ended(task_id)

    def ended(self, task_id: str) -> Json:
        """The status with which a task has ended; waits for it."""
        return self.reached(task_id, *_TERMINAL)

    def reached(self, task_id: str, *states: str) -> Json:
        """The status with which a task came into one of the states; waits for it."""
        found: list[Json] = []

        def there() -> bool:
            found[:] = [one for one in self._statuses[task_id] if one["state"] in states]
            return bool(found)

        self._await(there)
        return found[0]

    def kill(self, task_id: str) -> None:
        self._framework.kill(task_id)

    def kept_offers(self, number: int) -> list[Json]:
        """The offers that it keeps, once there are so many."""
        self._await(lambda: len(self.offers) >= number)
        return list(self.offers.values())

    def decline_one(self) -> None:
        """Declines one of the offers that it keeps."""
        with self._changed:
            identifier = next(iter(self.offers))
            offer = self.offers.pop(identifier)
        self._framework.decline([offer["id"]], {"refuse_seconds": 3600.0})

    def keep_again(self) -> None:
        """Keeps all offers that come from now on."""
        with self._changed:
            self._keeps_offers = True
        self._framework.revive()

    def give_back(self) -> None:
        """Declines what it keeps, and keeps no more."""
        with self._changed:
            self._keeps_offers = False
            kept, self.offers = list(self.offers.values()), {}
        self._framework.decline([offer["id"] for offer in kept], {"refuse_seconds": 3600.0})

    def _on_event(self, event: Json) -> None:
        with self._changed:
            if event["type"] == "UPDATE":
                status = event["update"]["status"]
                self._statuses[status["task_id"]["value"]].append(status)
            elif event["type"] == "RESCIND":
                self.offers.pop(event["rescind"]["offer_id"]["value"], None)
            elif event["type"] == "OFFERS":
                for offer in event["offers"]["offers"]:
                    self._use(offer)
            self._changed.notify_all()

    def _use(self, offer: Json) -> None:
        agent = offer["agent_id"]
        tasks = [one for one in self._waiting if one["agent_id"]["value"] in ("", agent["value"])]
        if tasks:
            self._waiting = [one for one in self._waiting if one not in tasks]
            infos = [{**task, "agent_id": agent} for task in tasks]
            self._framework.accept(
                [offer["id"]],
                [{"type": "LAUNCH", "launch": {"task_infos": infos}}],
                {"refuse_seconds": 3600.0},
            )
        elif self._keeps_offers:
            self.offers[offer["id"]["value"]] = offer
        else:
            self._framework.decline([offer["id"]], {"refuse_seconds": 3600.0})

    def _await(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline, "it did not happen in time"
                # Some of it happens without an event: a subscription begins, a connection ends.
                self._changed.wait(0.05)

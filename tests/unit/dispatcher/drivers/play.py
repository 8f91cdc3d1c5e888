"""Plays Mesos, clients, the clock and the disk for a Book, for tests that say what happens in a few words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sparkmesos_core.dispatcher.dispatcher import KillAnswer
from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.actions import Action, Forget, LaunchTasks, Save, SaveFramework
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.store.store import Stored

START = 1_769_860_800.0  # 2026-01-31 12:00:00 UTC
FRAMEWORK = "5e0a-0001"

A = TypeVar("A")


def submission(name: str = "app", *, cores: float = 1.0, memory: int = 1024, **fields: Any) -> Submission:
    """What somebody submits; `fields` are more of a Submission's."""
    return Submission(
        **{
            "app_resource": "http://repo.mesos.example/app.jar",
            "main_class": "com.example.Main",
            "app_args": (),
            "properties": {"spark.app.name": name},
            "environment": {},
            "name": name,
            "cores": cores,
            "heap": memory,
            "memory": memory,
            **fields,
        }
    )


def offer(
    id_: str = "o1",
    *,
    cpus: float = 4,
    mem: float = 8192,
    agent: str = "agent-S0",
    resources: Sequence[Mapping[str, Any]] | None = None,
    attributes: Sequence[Mapping[str, Any]] = (),
) -> Offer:
    """An offer as Mesos makes it, read as the dispatcher reads it."""
    if resources is None:
        resources = [scalar("cpus", cpus), scalar("mem", mem)]
    return Offer.from_mesos(
        {
            "id": {"value": id_},
            "agent_id": {"value": agent},
            "hostname": f"{agent}.mesos.example",
            "url": {"scheme": "http", "address": {"hostname": f"{agent}.mesos.example", "port": 5051}},
            "resources": list(resources),
            "attributes": list(attributes),
        }
    )


def scalar(name: str, value: float, role: str = "*", **more: Any) -> dict[str, Any]:
    """A v1 Resource."""
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": role, **more}


def build(
    driver: Driver, task: str, framework: str, offer: Offer, resources: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """A TaskInfo that holds what it was made of."""
    return {
        "name": f"Driver for {driver.submission.name}",
        "task_id": {"value": task},
        "agent_id": {"value": offer.agent_id},
        "resources": list(resources),
        "data": framework,
    }


class Play:
    """A book, and everything around it."""

    def __init__(self, *, subscribe: bool = True, maker: Any = build, **limits: Any) -> None:
        self.now = START
        self.limits = Limits(**limits)
        self.maker = maker
        self.disk: dict[str, str] = {}
        """By id, as a store would have it."""
        self.disk_framework: str | None = None
        self.numbers = 1
        self.actions: list[Action] = []
        """Of the last event."""
        self.book = Book(self.limits, maker)
        self.do(self.book.recover(Stored(), self.now))
        self.uuids = 0
        if subscribe:
            self.subscribe()

    def do(self, actions: list[Action]) -> list[Action]:
        """Write what is to be written; the other actions are only kept. Nothing is written after a call."""
        self.actions = actions
        calls = False
        for action in actions:
            written = isinstance(action, Save | Forget | SaveFramework)
            assert not (written and calls), "something is written after a call"
            calls = calls or not written
            if isinstance(action, Save):
                self.disk[action.record.id] = json.dumps(action.record.to_json())
                self.numbers = max(self.numbers, action.record.number + 1)
            elif isinstance(action, Forget):
                del self.disk[action.record_id]
            elif isinstance(action, SaveFramework):
                self.disk_framework = action.framework_id
        return actions

    def of(self, kind: type[A]) -> list[A]:
        """The actions of the last event of this kind."""
        return [action for action in self.actions if isinstance(action, kind)]

    # Events.

    def submit(self, name: str = "app", *, token: str = "", **fields: Any) -> str:
        """Submit; the id."""
        created, actions = self.book.submit(submission(name, **fields), token, self.now)
        self.do(actions)
        assert created.driver is not None, created.refusal
        return created.driver.id

    def kill(self, driver_id: str) -> KillAnswer:
        answer, actions = self.book.kill(driver_id, self.now)
        self.do(actions)
        return answer

    def subscribe(self, framework: str = FRAMEWORK) -> None:
        self.do(self.book.subscribed(framework, self.now))

    def disconnect(self) -> None:
        self.do(self.book.disconnected(self.now))

    def restart(self) -> None:
        """Another process with the same disk."""
        drivers = tuple(Driver.from_json(json.loads(text)) for text in self.disk.values())
        self.book = Book(self.limits, self.maker)
        stored = Stored(records=drivers, framework_id=self.disk_framework, next_number=self.numbers)
        self.do(self.book.recover(stored, self.now))

    def offer(self, *offers: Offer) -> list[str]:
        """Make offers; the ids of the tasks that were launched."""
        self.do(self.book.offers(offers or [offer()], self.now))
        return [task["task_id"]["value"] for launch in self.of(LaunchTasks) for task in launch.tasks]

    def launch(self, name: str = "app", **fields: Any) -> str:
        """Submit, and launch."""
        driver_id = self.submit(name, **fields)
        assert self.offer() == [driver_id]
        return driver_id

    def update(
        self,
        task: str,
        state: str,
        reason: str = "",
        message: str = "",
        *,
        source: str = "SOURCE_EXECUTOR",
        agent: str = "agent-S0",
        acknowledged: bool | None = None,
    ) -> None:
        """Mesos tells a state; by default with a uuid if it is an executor that says so."""
        status: dict[str, Any] = {
            "task_id": {"value": task},
            "agent_id": {"value": agent},
            "state": state,
            "source": source,
            "timestamp": self.now,
            "message": message,
        }
        if reason:
            status["reason"] = reason
        if source == "SOURCE_EXECUTOR" if acknowledged is None else acknowledged:
            self.uuids += 1
            status["uuid"] = f"uuid{self.uuids}=="
        self.do(self.book.updated(status, self.now))

    def reconciled(self, task: str, state: str, message: str = "Reconciliation: Latest task state") -> None:
        """The master answers a RECONCILE."""
        self.update(task, state, "REASON_RECONCILIATION", message, source="SOURCE_MASTER")

    def pass_time(self, seconds: float) -> list[Action]:
        """Let time pass, with a tick whenever one is due; all their actions."""
        end, done = self.now + seconds, []
        while (due := self.book.next_due) is not None and due <= end:
            self.now = max(self.now, due)
            done += self.do(self.book.tick(self.now))
            after = self.book.next_due
            assert after is None or after > self.now, "a tick leaves something due"
        self.now = end
        self.actions = done
        return done

    def driver(self, driver_id: str) -> Driver:
        """What the book knows; it is what the disk knows."""
        driver = self.book.driver(driver_id)
        assert driver is not None
        assert Driver.from_json(json.loads(self.disk[driver_id])) == driver
        return driver

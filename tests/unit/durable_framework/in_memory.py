"""A store and a Mesos in memory, for services of durable frameworks: both do as a test says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from sparkmesos_core.durable_framework.actions import Action, Forget, Save
from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.durable_framework.store.store import Change, Stored
from sparkmesos_core.errors import StoreError

PATIENCE = 20.0


class Disk:
    """A store in memory: it can be held, so that nothing is written for a while, and it can fail."""

    def __init__(self, kind: RecordKind[Any]) -> None:
        self.kind = kind
        self.records: dict[str, str] = {}
        self.framework: str | None = None
        self.number = 1
        self.failing: StoreError | None = None
        self.fails_after_writing = False
        self.applied: list[Sequence[Change]] = []
        self.loads = 0
        self.closed = False
        self.go_on = threading.Event()
        self.go_on.set()
        self.writing = threading.Event()

    def load(self) -> Stored[Any]:
        if self.failing is not None and not self.fails_after_writing:
            raise self.failing
        self.loads += 1
        records = [self.kind.from_json(json.loads(text)) for text in self.records.values()]
        return Stored(tuple(sorted(records, key=lambda one: one.number)), self.framework, self.number)

    def apply(self, changes: Sequence[Change]) -> None:
        self.writing.set()
        assert self.go_on.wait(PATIENCE)
        if self.failing is not None and not self.fails_after_writing:
            raise self.failing
        self.applied.append(changes)
        for change in changes:
            if isinstance(change, Save):
                self.records[change.record.id] = json.dumps(change.record.to_json())
                self.number = max(self.number, change.record.number + 1)
            elif isinstance(change, Forget):
                self.records.pop(change.record_id, None)
            else:
                self.framework = change.framework_id
        if self.failing is not None:
            error = self.failing
            self.failing = None
            raise error

    def close(self) -> None:
        self.closed = True


class PlayedMesos:
    """Keeps what it is told."""

    problem = "nobody answers"

    def __init__(self) -> None:
        self.subscriptions: list[str | None] = []
        self.left = 0
        self.calls: list[Action] = []
        self.changed = asyncio.Event()
        self.closed = False

    def subscribe(self, framework_id: str | None) -> None:
        self.subscriptions.append(framework_id)
        self.changed.set()

    def unsubscribe(self) -> None:
        self.left += 1
        self.changed.set()

    def make(self, actions: Sequence[Action]) -> None:
        self.calls += actions
        self.changed.set()

    async def close(self) -> None:
        self.closed = True

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), PATIENCE)

    def of(self, kind: type[Any]) -> list[Any]:
        return [call for call in self.calls if isinstance(call, kind)]

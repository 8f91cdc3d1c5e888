"""The updates of an agent's tasks, delivered in order and one at a time for each task, as Mesos agents do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

JsonObject = dict[str, Any]

FIRST_RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 600.0


class UpdateQueue:
    """Holds one task's TaskStatus objects until each is acknowledged; only the oldest is ever on its way.

    Pure, no clock, no I/O.

    What is on its way is repeated after `retry` seconds, then after twice as long each time, ten minutes at
    most.
    """

    def __init__(self, retry: float = FIRST_RETRY_SECONDS) -> None:
        self._first_retry = retry
        self._retry = retry
        self._waiting: deque[JsonObject] = deque()
        self._deadline: float | None = None

    @property
    def deadline(self) -> float | None:
        """When `due` has something to repeat, None if nothing is on its way."""
        return self._deadline

    @property
    def settled(self) -> bool:
        """Whether everything is acknowledged."""
        return not self._waiting

    def add(self, status: JsonObject, now: float) -> JsonObject | None:
        """Append an update; the update to send at once, None if an earlier one is not acknowledged yet."""
        self._waiting.append(status)
        return self._send(now) if len(self._waiting) == 1 else None

    def acknowledge(self, uuid: str, now: float) -> JsonObject | None:
        """An update was acknowledged; the next one to send, if any.

        Unknown and late acknowledgements do nothing.
        """
        if not self._waiting or self._waiting[0]["uuid"] != uuid:
            return None
        self._waiting.popleft()
        self._deadline = None
        self._retry = self._first_retry
        return self._send(now) if self._waiting else None

    def due(self, now: float) -> JsonObject | None:
        """The update to repeat now, None if it is not time."""
        if self._deadline is None or now < self._deadline:
            return None
        self._retry = min(self._retry * 2, LONGEST_RETRY_SECONDS)
        return self._send(now)

    def again(self, now: float) -> JsonObject | None:
        """The update to repeat because its receiver is a new one, if any; patience begins anew with it."""
        self._retry = self._first_retry
        return self._send(now) if self._waiting else None

    def restore(self, statuses: Iterable[JsonObject]) -> None:
        """Begin with what a former agent has left; it is sent by `again`."""
        self._waiting.extend(statuses)

    @property
    def head(self) -> JsonObject | None:
        """The oldest update that is not acknowledged."""
        return self._waiting[0] if self._waiting else None

    def _send(self, now: float) -> JsonObject:
        self._deadline = now + self._retry
        return self._waiting[0]


class Tell(Protocol):
    """Gives a status to the master, or only its state if the status has to wait for its turn."""

    def __call__(self, framework_id: str, status: JsonObject, latest_state: str, *, waiting: bool) -> None:
        """`latest_state` is the task's by now, which may be later than that of the status."""


class UpdateStreams:
    """The queues of all tasks of an agent, with their timers; lives on one event loop.

    While there is no master (`pause`) nothing is told; `resume` tells what is not acknowledged.
    """

    def __init__(self, retry: float, clock: Callable[[], float], tell: Tell) -> None:
        self._retry = retry
        self._clock = clock
        self._tell = tell
        self._queues: dict[tuple[str, str], UpdateQueue] = {}
        self._latest: dict[tuple[str, str], str] = {}
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._paused = True

    def add(self, framework_id: str, status: JsonObject) -> None:
        """A new update."""
        key = (framework_id, str(status["task_id"]["value"]))
        queue = self._queues.setdefault(key, UpdateQueue(self._retry))
        self._latest[key] = str(status["state"])
        self._forward(key, queue.add(status, self._clock()))
        if queue.head is not status and not self._paused:
            self._tell(framework_id, status, self._latest[key], waiting=True)

    def restore(self, framework_id: str, task_id: str, statuses: list[JsonObject], latest_state: str) -> None:
        """What a former agent has left of a task's updates."""
        if statuses:
            queue = self._queues[framework_id, task_id] = UpdateQueue(self._retry)
            queue.restore(statuses)
            self._latest[framework_id, task_id] = latest_state

    def acknowledge(self, framework_id: str, task_id: str, uuid: str) -> bool:
        """An update was acknowledged; whether it was the one that was waited for."""
        key = (framework_id, task_id)
        queue = self._queues.get(key)
        if queue is None or queue.head is None or queue.head["uuid"] != uuid:
            return False
        following = queue.acknowledge(uuid, self._clock())
        self._forward(key, following)
        if queue.settled:
            del self._queues[key], self._latest[key]
        return True

    def again(self, framework_id: str | None = None) -> None:
        """Tell at once what is not acknowledged: of a framework whose scheduler is a new one, or of all."""
        for key, queue in list(self._queues.items()):
            if framework_id in (None, key[0]):
                self._forward(key, queue.again(self._clock()))

    def pause(self) -> None:
        """There is no master."""
        self._paused = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def resume(self) -> None:
        """There is a master, perhaps another one."""
        self._paused = False
        self.again()

    def forget(self, framework_id: str) -> None:
        """The framework is gone: nobody will acknowledge anything."""
        for key in [key for key in self._queues if key[0] == framework_id]:
            del self._queues[key], self._latest[key]
            if (timer := self._timers.pop(key, None)) is not None:
                timer.cancel()

    def _forward(self, key: tuple[str, str], status: JsonObject | None) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if self._paused:
            return
        deadline = self._queues[key].deadline
        if deadline is not None:
            delay = max(0.0, deadline - self._clock())
            self._timers[key] = asyncio.get_running_loop().call_later(delay, self._repeat, key)
        if status is not None:
            self._tell(key[0], status, self._latest[key], waiting=False)

    def _repeat(self, key: tuple[str, str]) -> None:
        self._timers.pop(key, None)
        if (queue := self._queues.get(key)) is not None:
            self._forward(key, queue.due(self._clock()))

"""The updates of one task, delivered in order and one at a time, as Mesos agents do.

Pure, no clock, no I/O.
"""

from __future__ import annotations

from collections import deque
from typing import Any

JsonObject = dict[str, Any]

FIRST_RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 600.0


class UpdateQueue:
    """Holds a task's TaskStatus objects until each is acknowledged; only the oldest is ever on its way.

    What is on its way is repeated after `retry` seconds, then after twice as long each time, ten minutes at
    most.
    """

    def __init__(self, retry: float = FIRST_RETRY_SECONDS) -> None:
        self._first_retry = retry
        self._retry = retry
        self._waiting: deque[JsonObject] = deque()
        self._deadline: float | None = None
        self._closed = False

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
        if self._closed:
            return None
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

    def close(self) -> None:
        """The framework is gone: forget everything, and take no more."""
        self._closed = True
        self._waiting.clear()
        self._deadline = None

    def _send(self, now: float) -> JsonObject:
        self._deadline = now + self._retry
        return self._waiting[0]

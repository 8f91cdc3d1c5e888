"""What is to be done when: any number of named deadlines, of which the next one is found at once."""

from __future__ import annotations

import heapq
from typing import Literal

Kind = Literal["heartbeat", "failover", "offer", "inverse offer", "ping", "reregister", "recovery", "drained"]
Deadline = tuple[Kind, str]
"""What is due, and whose: the id of a framework, an offer or an agent."""

_SPARE = 64
"""How many cancelled deadlines may lie about, besides as many as are set."""


class Deadlines:
    """Times in seconds; each deadline has one time at most."""

    def __init__(self) -> None:
        self._times: dict[Deadline, float] = {}
        self._heap: list[tuple[float, Deadline]] = []

    def set(self, kind: Kind, whose: str, when: float) -> None:
        """Replaces the time that it had before."""
        self._times[kind, whose] = when
        heapq.heappush(self._heap, (when, (kind, whose)))
        if len(self._heap) > 2 * len(self._times) + _SPARE:
            self._heap = [(time, deadline) for deadline, time in self._times.items()]
            heapq.heapify(self._heap)

    def cancel(self, kind: Kind, whose: str) -> None:
        """Whether it was set or not."""
        self._times.pop((kind, whose), None)

    def get(self, kind: Kind, whose: str) -> float | None:
        """When it is due; None if it is not set."""
        return self._times.get((kind, whose))

    def next(self) -> float | None:
        """The earliest time; None if there is no deadline."""
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # replaced or cancelled meanwhile
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Deadline | None:
        """Take the earliest deadline that has come; None if there is none left."""
        when = self.next()
        if when is None or when > now:
            return None
        deadline = heapq.heappop(self._heap)[1]
        del self._times[deadline]
        return deadline

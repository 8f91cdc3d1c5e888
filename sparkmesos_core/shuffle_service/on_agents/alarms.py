"""What is due when: a queue of times, each with the name of what it is for."""

from __future__ import annotations

import heapq

Name = tuple[str, ...]
"""What kind of alarm it is, and whose."""


class Alarms:
    """One time per name. Times are seconds of one clock, which may be set back."""

    def __init__(self) -> None:
        self._due: dict[Name, tuple[float, float]] = {}
        self._heap: list[tuple[float, int, Name]] = []
        self._count = 0
        self._looked_at = float("-inf")

    def set(self, name: Name, now: float, seconds: float) -> None:
        """This is due so many seconds from now, and not when it was before."""
        self._due[name] = (now + seconds, seconds)
        self._push(name, now + seconds)

    def drop(self, name: Name) -> None:
        """This is not due any more, if it was."""
        self._due.pop(name, None)

    def clear(self) -> None:
        """Nothing is due any more."""
        self._due.clear()
        self._heap.clear()

    def __contains__(self, name: Name) -> bool:
        return name in self._due

    @property
    def next_due(self) -> float | None:
        """The first time of all; None if there is none. May be in the past."""
        while self._heap and self._is_stale(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> list[Name]:
        """What is due, in the order of the times; it is no more afterwards."""
        if now < self._looked_at:
            self._set_back(now)
        self._looked_at = now
        found = []
        while (due := self.next_due) is not None and due <= now:
            name = heapq.heappop(self._heap)[2]
            del self._due[name]
            found.append(name)
        return found

    def _set_back(self, now: float) -> None:
        """Nothing is due later than it would be if it had been asked for now."""
        for name, (due, seconds) in list(self._due.items()):
            if due > now + seconds:
                self.set(name, now, seconds)

    def _push(self, name: Name, due: float) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, name))

    def _is_stale(self, entry: tuple[float, int, Name]) -> bool:
        current = self._due.get(entry[2])
        return current is None or current[0] != entry[0]

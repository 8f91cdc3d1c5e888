"""Who is down in a run of chaos, and comes back when."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

W = TypeVar("W", bound=Hashable)


@dataclass(frozen=True, order=True)
class Return(Generic[W]):
    """That somebody comes back. The earlier one is the smaller one."""

    at: float
    """By the monotonic clock."""
    number: int
    who: W = field(compare=False)
    back: Callable[[], None] = field(compare=False)


class Returns(Generic[W]):
    """Those who are down. For one thread."""

    def __init__(self) -> None:
        self._heap: list[Return[W]] = []
        self._count = 0

    def after(self, seconds: float, who: W, back: Callable[[], None]) -> None:
        """Have somebody come back by this call, so many seconds from now."""
        self._count += 1
        heapq.heappush(self._heap, Return(time.monotonic() + seconds, self._count, who, back))

    @property
    def pending(self) -> tuple[Return[W], ...]:
        """All, the first one first."""
        return tuple(sorted(self._heap))

    def away(self) -> frozenset[W]:
        """Who is down."""
        return frozenset(one.who for one in self._heap)

    def at_once(self, one: Return[W]) -> None:
        """Let one come back now."""
        self._heap.remove(one)
        heapq.heapify(self._heap)
        one.back()

    def wait(self, seconds: float) -> None:
        """Wait, while those come back whose time it is."""
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            while self._heap and self._heap[0].at <= now:
                heapq.heappop(self._heap).back()
            if now >= end:
                return
            time.sleep(max(0.0, min(end, self._heap[0].at if self._heap else end) - now))

    def wait_for_all(self) -> None:
        """Wait until everybody is back."""
        while self._heap:
            self.wait(min(self._heap).at - time.monotonic())

"""The drivers that wait to be launched, in the order in which they are to be."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from sparkmesos_core.dispatcher.drivers.driver import Driver

_Key = tuple[float, int]

_AFTER_ALL = 1 << 63
"""Larger than the number of any driver."""


class DriverQueue:
    """By priority, the larger the sooner, and among equals in the order of acceptance.

    The order is total, since no two drivers have the same number: in Spark, whose queue is a set ordered by
    the millisecond of submission, one of two drivers of the same millisecond is accepted and never run.
    A sorted list: with tens of thousands of drivers moving its end is a matter of microseconds.
    """

    def __init__(self) -> None:
        self._keys: list[_Key] = []
        self._ids: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        """The ids in order; the queue must not change meanwhile."""
        return (self._ids[number] for _, number in self._keys)

    def add(self, driver: Driver) -> None:
        """Put a driver where it belongs, which is not the end if it was accepted before others."""
        key = _key(driver)
        if not self._keys or self._keys[-1] < key:
            self._keys.append(key)
        else:
            insort(self._keys, key)
        self._ids[driver.number] = driver.id

    def remove(self, driver: Driver) -> None:
        """Take a driver out that is in the queue."""
        del self._keys[bisect_left(self._keys, _key(driver))]
        del self._ids[driver.number]

    def position(self, driver: Driver) -> int:
        """How many are before a driver of the queue, plus one."""
        return bisect_left(self._keys, _key(driver)) + 1


class Retries:
    """The drivers that failed and wait to be launched again, by when they may. Times as in `Driver`."""

    def __init__(self) -> None:
        self._keys: list[_Key] = []
        self._ids: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, driver: Driver) -> None:
        """Put a driver where it belongs."""
        insort(self._keys, (driver.next_retry_at or 0.0, driver.number))
        self._ids[driver.number] = driver.id

    def remove(self, driver: Driver) -> None:
        """Take a driver out that is here, as it was when it was added."""
        del self._keys[bisect_left(self._keys, (driver.next_retry_at or 0.0, driver.number))]
        del self._ids[driver.number]

    def due(self, now: float) -> list[str]:
        """The ids of those that may be launched now, in order."""
        return [self._ids[number] for _, number in self._keys[: self.due_count(now)]]

    def due_count(self, now: float) -> int:
        """How many may be launched now."""
        return bisect_right(self._keys, (now, _AFTER_ALL))

    def next_after(self, now: float) -> float | None:
        """When the next one of the others may be launched; None if there is none."""
        passed = self.due_count(now)
        return self._keys[passed][0] if passed < len(self._keys) else None


def _key(driver: Driver) -> _Key:
    return -driver.submission.priority, driver.number

"""All drivers of a dispatcher by what is asked of them, and what of it the store does not know yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sparkmesos_core.dispatcher.drivers.driver import Driver, State
from sparkmesos_core.dispatcher.drivers.queue import DriverQueue, Retries
from sparkmesos_core.durable_framework.actions import Action, Forget, Save


class Ledger:
    """Drivers by id, token and state. Every change goes through here, and none is forgotten to be saved."""

    def __init__(self, retained: int) -> None:
        """`retained`: how many drivers that have ended are remembered."""
        self._retained = retained
        self._drivers: dict[str, Driver] = {}
        self._tokens: dict[str, str] = {}
        self._changed: dict[str, None] = {}
        self._forgotten: list[str] = []
        self.queue = DriverQueue()
        self.retries = Retries()
        self._launched: dict[str, None] = {}
        self._finished: dict[str, None] = {}

    def __getitem__(self, driver_id: str) -> Driver:
        return self._drivers[driver_id]

    def get(self, driver_id: str) -> Driver | None:
        """One driver; None if it never was, or was forgotten."""
        return self._drivers.get(driver_id)

    def of_token(self, token: str) -> Driver | None:
        """The driver that was accepted for this token, if it is still known."""
        return self._drivers[self._tokens[token]] if token in self._tokens else None

    def all(self) -> Sequence[Driver]:
        """All of them, in the order of their acceptance."""
        return tuple(self._drivers.values())

    def launched(self) -> Sequence[Driver]:
        """Those that were handed to Mesos and have not ended."""
        return [self._drivers[driver_id] for driver_id in self._launched]

    def counts(self) -> dict[State, int]:
        """How many drivers are in which state."""
        return {
            State.QUEUED: len(self.queue),
            State.LAUNCHED: len(self._launched),
            State.RETRYING: len(self.retries),
            State.FINISHED: len(self._finished),
        }

    @property
    def launched_count(self) -> int:
        """How many there are of those that were handed to Mesos and have not ended."""
        return len(self._launched)

    def load(self, drivers: Iterable[Driver]) -> None:
        """Begin with these, which the store knows."""
        for driver in sorted(drivers, key=lambda driver: driver.number):
            self._add(driver)
        by_end = sorted(self._finished, key=lambda driver_id: self._drivers[driver_id].finished_at or 0.0)
        self._finished = dict.fromkeys(by_end)
        self.trim()

    def accept(self, driver: Driver) -> None:
        """A new driver, accepted after all others."""
        self._add(driver)
        self._changed[driver.id] = None

    def change(self, driver: Driver, **fields: Any) -> Driver:
        """Replace what is known of a driver; the new one."""
        changed = replace(driver, **fields)
        moved = changed.state is not driver.state or changed.next_retry_at != driver.next_retry_at
        if moved:
            self._leave(driver)
            self._enter(changed)
        self._drivers[driver.id] = changed
        self._changed[driver.id] = None
        return changed

    def clear(self) -> int:
        """Forget all drivers that have ended; how many they were."""
        ended = list(self._finished)
        for driver_id in ended:
            self._forget(driver_id)
        return len(ended)

    def trim(self) -> None:
        """Forget those that ended first if there are too many: a tenth at once, as Spark does.

        (`MesosClusterScheduler.retireDriver`)
        """
        while len(self._finished) > self._retained:
            for driver_id in list(self._finished)[: max(self._retained // 10, 1)]:
                self._forget(driver_id)

    def to_write(self) -> list[Action]:
        """What the store has to be told since it was asked last."""
        changes: list[Action] = [Save(self._drivers[driver_id]) for driver_id in self._changed]
        changes += [Forget(driver_id) for driver_id in self._forgotten]
        self._changed, self._forgotten = {}, []
        return changes

    def _add(self, driver: Driver) -> None:
        self._drivers[driver.id] = driver
        if driver.token:
            self._tokens[driver.token] = driver.id
        self._enter(driver)

    def _forget(self, driver_id: str) -> None:
        driver = self._drivers.pop(driver_id)
        self._leave(driver)
        self._tokens.pop(driver.token, None)
        self._changed.pop(driver_id, None)
        self._forgotten.append(driver_id)

    def _enter(self, driver: Driver) -> None:
        if driver.state is State.QUEUED:
            self.queue.add(driver)
        elif driver.state is State.RETRYING:
            self.retries.add(driver)
        else:
            self._others(driver)[driver.id] = None

    def _leave(self, driver: Driver) -> None:
        if driver.state is State.QUEUED:
            self.queue.remove(driver)
        elif driver.state is State.RETRYING:
            self.retries.remove(driver)
        else:
            del self._others(driver)[driver.id]

    def _others(self, driver: Driver) -> dict[str, None]:
        return self._launched if driver.state is State.LAUNCHED else self._finished

"""A dispatcher that launches nothing: what its HTTP servers see, with drivers that a test makes what it wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sparkmesos_core.dispatcher.dispatcher import Created, KillAnswer
from sparkmesos_core.dispatcher.drivers.driver import Driver, Outcome, State
from sparkmesos_core.dispatcher.drivers.obstacle import Obstacle
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.condition import Condition
from sparkmesos_core.errors import FrameworkError

WORDS = {
    State.LAUNCHED: (True, "Killing running driver"),
    State.QUEUED: (True, "Removed driver while it's still pending"),
    State.RETRYING: (True, "Removed driver while it's being retried"),
    State.FINISHED: (False, "Driver already terminated"),
}
"""Section 7.2 of the behaviour of Spark's dispatcher."""
STARTED_AT = 1795332154.0


class InMemoryDispatcher:
    """Keeps drivers in a dictionary.

    `fails` makes all that changes something fail, with a `failure`; `refuses` refuses all submissions.
    `unsettled` is why nothing can be told.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, Driver] = {}
        self.obstacles: dict[str, Obstacle] = {}
        self.fails = ""
        self.failure = FrameworkError
        self.refuses = ""
        self.unsettled = ""
        self.condition = Condition(True, True, "", "5e0a-0001", "http://127.0.0.1:5050", STARTED_AT)

    def change(self, driver_id: str, **fields: Any) -> Driver:
        """Make something else of a driver."""
        driver = self.by_id[driver_id] = replace(self.by_id[driver_id], **fields)
        return driver

    async def create(self, submission: Submission, token: str = "") -> Created:
        self._work()
        for driver in self.by_id.values():
            if token and driver.token == token:
                return Created(driver, repeated=True)
        if self.refuses:
            return Created(None, self.refuses)
        number = len(self.by_id) + 1
        driver = Driver(
            f"driver-20261122080234-{number:04d}", number, submission, STARTED_AT + number, token=token
        )
        self.by_id[driver.id] = driver
        return Created(driver)

    async def kill(self, driver_id: str) -> KillAnswer:
        self._work()
        driver = self.by_id.get(driver_id)
        if driver is None:
            return KillAnswer(driver_id, False, "Cannot find driver")
        if driver.state in (State.QUEUED, State.RETRYING):
            self.change(
                driver_id, state=State.FINISHED, outcome=Outcome.KILLED, finished_at=STARTED_AT + 3600
            )
        return KillAnswer(driver_id, *WORDS[driver.state])

    async def kill_all(self) -> Sequence[KillAnswer]:
        return [
            await self.kill(id) for id, driver in self.by_id.items() if driver.state is not State.FINISHED
        ]

    async def settled(self) -> None:
        if self.unsettled:
            raise FrameworkError(self.unsettled)

    async def clear(self) -> int:
        self._work()
        ended = [id for id, driver in self.by_id.items() if driver.state is State.FINISHED]
        for id in ended:
            del self.by_id[id]
        return len(ended)

    def driver(self, driver_id: str) -> Driver | None:
        return self.by_id.get(driver_id)

    def drivers(self) -> Sequence[Driver]:
        return list(self.by_id.values())

    def queue_position(self, driver_id: str) -> int | None:
        queue = sorted(
            (driver for driver in self.by_id.values() if driver.state is State.QUEUED),
            key=lambda driver: (-driver.submission.priority, driver.number),
        )
        ids = [driver.id for driver in queue]
        return ids.index(driver_id) + 1 if driver_id in ids else None

    def obstacle(self, driver_id: str) -> Obstacle | None:
        return self.obstacles.get(driver_id)

    def _work(self) -> None:
        if self.fails:
            raise self.failure(self.fails)

"""What a running dispatcher offers to its HTTP servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.obstacle import Obstacle
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.condition import Condition


@dataclass(frozen=True)
class Created:
    """The answer to a submission."""

    driver: Driver | None
    """None if it was refused."""
    refusal: str = ""
    """Why, in a sentence for the client."""
    repeated: bool = False
    """Whether the driver is that of an earlier request with the same token."""


@dataclass(frozen=True)
class KillAnswer:
    """The answer to a kill, in the words that Spark's dispatcher uses."""

    driver_id: str
    success: bool
    message: str


class Dispatcher(Protocol):
    """Everything here is to be called in the event loop that the dispatcher runs in.

    What changes something returns when it is on disk. It raises FrameworkError (which the REST server
    answers with 503) when that is impossible at the moment and nothing was done, and InDoubtError (502) when
    the store has failed in the middle of it.
    """

    @property
    def condition(self) -> Condition:
        """How it is."""

    async def create(self, submission: Submission, token: str = "") -> Created:
        """Accept a driver, or find the one that was accepted for the same token."""

    async def kill(self, driver_id: str) -> KillAnswer:
        """Kill a driver, whatever its state."""

    async def kill_all(self) -> Sequence[KillAnswer]:
        """Kill all drivers that have not ended."""

    async def clear(self) -> int:
        """Forget the drivers that have ended; how many they were."""

    async def settled(self) -> None:
        """Return when all that could be read before is on disk: what is told then is not undone any more.

        Raises FrameworkError if that is impossible at the moment.
        """

    def driver(self, driver_id: str) -> Driver | None:
        """One driver, whatever its state."""

    def drivers(self) -> Sequence[Driver]:
        """All of them, in the order of their acceptance. A view that must not be kept."""

    def queue_position(self, driver_id: str) -> int | None:
        """How many queued drivers are to be launched before this one, plus one; None if it is not queued."""

    def obstacle(self, driver_id: str) -> Obstacle | None:
        """What keeps a driver that waits from being launched now; None of all others."""

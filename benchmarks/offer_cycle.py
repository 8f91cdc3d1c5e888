"""What the dispatcher decides on a batch of offers, alone: no HTTP, no store, no Mesos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.offers import Offer

_NOW = 1_800_000_000.0
_MEMORY = 1408
_PER_OFFER = 2


class OfferCycle:
    """A book with so many queued drivers, which gets so many offers each time that it is called.

    With `fits` each offer is large enough for two drivers, else for none.
    """

    def __init__(self, drivers: int, offers: int, *, fits: bool) -> None:
        self._book = Book(Limits(max_drivers=drivers), _build)
        self._offers = offers
        self._memory = _MEMORY * _PER_OFFER if fits else _MEMORY // 2
        self._expected = offers * _PER_OFFER if fits else 0
        self._cycle = 0
        for number in range(drivers):
            self._book.submit(_submission(number), "", _NOW)
        self._book.subscribed("framework", _NOW)

    def __call__(self) -> int:
        """One batch; how many drivers were launched. RuntimeError if it is not as many as there should be."""
        self._cycle += 1
        before = sum(self._book.counts.values()) - self._waiting
        offers = [_offer(f"{self._cycle}-{number}", self._memory) for number in range(self._offers)]
        self._book.offers(offers, _NOW + self._cycle)
        launched = sum(self._book.counts.values()) - self._waiting - before
        if launched != self._expected:
            raise RuntimeError(f"{launched} drivers were launched instead of {self._expected}")
        return launched

    @property
    def _waiting(self) -> int:
        return next(count for state, count in self._book.counts.items() if state.value == "QUEUED")


def _build(
    driver: Driver, task_id: str, framework_id: str, offer: Offer, resources: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    return {
        "task_id": {"value": task_id},
        "agent_id": {"value": offer.agent_id},
        "resources": list(resources),
    }


def _submission(number: int) -> Submission:
    return Submission(
        app_resource="http://repo.example/application.jar",
        main_class="org.example.Application",
        app_args=("10",),
        properties={
            "spark.app.name": f"application {number}",
            "spark.mesos.driver.constraints": "rack:r1,r2",
            "spark.driver.memory": "1g",
        },
        environment={},
        name=f"application {number}",
        cores=1.0,
        heap=1024,
        memory=_MEMORY - number % 100,  # so that they are not all alike
    )


def _offer(name: str, memory: int) -> Offer:
    def scalar(resource: str, value: float) -> Mapping[str, Any]:
        return {
            "name": resource,
            "type": "SCALAR",
            "scalar": {"value": value},
            "allocation_info": {"role": "*"},
        }

    return Offer(
        id=name,
        agent_id=f"agent-{name}",
        host="agent.example",
        agent_url="http://agent.example:5051",
        resources=(scalar("cpus", 16.0), scalar("mem", float(memory))),
        attributes=({"name": "rack", "type": "TEXT", "text": {"value": "r1"}},),
    )

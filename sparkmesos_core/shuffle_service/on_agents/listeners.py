"""Whether a shuffle service answers where each agent should have one, asked of many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sparkmesos_core.errors import MesosError
from sparkmesos_core.http_service.patient_threads import PatientThreads
from sparkmesos_core.network_failures import FailureKind, network_failure_of
from sparkmesos_core.spark.shuffle_service import ServiceKind, ask_shuffle_service

_THREADS = 16
_SECONDS_EACH = 2.0
_SLOW_SECONDS = 1.0
"""Also of who is not asked that long: the time to resolve a name has no limit of ours."""
_FINE = (ServiceKind.SPARK, ServiceKind.MESOS, ServiceKind.AUTHENTICATING)

Ask = Callable[[str, int, float], ServiceKind]


@dataclass(frozen=True)
class Listener:
    """What was found at the port of a host."""

    answers: bool
    """Whether it is a shuffle service that works."""
    found: str
    """What listens, or why nothing does, for people: `Spark's shuffle service`, `refuses the connection`."""


NOT_ASKED = Listener(False, "there was no time to ask")


class Listeners:
    """Asks in threads of its own. Lives in one event loop."""

    def __init__(self, port: int, *, authenticates: bool, ask: Ask | None = None) -> None:
        """`ask` is for who wants other answers than `ask_shuffle_service` has."""
        self._port = port
        self._ask = partial(ask_shuffle_service, authenticates=authenticates) if ask is None else ask
        self._threads = PatientThreads(_THREADS, "listeners")
        self._slow: set[str] = set()
        """Hosts that kept a thread waiting when they were asked last, or do so now."""

    async def look(self, hosts: Iterable[str], patience: float) -> dict[str, Listener]:
        """What is found on each host within `patience` seconds; NOT_ASKED where that is not known by then.

        Those that were slow before are asked last: a rack without power is not to hide all other agents.
        """
        names = sorted(dict.fromkeys(hosts), key=self._slow.__contains__)
        self._slow.intersection_update(names)
        tasks = {host: asyncio.ensure_future(self._threads.run(partial(self._look, host))) for host in names}
        if not tasks:
            return {}
        _, late = await asyncio.wait(tasks.values(), timeout=patience)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return {
            host: NOT_ASKED if task.cancelled() or task.exception() is not None else task.result()
            for host, task in tasks.items()
        }

    def close(self) -> None:
        """Wait for nobody any more."""
        self._threads.close(MesosError("The process ends, and asks services nothing any more"))

    def _look(self, host: str) -> Listener:
        self._slow.add(host)
        began = time.monotonic()
        try:
            kind = self._ask(host, self._port, began + _SECONDS_EACH)
        except OSError as error:
            return Listener(False, _why(error))
        finally:
            if time.monotonic() - began < _SLOW_SECONDS:
                self._slow.discard(host)
        return Listener(kind in _FINE, kind.value)


def _why(error: OSError) -> str:
    match network_failure_of(error).kind:
        case FailureKind.REFUSED:
            return "nothing listens at its port"
        case FailureKind.NAME:
            return "its name cannot be resolved here"
        case FailureKind.NO_CONNECTION | FailureKind.SILENCE:
            return "it cannot be reached from here in time"
    return f"it cannot be reached from here: {error.strerror or error}"

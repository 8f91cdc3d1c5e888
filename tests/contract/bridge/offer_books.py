"""The books of a scripted master about its offers, and what goes wrong with calls on their way to it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.contract.bridge.conftest import PATIENCE
from tests.contract.bridge.messages import offers

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import ScriptedMaster, Stream

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], str]


@dataclass(frozen=True)
class Fault:
    """What becomes of one call: whether the master gets it, and what is answered, None for a cut connection."""

    arrives: bool
    status: int | None
    text: str = "planned by the test"

    def __str__(self) -> str:
        return f"{self.status or 'cut'}{' though it arrives' if self.arrives else ''}"


CUT = Fault(arrives=False, status=None)
UNHEARD = Fault(arrives=True, status=None)


class OfferBooks:
    """Plays a master that knows what it has offered to whom.

    As in Mesos, an offer is out until it is accepted, declined or rescinded, or until its framework subscribes
    anew; a task that is launched with an offer that is not out is lost. `taken` holds the calls that arrived.
    """

    def __init__(self, master: ScriptedMaster) -> None:
        self.outstanding: set[str] = set()
        self.taken: list[Json] = []
        self.running: set[str] = set()
        self.subscriptions = 0
        self._faults: dict[str, list[Fault]] = {}
        self._changed = threading.Condition()
        master.on_call = self._on_call
        master.on_stream = self._on_stream

    def plan(self, kind: str, *faults: Fault) -> None:
        """What becomes of the next calls of this kind, one after the other; those behind them get through."""
        with self._changed:
            self._faults[kind] = list(faults)

    def offer(self, stream: Stream, *ids: str) -> None:
        """Offers are made; all of them count as out from now on."""
        with self._changed:
            self.outstanding.update(ids)
        stream.emit(offers(*ids))

    def kinds(self) -> list[str]:
        """The kinds of the calls that arrived."""
        with self._changed:
            return [call["type"] for call in self.taken]

    def wait_until(self, holds: Any) -> None:
        """Waits for a condition that only calls and subscriptions change."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not holds():
                assert self._changed.wait(deadline - time.monotonic()), (self.outstanding, self.taken)

    def _on_stream(self, stream: Stream) -> None:
        with self._changed:
            self.subscriptions += 1
            self.outstanding.clear()
            self._changed.notify_all()

    def _on_call(self, call: Json) -> Answer | None:
        with self._changed:
            faults = self._faults.get(call["type"])
            fault = faults.pop(0) if faults else None
            if fault is None or fault.arrives:
                self._take(call)
            self._changed.notify_all()
        if fault is None:
            return None
        if fault.status is None:
            raise ConnectionAbortedError
        return fault.status, {}, fault.text

    def _take(self, call: Json) -> None:
        self.taken.append(call)
        body = call.get(call["type"].lower(), {})
        if call["type"] in ("ACCEPT", "DECLINE"):
            ids = {one["value"] for one in body["offer_ids"]}
            if ids <= self.outstanding:
                for operation in body.get("operations", []):
                    self.running |= {one["task_id"]["value"] for one in operation["launch"]["task_infos"]}
            self.outstanding -= ids

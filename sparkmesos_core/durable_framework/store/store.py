"""What a store of records can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sparkmesos_core.durable_framework.actions import Forget, Save, SaveFramework
from sparkmesos_core.durable_framework.record import Record

R_co = TypeVar("R_co", bound=Record, covariant=True)

Change = Save | Forget | SaveFramework


@dataclass(frozen=True)
class Stored(Generic[R_co]):
    """All that a store holds."""

    records: tuple[R_co, ...] = ()
    """By `Record.number`."""
    framework_id: str | None = None
    next_number: int = 1
    """Larger than that of any record that it ever held."""


class Store(Protocol[R_co]):
    """Keeps records of one kind. Used by one thread at a time; all methods may block.

    Raises StoreError when it cannot be read or written; then nothing of that call has been written, or it is
    unknown whether all of it has, and `load` tells. StoreTakenOverError, which is one, is for good.
    """

    def load(self) -> Stored[R_co]:
        """All that is kept. What cannot be understood is left out, and where it is, and named in the log."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Write all of these, or none of them; they are on disk when it returns."""

    def close(self) -> None:
        """Let go of files, locks and connections."""

"""What a durable framework keeps: records of one kind, such as the drivers of a dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


class Record(Protocol):
    """One thing that is kept, and replaced as a whole when it changes."""

    @property
    def id(self) -> str:
        """Unique among all that are kept; letters, digits, `-`, `.` and `_`."""

    @property
    def number(self) -> int:
        """A running number from 1 on, never given twice: records are in this order."""

    def to_json(self) -> dict[str, Any]:
        """All of it, for the store."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class RecordKind(Generic[R]):
    """How one kind of records is kept, and what messages call it and who keeps it."""

    singular: str
    """Such as `driver`."""
    plural: str
    """Such as `drivers`, which is also the name of the table and of the node that holds them."""
    holder: str
    """Who keeps them: such as `dispatcher`."""
    application_id: int
    """What marks a SQLite database as one of this kind: 32 bits."""
    version: int
    """Of the format: a store with a higher one is refused."""
    zookeeper_base: str
    """The node below which all others are, if nobody says which."""
    from_json: Callable[[Mapping[str, Any]], R]
    """From what `to_json` has made; raises KeyError, TypeError or ValueError for anything else."""

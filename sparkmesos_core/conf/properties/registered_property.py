"""What is known about a property: the record that the registry is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Reader(Enum):
    """The programs that read a property."""

    CLIENT = "client"
    """spark-submit and what mirrors it, on the machine where it is called."""
    DISPATCHER = "dispatcher"
    """The dispatcher, from its own configuration."""
    SUBMISSION = "submission"
    """The dispatcher, from the properties of one submission, to launch its driver."""
    BACKEND = "executor backend"
    """The executor backend inside the driver, which launches executors."""
    DRIVER = "driver"
    """The driver and its executors, as with every cluster manager."""
    SHUFFLE_SERVICE = "shuffle service"
    """The external shuffle service on an agent."""


class Grain(Enum):
    """The run modes in which a property of the executor backend has an effect."""

    BOTH = "both"
    COARSE = "coarse-grained"
    FINE = "fine-grained"


@dataclass(frozen=True)
class ValueType:
    """The type of a property's value."""

    name: str
    """As users know it: size, time, boolean, integer, number, text, list, constraints, labels, …"""
    parse: Callable[[str], Any]
    """Makes the typed value of a text. Raises UsageError: what is wrong with it, and how to write it."""
    expects: str
    """How to write a value, as a phrase: `a size such as 512m or 2g; a bare number means MiB`."""
    unit: str = ""
    """Unit of a bare number in the configuration (B, MiB, ms, s); empty if it has none."""
    choices: tuple[str, ...] = ()
    """The values that there are, as one writes them; empty if they cannot be enumerated."""


@dataclass(frozen=True)
class InSpark4:
    """What is different about a property with Spark 4, which runs on Mesos by the backend of sparkmesos."""

    note: str
    """What is different, as a phrase: one line, without a full stop at the end."""
    meaning: str = ""
    """What it means there; empty if that is the same."""
    readers: frozenset[Reader] | None = None
    """Who reads it there; None if that is the same."""
    default: str | None = None
    """Its default there; None if that is the same."""
    computed_default: str = ""
    """Its computed default there; empty if that is the same."""


@dataclass(frozen=True)
class Property:
    """One property, or one family of them."""

    name: str
    """`spark.mesos.role`; a family ends in a placeholder in capitals: `spark.mesos.driverEnv.NAME`."""
    type: ValueType
    meaning: str
    """One line, without a full stop at the end."""
    since: str
    """The first Spark that reads it: "1.5.0"; empty for those of our own that do not depend on Spark."""
    readers: frozenset[Reader]
    """Empty if it does nothing on Mesos, which its meaning then says."""
    default: str | None = None
    """The default as one would write it in a file; None if there is none or it is computed."""
    computed_default: str = ""
    """What a default that is computed is, in words or as the key that it falls back to."""
    until: str = ""
    """The first Spark that no longer reads it; empty if all after `since` do, with Spark 4 our backend."""
    deprecated: str = ""
    """Why not to use it, and what instead; empty if it is not deprecated."""
    grain: Grain = Grain.BOTH
    secret: bool = False
    """Whether the value must never be shown."""
    documented: bool = True
    """Whether Spark's own documentation lists it."""
    own: bool = False
    """Whether sparkmesos made it up: its dispatcher or its backend for Spark 4 reads it, and no Spark."""
    spark_4: InSpark4 | None = None
    """What is different about it with Spark 4; None if nothing is, or if Spark 4 alone has it."""

    @property
    def is_mesos(self) -> bool:
        """Whether it is about Mesos only."""
        return self.name.startswith("spark.mesos.")

    @property
    def prefix(self) -> str | None:
        """What the keys of a family begin with; None for a single property."""
        head, dot, last = self.name.rpartition(".")
        return head + dot if last.isupper() else None

    def default_value(self) -> Any:
        """The default as its type; None if there is none or it is computed."""
        return None if self.default is None else self.type.parse(self.default)

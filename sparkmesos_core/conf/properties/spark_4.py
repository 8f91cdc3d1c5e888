"""What becomes of a property with Spark 4, which runs on Mesos by the backend of sparkmesos."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from sparkmesos_core.conf.properties.registered_property import Property

FIRST_WITH_OUR_BACKEND = "4.0.0"
"""The first Spark without a backend of its own for Mesos, as `since` and `until` of a property say it."""


class Spark4Status(Enum):
    """How a property fares with Spark 4."""

    WORKS = "as before"
    DIFFERS = "differs"
    """It is read, and something about it is not as in Spark 3.5."""
    NEW = "new"
    """Spark 4, or our backend for it, is the first that reads it."""
    GONE = "gone"
    """Nothing reads it."""


def spark_4_status(entry: Property) -> Spark4Status:
    """How a property fares with Spark 4.0 and newer."""
    if entry.until:
        return Spark4Status.GONE  # none has gone since
    if entry.since.startswith("4."):
        return Spark4Status.NEW
    return Spark4Status.WORKS if entry.spark_4 is None else Spark4Status.DIFFERS


def in_spark_4(entry: Property) -> Property:
    """A property as it is with Spark 4."""
    there = entry.spark_4
    if there is None:
        return entry
    return replace(
        entry,
        meaning=there.meaning or entry.meaning,
        readers=entry.readers if there.readers is None else there.readers,
        default=entry.default if there.default is None else there.default,
        computed_default=there.computed_default or entry.computed_default,
    )

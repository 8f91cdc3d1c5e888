"""The two kinds of the bridge, and which Spark takes which."""

from __future__ import annotations

from enum import Enum

from sparkmesos_core.spark.core_jar import Release
from sparkmesos_core.spark.java_releases import javas_of

FIRST_WITH_DRIVER: Release = (2, 4)
"""The oldest Spark that the driver class is made for."""
FIRST_WITH_BACKEND: Release = (4, 0)
"""The oldest Spark that the backend is made for, and the first without Mesos of its own."""
LAST_WITH_DRIVER: Release = (3, 5)
"""The last Spark with Mesos of its own."""
LAST_WITH_BACKEND: Release = (4, 3)
"""The newest Spark that the backend was tried with. It needs internals that a newer one may have moved."""


class BridgeKind(Enum):
    """What of Spark the bridge takes the place of."""

    DRIVER = "driver"
    """Mesos' own driver class, below the backend that Spark brings: Spark 2.4 to 3.5."""
    BACKEND = "backend"
    """The backend, which Spark no longer brings: Spark 4."""

    @property
    def sparks(self) -> str:
        """The releases that it is made for, for messages."""
        first, last = _RELEASES[self]
        return f"Spark {first[0]}.{first[1]} to {last[0]}.{last[1]}"

    def javas(self, release: Release | None) -> str:
        """What this release runs on, for messages; what any of them does, if it is None."""
        return javas_of(_RELEASES[self] if release is None else [release])


_RELEASES = {
    BridgeKind.DRIVER: (FIRST_WITH_DRIVER, LAST_WITH_DRIVER),
    BridgeKind.BACKEND: (FIRST_WITH_BACKEND, LAST_WITH_BACKEND),
}


def is_untried(release: Release) -> bool:
    """Whether a Spark is newer than those that the backend was tried with."""
    return release > LAST_WITH_BACKEND


def untried(version: str) -> str:
    """The same in words, of a version that is."""
    return (
        f"The bridge to Mesos was not tried with Spark {version}: it is made for "
        f"{BridgeKind.BACKEND.sparks}, and needs internals of Spark that a newer one may have moved, or "
        "changed"
    )


def bridge_kind(release: Release | None, *, has_mesos: bool) -> BridgeKind | None:
    """The kind that a Spark takes; None if there is none for it. `has_mesos`: whether it has Mesos inside.

    What somebody has put into the jars of a Spark 4 makes no difference: it has no backend that would use it.
    None for a release counts as one that the driver class is made for.
    """
    if release is not None and release >= FIRST_WITH_BACKEND:
        return BridgeKind.BACKEND
    if has_mesos and (release is None or release >= FIRST_WITH_DRIVER):
        return BridgeKind.DRIVER
    return None

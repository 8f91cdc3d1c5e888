"""What Spark's core jar is called, which tells the version of Spark and of Scala."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"spark-core_(?P<scala>\d+\.\d+)-(?P<version>\d[\w.-]*?)\.jar")
_RELEASE = re.compile(r"(\d+)\.(\d+)")

Release = tuple[int, int]
"""The first two numbers of a version of Spark: (3, 5)."""


@dataclass(frozen=True)
class CoreJar:
    """What the name of a core jar tells."""

    version: str
    """`3.5.9`."""
    scala_version: str
    """The binary version of Scala: `2.12`."""

    @property
    def release(self) -> Release | None:
        """The first two numbers of the version; None for a version without two."""
        return release_of(self.version)


def parse_core_jar(name: str) -> CoreJar | None:
    """What the name of a file tells, if it is that of a core jar."""
    match = _NAME.fullmatch(name)
    return CoreJar(match["version"], match["scala"]) if match else None


def find_core_jar(names: Iterable[str]) -> CoreJar | None:
    """The first core jar, by name, among files; None if there is none."""
    return next((jar for name in sorted(names) if (jar := parse_core_jar(name)) is not None), None)


def release_of(version: str) -> Release | None:
    """The release that a version belongs to, as (4, 3) of 4.3.0-SNAPSHOT; None for what is no version."""
    numbers = _RELEASE.match(version)
    return (int(numbers[1]), int(numbers[2])) if numbers else None

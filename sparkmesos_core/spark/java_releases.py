"""Which releases of Java a release of Spark runs on, for all that look for a Java or speak of one."""

from __future__ import annotations

from collections.abc import Iterable

from sparkmesos_core.spark.core_jar import Release

_LONG_LIVED = (8, 11, 17, 21, 25)
"""Those that get updates for years, which are those that people have."""


def usable_java(release: Release) -> tuple[int, int]:
    """The lowest and the highest major version of Java that this release of Spark runs on.

    From the "Downloading" section of the documentation of each release; 21 with Spark 3.5 was tried.
    """
    if release >= (4, 2):
        return 17, 25
    if release >= (4, 0):
        return 17, 21
    if release >= (3, 5):
        return 8, 21
    if release >= (3, 3):
        return 8, 17
    if release >= (3, 0):
        return 8, 11
    return 8, 8


def javas_of(releases: Iterable[Release]) -> str:
    """The Javas that at least one of these releases runs on, in words: `Java 17, 21 or 25`."""
    ranges = [usable_java(release) for release in releases]
    fitting = [str(java) for java in _LONG_LIVED if any(first <= java <= last for first, last in ranges)]
    *others, last = fitting
    return f"Java {', '.join(others)} or {last}" if others else f"Java {last}"

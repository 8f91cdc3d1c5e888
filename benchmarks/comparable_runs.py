"""Whether runs on two clusters were alike in all that matters, so that their times can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.spark_runs import Run

_BYTES_APART = 0.01
"""By how much what was shuffled may differ: where partitions begin depends on a random sample."""


def differences(measured: Mapping[str, Sequence[Run]]) -> list[str]:
    """What differs from the first run: executors, Spark's properties, partitions, bytes shuffled."""
    first = next(iter(measured.values()))[0]
    found: dict[str, None] = {}
    for label, runs in measured.items():
        for run in runs:
            found.update(dict.fromkeys(f"{label}: {difference}" for difference in _between(first, run)))
    return list(found)


def _between(first: Run, other: Run) -> list[str]:
    found = []
    if other.executors != first.executors:
        found.append(f"executors (host, cores, bytes) {other.executors} instead of {first.executors}")
    for name in sorted(first.properties.keys() | other.properties.keys()):
        values = [run.properties.get(name) for run in (other, first)]
        if values[0] != values[1]:
            found.append(f"{name} is {values[0]!r} instead of {values[1]!r}")
    if other.shuffle.partitions != first.shuffle.partitions:
        found.append(f"partitions {other.shuffle.partitions} instead of {first.shuffle.partitions}")
    written, expected = (run.shuffle.written_bytes for run in (other, first))
    if abs(written - expected) > _BYTES_APART * expected:
        found.append(f"{written} bytes shuffled instead of {expected}")
    return found

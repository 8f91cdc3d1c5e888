from __future__ import annotations

import math

import pytest

from sparkmesos_core.conf.values.overheads import container_memory, driver_overhead
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(
    ("heap", "overhead", "expected"),
    [
        (512, None, 896),
        (4096, None, 4505),
        (1024, 512, 1536),
        (2000, None, 2384),
        (5000, None, 5500),
        (2000, 1000, 3000),
        (1000, None, 1384),
        (10000, None, 11000),
        (1000, 0, 1000),
        (0, None, 384),
        (3840, None, 4224),
        (3850, None, 4235),
    ],
)
def test_container(heap: int, overhead: int | None, expected: int) -> None:
    assert container_memory(heap, overhead) == expected


@pytest.mark.parametrize(("factor", "expected"), [(0.2, 6000), (0.0, 5384), (-1.0, 5384), (1.0, 10000)])
def test_factor(factor: float, expected: int) -> None:
    assert container_memory(5000, factor=factor) == expected


def test_the_property_of_mesos_wins() -> None:
    assert driver_overhead(100, 200) == 100
    assert driver_overhead(0, 200) == 0
    assert driver_overhead(None, 200) == 200
    assert driver_overhead(None, None) is None


@pytest.mark.parametrize(
    ("heap", "overhead", "factor", "reason"),
    [
        (1024, -1, 0.1, "-1 is negative"),
        (2**31 - 1, 1, 0.1, "more than Spark can count"),
        (2**31 - 1, None, 0.1, "more than Spark can count"),
        (1024, None, 1e300, "that Spark cannot count"),
        (1024, None, math.inf, "that Spark cannot count"),
        (1024, None, math.nan, "that Spark cannot count"),
    ],
)
def test_impossible(heap: int, overhead: int | None, factor: float, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as raised:
        container_memory(heap, overhead, factor)
    assert raised.value.hint

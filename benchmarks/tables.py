"""Tables in Markdown, ready for the README, and the few statistics in them."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Sequence


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table between two empty lines."""
    lines = [header, ["---"] * len(header), *rows]
    print()
    for line in lines:
        print("| " + " | ".join(line) + " |")
    print()


def milliseconds(seconds: float) -> str:
    """With one decimal place below 100 ms."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def percentile(values: Sequence[float], percent: int) -> float:
    """The least value that so many percent of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def ratio_of(ours: Sequence[float], peers: Sequence[float]) -> float:
    """The median of the ratios pair by pair."""
    return statistics.median(a / b for a, b in zip(ours, peers, strict=True))


def median_ratio(ours: Sequence[float], peers: Sequence[float]) -> str:
    """The same, for a table."""
    return f"{ratio_of(ours, peers):.2f}"


def judge(what: str, ratio: float, target: float) -> bool:
    """Prints whether a ratio is within its target, which is decided before it is rounded; returns that."""
    met = ratio <= target
    print(f"Target: {what}, at most {target:.2f}: {ratio:.4f}, {'met' if met else 'MISSED'}.")
    return met


def machine() -> str:
    """What the figures depend on."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"

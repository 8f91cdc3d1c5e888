"""How much an application has shuffled, and how long it took, by Spark's event log."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ShuffleFigures:
    """Sums of all tasks; the times are of single tasks, so of several cores at once."""

    written_bytes: float
    write_seconds: float
    """What writing shuffle files took, of the time of the tasks that did."""
    read_bytes: float
    remote_bytes: float
    """How many of them came from another executor over the network."""
    fetch_wait_seconds: float
    """How long tasks had nothing to do but wait for what they read."""
    partitions: tuple[int, ...]
    """How many tasks each stage had that wrote or read any, in order."""
    reduce_seconds: float
    """From the beginning to the end of the stages that read, which fetch, sort and go on from there."""


def shuffle_figures(events: Iterable[Mapping[str, Any]]) -> ShuffleFigures:
    """The figures of an application, by the events of its log; all are 0 if it shuffles nothing."""
    tasks: dict[int, list[Mapping[str, Any]]] = {}
    reading: set[int] = set()
    took: dict[int, float] = {}
    for event in events:
        if event["Event"] == "SparkListenerTaskEnd" and (metrics := event.get("Task Metrics")):
            reads = _read_bytes([metrics])
            if reads or _sum([metrics], "Shuffle Write Metrics", "Shuffle Bytes Written"):
                tasks.setdefault(event["Stage ID"], []).append(metrics)
            if reads:
                reading.add(event["Stage ID"])
        elif event["Event"] == "SparkListenerStageCompleted":
            stage = event["Stage Info"]
            took[stage["Stage ID"]] = (stage["Completion Time"] - stage["Submission Time"]) / 1000
    every = [metrics for some in tasks.values() for metrics in some]
    return ShuffleFigures(
        written_bytes=_sum(every, "Shuffle Write Metrics", "Shuffle Bytes Written"),
        write_seconds=_sum(every, "Shuffle Write Metrics", "Shuffle Write Time") / 1e9,
        read_bytes=_read_bytes(every),
        remote_bytes=_sum(every, "Shuffle Read Metrics", "Remote Bytes Read"),
        fetch_wait_seconds=_sum(every, "Shuffle Read Metrics", "Fetch Wait Time") / 1e3,
        partitions=tuple(len(tasks[stage]) for stage in sorted(tasks)),
        reduce_seconds=sum(took[stage] for stage in reading if stage in took),
    )


def median_shuffle(several: Sequence[ShuffleFigures]) -> ShuffleFigures:
    """The median of each figure, with the partitions of the first of them."""

    def median(of: Callable[[ShuffleFigures], float]) -> float:
        return statistics.median(map(of, several))

    return ShuffleFigures(
        written_bytes=median(lambda one: one.written_bytes),
        write_seconds=median(lambda one: one.write_seconds),
        read_bytes=median(lambda one: one.read_bytes),
        remote_bytes=median(lambda one: one.remote_bytes),
        fetch_wait_seconds=median(lambda one: one.fetch_wait_seconds),
        partitions=several[0].partitions,
        reduce_seconds=median(lambda one: one.reduce_seconds),
    )


def _read_bytes(tasks: Sequence[Mapping[str, Any]]) -> int:
    return sum(_sum(tasks, "Shuffle Read Metrics", f"{where} Bytes Read") for where in ("Remote", "Local"))


def _sum(tasks: Iterable[Mapping[str, Any]], group: str, name: str) -> int:
    return sum(metrics[group][name] for metrics in tasks)

"""Doing several things at once that wait for others, none of them longer than there is time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class Outcome(Generic[T]):
    """What has become of each."""

    results: dict[str, T] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    """What was raised."""
    late: tuple[str, ...] = ()
    """What was not done in time. It goes on, but nobody waits for it, not even the end of this process."""


def side_by_side(jobs: Mapping[str, Callable[[], T]], deadline: float) -> Outcome[T]:
    """Runs all jobs at once, each in a thread, and tells what they returned by the `deadline`.

    That is a time of `time.monotonic`. A job should keep to it itself, but need not: looking up a name, for
    instance, cannot be interrupted. Results and failures are in the order of the jobs.
    """
    done: queue.SimpleQueue[tuple[str, T | None, Exception | None]] = queue.SimpleQueue()

    def run(name: str, job: Callable[[], T]) -> None:
        try:
            done.put((name, job(), None))
        except Exception as error:  # noqa: BLE001 - the caller gets it
            done.put((name, None, error))

    for name, job in jobs.items():
        # A daemon: Python would await all others before it ends.
        thread = threading.Thread(target=run, args=(name, job), name=f"preflight: {name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # there may be no more threads
            done.put((name, None, error))
    ended: dict[str, tuple[T | None, Exception | None]] = {}
    while len(ended) < len(jobs):
        try:
            name, result, failure = done.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            break
        ended[name] = result, failure
    outcome = Outcome[T](late=tuple(name for name in jobs if name not in ended))
    for name in jobs:
        if name in ended:
            result, failure = ended[name]
            if failure is not None:
                outcome.failures[name] = failure
            else:
                outcome.results[name] = result  # type: ignore[assignment]  # a T, since nothing was raised
    return outcome

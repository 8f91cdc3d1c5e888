"""What is known while a cluster is verified: facts, each read when it is first asked for, and only once."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sparkmesos_core.errors import SparkMesosError, TimedOutError
from sparkmesos_core.mesos.http import NO_ANSWER
from sparkmesos_core.verify.subject import Subject

T = TypeVar("T")

logger = logging.getLogger(__name__)

GRACE = 0.5
"""Seconds that the late are waited for: who keeps to the time says better what there was to wait for."""
_LITTLE_TIME = 2.0
"""Seconds, where 5 are usual: who gives less has most likely given too little."""
_MORE_TIME = "--check-timeout gives it more time."


@dataclass(frozen=True, eq=False)
class Fact(Generic[T]):
    """Something to know: how it is read, and which check tells that it cannot be read."""

    name: str
    """What it is, to stand in a sentence: `the leading master`."""
    read: Callable[[Known], T]
    """May ask for other facts. Raises SparkMesosError for what keeps it from being known."""
    reported_by: str
    """The id of the check that reports what `read` raises; others that need the fact are left out."""
    patience: float = 1.0
    """How many times as long as a check it may take."""
    seconds: Callable[[Subject], float] | None = None
    """How many seconds it may take instead, if an option of its own says that, such as --probe-timeout."""
    more_time: str = "--check-timeout"
    """The option that gives it more."""

    def allowed(self, known: Known) -> float:
        """How many seconds reading it may take, not counting what it waits for other facts."""
        return self.patience * known.timeout if self.seconds is None else self.seconds(known.subject)


class UnknownFactError(Exception):
    """A fact that a check asked for cannot be known.

    `fact` is the one at the root: that which failed itself, not one that relies on it.
    """

    def __init__(self, fact: Fact[Any], error: SparkMesosError) -> None:
        super().__init__(f"{fact.name}: {error.message}")
        self.fact = fact
        self.error = error


@dataclass
class _Reading:
    thread: threading.Thread
    started: float = field(default_factory=time.monotonic)
    done: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    failure: SparkMesosError | UnknownFactError | None = None


@dataclass
class _Waiting:
    """How long a thread has waited for facts."""

    ended: float = 0.0
    since: float | None = None


class Known:
    """What is known of one subject at one time. Threads may share it; whoever made it closes it."""

    def __init__(self, subject: Subject, *, timeout: float, reads_tasks: bool = True) -> None:
        """`timeout` is in seconds, for each check, and for each reading of a fact.

        `reads_tasks` says that some check will ask for STATE: then agents are taken from there, too.
        """
        self.subject = subject
        self.timeout = timeout
        self.reads_tasks = reads_tasks
        self._lock = threading.Lock()
        self._readings: dict[Fact[Any], _Reading] = {}
        self._waiting: dict[threading.Thread, _Waiting] = {}
        self._cleanups = contextlib.ExitStack()
        self._closed = False

    def __enter__(self) -> Known:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends what reading facts has left running, such as a probe's framework; the last one first.

        One that fails keeps no other from being ended.
        """
        with self._lock:
            self._closed = True
            cleanups = self._cleanups.pop_all()
        cleanups.close()

    def on_close(self, cleanup: Callable[[], object]) -> None:
        """Have something done in the end, however that comes; at once if the end has come already."""
        with self._lock:
            if not self._closed:
                self._cleanups.callback(_cleaned_up, cleanup)
                return
        _cleaned_up(cleanup)

    def deadline(self) -> float:
        """The time of `time.monotonic` until which something that begins now may take."""
        return time.monotonic() + self.timeout

    def __getitem__(self, fact: Fact[T]) -> T:
        """The fact, after reading it if nobody has yet. Raises UnknownFactError.

        Reading takes place in a thread of its own, so that nobody waits for longer than its time, even where
        it cannot be interrupted, such as looking up a name.
        """
        with self._lock:
            reading = self._readings.get(fact)
            if reading is None:
                # A daemon: Python would await all others before it ends.
                thread = threading.Thread(
                    target=self._read, args=(fact,), name=f"verify: {fact.name}", daemon=True
                )
                reading = self._readings[fact] = _Reading(thread)
                try:
                    thread.start()
                except RuntimeError:
                    reading.failure = no_more_threads()
                    reading.done.set()
        with self._counted():
            self._wait(fact, reading)
        if isinstance(reading.failure, UnknownFactError):
            raise UnknownFactError(reading.failure.fact, reading.failure.error)
        if reading.failure is not None:
            raise UnknownFactError(fact, reading.failure)
        value: T = reading.value
        return value

    def failure(self, fact: Fact[Any]) -> SparkMesosError | None:
        """Why a fact that was asked for is not known; None if it is, or nobody has asked."""
        with self._lock:
            reading = self._readings.get(fact)
        if reading is None or reading.failure is None:
            return None
        found = reading.failure
        return found.error if isinstance(found, UnknownFactError) else found

    def waited(self, thread: threading.Thread) -> float:
        """For how many seconds a thread has waited for facts."""
        waiting = self._waiting.get(thread, _Waiting())
        since = waiting.since
        return waiting.ended + (0.0 if since is None else time.monotonic() - since)

    def _read(self, fact: Fact[Any]) -> None:
        with self._lock:
            reading = self._readings[fact]
        try:
            value = fact.read(self)
        except UnknownFactError as error:
            self._end(reading, failure=error)
        except SparkMesosError as error:
            if NO_ANSWER in error.message:
                error.hint = more_time(error.hint, self.timeout)
            self._end(reading, failure=error)
        except Exception as error:  # a fault of ours is told once, too
            logger.info("Reading %s failed", fact.name, exc_info=True)
            fault = SparkMesosError(
                f"Reading {fact.name} failed: {type(error).__name__}",
                hint="This is a fault of sparkmesos; `sparkmesos -v verify-cluster` shows more.",
            )
            self._end(reading, failure=fault)
        else:
            self._end(reading, value)

    def _end(
        self, reading: _Reading, value: Any = None, failure: SparkMesosError | UnknownFactError | None = None
    ) -> None:
        """All who ask get the same: what comes after the time was up is not looked at any more."""
        with self._lock:
            if not reading.done.is_set():
                reading.value, reading.failure = value, failure
                reading.done.set()

    def _wait(self, fact: Fact[Any], reading: _Reading) -> None:
        """Until it is read, for no longer than it may take itself: what it relies on has time of its own."""
        allowed = fact.allowed(self)
        while not reading.done.is_set():
            left = reading.started + allowed + GRACE + self.waited(reading.thread) - time.monotonic()
            if left > 0:
                reading.done.wait(left)
                continue
            late = TimedOutError(
                f"Reading {fact.name} took longer than {allowed:g} s",
                hint=f"{fact.more_time} gives it more time.",
            )
            self._end(reading, failure=late)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        waiting = self._waiting.setdefault(threading.current_thread(), _Waiting())
        waiting.since = time.monotonic()
        try:
            yield
        finally:
            waiting.ended += time.monotonic() - waiting.since
            waiting.since = None


def more_time(hint: str, timeout: float) -> str:
    """What to do where something did not answer within the `timeout` of checks, in seconds."""
    if _MORE_TIME in hint:
        return hint
    parts = [f"{hint.removesuffix('.')}." if hint else "", _MORE_TIME]
    return " ".join(filter(None, reversed(parts) if timeout < _LITTLE_TIME else parts))


def no_more_threads() -> SparkMesosError:
    """What to say where a thread cannot be started, as in a container with a low limit."""
    return SparkMesosError(
        "No more threads can be started on this machine",
        hint="Raise its limit of processes (`ulimit -u`, or that of the container), or make fewer checks at"
        " once with --only.",
    )


def _cleaned_up(cleanup: Callable[[], object]) -> None:
    try:
        cleanup()
    except Exception as error:  # the other ones have to be done, too
        known = isinstance(error, SparkMesosError)
        logger.warning("Cleaning up failed: %s", error, exc_info=None if known else error)

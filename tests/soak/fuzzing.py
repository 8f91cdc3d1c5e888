"""Running very many seeded cases: each gives a value or a clear error, never a traceback, never a hang."""

from __future__ import annotations

import faulthandler
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sparkmesos_core.errors import SparkMesosError
from tests.soak.odd_texts import OddTexts

Case = Callable[[OddTexts, Path], None]
"""One case: reads what the texts make up, may write into the folder; raises what the code under test raises."""


class ContractError(Exception):
    """What came out is neither a value nor a clear error."""


class TookTooLongError(BaseException):
    """A case did not end. No `Exception`, so that nothing under test handles it."""


@dataclass(frozen=True)
class Failure:
    """A case that went wrong, and how to see it again."""

    target: str
    number: int
    seed: int
    trace: str

    def __str__(self) -> str:
        return (
            f"{self.target} case {self.number} (again: --target '{self.target}' --case {self.number} "
            f"--seed {self.seed})\n{self.trace}"
        )


@dataclass
class Report:
    """What became of all cases."""

    seed: int
    values: Counter[str] = field(default_factory=Counter)
    """By target: how many cases gave a value."""
    errors: Counter[str] = field(default_factory=Counter)
    """By target: how many gave a clear error."""
    failures: list[Failure] = field(default_factory=list)
    cases: int = 0
    slowest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """By target: the longest time in seconds of CPU, and which case took it."""

    def lines(self) -> Iterator[str]:
        """One line for each target."""
        for target in sorted(self.values | self.errors):
            seconds, number = self.slowest[target]
            yield (
                f"{target:<24} {self.values[target]:>7} values {self.errors[target]:>7} errors"
                f"   slowest: case {number}, {seconds * 1000:.0f} ms"
            )


def run_cases(
    targets: Mapping[str, Case],
    count: int,
    seed: int,
    folder: Path,
    *,
    bound: float = 5.0,
    most_failures: int = 20,
) -> Report:
    """Runs `count` cases, shared out among the targets, and stops early after `most_failures`.

    `bound` is the CPU time in seconds that one case may take; on the clock, for one that waits, it is ten
    times as much.
    """
    report = Report(seed)
    names = list(targets)
    for index in range(count):
        target, number = names[index % len(names)], index // len(names)
        if failure := run_case(targets[target], target, number, report, folder, bound):
            report.failures.append(failure)
            if len(report.failures) >= most_failures:
                break
    return report


def run_case(
    case: Case, target: str, number: int, report: Report, folder: Path, bound: float
) -> Failure | None:
    """Runs one case and counts what came out; the failure if it broke the contract."""
    odd = OddTexts(f"{report.seed}/{target}/{number}")
    begin = time.process_time()
    try:
        with _watched(bound):
            case(odd, folder)
        report.values[target] += 1
    except SparkMesosError as error:
        report.errors[target] += 1
        if unclear := _unclear(error):
            return Failure(target, number, report.seed, unclear)
    except (Exception, TookTooLongError) as error:  # noqa: BLE001 - finding those is what this is for
        trace = "".join(traceback.format_exception(error, limit=-12))
        return Failure(target, number, report.seed, trace[-6000:])
    finally:
        report.cases += 1
        seconds = time.process_time() - begin
        if seconds >= report.slowest.get(target, (-1.0, 0))[0]:
            report.slowest[target] = (seconds, number)
    return None


def _unclear(error: SparkMesosError) -> str:
    """What is wrong with an error; empty if it is one that can be shown to people."""
    if not error.message:
        return "the message is empty"
    if len(error.message) > 2000:
        return f"the message has {len(error.message)} characters: {error.message[:500]}"
    return ""


@contextmanager
def _watched(bound: float) -> Iterator[None]:
    def expire(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLongError(f"took more than {bound} s of CPU time, or ten times as much on the clock")

    before = {number: signal.signal(number, expire) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, bound)
    signal.setitimer(signal.ITIMER_REAL, bound * 10)
    # For what is stuck in C and lets no handler run: says where, and ends the process.
    faulthandler.dump_traceback_later(bound * 20, exit=True, file=sys.__stderr__ or 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        for number, handler in before.items():
            signal.signal(number, handler)

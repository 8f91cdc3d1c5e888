"""Making checks side by side, each within its time."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.verify.check import Check, Problem, Result, Status, Verdict
from sparkmesos_core.verify.known import GRACE, Known, UnknownFactError, no_more_threads

logger = logging.getLogger(__name__)

_ORDER = list(Severity)


@dataclass
class _Work:
    check: Check
    thread: threading.Thread
    started: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class _Untold:
    """A check that could not be made, for something that no chosen check is there to report."""

    check: Check
    unknown: UnknownFactError
    seconds: float


def run_checks(checks: Sequence[Check], known: Known) -> Iterator[Result]:
    """Makes all checks at once, and yields what comes of them, as it comes.

    A check that takes longer than `known.timeout`, not counting what it waits for facts, is given up, and has
    failed, as has one with a fault of its own: that nobody knows is no good news for who lets something pass
    by these checks. One that cannot be made because a fact is not known is skipped, if the check that reports
    that fact is among `checks`. Else one of those that need it tells, in the end, and the others follow it.
    """
    done: queue.SimpleQueue[Result | _Untold] = queue.SimpleQueue()
    ids = frozenset(check.id for check in checks)
    works: dict[str, _Work] = {}
    untold: list[_Untold] = []

    def work(check: Check, began: float) -> None:
        done.put(_result(check, known, ids, began))

    for check in checks:
        began = time.monotonic()
        thread = threading.Thread(target=work, args=(check, began), name=f"verify: {check.id}", daemon=True)
        works[check.id] = _Work(check, thread, began)
        try:
            thread.start()
        except RuntimeError:
            error = no_more_threads()
            problem = Problem(check.severity, error.message, error.hint)
            done.put(_not_made(works[check.id], error.message, problem))
    while works:
        try:
            result = done.get(timeout=max(min(_left(each, known) for each in works.values()), 0.0))
        except queue.Empty:
            for late in [each for each in works.values() if _left(each, known) <= 0]:
                del works[late.check.id]
                yield _late(late, known)
            continue
        if works.pop(result.check.id, None) is None:
            continue
        if isinstance(result, _Untold):
            untold.append(result)
        else:
            yield result
    yield from _told_once(checks, untold)


def _left(work: _Work, known: Known) -> float:
    return work.started + known.timeout + GRACE + known.waited(work.thread) - time.monotonic()


def _late(work: _Work, known: Known) -> Result:
    seen = f"no result within {known.timeout:g} s"
    problem = Problem(
        work.check.severity,
        f"{work.check.title}: {seen}",
        f"--check-timeout gives it more time, --skip {work.check.id} does without it.",
    )
    return _not_made(work, seen, problem)


def _not_made(work: _Work, seen: str, problem: Problem) -> Result:
    status = Status(problem.severity.value)
    return Result(work.check, status, seen, (problem,), seconds=time.monotonic() - work.started)


def _told_once(checks: Sequence[Check], untold: Iterable[_Untold]) -> Iterator[Result]:
    """What becomes of checks that lack facts which none of them reports: of each failure one tells.

    That is the first of those with the highest severity, so that what fails does not depend on their number.
    """
    place = {check.id: index for index, check in enumerate(checks)}
    by_weight = sorted(untold, key=lambda one: (_ORDER.index(one.check.severity), place[one.check.id]))
    tells: dict[tuple[str, str], Check] = {}
    for one in by_weight:
        error = one.unknown.error
        teller = tells.setdefault((one.unknown.fact.reported_by, error.message), one.check)
        if teller is one.check:
            problems = _failed(one.check, error).problems
            status = Status(one.check.severity.value)
            yield Result(one.check, status, error.message, problems, seconds=one.seconds)
        else:
            yield _following(one.check, teller.id, one.seconds)


def _following(check: Check, root: str, seconds: float) -> Result:
    return Result(check, Status.SKIPPED, f"cannot be checked: see {root}", follows=root, seconds=seconds)


def _result(check: Check, known: Known, ids: frozenset[str], began: float) -> Result | _Untold:
    verdict = Verdict("")
    try:
        verdict = check.run(known)
    except UnknownFactError as unknown:
        reported_by, seconds = unknown.fact.reported_by, time.monotonic() - began
        if reported_by not in ids:
            return _Untold(check, unknown, seconds)
        if reported_by != check.id:
            return _following(check, reported_by, seconds)
        verdict = _failed(check, unknown.error)
    except SparkMesosError as error:
        verdict = _failed(check, error)
    except Exception as error:  # a fault of ours must not hide what the other checks find
        logger.info("The check %s failed", check.id, exc_info=True)
        seen = f"the check itself failed: {type(error).__name__}"
        hint = f"This is a fault of sparkmesos; -v shows more. --skip {check.id} does without it."
        verdict = Verdict(seen, (Problem(check.severity, f"{check.title}: {seen}", hint),))
    placed = [_placed(problem, known) for problem in verdict.problems]
    problems = tuple(sorted(placed, key=lambda one: _ORDER.index(one.severity)))
    if not verdict.applies:
        status = Status.SKIPPED
    else:
        status = Status(problems[0].severity.value) if problems else Status.OK
    return Result(check, status, verdict.seen, problems, seconds=time.monotonic() - began)


def _placed(problem: Problem, known: Known) -> Problem:
    """The problem, with the place that sets its property."""
    if not problem.key or problem.origin is not None:
        return problem
    setting = known.subject.configuration.setting(problem.key)
    return replace(problem, origin=setting.origin) if setting is not None else problem


def _failed(check: Check, error: SparkMesosError) -> Verdict:
    return Verdict(error.message, (Problem(check.severity, error.message, error.hint),))

"""What all results come to: how many of each kind, what to do first, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin
from sparkmesos_core.errors import ExitCode, SparkMesosError, TimedOutError, UnreachableError
from sparkmesos_core.verify.check import Check, Problem, Result, Status

MOST_IMPORTANT = 3
"""How many things to do stand in a summary: who reads more of them does none."""

_ORDER = list(Severity)


@dataclass(frozen=True)
class Advice:
    """One thing to do."""

    hint: str
    message: str
    """The problem that it solves."""
    severity: Severity
    checks: tuple[str, ...]
    """The ids of the checks that give this advice, in the order of the table."""
    key: str = ""
    """The property of Spark that it is about; empty if it is about none or several."""
    origin: Origin | None = None
    """Where that is set."""


@dataclass(frozen=True)
class Conclusion:
    """What a verification comes to."""

    counts: Mapping[Status, int]
    """How many checks there are of each status, in the order of Status; those of none are there as 0."""
    advice: tuple[Advice, ...]
    """What to do, the most important thing first; the whole of it."""
    exit_code: ExitCode
    healthy: bool
    """Whether no error is there, with --strict no warning, and the cluster was reached if it had to be."""

    @property
    def most_important(self) -> tuple[Advice, ...]:
        """What to do first."""
        return self.advice[:MOST_IMPORTANT]


def conclude(
    checks: Sequence[Check],
    results: Iterable[Result],
    *,
    strict: bool = False,
    unreachable: SparkMesosError | None = None,
) -> Conclusion:
    """What `results` come to, in the order of `checks`.

    With `strict` a warning counts as an error does. `unreachable` is why the leading master is not known, if
    that was asked and it is not: exit code 5 is for a cluster that does not answer, 1 for one that is wrong.
    It matters if a result tells it: checks of this machine look at the cluster, but do without it.
    """
    place = {check.id: index for index, check in enumerate(checks)}
    ordered = sorted(results, key=lambda result: place[result.check.id])
    counts = {status: sum(result.status is status for result in ordered) for status in Status}
    bad = counts[Status.ERROR] + (counts[Status.WARNING] if strict else 0)
    exit_code = ExitCode.FAILED if bad else ExitCode.OK
    told = {problem.message for result in ordered for problem in result.problems}
    if isinstance(unreachable, (UnreachableError, TimedOutError)) and unreachable.message in told:
        exit_code = ExitCode.UNREACHABLE
    return Conclusion(counts, _advice(ordered), exit_code, healthy=exit_code is ExitCode.OK)


def _advice(ordered: Sequence[Result]) -> tuple[Advice, ...]:
    """Errors before warnings, each in the order of the table: what comes first is what others rest on."""
    problems = [(problem, result.check.id) for result in ordered for problem in result.problems]
    # The same words about another line of a file are another thing to do.
    given: dict[tuple[str, Origin | None], tuple[Problem, list[str]]] = {}
    for problem, id in sorted(problems, key=lambda each: _ORDER.index(each[0].severity)):
        if problem.hint and problem.severity is not Severity.NOTE:
            ids = given.setdefault((problem.hint, problem.origin), (problem, []))[1]
            if id not in ids:
                ids.append(id)
    return tuple(
        Advice(problem.hint, problem.message, problem.severity, tuple(ids), problem.key, problem.origin)
        for problem, ids in given.values()
    )

"""Checks, their results and the conclusion as JSON. Keys are only ever added to these records."""

from __future__ import annotations

from typing import Any

from sparkmesos_core.conf.setting import Origin, place_record
from sparkmesos_core.verify.check import Check, Problem, Result
from sparkmesos_core.verify.conclusion import Advice, Conclusion


def check_record(check: Check) -> dict[str, Any]:
    """What a check is, for `--list`."""
    return {
        "id": check.id,
        "group": check.group.value,
        "title": check.title,
        "severity": check.severity.value,
        "finds": check.finds,
        "remedy": check.remedy,
        "needs_probe": check.needs_probe,
    }


def result_record(result: Result) -> dict[str, Any]:
    """What came of a check. `follows` is that whose failure kept it from being made, or null."""
    return {
        "id": result.check.id,
        "group": result.check.group.value,
        "title": result.check.title,
        "status": result.status.value,
        "seen": result.seen,
        "follows": result.follows or None,
        "seconds": round(result.seconds, 3),
        "problems": [_problem_record(problem) for problem in result.problems],
    }


def conclusion_record(conclusion: Conclusion) -> dict[str, Any]:
    """What the results come to. `advice` is whole, the most important first."""
    return {
        "healthy": conclusion.healthy,
        "exit_code": int(conclusion.exit_code),
        "counts": {status.value: count for status, count in conclusion.counts.items()},
        "advice": [_advice_record(advice) for advice in conclusion.advice],
    }


def _problem_record(problem: Problem) -> dict[str, Any]:
    return {
        "severity": problem.severity.value,
        "message": problem.message,
        "hint": problem.hint,
        "key": problem.key or None,
        "place": _place_record(problem.origin),
        "details": list(problem.details),
    }


def _place_record(origin: Origin | None) -> dict[str, Any] | None:
    return None if origin is None else place_record(origin)


def _advice_record(advice: Advice) -> dict[str, Any]:
    return {
        "hint": advice.hint,
        "message": advice.message,
        "key": advice.key or None,
        "place": _place_record(advice.origin),
        "severity": advice.severity.value,
        "checks": list(advice.checks),
    }

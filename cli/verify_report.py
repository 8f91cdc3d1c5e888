"""The results of `verify-cluster` as they come: lines in a pipe, nothing where a document follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from sparkmesos_core.quoting import printable
from sparkmesos_core.verify.check import Status

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.verify.check import Check, Problem, Result
    from sparkmesos_core.verify.conclusion import Advice, Conclusion

READ_ON = "docs/guide/troubleshooting.md has all checks, and what to do about each."


class Report(Protocol):
    """Shows one round of checks."""

    def begin(self) -> None:
        """The checks are under way."""

    def add(self, result: Result) -> None:
        """Another result has come; they come in any order."""

    def end(self) -> None:
        """No more will come; those of an interrupted round are not there."""


class NoReport:
    """For documents, which are written when everything is known."""

    def begin(self) -> None:
        """Nothing is shown."""

    def add(self, result: Result) -> None:
        """Nothing to show yet."""

    def end(self) -> None:
        """Nothing was shown."""


class Lines:
    """A line for each check, or for each of its problems: status, id, what was seen or is wrong, and a hint.

    They are in the order of the checks, each as soon as those before it are there. What is as it was in the
    round before, which `before` holds by the ids, is left out.
    """

    def __init__(self, terminal: Terminal, checks: Sequence[Check], before: Mapping[str, Result]) -> None:
        self._terminal = terminal
        self._waiting = [check.id for check in checks]
        self._came: dict[str, Result] = {}
        self._before = before

    def begin(self) -> None:
        """What is under way is not shown."""

    def add(self, result: Result) -> None:
        """Shows it, and what had to wait for it."""
        self._came[result.check.id] = result
        while self._waiting and (first := self._came.pop(self._waiting[0], None)) is not None:
            del self._waiting[0]
            self._show(first)

    def end(self) -> None:
        """Shows what has waited in vain for others."""
        for id in self._waiting:
            if id in self._came:
                self._show(self._came.pop(id))

    def _show(self, result: Result) -> None:
        if not is_news(result, self._before):
            return
        rows = [_problem_row(result, problem) for problem in result.problems]
        self._terminal.table((), rows or [(result.status.value, result.check.id, result.seen, "")])


def is_news(result: Result, before: Mapping[str, Result]) -> bool:
    """Whether it is another than in the round before."""
    last = before.get(result.check.id)
    return last is None or (last.status, last.problems) != (result.status, result.problems)


def say_conclusion(terminal: Terminal, conclusion: Conclusion) -> None:
    """The summary on stderr: how many checks of each status, and what to do first."""
    terminal.heading(counts_text(conclusion))
    if conclusion.advice:
        terminal.say(advice_heading(conclusion))
        for number, advice in enumerate(conclusion.most_important, 1):
            terminal.say(f"  {number}. {printable(advice.hint)}")
            terminal.say(f"     {printable(advice_reason(advice))}")
        terminal.say(READ_ON)


def advice_heading(conclusion: Conclusion) -> str:
    """What stands in front of the advice."""
    return "What to do first:" if len(conclusion.advice) > 1 else "What to do:"


def advice_reason(advice: Advice) -> str:
    """What a piece of advice is about, and which checks give it."""
    return f"{advice.message}  [{', '.join(advice.checks)}]"


def counts_text(conclusion: Conclusion) -> str:
    """`1 error, 2 warnings, 30 ok`: what is bad comes first, and what there is none of is left out."""
    words = {
        Status.ERROR: ("error", "errors"),
        Status.WARNING: ("warning", "warnings"),
        Status.NOTE: ("note", "notes"),
        Status.OK: ("ok", "ok"),
        Status.SKIPPED: ("skipped", "skipped"),
    }
    return ", ".join(
        f"{conclusion.counts[status]} {one if conclusion.counts[status] == 1 else many}"
        for status, (one, many) in words.items()
        if conclusion.counts[status]
    )


def _problem_row(result: Result, problem: Problem) -> tuple[str, ...]:
    place = f"{problem.origin}: " if problem.origin is not None else ""
    return problem.severity.value, result.check.id, f"{place}{problem.message}", problem.hint

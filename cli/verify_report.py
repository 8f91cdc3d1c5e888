"""The results of `verify-cluster` as they come: lines in a pipe, nothing where a document follows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from sparkmesos_core.quoting import printable
from sparkmesos_core.verify.check import Status

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.verify.check import Check, Problem, Result
    from sparkmesos_core.verify.conclusion import Advice, Conclusion

DETAIL = "detail"
READ_ON = "More on each check: `sparkmesos verify-cluster --list --output json`"
_DURATION = re.compile(r"(?<![\w.])\d+(?:\.\d+)? (?:ms|s|min|h|d)\b")


class Report(Protocol):
    """Shows one round of checks."""

    def begin(self) -> None:
        """The checks are under way."""

    def add(self, result: Result) -> None:
        """Another result has come; they come in any order."""

    def end(self) -> None:
        """No more will come; those of an interrupted round are not there."""

    def pause(self, conclusion: Conclusion, seconds: float) -> None:
        """Returns after so many seconds, in which the next round is awaited; says so, and what has come."""


class NoReport:
    """For documents, which are written when everything is known; between two rounds stderr tells people.

    What is to be done is told when it is another than in the round before, which `before` holds by the ids.
    """

    def __init__(self, terminal: Terminal, before: Mapping[str, Result]) -> None:
        self._terminal = terminal
        self._before = before
        self._has_news = False

    def begin(self) -> None:
        """Nothing is shown."""

    def add(self, result: Result) -> None:
        """Nothing to show yet."""
        self._has_news |= is_news(result, self._before)

    def end(self) -> None:
        """Nothing was shown."""

    def pause(self, conclusion: Conclusion, seconds: float) -> None:
        """Says how many checks there are of each status, and what is to be done if that is new."""
        self._terminal.say(pause_text(conclusion, seconds))
        if self._has_news:
            _say_advice(self._terminal, conclusion)
        time.sleep(seconds)


class Lines:
    """A line for each check, or for each of its problems: status, id, what was seen or is wrong, and a hint.

    What shows a problem has lines of its own behind it, with DETAIL for a status. All are in the order of the
    checks, each as soon as those before it are there. What is as it was in the round before, which `before`
    holds by the ids, is left out.
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

    def pause(self, conclusion: Conclusion, seconds: float) -> None:
        """Says on stderr how many checks there are of each status; what is wrong is in the lines."""
        self._terminal.say(pause_text(conclusion, seconds))
        time.sleep(seconds)

    def _show(self, result: Result) -> None:
        if not is_news(result, self._before):
            return
        rows = [row for problem in result.problems for row in _problem_rows(result, problem)]
        self._terminal.table((), rows or [(result.status.value, result.check.id, result.seen, "")])


def is_news(result: Result, before: Mapping[str, Result]) -> bool:
    """Whether it is another than in the round before; that time has passed makes it none."""
    last = before.get(result.check.id)
    return last is None or (last.status, _timeless(last)) != (result.status, _timeless(result))


def _timeless(result: Result) -> list[tuple[object, ...]]:
    """Its problems, without the seconds, minutes and so on in their texts."""
    return [
        (
            each.severity,
            each.key,
            each.origin,
            *(_DURATION.sub("", text) for text in (each.message, each.hint, *each.details)),
        )
        for each in result.problems
    ]


def pause_text(conclusion: Conclusion, seconds: float) -> str:
    """The line while the next round is awaited."""
    return f"{counts_text(conclusion)}; looking again in {seconds:g} s"


def say_conclusion(terminal: Terminal, conclusion: Conclusion) -> None:
    """The summary on stderr: how many checks of each status, and what to do first."""
    terminal.heading(counts_text(conclusion))
    if conclusion.advice:
        terminal.say(advice_heading(conclusion))
        _say_advice(terminal, conclusion)
        terminal.say(READ_ON)


def _say_advice(terminal: Terminal, conclusion: Conclusion) -> None:
    for number, advice in enumerate(conclusion.most_important, 1):
        terminal.say(f"  {number}. {printable(advice.hint)}")
        terminal.say(f"     {printable(advice_reason(advice))}")


def advice_heading(conclusion: Conclusion) -> str:
    """What stands in front of the advice."""
    return "What to do first:" if len(conclusion.advice) > 1 else "What to do:"


def advice_reason(advice: Advice) -> str:
    """What a piece of advice is about and where that is, and which checks give it."""
    return f"{placed(advice)}  [{', '.join(advice.checks)}]"


def placed(what: Problem | Advice) -> str:
    """What is wrong, behind the place that it is about, if it is about one."""
    return what.message if what.origin is None else f"{what.origin}: {what.message}"


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


def _problem_rows(result: Result, problem: Problem) -> Iterator[tuple[str, ...]]:
    id = result.check.id
    yield problem.severity.value, id, placed(problem), problem.hint
    for line in problem.details:
        yield DETAIL, id, untabbed(line), ""


def untabbed(detail: str) -> str:
    """A line of somebody's output, whose tabs would be escapes here; Java has one before each frame."""
    return detail.replace("\t", "    ")

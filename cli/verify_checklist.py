"""The checklist of `verify-cluster` at a terminal, which fills in as results come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.quoting import printable
from sparkmesos_core.verify.check import Check, Problem, Result, Status

from .terminal import Terminal, encodable
from .verify_report import (
    READ_ON,
    advice_heading,
    advice_reason,
    counts_text,
    is_news,
    pause_text,
    placed,
    untabbed,
)

if TYPE_CHECKING:
    from sparkmesos_core.verify.check import Group as CheckGroup
    from sparkmesos_core.verify.conclusion import Conclusion

_REFRESHES_PER_SECOND = 10
_COLOURS = {
    Status.OK: "green",
    Status.NOTE: "cyan",
    Status.WARNING: "yellow",
    Status.ERROR: "red",
    Status.SKIPPED: "bright_black",
}
_MARKS = {
    Status.OK: "✓",
    Status.NOTE: "i",
    Status.WARNING: "!",
    Status.ERROR: "✗",
    Status.SKIPPED: "–",
}
_ASCII_MARKS = {**_MARKS, Status.OK: "+", Status.ERROR: "x", Status.SKIPPED: "-"}
_SHORTENED = "(in a pipe and with --output json there is more of it)"
_TO_DO = "→"
_ASCII_TO_DO = ">"


class Checklist:
    """Groups of checks in their order: those that are done stay, below them is what is still under way.

    What is as it was in the round before, which `before` holds by the ids, is not shown again: from the
    second round on, and between two, what is still wrong stands below instead, as far as there is room.
    """

    def __init__(self, terminal: Terminal, checks: Sequence[Check], before: Mapping[str, Result]) -> None:
        self._checks = checks
        self._groups: dict[CheckGroup, list[Check]] = {}
        for check in checks:
            self._groups.setdefault(check.group, []).append(check)
        self._results: dict[str, Result] = {}
        self._before = before
        self._file = stdout = terminal.stdout
        self._console = _console(terminal)
        plain = encodable("✓✗–→", stdout) != "✓✗–→"
        self._marks, self._to_do = (_ASCII_MARKS, _ASCII_TO_DO) if plain else (_MARKS, _TO_DO)
        self._spinner = Spinner("line" if plain else "dots")
        # A dumb terminal cannot draw over what it has shown.
        self._live = None if terminal.environment.get("TERM") == "dumb" else self._drawing(self._draw)
        self._terminal = terminal
        self._has_news = False

    def begin(self) -> None:
        """Shows what is under way, until `end` is called."""
        if self._live is not None:
            self._live.start()

    def add(self, result: Result) -> None:
        """Fills it in."""
        self._results[result.check.id] = result
        done: list[CheckGroup] = []
        for group, checks in self._groups.items():
            if any(check.id not in self._results for check in checks):
                break
            done.append(group)
        self._leave(done)

    def end(self) -> None:
        """Leaves what is there, and takes away what is under way."""
        try:
            self._leave(list(self._groups))
        finally:  # also if another Ctrl-C comes meanwhile: the terminal would stay without its cursor
            if self._live is not None:
                self._live.stop()

    def pause(self, conclusion: Conclusion, seconds: float) -> None:
        """Shows what is wrong, as far as there is room, and for how long yet; then it goes again."""
        if self._live is None:
            if self._has_news:  # a line for each look would push away what is wrong
                self._terminal.say(pause_text(conclusion, seconds))
            time.sleep(seconds)
            return
        until = time.monotonic() + seconds

        def draw() -> RenderableType:
            left = max(math.ceil(until - time.monotonic()), 0)
            line = _row(Text(), self._text(pause_text(conclusion, left), "bold"), wraps=False)
            return self._lasting(self._results, line)

        with self._drawing(draw):
            time.sleep(seconds)

    def _drawing(self, draw: Callable[[], RenderableType]) -> Live:
        """What draws over what it has drawn, and leaves nothing of it."""
        return Live(
            console=self._console,
            get_renderable=draw,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
        )

    def _leave(self, groups: Sequence[CheckGroup]) -> None:
        """Shows the results of these groups for good."""
        left: list[RenderableType] = []
        for group in groups:
            came = [self._results[check.id] for check in self._groups.pop(group) if check.id in self._results]
            news = [result for result in came if is_news(result, self._before)]
            if news:
                self._has_news = True
                left.append(self._heading(group))
                left += [
                    self._skipped(alike) if len(alike) > 1 else self._result(alike[0])
                    for alike in _gathered(news)
                ]
        if left:
            if self._live is not None:
                self._live.refresh()  # else what is printed has the old list below it for a moment
            self._console.print(Group(*left))

    def _draw(self) -> RenderableType:
        """What is under way: the first group check by check, the others in a line each."""
        if self._before:
            text = f"looking again: {len(self._results)} of {len(self._checks)}"
            line = _row(self._spinner, self._text(text, "bold"), wraps=False)
            return self._lasting({**self._before, **self._results}, line)
        groups = list(self._groups.items())
        if not groups:
            return Text("")  # of nothing at all rich would leave an empty line
        (first, checks), *others = groups
        # But for the headings, the cursor's line, and one that says what is left out.
        room = self._console.size.height - len(others) - 3
        pending = [check for check in checks if check.id not in self._results]
        shown = checks if len(checks) <= room else pending[: max(room, 1)]
        rows: list[RenderableType] = [self._heading(first), *map(self._brief, shown)]
        if len(shown) < len(checks):
            done = len(checks) - len(pending)
            rows.append(_indented(self._text(f"{done} of {len(checks)} are done", "bright_black"), 4))
        for group, of_group in others:
            done = sum(check.id in self._results for check in of_group)
            rows.append(self._text(f"{group.title}  {done} of {len(of_group)}", "bright_black"))
        return Group(*rows)

    def _lasting(self, results: Mapping[str, Result], line: RenderableType) -> RenderableType:
        """The errors and warnings for which there is room, the errors first, above a line."""
        came = [results[check.id] for check in self._checks if check.id in results]
        bad = [(problem, result.check) for result in came for problem in result.problems if _is_bad(problem)]
        bad.sort(key=lambda each: each[0].severity is not Severity.ERROR)
        # But for the line, that of the cursor, and one that says what is left out.
        room = self._console.size.height - 3
        rows: list[RenderableType] = []
        for number, (problem, check) in enumerate(bad):
            row = self._in_short(problem, check)
            room -= len(self._console.render_lines(row))
            if room < 0 and rows:
                rows.append(_indented(self._text(f"and {len(bad) - number} more", "bright_black"), 4))
                break
            rows.append(row)
        return Group(*rows, line)

    def _in_short(self, problem: Problem, check: Check) -> RenderableType:
        """What is wrong and what to do, without the lines that show it."""
        text = self._text(placed(problem)).append_text(self._text(f"  [{check.id}]", "bright_black"))
        head = self._marked(Status(problem.severity.value), text)
        to_do = _row(self._text(self._to_do), self._text(problem.hint), indent=5)
        return Group(head, to_do) if problem.hint else head

    def _brief(self, check: Check) -> RenderableType:
        result = self._results.get(check.id)
        if result is None:
            return _row(self._spinner, self._text(check.title, "bright_black"), wraps=False)
        return self._marked(result.status, self._text(check.title), wraps=False)

    def _heading(self, group: CheckGroup) -> Text:
        return self._text(group.title, "bold")

    def _result(self, result: Result) -> RenderableType:
        is_skipped = result.status is Status.SKIPPED
        line = self._text(result.check.title, "bright_black" if is_skipped else "")
        if result.problems:
            line.append_text(self._text(f"  [{result.check.id}]", "bright_black"))
        elif result.seen:
            line.append_text(self._text(f"  {result.seen}", "bright_black"))
        head = self._marked(result.status, line)
        return Group(head, *(self._problem(problem) for problem in result.problems))

    def _skipped(self, alike: Sequence[Result]) -> RenderableType:
        """One line for checks that were not made for the same reason."""
        text = self._text(f"{len(alike)} checks  {alike[0].seen}", "bright_black")
        return self._marked(Status.SKIPPED, text)

    def _problem(self, problem: Problem) -> RenderableType:
        colour = _COLOURS[Status(problem.severity.value)]
        rows: list[RenderableType] = [
            _indented(self._text(placed(problem), colour if _is_bad(problem) else ""), 4)
        ]
        if problem.hint:
            rows.append(_row(self._text(self._to_do), self._text(problem.hint), indent=5))
        shown = problem.brief or problem.details
        rows += [_indented(self._text(untabbed(line), "bright_black"), 6) for line in shown]
        if problem.brief:
            rows.append(_indented(self._text(_SHORTENED, "bright_black"), 6))
        return Group(*rows)

    def _marked(self, status: Status, text: Text, *, wraps: bool = True) -> RenderableType:
        mark = self._text(self._marks[status], f"bold {_COLOURS[status]}")
        return _row(mark, text, wraps=wraps)

    def _text(self, text: str, style: str = "") -> Text:
        return _text(text, self._file, style)


def show_conclusion(terminal: Terminal, conclusion: Conclusion) -> None:
    """The summary: how many checks of each status, and what to do first."""
    file = terminal.stdout
    rows: list[RenderableType] = [_text(counts_text(conclusion), file, "bold")]
    if conclusion.advice:
        rows.append(_text(advice_heading(conclusion), file, "bold"))
        for number, advice in enumerate(conclusion.most_important, 1):
            rows.append(_row(_text(f"{number}.", file), _text(advice.hint, file), indent=4))
            rows.append(_row(Text(), _text(advice_reason(advice), file, "bright_black"), indent=4))
        rows.append(_text(READ_ON, file))
    _console(terminal).print(Group(*rows))


def _console(terminal: Terminal) -> Console:
    """The console of stdout, with colours where the terminal may have some."""
    stdout = terminal.stdout
    no_colour = terminal.style("x", file=stdout, bold=True) == "x"
    return Console(file=stdout, no_color=no_colour, highlight=False)


def _text(text: str, file: TextIO, style: str = "") -> Text:
    """A text that the terminal neither obeys nor fails to encode."""
    return Text(encodable(printable(text), file), style=style)


def _gathered(results: Sequence[Result]) -> list[list[Result]]:
    """The results, those together that stand beside each other and were skipped for the same reason."""
    gathered: list[list[Result]] = []
    for result in results:
        last = gathered[-1][0] if gathered else None
        if last is not None and last.status is result.status is Status.SKIPPED and last.seen == result.seen:
            gathered[-1].append(result)
        else:
            gathered.append([result])
    return gathered


def _is_bad(problem: Problem) -> bool:
    return problem.severity is not Severity.NOTE


def _row(mark: RenderableType, text: Text, *, indent: int = 3, wraps: bool = True) -> RenderableType:
    """A text behind a mark; further lines of the text stand below its first."""
    row = Table.grid(padding=(0, 1))
    row.add_column(width=indent, justify="right")
    row.add_column(no_wrap=not wraps, overflow="fold" if wraps else "ellipsis")
    row.add_row(mark, text)
    return row


def _indented(text: Text, by: int) -> Padding:
    return Padding(text, (0, 0, 0, by), expand=False)

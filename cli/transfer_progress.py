"""How far a transfer is: a bar with rate and time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sparkmesos_core.upload.rate import Rate, duration_text, rate_text, seconds_left, size_text

from .terminal import Terminal

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_REFRESHES_PER_SECOND = 5
_BAR_COLUMNS = 30
_FIGURES_COLUMNS = 53
"""What the figures beside the bar may take, with the blanks around them."""
_FEWEST_BAR_COLUMNS = 8


class TransferProgress:
    """A `Progress` that tells on stderr.

    Who is quiet is told nothing. Without a terminal there is a line `first` seconds after a step began, one
    every `every` seconds from then on, even if nothing moves, and one at its end. `clock` is for the numbers.
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        first: float = 1.0,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terminal = terminal
        self._first = first
        self._every = every
        self._clock = clock
        self._step: _Step | None = None
        self._shown: _Bar | _Lines | None = None

    def begin(self, step: str, total: int | None) -> None:
        """A step begins; one that was not ended is."""
        self.end()
        self._step = _Step(step, total, self._clock)
        if self._terminal.verbosity < 0:
            return
        # A dumb terminal cannot draw over what it has shown.
        if self._terminal.stderr.isatty() and self._terminal.environment.get("TERM") != "dumb":
            self._shown = _Bar(self._step, self._terminal)
        else:
            self._shown = _Lines(self._step, self._terminal, self._first, self._every)

    def advance(self, count: int) -> None:
        """That many bytes more are done, or fewer if it is negative."""
        if (step := self._step) is not None:
            step.advance(count)

    def already(self, count: int) -> None:
        """That many bytes were done by an earlier run: they say nothing of how fast this one is."""
        if (step := self._step) is not None:
            step.already(count)
            if self._shown is not None:
                self._terminal.say(f"{step.name}: {size_text(count)} were there already")

    def end(self) -> None:
        """The step is over: what it showed goes, and a line says what was done."""
        step, shown = self._step, self._shown
        self._step = self._shown = None
        if shown is not None and step is not None:
            shown.end()
            self._terminal.say(step.summary())


class _Step:
    """One step, and the words for it."""

    def __init__(self, name: str, total: int | None, clock: Callable[[], float]) -> None:
        self.name = name
        self.total = total
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._done = 0
        self._most = 0
        self._before = 0
        self._rate = Rate()
        self._rate.note(self._began, 0)

    @property
    def done(self) -> int:
        """Bytes, with those of earlier runs."""
        return self._done

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            self._most = max(self._most, self._done)

    def already(self, count: int) -> None:
        with self._lock:
            self._before += count
            self._done += count
            self._most = max(self._most, self._done)

    def figures(self) -> str:
        """How far it is now, without its name. From one thread at a time."""
        with self._lock:
            done, before = self._done, self._before
        self._rate.note(self._clock(), done - before)
        per_second = self._rate.per_second()
        words = [self._amount(done)]
        if per_second is not None:
            words.append(rate_text(per_second))
        if self.total is not None and done < self.total and per_second is not None:
            left = seconds_left(self.total - done, per_second)
            words.append("stalled" if left is None else f"{duration_text(left)} left")
        return ", ".join(words)

    def summary(self) -> str:
        """What was done in the end."""
        done, seconds = self._done, self._clock() - self._began
        if self.total is not None and done < self.total:
            # Who fails takes back what it did; people have seen how far it got.
            return f"{self.name}: stopped at {self._amount(self._most)}"
        here = done - self._before
        rate = f", {rate_text(here / seconds)}" if seconds >= 0.1 else ""
        before = f"; {size_text(self._before)} were there already" if self._before else ""
        return f"{self.name}: {size_text(here)} in {duration_text(seconds)}{rate}{before}"

    def _amount(self, done: int) -> str:
        if self.total is None:
            return size_text(done)
        percent = min(done * 100 // self.total, 100) if self.total > 0 else 100
        return f"{size_text(done)} of {size_text(self.total)} ({percent} %)"


class _Lines:
    """Lines by a thread of their own: who transfers may be stuck for long, and that is worth a line."""

    def __init__(self, step: _Step, terminal: Terminal, first: float, every: float) -> None:
        self._step = step
        self._terminal = terminal
        self._waits = (first, every)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="progress", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _tell(self) -> None:
        wait, every = self._waits
        while not self._over.wait(wait):
            wait = every
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                self._terminal.say(f"{self._step.name}: {self._step.figures()}")


class _Bar:
    """A bar that rich draws again and again, at the end of what else is said."""

    def __init__(self, step: _Step, terminal: Terminal) -> None:
        from rich.console import Console
        from rich.live import Live

        self._step = step
        coloured = terminal.style("x", bold=True) != "x"
        console = Console(file=terminal.stderr, no_color=not coloured, highlight=False)
        self._columns = min(console.width - len(step.name) - _FIGURES_COLUMNS, _BAR_COLUMNS)
        self._live: Live = Live(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,  # that is data
        )
        self._live.start()

    def end(self) -> None:
        self._live.stop()

    def _draw(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 1))
        row.add_column(no_wrap=True, min_width=len(self._step.name))
        cells: list[RenderableType] = [Text(self._step.name)]
        # On a narrow terminal the numbers matter more than the bar.
        if self._columns >= _FEWEST_BAR_COLUMNS:
            row.add_column(no_wrap=True)
            done = max(self._step.done, 0)
            cells.append(ProgressBar(total=self._step.total, completed=done, width=self._columns))
        row.add_column(no_wrap=True, overflow="ellipsis")
        row.add_row(*cells, Text(self._step.figures()))
        return row

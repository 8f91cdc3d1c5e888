"""What commands print: data on stdout, talk on stderr, colours only for people."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import click

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.quoting import printable

JSON_VERSION = 1


@dataclass
class Terminal:
    """The streams of a command and how much it says on them."""

    verbosity: int = 0
    """-1 quiet, 0 normal, 1 and more verbose."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    in_place_of_spark: bool = False
    """Whether a drop-in for one of Spark's scripts asks: what is said on stdout is Spark's then."""

    @property
    def stdout(self) -> TextIO:
        """Where data goes. Raises SparkMesosError where the shell closed it: Python has none then."""
        if sys.stdout is None:
            raise _unwritable("it is closed")
        return sys.stdout

    @property
    def stderr(self) -> TextIO:
        """Where everything else goes."""
        return sys.stderr

    def data(self, text: str) -> None:
        """A line of data."""
        stdout = self.stdout
        try:
            click.echo(encodable(text, stdout), file=stdout)
            stdout.flush()
        except OSError as error:
            self.give_up_stdout()
            raise _unwritable(error.strerror or str(error)) from error

    def raw(self, content: bytes, *, error: bool = False) -> None:
        """Bytes of somebody else's, as they are: on stdout, or with `error` on stderr."""
        stream = self.stderr if error else self.stdout
        try:
            stream.flush()
            stream.buffer.write(content)
            stream.buffer.flush()
        except OSError as failure:
            if error:
                return  # as with our own talk, which nobody reads then
            self.give_up_stdout()
            raise _unwritable(failure.strerror or str(failure)) from failure

    def give_up_stdout(self) -> None:
        """Forgets what could not be written: Python would try again at its end, and spoil the exit code."""
        with contextlib.suppress(OSError, AttributeError):  # a stream of a test has no descriptor
            descriptor = sys.stdout.fileno()
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, descriptor)
            os.close(devnull)

    def flush(self) -> None:
        """Writes out what is still held back, before another program takes over the streams."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # as Python has it where the shell closed one
                stream.flush()

    def say(self, text: str) -> None:
        """A line for the person who waits; left out when quiet."""
        if self.verbosity >= 0:
            click.echo(text, file=self.stderr)

    def heading(self, text: str) -> None:
        """The line that begins a step of something longer; left out when quiet."""
        self.say(self.style(text, bold=True))

    def warn(self, text: str, *, hint: str = "") -> None:
        """A warning, with what to do about it; left out when quiet."""
        self.say(self.style("warning: ", fg="yellow", bold=True) + printable(text, keep="\n\t"))
        if hint:
            self.say(self.style("hint: ", fg="cyan", bold=True) + printable(hint, keep="\n\t"))

    def error(self, error: SparkMesosError) -> None:
        """An error with its hint; never left out."""
        message = printable(error.message, keep="\n\t")
        click.echo(self.style("error: ", fg="red", bold=True) + message, file=self.stderr)
        if error.hint:
            hint = printable(error.hint, keep="\n\t")
            click.echo(self.style("hint: ", fg="cyan", bold=True) + hint, file=self.stderr)

    def style(self, text: str, *, file: TextIO | None = None, **style: Any) -> str:
        """The text in the given click.style, if `file`, else stderr, is a terminal that may be coloured."""
        return click.style(text, **style) if self._coloured(file or self.stderr) else text

    def json(self, key: str, content: Any, **more: Any) -> None:
        """A machine-readable report: an envelope with its version and a key named for the content.

        `more` is what there is to say about that content.
        """
        envelope = {"version": JSON_VERSION, key: content, **more}
        text = json.dumps(envelope, indent=2, ensure_ascii=False)
        if encodable(text, self.stdout) != text:  # the escapes of `data` are not those of JSON
            text = json.dumps(envelope, indent=2)
        self.data(text)

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        file: TextIO | None = None,
        indent: int = 0,
        whole: int = 1,
    ) -> None:
        """A table on a terminal; in a pipe a line per row, tab-separated, without heading or indentation.

        Where a terminal is narrow the first `whole` columns stay in one piece.
        """
        file = file or self.stdout
        if not file.isatty():
            for row in rows:
                line = "\t".join(printable(cell) for cell in row)
                if file is sys.stdout:
                    self.data(line)
                else:
                    click.echo(encodable(line, file), file=file)
            return
        from rich.console import Console
        from rich.padding import Padding
        from rich.table import Column, Table
        from rich.text import Text

        # Nothing is cut off.
        headings = [
            Column(name, overflow="fold", no_wrap=index < whole) for index, name in enumerate(columns)
        ]
        table = Table(*headings, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(encodable(printable(cell), file)) for cell in row))
        Console(file=file, no_color=not self._coloured(file), highlight=False).print(
            Padding(table, (0, 0, 0, indent), expand=False)
        )

    @contextlib.contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Shows a person that something is being done that takes a while; a pipe is told nothing.

        What the block gets shows another text from then on.
        """
        if self.verbosity < 0 or not self.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console
        from rich.markup import escape

        console = Console(file=self.stderr, no_color=not self._coloured(self.stderr), highlight=False)
        with console.status(escape(text)) as status:
            yield lambda another: status.update(escape(printable(another)))

    def _coloured(self, file: TextIO) -> bool:
        # https://no-color.org: set and not empty means no colour.
        return (
            file.isatty() and not self.environment.get("NO_COLOR") and self.environment.get("TERM") != "dumb"
        )


def _unwritable(reason: str) -> SparkMesosError:
    return SparkMesosError(
        f"The result cannot be written to stdout: {reason}", hint="Direct stdout to where it can be written."
    )


def encodable(text: str, file: TextIO) -> str:
    """`text` with escapes for what the stream cannot carry: arguments and variables may hold any bytes."""
    encoding = file.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text

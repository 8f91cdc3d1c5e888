"""How text is written into a unit file so that systemd reads just that text.

The rules are in systemd.syntax(7) and systemd.service(5).

systemd takes a line apart into words at blanks, takes off quotes, reads C escapes, puts something else in
the place of `%` and a letter, and, in commands alone, of `$NAME`; a word `;` ends a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

# A word of these only needs no quotes. Not `;`, alone a separator, nor `#`, which begins a comment.
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./%$-]+")
_ESCAPES = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_TO_ESCAPE = re.compile(r'["\\\x01-\x1f\x7f]')
_CONTROL = re.compile(r"[\x01-\x1f\x7f]")


def command_line(program: str, arguments: Iterable[str]) -> str:
    """The value of ExecStart= that runs `program`, a path from the root, with these arguments.

    Raises UsageError for text that a unit file cannot hold.
    """
    # systemd looks for variables in arguments only, not in what it executes.
    return " ".join([_word(program), *(_word(one.replace("$", "$$")) for one in arguments)])


def assignment(name: str, value: str) -> str:
    """The value of Environment= that sets one variable. Raises UsageError as `command_line` does."""
    return _word(f"{name}={value}")


def path_word(path: str) -> str:
    """One of the paths of such as ReadWritePaths=. Raises UsageError as `command_line` does."""
    return _word(path)


def whole_line(text: str) -> str:
    """A value that is read to the end of its line, without quotes: a description, the path of a file.

    Raises UsageError for more than one line, and as `command_line` does.
    """
    _check(text)
    if _CONTROL.search(text):
        raise UsageError(f"{quoted(text)} has control characters in it", hint=_HINT)
    return text.replace("%", "%%")


def _word(text: str) -> str:
    _check(text)
    text = text.replace("%", "%%")
    if _PLAIN.fullmatch(text):
        return text
    return '"' + _TO_ESCAPE.sub(_escaped, text) + '"'


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0]) or f"\\x{ord(match[0]):02x}"


def _check(text: str) -> None:
    if "\0" in text:
        raise UsageError(f"{quoted(text)} has a NUL in it", hint=_HINT)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{quoted(text)} is not Unicode", hint=_HINT) from None


_HINT = "No unit file can hold it: put it into a file, such as the properties file."

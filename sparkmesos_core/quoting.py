"""What a user wrote, made fit for a message and a terminal."""

from __future__ import annotations

_LONGEST = 80


def quoted(text: str, longest: int = _LONGEST) -> str:
    """`text` in single quotes: one line, printable, at most `longest` characters and an ellipsis."""
    shown = printable(text[:longest])
    return f"'{shown}…'" if len(text) > longest else f"'{shown}'"


def printable(text: str, keep: str = "") -> str:
    """`text` with escapes in the place of control characters and of lone surrogates, but for those in `keep`.

    A terminal obeys the former, and takes some of them for text that reads from right to left; no encoder
    takes the latter.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")

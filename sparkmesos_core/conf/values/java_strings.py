"""What Java and Scala call trimming and splitting, which differ from Python's `strip` and `split`."""

from __future__ import annotations

import re

_TRIMMED = "".join(map(chr, range(0x21)))


def trim(text: str) -> str:
    """`text` without what `String.trim` takes off: all of U+0000 to U+0020, no other blank."""
    return text.strip(_TRIMMED)


def split(text: str, separator: str | re.Pattern[str]) -> list[str]:
    """The parts as `String.split` makes them.

    Empty parts at the end are dropped, so that `",".split(",")` has no part at all, but the empty text has
    one, itself.
    """
    if not text:
        return [text]
    parts = text.split(separator) if isinstance(separator, str) else separator.split(text)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def to_sequence(text: str) -> list[str]:
    """The items of a comma list: trimmed, empty ones dropped (`Utils.stringToSeq`)."""
    return [item for part in text.split(",") if (item := trim(part))]

"""Java `.properties` files as Spark reads them.

Syntax: the documentation of `java.util.Properties.load(Reader)`. Spark reads the file as UTF-8 and trims
the values (`Utils.getPropertiesFromFile`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sparkmesos_core.errors import UsageError

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_BLANKS = " \t\f"


def parse_properties(text: str) -> dict[str, str]:
    r"""The properties in `text`, the last one of a name winning.

    Raises UsageError for a malformed `\uXXXX`.
    """
    properties: dict[str, str] = {}
    for line in _logical_lines(text):
        key, value = _split(line)
        properties[_unescape(key)] = _unescape(value).strip(_BLANKS)
    return properties


def read_properties(path: Path) -> dict[str, str]:
    """The properties in a file. Raises UsageError, naming the file, if it cannot be read or understood."""
    try:
        return parse_properties(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The properties file {path} cannot be read: {error.strerror}",
            hint="Correct its path or its permissions.",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The properties file {path} is not UTF-8 (byte {error.start})", hint="Spark reads it as UTF-8."
        ) from error
    except UsageError as error:
        raise UsageError(
            f"The properties file {path} is malformed: {error.message}", hint=error.hint
        ) from error


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments, a line that ends in an odd number of backslashes joined to the next."""
    natural = iter(re.split(r"\r\n|\n|\r", text))
    for line in natural:
        line = line.lstrip(_BLANKS)
        if not line or line[0] in "#!":
            continue
        while _continues(line):
            line = line[:-1] + next(natural, "").lstrip(_BLANKS)
        yield line


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _split(line: str) -> tuple[str, str]:
    """Key and value of a logical line, both still escaped."""
    end = 0
    while end < len(line) and line[end] not in "=:" + _BLANKS:
        end += 2 if line[end] == "\\" else 1
    rest = line[end:].lstrip(_BLANKS)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(_BLANKS)
    return line[:end], rest


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\(u.{0,4}|.?)", _unescape_one, text, flags=re.DOTALL)


def _unescape_one(match: re.Match[str]) -> str:
    escaped = match[1]
    if not escaped.startswith("u"):
        return _ESCAPES.get(escaped, escaped)
    if not re.fullmatch(r"u[0-9A-Fa-f]{4}", escaped):
        raise UsageError(rf"\{escaped} is not an escape", hint=r"Write \uXXXX with four hexadecimal digits.")
    return chr(int(escaped[1:], 16))

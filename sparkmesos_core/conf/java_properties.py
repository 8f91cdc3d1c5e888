"""Java `.properties` files as Spark reads them.

Syntax: the documentation of `java.util.Properties.load(Reader)`, and what OpenJDK 17 makes of the cases that
it leaves open. Spark reads the file as UTF-8 and trims the values (`Utils.getPropertiesFromFile`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.regular_files import read_regular_file

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_BLANKS = " \t\f"
_BYTE_ORDER_MARK = "\ufeff"
# Since 2.4.3; older ones trim line ends, too, which only matters for a value that ends in an escaped one.
_TRIMMED = "".join(chr(code) for code in range(0x21) if chr(code) not in "\r\n")
_SURROGATES = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("([\ud800-\udbff])([\udc00-\udfff])")


def parse_properties(text: str, name: str) -> list[Setting]:
    r"""All properties in `text` in order; where a name comes twice, Java takes the last.

    `name` is the file's, for the origins and for errors. Bytes that are not UTF-8 are expected as Python's
    surrogate escapes: in a comment they do no harm.

    Raises UsageError, naming file and line, for a malformed `\uXXXX`, for what is not UTF-8 and for a byte
    order mark, which Java takes for a part of the first name.
    """
    if text.startswith(_BYTE_ORDER_MARK):
        raise UsageError(
            f"{name}:1 begins with a byte order mark, which Spark takes for a part of the first line",
            hint="Save the file as UTF-8 without a byte order mark.",
        )
    return [_setting(line, number, name) for number, line in _logical_lines(text)]


def read_properties_file(path: Path) -> list[Setting]:
    """The properties in a file. Raises UsageError, naming the file, if it cannot be read or understood."""
    try:
        content = read_regular_file(path)
    except OSError as error:
        raise UsageError(
            f"The properties file {path} cannot be read: {error.strerror}",
            hint="Correct its path or its permissions. Spark reads regular files only.",
        ) from error
    return parse_properties(content.decode("utf-8", "surrogateescape"), str(path))


def _setting(line: str, number: int, name: str) -> Setting:
    key, value = _split(line)
    try:
        return Setting(
            _unescape(key), _unescape(value).strip(_TRIMMED), Origin(Source.FILE, name, line=number)
        )
    except UsageError as error:
        raise UsageError(f"{name}:{number} is malformed: {error.message}", hint=error.hint) from error


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Where they begin and what they hold: no comments, and a backslash at the end joins the next line."""
    parts: list[str] = []
    start = 0
    for number, natural in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        line = natural.lstrip(_BLANKS)
        if not parts:
            if not line or line[0] in "#!":
                continue
            start = number
        if not _continues(line):
            yield start, "".join([*parts, line])
            parts = []
        elif len(line) > 1:  # a backslash alone begins nothing
            parts.append(line[:-1])
    if parts:
        yield start, "".join(parts)


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
    """The text with its escapes resolved; two that are halves of one character make that character."""
    if _SURROGATES.search(text):
        raise UsageError("it is not UTF-8", hint="Spark reads the file as UTF-8: save it so.")
    if "\\" not in text:
        return text
    text = re.sub(r"\\(u.{0,4}|.?)", _unescape_one, text, flags=re.DOTALL)
    text = _PAIR.sub(
        lambda pair: (pair[1] + pair[2]).encode("utf-16", "surrogatepass").decode("utf-16"), text
    )
    if lone := _SURROGATES.search(text):
        raise UsageError(
            rf"\u{ord(lone[0]):04x} is half a character",
            hint="A character beyond U+FFFF takes two escapes; or write it as it is, in UTF-8.",
        )
    return text


def _unescape_one(match: re.Match[str]) -> str:
    escaped = match[1]
    if not escaped.startswith("u"):
        return _ESCAPES.get(escaped, escaped)
    if not re.fullmatch(r"u[0-9A-Fa-f]{4}", escaped):
        raise UsageError(
            "a backslash and u without four hexadecimal digits",
            hint=r"Write \uXXXX, or double the backslash.",
        )
    return chr(int(escaped[1:], 16))

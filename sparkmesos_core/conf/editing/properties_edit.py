"""Putting entries into the text of a properties file, and leaving everything else as it is. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sparkmesos_core.conf.editing.entries import Conflict, Edit, Entry
from sparkmesos_core.conf.java_properties import parse_properties
from sparkmesos_core.conf.setting import Setting
from sparkmesos_core.errors import UsageError
from sparkmesos_core.redaction import REDACTED, is_secret_name, redact_text

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_SPECIAL = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def set_properties(text: str, entries: Sequence[Entry], name: str, *, replace: bool = False) -> Edit:
    """The text of the file `name` with these entries.

    What is there stays: comments, order, line endings. A property that has another value stays, too, and is a
    conflict, unless it is to be replaced; of several definitions of one property the last counts, and is the
    one that is replaced. Raises UsageError for a text that is no properties file.
    """
    settings = parse_properties(text, name)
    before = {setting.key: setting for setting in settings}
    lines = _LINE.findall(text)
    ending = _line_ending(lines)
    conflicts: list[Conflict] = []
    added: list[str] = []
    wanted: dict[str, str] = {}
    for entry in entries:
        present = before.get(entry.name)
        if present is None and entry.only_correct:
            continue
        if present is not None and (entry.only_add or present.value == entry.value):
            continue
        if present is None:
            added.append(format_property(entry.name, entry.value) + ending)
        elif replace:
            first, end = _extent(lines, present)
            lines[first:end] = [
                format_property(entry.name, entry.value) + ending,
                *([""] * (end - first - 1)),  # so that later lines keep their numbers
            ]
        else:
            conflicts.append(Conflict(entry, present.origin.line or 0, present.value))
            continue
        wanted[entry.name] = entry.value
    if not wanted:
        return Edit(text, conflicts=tuple(conflicts))
    edited = "".join(lines)
    if added:
        edited += _gap(edited, ending) + "".join(added)
    after = {setting.key: setting.value for setting in parse_properties(edited, name)}
    if after != {**{key: setting.value for key, setting in before.items()}, **wanted}:
        raise UsageError(
            f"{name} cannot be changed without changing more than {', '.join(wanted)}",
            hint="Edit it by hand.",
        )
    return Edit(edited, wanted, tuple(conflicts))


def format_property(name: str, value: str) -> str:
    """The line that sets a property, as Spark's own examples are written: name, blanks, value."""
    escaped = "".join(_SPECIAL.get(character, character) for character in value)
    if escaped[:1] in ("=", ":", " "):
        escaped = "\\" + escaped
    return f"{name:<33} {escaped}".rstrip(" ") if not value.endswith(" ") else f"{name:<33} {escaped}"


def redacted_properties(text: str, name: str) -> list[str]:
    """The lines of a properties file without their endings and with secret values replaced by `***`."""
    lines = _LINE.findall(text)
    shown = [_redacted_comment(line.rstrip("\r\n")) for line in lines]
    for setting in parse_properties(text, name):
        value = REDACTED if is_secret_name(setting.key) else redact_text(setting.value)
        first, end = _extent(lines, setting)
        # Where it is written with backslashes, its lines do not look like what has to be hidden.
        escaped = value != setting.value and any("\\" in line for line in lines[first:end])
        if value == REDACTED or escaped:
            shown[first] = f"{setting.key} {value}"
            shown[first + 1 : end] = [REDACTED] * (end - first - 1)
    return shown


def _redacted_comment(line: str) -> str:
    # A secret that was commented out is a secret still.
    match = re.match(r"[ \t\f]*[#!][#! \t\f]*([^\s=:]+)(?=[\s=:])", line)
    if match and is_secret_name(match[1]) and "." in match[1]:
        return f"{match[0]} {REDACTED}"
    return redact_text(line)


def _extent(lines: Sequence[str], setting: Setting) -> tuple[int, int]:
    """The natural lines of a setting, as a range from 0."""
    first = (setting.origin.line or 1) - 1
    end = first
    while end < len(lines) and _continues(lines[end]):
        end += 1
    return first, min(end + 1, len(lines))


def _continues(line: str) -> bool:
    line = line.rstrip("\r\n")
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _line_ending(lines: Sequence[str]) -> str:
    for line in lines:
        if line[-1:] in "\r\n":
            return line[len(line.rstrip("\r\n")) :]
    return "\n"


def _gap(text: str, ending: str) -> str:
    """What has to stand between a text and a line that is added to it."""
    last = _LINE.findall(text)[-1:]
    if not last:
        return ""
    gap = "" if last[0][-1:] in "\r\n" else ending
    if not _continues(last[0]):
        return gap
    # An empty line ends it. Behind a CR a line feed would not be one, but the end of the same line.
    return gap + ("\r" if not gap and text.endswith("\r") else ending)

"""Putting exports into the text of a spark-env.sh, and leaving everything else as it is. No I/O."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from sparkmesos_core.conf.editing.entries import Conflict, Edit, Entry
from sparkmesos_core.conf.editing.shell_assignments import find_assignments
from sparkmesos_core.redaction import REDACTED, is_secret_name, redact_text

_COMMENT = re.compile(r"([ \t]*#[# \t]*(?:-[ \t]*)?(?:export[ \t]+)?([A-Za-z_]\w*)=).*")


def set_exports(text: str, entries: Sequence[Entry], name: str, *, replace: bool = False) -> Edit:
    """The text of the script `name` with these variables exported.

    What is there stays. A variable that the script gives another value, or one that only the shell can tell,
    is a conflict, unless it is to be replaced: in its place if that decides, else by a line at the end.
    `NAME=value` counts as well as `export NAME="value"`, since Spark exports all that spark-env.sh assigns
    (`set -a` in bin/load-spark-env.sh). Raises UsageError for a script with quotes that do not end.
    """
    last = {assignment.name: assignment for assignment in find_assignments(text, name)}
    conflicts: list[Conflict] = []
    added: list[str] = []
    wanted: dict[str, str] = {}
    replaced: list[tuple[int, int, str]] = []
    for entry in entries:
        present = last.get(entry.name)
        word = f"{entry.name}={shlex.quote(entry.value)}"
        if present is None and entry.only_correct:
            continue
        if present is not None:
            if entry.only_add or (present.certain and present.value == entry.value):
                continue
            if not replace:
                known = present.value if present.certain else None
                conflicts.append(Conflict(entry, present.line, known))
                continue
        if present is not None and present.is_replaceable:
            replaced.append((present.start, present.end, word))
        else:
            added.append(f"export {word}\n")
        wanted[entry.name] = entry.value
    for start, end, word in sorted(replaced, reverse=True):
        text = text[:start] + word + text[end:]
    if added:
        text += _gap(text) + "".join(added)
    return Edit(text, wanted, tuple(conflicts))


def redacted_script(text: str, name: str) -> list[str]:
    """The lines of a script without their endings and with secret values replaced by `***`."""
    done = 0
    parts: list[str] = []
    for assignment in find_assignments(text, name):
        if is_secret_name(assignment.name) and assignment.start >= done:
            value = text[assignment.start : assignment.end]
            hidden = f"{assignment.name}={REDACTED}" + f"\n{REDACTED}" * value.count("\n")
            parts += [text[done : assignment.start], hidden if "=" in value else value]
            done = assignment.end
    shown = "".join([*parts, text[done:]])
    return [_redacted_comment(line) for line in shown.removesuffix("\n").split("\n")] if text else []


def _redacted_comment(line: str) -> str:
    # A secret that was commented out is a secret still.
    if (match := _COMMENT.fullmatch(line)) and is_secret_name(match[2]):
        return match[1] + REDACTED
    return redact_text(line)


def _gap(text: str) -> str:
    """What has to stand between a script and a line that is added to it."""
    if not text:
        return ""
    body = text.removesuffix("\n")
    continues = (len(body) - len(body.rstrip("\\"))) % 2 == 1
    return ("" if text.endswith("\n") else "\n") + ("\n" if continues else "")

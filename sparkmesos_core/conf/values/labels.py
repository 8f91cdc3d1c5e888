r"""Labels of tasks, drivers and networks: `key:value,key2:value2`, with `\,` and `\:` inside a piece."""

from __future__ import annotations

import re
from typing import NamedTuple

from sparkmesos_core.conf.values.java_strings import split
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

_COMMA = re.compile(r"(?<!\\),")
_COLON = re.compile(r"(?<!\\):")


class Label(NamedTuple):
    """One label, unescaped."""

    key: str
    value: str


def parse_labels(text: str) -> tuple[Label, ...]:
    r"""The labels in `text`, in its order; none in the empty text (`MesosProtoUtils.mesosLabels`).

    A comma or colon behind a backslash belongs to the key or value. Blanks are never taken off. Raises
    UsageError for a label without exactly two pieces; an empty value cannot be written.
    """
    if not text:
        return ()
    labels = []
    for written in split(text, _COMMA):
        pieces = split(written, _COLON)
        if len(pieces) != 2:
            raise UsageError(f"{quoted(written)} is not a label: {_reason(written, pieces)}", hint=_HINT)
        labels.append(Label(*(piece.replace("\\,", ",").replace("\\:", ":") for piece in pieces)))
    return tuple(labels)


_HINT = r"Write KEY:VALUE,KEY:VALUE and put a backslash before a comma or colon inside one: a:b\:c."


def _reason(written: str, pieces: list[str]) -> str:
    if not written:
        return "it is empty"
    if len(pieces) > 2:
        return "it has more than one colon"
    return "it has no value" if _COLON.search(written) else "it has no colon"

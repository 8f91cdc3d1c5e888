"""The JSON of a request: text in, values out in which each number is the text that it was written as."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.dispatcher.rest.problems import RequestError

_MALFORMED = "Malformed request: "
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Number(str):
    """A number, as it was written."""

    __slots__ = ()


@dataclass(frozen=True)
class Body:
    """The object that a request consists of."""

    fields: Mapping[str, Any]
    repeated: tuple[str, ...]
    """The keys of the object itself that occur more than once; the last one of each counts."""


class _Object(dict[str, Any]):
    repeated: tuple[str, ...] = ()


def parse_body(body: bytes) -> Body:
    """The object in a body. Raises RequestError for everything that is none, whatever it is."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"{_MALFORMED}the body is not UTF-8 (byte {error.start})") from None
    try:
        value = _DECODER.decode(text)
        broken = "\\u" in text and _LONE_SURROGATE.search(json.dumps(value, ensure_ascii=False))
    except json.JSONDecodeError as error:
        raise RequestError(
            f"{_MALFORMED}the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    except RecursionError:
        raise RequestError(f"{_MALFORMED}the body is nested too deeply") from None
    except ValueError as error:
        raise RequestError(f"{_MALFORMED}the body is not JSON: {error}") from None
    if not isinstance(value, _Object):
        raise RequestError(f"{_MALFORMED}the body is no JSON object, so it has no field 'action'")
    if broken:
        raise RequestError(f"{_MALFORMED}the body holds half a surrogate pair, which is no character")
    return Body(value, value.repeated)


def text_of(value: object) -> str | None:
    """What Spark takes for a text: also numbers and booleans, as they are written. None for the rest."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        made.repeated = tuple(key for key, count in counts.items() if count > 1)
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_no_constant
)

"""The JSON in the body of a call, or Mesos' own words for why there is none."""

from __future__ import annotations

import json
import math
import re
from typing import Any, overload

JsonObject = dict[str, Any]

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class CallRefused(Exception):
    """A call that is answered with an HTTP error: its status code and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@overload
def parse_body(body: bytes) -> JsonObject: ...
@overload
def parse_body(body: bytes, kind: type[dict[str, Any]] | type[list[Any]]) -> Any: ...
def parse_body(body: bytes, kind: type[dict[str, Any]] | type[list[Any]] = dict) -> Any:
    """The JSON object (or array) in a call's body; CallRefused with Mesos' wording if there is none."""
    text = body.decode("utf-8", errors="replace")
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        line = text.count("\n", 0, error.pos) + 1
        near = text[error.pos + _literal_prefix(text[error.pos :]) :]
        raise CallRefused(
            400, f"Failed to parse body into JSON: syntax error at line {line} near: {near}"
        ) from None
    except RecursionError:
        raise CallRefused(400, "Failed to parse body into JSON: too deeply nested") from None
    except ValueError as error:
        raise CallRefused(400, f"Failed to parse body into JSON: {error}") from None
    if not isinstance(value, kind):
        expected = "Object" if kind is dict else "Array"
        raise CallRefused(400, f"Failed to parse body into JSON: JSON::{expected} expected")
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise CallRefused(
                400, "Failed to parse body into JSON: half of a surrogate pair is no character"
            ) from None
    return value


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number in JSON")


def _finite(text: str) -> float:
    """What is too large for a double would come out as `Infinity`, which no client can read."""
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _literal_prefix(text: str) -> int:
    """How much Mesos' parser swallows before it sees that this is not `null`, `true` or `false`."""
    for literal in ("null", "true", "false"):
        if text[:1] == literal[0]:
            return next((i for i, c in enumerate(literal) if text[i : i + 1] != c), len(literal))
    return 0

"""Times: `10s`, `500ms`, `2h`.

As Spark reads them (`JavaUtils.timeStringAs`): whole numbers, which may be negative, and a unit in any case.
"""

from __future__ import annotations

import re

from sparkmesos_core.conf.values.java_strings import trim
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

_TIME = re.compile(r"(-?)([0-9]+)([a-z]*)")
_MICROSECONDS = {
    "us": 1,
    "ms": 10**3,
    "s": 10**6,
    "m": 60 * 10**6,
    "min": 60 * 10**6,
    "h": 3600 * 10**6,
    "d": 24 * 3600 * 10**6,
}
_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)
_HINT = "Write a whole number and a unit: us, ms, s, m (or min), h or d, as in 500ms or 2h."


def parse_duration(text: str, unit: str) -> int:
    """The time in `unit` ("us", "ms" or "s"), which is also what a bare number is in.

    As in Java, a part of a unit is cut off, towards zero, and what does not fit into 64 bits becomes the
    largest (or smallest) number that does. Raises UsageError for what is no time.
    """
    match = _TIME.fullmatch(trim(text.lower()))
    if match is None:
        if not trim(text):
            raise UsageError("The time is empty", hint=_HINT)
        raise UsageError(f"{quoted(text)} is not a time", hint=_HINT)
    sign = -1 if match[1] else 1
    digits = match[2].lstrip("0") or "0"
    if len(digits) > len(str(_LARGEST)) or not _SMALLEST <= sign * int(digits) <= _LARGEST:
        raise UsageError(f"The time {quoted(text)} is longer than Spark can count", hint=_HINT)
    written = match[3] or unit
    if written not in _MICROSECONDS:
        raise UsageError(f"{quoted(text)} is not a time: there is no unit {quoted(written)}", hint=_HINT)
    whole = sign * (int(digits) * _MICROSECONDS[written] // _MICROSECONDS[unit])
    return max(_SMALLEST, min(_LARGEST, whole))

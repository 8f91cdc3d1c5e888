"""Sizes of memory and storage: `512m`, `2g`, `64kb`.

As Spark reads them (`JavaUtils.byteStringAs`): whole numbers, binary multiples, any case, no sign.
"""

from __future__ import annotations

import re

from sparkmesos_core.conf.values.java_strings import trim
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

_SIZE = re.compile(r"([0-9]+)([a-z]*)")
_FRACTION = re.compile(r"[0-9]*\.[0-9]+[a-z]*")
_POWERS = {"b": 0, "k": 1, "kb": 1, "m": 2, "mb": 2, "g": 3, "gb": 3, "t": 4, "tb": 4, "p": 5, "pb": 5}
_LARGEST = 2**63 - 1
_LARGEST_MEBIBYTES = 2**31 - 1
_MEBIBYTE = 2**20
_HINT = "Write a whole number and a unit: b, k, m, g, t or p, as in 512m or 2g."


def parse_size(text: str, bare: str = "b") -> int:
    """The bytes that `text` means; a number without a unit is in `bare`, one of b, k, m, g, t and p.

    Raises UsageError for what is no size and for more than 2^63 - 1 bytes.
    """
    size = _in_bytes(text, bare)
    if size > _LARGEST:
        raise _too_large(text)
    return size


def parse_mebibytes(text: str, bare: str = "m") -> int:
    """The whole MiB in `text`, rounded down; a number without a unit is in `bare`.

    Most properties take a bare number as MiB. Heap sizes (`spark.driver.memory`, `spark.executor.memory`) are
    what the JVM's -Xmx takes: there a bare number means bytes (`Utils.memoryStringToMb`), so `bare` is "b".
    Raises UsageError for what is no size and for more than 2^31 - 1 MiB, where Spark's own numbers end.
    """
    mebibytes = _in_bytes(text, bare) // _MEBIBYTE
    if mebibytes > _LARGEST_MEBIBYTES:
        raise _too_large(text)
    return mebibytes


def _in_bytes(text: str, bare: str) -> int:
    lower = trim(text.lower())
    match = _SIZE.fullmatch(lower)
    if match is None:
        raise _not_a_size(text, lower)
    digits = match[1].lstrip("0") or "0"
    if len(digits) > len(str(_LARGEST)) or int(digits) > _LARGEST:
        raise _too_large(text)
    unit = match[2] or bare
    if unit not in _POWERS:
        raise UsageError(f"{quoted(text)} is not a size: there is no unit {quoted(unit)}", hint=_HINT)
    return int(digits) << (10 * _POWERS[unit])


def _not_a_size(text: str, lower: str) -> UsageError:
    if not lower:
        return UsageError("The size is empty", hint=_HINT)
    if _FRACTION.fullmatch(lower):
        return UsageError(f"{quoted(text)} is not a size: Spark takes no fractions", hint=_HINT)
    if lower[0] == "-":
        return UsageError(f"{quoted(text)} is not a size: it is negative", hint=_HINT)
    return UsageError(f"{quoted(text)} is not a size", hint=_HINT)


def _too_large(text: str) -> UsageError:
    return UsageError(f"The size {quoted(text)} is larger than Spark can count", hint=_HINT)

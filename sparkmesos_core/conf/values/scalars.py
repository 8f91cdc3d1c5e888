"""Booleans, numbers and choices, as Java and Spark read them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from sparkmesos_core.conf.values.java_strings import trim
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

# Compiled when they are first used. \d is any decimal digit of Unicode, as in Java.
_INTEGER = r"[+-]?\d+"
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?"
_HEXADECIMAL = r"[+-]?0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+[fFdD]?"
_NOT_FINITE = r"[+-]?(?:NaN|Infinity)"
_MOST_DIGITS = 19
"""Of a 64-bit integer."""


def parse_boolean(text: str) -> bool:
    """`true` or `false` in any case; Spark takes nothing else, no `yes` and no `1`.

    Raises UsageError for everything else.
    """
    lower = trim(text).lower()
    if lower not in ("true", "false"):
        raise UsageError(f"{quoted(text)} is neither true nor false", hint="Write true or false.")
    return lower == "true"


def parse_integer(text: str, bits: int = 32) -> int:
    """A whole number that fits into `bits` bits: Java's int (32) or long (64).

    Raises UsageError for what is no whole number and for one that does not fit.
    """
    stripped = trim(text)
    if not re.fullmatch(_INTEGER, stripped):
        raise UsageError(f"{quoted(text)} is not a whole number", hint="Write digits only, as in 8.")
    negative = stripped[0] == "-"
    digits = _without_leading_zeros(stripped.lstrip("+-"))
    limit = 1 << (bits - 1)
    number = int(digits) if len(digits) <= _MOST_DIGITS else limit + 1
    if number > limit - (not negative):
        raise UsageError(
            f"The number {quoted(text)} is out of range",
            hint=f"Spark takes whole numbers from {-limit} to {limit - 1} here.",
        )
    return -number if negative else number


def parse_number(text: str) -> float:
    """A number with or without a fraction, as `Double.parseDouble` takes it: `0.5`, `2`, `1e3`, `1.5f`.

    Raises UsageError for what is no number, and for those that Java knows but that mean nothing anywhere in
    Spark's configuration: NaN, Infinity and what is too large for a Double.
    """
    number = java_double(text)
    if number is None:
        raise UsageError(f"{quoted(text)} is not a number", hint="Write a number, as in 2 or 0.5.")
    if not math.isfinite(number):
        raise UsageError(f"{quoted(text)} is not a finite number", hint="Write a number, as in 2 or 0.5.")
    return number


def java_int(text: str) -> int | None:
    """What `Integer.parseInt` makes of a text: no blanks, digits of any script, 32 bits; None if nothing."""
    if not re.fullmatch(r"[+-]?\d{1,1000}", text):
        return None
    number = int(text)
    return number if -(2**31) <= number < 2**31 else None


def java_double(text: str) -> float | None:
    """What `Double.parseDouble` makes of `text`, NaN and infinities included; None if it refuses it."""
    stripped = trim(text)
    if re.fullmatch(_NUMBER, stripped):
        return float(stripped.rstrip("fFdD"))
    if re.fullmatch(_NOT_FINITE, stripped):
        return float(stripped.replace("Infinity", "inf"))
    if re.fullmatch(_HEXADECIMAL, stripped):
        head, _, exponent = stripped.lower().partition("p")
        return _hexadecimal(head, exponent.rstrip("fd"))
    return None


def parse_choice(text: str, names: Sequence[str], *, any_case: bool = False) -> str:
    """One of `names`, exactly as it is there; Spark compares most choices case-sensitively and untrimmed.

    Raises UsageError, which names the nearest one, for anything else.
    """
    if text in names:
        return text
    alike = [name for name in names if name.lower() == trim(text).lower()]
    if alike and any_case:
        return alike[0]
    near = alike or _nearest(text[:100], names)
    listed = " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    meant = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(f"{quoted(text)} is not one of {', '.join(names)}", hint=f"Write {listed}.{meant}")


def _nearest(text: str, names: Sequence[str]) -> list[str]:
    from difflib import get_close_matches  # only a mistake needs it

    return get_close_matches(text, names, 1)


def _without_leading_zeros(digits: str) -> str:
    start = 0
    while start < len(digits) - 1 and int(digits[start]) == 0:
        start += 1
    return digits[start:]


def _hexadecimal(mantissa: str, exponent: str) -> float:
    """`mantissa` (0x…) times two to the power of `exponent`, both well-formed, however long."""
    try:
        return float.fromhex(f"{mantissa}p{exponent}")
    except OverflowError:
        return -math.inf if mantissa.startswith("-") else math.inf

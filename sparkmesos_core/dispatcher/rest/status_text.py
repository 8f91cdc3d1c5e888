"""The text form of a TaskStatus, which Spark's dispatcher gives as the message of a status.

It is what protobuf's TextFormat makes of it, in the order of the fields' numbers in `mesos.proto`. Clients
look for `state: TASK_…` in it.
"""

from __future__ import annotations

import base64
import binascii
import math
from decimal import Decimal

from sparkmesos_core.durable_framework.task_status import TaskStatus

_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 39: "'", 92: "\\"}
# Java writes doubles from here on, and below the second, with an exponent.
_LARGE, _SMALL = 1e7, 1e-3


def status_text(status: TaskStatus) -> str:
    """The status over several lines, each ended."""
    text = f"task_id {{\n  value: {_quoted(status.task_id)}\n}}\nstate: {status.state}\n"
    if status.message:
        text += f"message: {_quoted(status.message)}\n"
    if status.agent_id:
        text += f"slave_id {{\n  value: {_quoted(status.agent_id)}\n}}\n"
    if status.timestamp:
        text += f"timestamp: {java_double_text(status.timestamp)}\n"
    if status.source:
        text += f"source: {status.source}\n"
    if status.reason:
        text += f"reason: {status.reason}\n"
    if status.uuid:
        text += f'uuid: "{_escaped(_bytes(status.uuid))}"\n'
    if status.container_id:
        text += (
            f"container_status {{\n  container_id {{\n    value: {_quoted(status.container_id)}\n  }}\n}}\n"
        )
    return text


def ending_text(state: str, detail: str) -> str:
    """What stands in for the status of a driver that ended without any: its state and why, as fields."""
    text = f"state: {state}\n"
    return text + f"message: {_quoted(detail)}\n" if detail else text


def java_double_text(number: float) -> str:
    """A number as `Double.toString` writes it: 1.7953345583900304E9, 0.5."""
    if number == 0 or _SMALL <= abs(number) < _LARGE or not math.isfinite(number):
        return repr(number)
    sign, digits, _ = parts = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(parts.exponent, int)
    exponent = parts.exponent + len(digits) - 1
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{exponent}"


def _quoted(text: str) -> str:
    return f'"{_escaped(text.encode("utf-8", "replace"))}"'


def _escaped(data: bytes) -> str:
    return "".join(
        f"\\{_ESCAPES[byte]}" if byte in _ESCAPES else chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"
        for byte in data
    )


def _bytes(uuid: str) -> bytes:
    try:
        return base64.b64decode(uuid, validate=True)
    except (binascii.Error, ValueError):
        return uuid.encode()

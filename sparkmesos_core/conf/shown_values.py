"""The values of properties as they may be shown."""

from __future__ import annotations

from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import REDACTED, is_secret_name, redact_text


def shown_value(key: str, value: str) -> str:
    """A property's value without secrets, and without bytes that cannot be printed."""
    if value and is_secret_name(key):
        return REDACTED
    return redact_text(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def on_one_line(text: str) -> str:
    r"""A text for one field of one line: line ends, tabs and all that cannot be seen become `\n`, `\t`, …"""
    return printable(text)

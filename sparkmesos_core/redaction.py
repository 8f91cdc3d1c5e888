"""Keeping secrets out of everything that is printed, logged or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

REDACTED = "***"

# The names that Spark hides (default of `spark.redaction.regex`), and a few more.
_SECRET_NAME = re.compile(r"(?i)secret|password|passwd|token|credential|access[._-]?key|api[._-]?key")
_USER_INFO = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/@\s:,]*):(?P<rest>[^\s/]*)@", re.IGNORECASE
)
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][\w.-]*)=(?P<value>.*)", re.DOTALL)
_DEFINITION = re.compile(r"-D(?P<name>[\w.-]+)=(?:\"[^\"]*\"|'[^']*'|\S*)")


def is_secret_name(name: str) -> bool:
    """Whether a property or variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def redact_text(text: str) -> str:
    """The text with passwords in URLs and in `-Dname=value` definitions replaced by `***`."""
    text = _USER_INFO.sub(rf"\g<scheme>\g<user>:{REDACTED}@", text)
    return _DEFINITION.sub(
        lambda match: f"-D{match['name']}={REDACTED}" if is_secret_name(match["name"]) else match[0], text
    )


def redact_arguments(arguments: Iterable[str]) -> list[str]:
    """A command line with the values of secret `name=value` arguments, and passwords in URLs, replaced.

    Covers `--conf name=value` in both spellings and plain `NAME=value` assignments; other arguments only
    lose passwords in URLs.
    """
    return [_redact_argument(argument) for argument in arguments]


def _redact_argument(argument: str) -> str:
    prefix, _, rest = argument.partition("=")
    if prefix in ("--conf", "-c") and rest:
        return f"{prefix}={_redact_argument(rest)}"
    match = _ASSIGNMENT.fullmatch(argument)
    if match and is_secret_name(match["name"]):
        return f"{match['name']}={REDACTED}"
    return redact_text(argument)

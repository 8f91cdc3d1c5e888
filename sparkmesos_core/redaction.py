"""Keeping secrets out of everything that is printed, logged or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

REDACTED = "***"

# The names that Spark hides (default of `spark.redaction.regex`), and more that are in use.
_NAME = (
    r"secret|password|passwd|passphrase|pwd|token|credential|access[._-]?key|api[._-]?key|account[._-]?key"
)
_SECRET_NAME = re.compile(f"(?i){_NAME}")
# A password may hold anything, slashes too: it ends at the last @ before a blank or a comma. None of these
# patterns begins with a run of any length: on a long word it would be tried at each character of it.
_USER_INFO = re.compile(r"://(?P<user>[^/@\s:,]*):(?!//)[^\s,]*@")
_PARAMETER = re.compile(r"[?&;#](?P<name>[\w.-]+)=")
_PARAMETER_END = re.compile(r"[&;\s]|$")
# A signature in a URL is all that is needed to use it (presigned URLs of S3, GCS, CloudFront and Azure).
_SIGNATURE = re.compile(r"(?i)signature|^sig$")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][\w.-]*)=(?P<value>.*)", re.DOTALL)
_DEFINITION = re.compile(r"-D(?P<name>[\w.-]+)=(?P<value>\S*)")


def is_secret_name(name: str) -> bool:
    """Whether a property, variable or option of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def redact_text(text: str) -> str:
    """The text with passwords in URLs and their parameters, and in `-Dname=value`, replaced by `***`.

    A text that quotes within such definitions is replaced from the first secret one on, since where its value
    ends is for the program that reads it to say.
    """
    text = _redact_parameters(_USER_INFO.sub(rf"://\g<user>:{REDACTED}@", text))
    for match in _DEFINITION.finditer(text):
        if is_secret_name(match["name"]) and re.search(r"[\"'\\]", text):
            return f"{text[: match.start('value')]}{REDACTED}"
    return _DEFINITION.sub(
        lambda match: f"-D{match['name']}={REDACTED}" if is_secret_name(match["name"]) else match[0], text
    )


def _redact_parameters(text: str) -> str:
    shown, done = "", 0
    for match in _PARAMETER.finditer(text):
        name = match["name"]
        if match.start() < done or not (is_secret_name(name) or _SIGNATURE.search(name)):
            continue
        shown += text[done : match.end()] + REDACTED
        end = _PARAMETER_END.search(text, match.end())
        done = end.start() if end is not None else len(text)
    return shown + text[done:]


def redact_arguments(arguments: Iterable[str]) -> list[str]:
    """A command line with its secrets replaced.

    These are the values of `name=value` arguments, alone or in `--conf`, and of `--name=value` and
    `--name value` options, where the name is a secret's; and what `redact_text` finds in the others.
    """
    redacted: list[str] = []
    is_value = False
    for argument in arguments:
        redacted.append(REDACTED if is_value else _redact_argument(argument))
        is_value = argument.startswith("--") and "=" not in argument and is_secret_name(argument)
    return redacted


def _redact_argument(argument: str) -> str:
    prefix, _, rest = argument.partition("=")
    if prefix in ("--conf", "-c") and rest:
        return f"{prefix}={_redact_argument(rest)}"
    if prefix.startswith("--") and is_secret_name(prefix) and rest:
        return f"{prefix}={REDACTED}"
    match = _ASSIGNMENT.fullmatch(argument)
    if match and is_secret_name(match["name"]):
        return f"{match['name']}={REDACTED}"
    return redact_text(argument)

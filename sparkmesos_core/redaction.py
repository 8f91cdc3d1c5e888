"""Keeping secrets out of everything that is printed, logged or shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

REDACTED = "***"

# The names that Spark hides (default of `spark.redaction.regex`), and more that are in use.
_NAME = (
    r"secret|password|passwd|passphrase|pwd|token(?!iz)|credential"
    r"|access[._-]?key|api[._-]?key|account[._-]?key"
)
# What is about a secret without being one ends in these: paths, references, classes, switches, numbers.
_ABOUT = (
    r"(?:files?|paths?|dir|directory|location|names?|envkeys?|providers?|class|algorithm|enabled|length"
    r"|interval|lifetime|timeout|ratio)"
)
_SECRET_NAME = re.compile(f"(?i){_NAME}")
_NAME_ABOUT_A_SECRET = re.compile(f"(?i){_ABOUT}$")
# None of these patterns is tried at each character of a long word and then runs to its end: what users write
# may be long. A password may hold anything, slashes too: it ends at the last @ of its word.
_WORD = re.compile(r"[^\s,]+")
_USER_INFO = re.compile(r"://(?P<user>[^/@\s:,]*):(?!//)[^\s,]*@")
# A signature in a URL is all that is needed to use it (presigned URLs of S3, GCS, CloudFront and Azure).
_SIGNATURE = re.compile(r"(?i)signature|^sig$")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][\w.-]*)=(?P<value>.*)", re.DOTALL)
_NAME_AND_EQUALS = re.compile(r"(?<![\w.-])(?P<name>[\w.-]+)=")
# Where a value ends, by what stands in front of its name: in a URL, and in lists of several kinds.
_END_OF_PARAMETER = {mark: re.compile(r"[&;\s]") for mark in "?&#"} | {";": re.compile(r"[;\s]")}
_END_OF_JAVA_OPTION = re.compile(r"\s")
_END_OF_ENTRY = re.compile(r"[,\s](?=[\w.-]+=)")


def is_secret_name(name: str) -> bool:
    """Whether a property, variable or option of this name holds a secret.

    This alone decides, so that nothing needs the registry to hide a secret: that this and the flags there
    agree about every registered property is a test.
    """
    return _SECRET_NAME.search(name) is not None and _NAME_ABOUT_A_SECRET.search(name) is None


def redact_text(text: str) -> str:
    """The text with passwords in URLs, and the values of `NAME=value` in it, replaced by `***`.

    That is for names of secrets: the parameters of URLs, `-DNAME=value`, and entries of lists such as
    `env=NAME=value,volume=/a:/b`. A text that quotes within such definitions is replaced from the first
    secret one on, since where its value ends is for the program that reads it to say.
    """
    if "@" in text:
        text = _WORD.sub(_redact_user_info, text)
    return _redact_definitions(text) if "=" in text else text


def _redact_user_info(word: re.Match[str]) -> str:
    end = word[0].rfind("@") + 1
    return _USER_INFO.sub(rf"://\g<user>:{REDACTED}@", word[0][:end]) + word[0][end:]


def _redact_definitions(text: str) -> str:
    quotes = re.search(r"[\"'\\]", text) is not None
    shown, done = "", 0
    for match in _NAME_AND_EQUALS.finditer(text):
        name, mark = match["name"], text[max(match.start() - 1, 0) : match.start()]
        is_parameter = mark in _END_OF_PARAMETER
        if match.start() < done or not (is_secret_name(name) or (is_parameter and _SIGNATURE.search(name))):
            continue
        shown += text[done : match.end()] + REDACTED
        if is_parameter:
            end = _END_OF_PARAMETER[mark].search(text, match.end())
        elif quotes:
            return shown
        else:
            end = (_END_OF_JAVA_OPTION if "-D" in name else _END_OF_ENTRY).search(text, match.end())
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

"""Whether agents can make anything of a URI: what Mesos' fetcher takes."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.fetched_uris import fetched_uri
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")
_WITH_HOST = frozenset({"http", "https", "ftp", "ftps"})
_OF_AGENTS = frozenset({"file", "local"})
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\']")
_IN_FULL = "Write it in full, as in http://host/path, or as an absolute path on agents."


_MISTYPED = ("http", "https")
_OF_OLD_HADOOP = frozenset({"hftp"})


def uri_problem(uri: str) -> tuple[str, str] | None:
    """What is wrong with a URI that agents are to fetch, and what to do; None if it can be one.

    The fetcher refuses quotes and backslashes (`Fetcher::validateUri` of Mesos), hands what it does not know
    to `hadoop`, and takes a path only if it is absolute. Which schemes agents' Hadoop knows nobody can tell
    here, but not those that are `http` with a mistake.
    """
    if not uri:
        return "the URI is empty", _IN_FULL
    shown = quoted(redact_text(uri))
    if (bad := _FORBIDDEN.search(uri)) is not None:
        char = bad[0] if bad[0] in "\\'" else "a control character"
        return f"{shown} holds {char}", f"Write %{ord(bad[0]):02X} for it, or rename the file."
    scheme = _SCHEME.match(uri)
    if scheme is None:
        if not uri.startswith("/"):
            return f"{shown} is neither a URI nor an absolute path", _IN_FULL
    else:
        name = scheme[0].lower()
        if (meant := _meant(name)) is not None:
            return (
                f"{shown} has a scheme that nobody knows",
                f"Write {meant}:// if it should be that.",
            )
        try:
            parts = urlsplit(uri)
            host = parts.hostname
            _ = parts.port  # a ValueError if it is none
        except ValueError:
            return f"{shown} is not a URI", _IN_FULL
        if name in _WITH_HOST and not host:
            return f"{shown} names no host", _IN_FULL
        if name in _OF_AGENTS and host not in (None, "localhost"):
            return f"{shown} names a host, and agents look on themselves", f"Write {name}:///path."
        if name in _OF_AGENTS and not parts.path.startswith("/"):
            return f"{shown} has no absolute path", f"Write {name}:///path."
    try:
        fetched_uri(uri)
    except UsageError as error:
        return error.message, error.hint
    return None


def _meant(scheme: str) -> str | None:
    """The scheme that this one is but for one letter too many, too few or wrong, or two that are swapped."""
    if scheme in _MISTYPED or scheme in _OF_OLD_HADOOP:
        return None
    return next((known for known in _MISTYPED if _is_one_slip(scheme, known)), None)


def _is_one_slip(first: str, second: str) -> bool:
    shorter = min(len(first), len(second))
    start = next((at for at in range(shorter) if first[at] != second[at]), shorter)
    first, second = first[start:], second[start:]
    while first and second and first[-1] == second[-1]:
        first, second = first[:-1], second[:-1]
    return max(len(first), len(second)) <= 1 or (len(first) == 2 and first == second[::-1])

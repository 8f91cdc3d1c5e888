"""What agents fetch into a sandbox, and what the files are called there.

The rules are those of Mesos' fetcher (docs/fetcher.md, `Fetcher::basename`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text

_WITH_QUERY = ("http", "https", "ftp", "ftps")
"""The schemes for which what follows a `?` or `#` is not of the file's name."""
_REFUSED = "\\'\0"
"""What no URI may hold, for Mesos."""


@dataclass(frozen=True)
class FetchedUri:
    """Something to fetch."""

    value: str
    name: str
    """What it is called in the sandbox."""
    output_file: str | None = None
    """The same, where Mesos has to be told: it takes a query for a part of the name."""

    def to_json(self, *, cache: bool, unpack: bool) -> dict[str, Any]:
        """A v1 CommandInfo.URI. Mesos unpacks archives unless it is told not to."""
        found: dict[str, Any] = {"value": self.value, "cache": cache}
        if not unpack:
            found["extract"] = False
        if self.output_file is not None:
            found["output_file"] = self.output_file
        return found


def fetched_uri(text: str) -> FetchedUri:
    """How a URI, or a path of the agent, is fetched.

    For Mesos `file:/path` is a relative path and `local:` nothing at all, so both become the path that they
    mean, wherever they stand; Spark does that for the application only, and leaves `%20` in it. A signed URL
    is named for its path, without which Mesos would neither unpack it nor find a name that Python takes.
    Raises UsageError if it names no file, and for what Mesos refuses.
    """
    uri = text.strip()
    path = agent_path(uri)
    if path is not None:
        # As executors have it, if Mesos understands it: then both find it in the fetcher's cache.
        value = uri if uri.startswith("file:///") and "%" not in uri else path
        return FetchedUri(_allowed(value), _last_segment(path.rstrip("/"), uri))
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return FetchedUri(_allowed(uri), _last_segment(uri.rstrip("/"), uri))
    value, plain = uri, rest
    if scheme.lower() in _WITH_QUERY:
        plain = rest.partition("#")[0].partition("?")[0]
        value = uri.replace(" ", "%20")  # which nobody fetches as it is
    # What follows a slash is the name: without one there is only a host.
    name = _last_segment(plain if "/" in plain else "", uri)
    return FetchedUri(_allowed(value), name, None if value.endswith(f"/{name}") else name)


def agent_path(uri: str) -> str | None:
    """The path that a `file:` or `local:` URI means, without escapes and authority; None for any other."""
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme.lower() not in ("file", "local"):
        return None
    if rest.startswith("//"):
        rest = "/" + rest[2:].partition("/")[2]
    return unquote(rest)


def _allowed(value: str) -> str:
    if any(character in value for character in _REFUSED):
        raise UsageError(
            f"{quoted(redact_text(value))} has a character that Mesos refuses in URIs",
            hint="Rename the file: no backslash, no single quote.",
        )
    return value


def _last_segment(path: str, uri: str) -> str:
    name = path.rpartition("/")[2]
    if name in ("", ".", ".."):
        raise UsageError(
            f"{quoted(redact_text(uri))} names no file", hint="Give the URI of a file that agents can fetch."
        )
    return name

"""Paths and URLs as Spark turns them into URIs.

`Utils.resolveURI` of Spark takes what `java.net.URI` takes and has a scheme for a URI, everything else for a
path on this machine. What Java takes, and how it writes a path as a URI, is RFC 2396 with the deviations that
the documentation of `java.net.URI` lists.
"""

from __future__ import annotations

import ipaddress
import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from sparkmesos_core.conf.values.java_strings import split, trim
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

_UNRESERVED = "A-Za-z0-9" + re.escape("-_.!~*'()")
# What is neither ASCII nor a blank nor a control character stands for itself.
_OTHER = r"[^\x00-\x9f\s]"
_PATH = _UNRESERVED + re.escape(":@&=+$,;/")
_URIC = _UNRESERVED + re.escape(";/?:@&=+$,[]")
_REGISTRY = _UNRESERVED + re.escape("$,;:@&=+")


def _run_of(characters: str) -> re.Pattern[str]:
    return re.compile(f"(?:[{characters}]|%[0-9A-Fa-f]{{2}}|{_OTHER})*")


_PATH_RUN, _URIC_RUN, _REGISTRY_RUN = _run_of(_PATH), _run_of(_URIC), _run_of(_REGISTRY)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_IPV6_SERVER = re.compile(
    rf"(?:(?:[{_UNRESERVED};:&=+$,]|%[0-9A-Fa-f]{{2}}|{_OTHER})*@)?"
    r"\[(?P<address>[0-9A-Fa-f:.]+)(?:%(?:25)?[A-Za-z0-9_.]+)?\](?::[0-9]*)?"
)
# Sets that reach beyond Latin-1 take long to compile, and this module is on the way of every submission.
_TO_QUOTE_IN_PATH = re.compile(rf"(?![{_PATH}])[\x00-\x9f]|[^\S\x00-\x7f]")
_TO_QUOTE_IN_URIC = re.compile(rf"(?![{_URIC}])[\x00-\x9f]|[^\S\x00-\x7f]")

_LONGEST_PATH = 4096
"""What Linux takes, in bytes."""


@dataclass(frozen=True)
class JavaUri:
    """The parts of a URI as they are written."""

    scheme: str | None
    authority: str | None
    path: str | None
    """None if the URI is opaque: a scheme, and then no slash."""
    query: str | None
    fragment: str | None

    @property
    def decoded_path(self) -> str:
        """The path without percent-encoding; what is no UTF-8 becomes U+FFFD."""
        return unquote(self.path or "")

    @property
    def decoded_fragment(self) -> str | None:
        """The fragment without percent-encoding."""
        return None if self.fragment is None else unquote(self.fragment)


def parse_uri(text: str) -> JavaUri | None:
    """The parts of what `new java.net.URI(text)` takes; None for what it refuses."""
    body, hash_sign, fragment_text = text.partition("#")
    fragment = fragment_text if hash_sign else None
    if fragment is not None and not _URIC_RUN.fullmatch(fragment):
        return None
    scheme: str | None = None
    if match := re.match("[^/?#:]*:", body):
        scheme = match[0][:-1]
        body = body[match.end() :]
        if not _SCHEME.fullmatch(scheme) or not body:
            return None
        if not body.startswith("/"):
            return JavaUri(scheme, None, None, None, fragment) if _URIC_RUN.fullmatch(body) else None
    authority: str | None = None
    if body.startswith("//"):
        end = re.search("[/?]|$", body[2:])
        authority = body[2 : 2 + end.start()] if end else ""
        body = body[2 + len(authority) :]
        if authority:
            if not _is_authority(authority):
                return None
        elif not body and not hash_sign:
            return None
    path, question_mark, query = body.partition("?")
    if not _PATH_RUN.fullmatch(path) or not _URIC_RUN.fullmatch(query):
        return None
    return JavaUri(scheme, authority or None, path, query if question_mark else None, fragment)


def _is_authority(text: str) -> bool:
    if _REGISTRY_RUN.fullmatch(text):
        return True
    match = _IPV6_SERVER.fullmatch(text)
    try:
        return match is not None and ipaddress.IPv6Address(match["address"]) is not None
    except ValueError:
        return False


def quote_path(path: str) -> str:
    """A path as Java writes it into a URI: letters of all languages stay, blanks, `%` and `?` do not."""
    return _TO_QUOTE_IN_PATH.sub(_escape, path)


def quote_fragment(fragment: str) -> str:
    """A fragment as Java writes it into a URI."""
    return _TO_QUOTE_IN_URIC.sub(_escape, fragment)


def _escape(match: re.Match[str]) -> str:
    encoded = match[0].encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in encoded)


def resolve_uri(text: str, directory: Path) -> str:
    """The URI that Spark makes of a path or URI (`Utils.resolveURI`).

    What has a scheme stays as it is. A path becomes `file:/…`, relative ones from `directory`, symbolic links
    resolved unless there is a fragment; an existing folder gets a slash at its end. Looks at the file system.
    Raises UsageError for what can be no path at all.
    """
    if "\0" in text:
        raise UsageError("A path cannot hold a NUL character", hint="Take it out.")
    uri = parse_uri(text)
    if uri is not None and uri.scheme is not None:
        return text
    if uri is not None and uri.fragment is not None:
        path = posixpath.join(directory, _java_path(uri.decoded_path))
        return f"{_file_uri(path)}#{quote_fragment(uri.decoded_fragment or '')}"
    path = posixpath.join(directory, _java_path(text))
    if len(path) > _LONGEST_PATH:  # to follow its links could take for ever, and Java refuses it, too
        raise UsageError(
            f"{quoted(text)} is longer than any path can be", hint="Give a shorter path, or a URL."
        )
    return _file_uri(os.path.realpath(path))


def resolve_uris(comma_list: str, directory: Path) -> str:
    """Each item of a comma list through `resolve_uri`, blank ones dropped (`Utils.resolveURIs`).

    Blanks around an item belong to it, as they do in Spark.
    """
    if not trim(comma_list):
        return ""
    return ",".join(resolve_uri(item, directory) for item in split(comma_list, ",") if trim(item))


def _java_path(path: str) -> str:
    """As `java.io.File` holds it: single slashes, none at the end."""
    single = re.sub("/+", "/", path)
    return single.rstrip("/") or single[:1]


def _file_uri(path: str) -> str:
    """`File.toURI` of an absolute path."""
    absolute = _java_path(path)
    is_folder = absolute != "/" and os.path.isdir(absolute)  # noqa: PTH112 - which fails for nothing
    slash = "/" if is_folder else ""
    return f"file:{quote_path(absolute)}{slash}"

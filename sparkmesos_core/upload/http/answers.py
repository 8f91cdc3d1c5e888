"""What the answers of HTTP servers mean for an upload. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urljoin, urlsplit

from sparkmesos_core.errors import UploadError

REDIRECTS = (301, 302, 307, 308)
"""Those after which the same is asked elsewhere."""

_PASSING = {408, 421, 425, 429}
# Of 5xx those that stay: not implemented, no room (RFC 4918), a loop of WebDAV bindings, a portal's login.
_LASTING_5XX = {501, 505, 507, 508, 511}
_HINTS = {
    401: "Give a user and password (in the URL, or --user) or a token that may write there.",
    403: "Give credentials that may write there, or another folder.",
    404: "Check the path; this server may not take uploads there.",
    405: "This server takes no uploads (PUT) there: check the path, or turn on its WebDAV or upload module.",
    407: "The proxy of the environment wants credentials: put them into https_proxy, or set no_proxy.",
    409: "Check the path: a folder of it is missing and cannot be made, or is a file.",
    411: "A proxy on the way does not take uploads.",
    413: "Raise the server's limit (nginx: client_max_body_size), or leave more out with --exclude.",
    414: "Choose a shorter path.",
    423: "Somebody has locked it there.",
    501: "This server takes no uploads (PUT).",
    507: "Make room there.",
    511: "Log in to the network first.",
}
_TRANSIENT_HINT = "Its log may tell why (a full disk, say); if it was busy, run the command again later."


def is_transient(status: int) -> bool:
    """Whether the same request may be answered otherwise a little later."""
    return status in _PASSING or (500 <= status < 600 and status not in _LASTING_5XX)


def refusal(method: str, where: str, said: str, status: int) -> UploadError:
    """The error for an answer that is none of success. `said` is its status and text, without secrets."""
    hint = _HINTS.get(status) or (_TRANSIENT_HINT if is_transient(status) else "")
    # What it said comes last: it may be a sentence of its own.
    return UploadError(f"{where} answered {method} with {said}", hint=hint)


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3); None if it says nothing of use."""
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return float(value)
    moment = timestamp(value)
    return None if moment is None else max(0.0, moment - now)


def timestamp(value: str | None) -> float | None:
    """The seconds since the epoch that an HTTP date says; None if it is none."""
    if not value:
        return None
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def content_length(headers: Mapping[str, str]) -> int | None:
    """The bytes of what an answer to HEAD, or to GET without a range, is about; None if it does not say."""
    value = headers.get("Content-Length", "")
    if not re.fullmatch(r"[0-9]{1,18}", value) or headers.get("Content-Encoding", "identity") != "identity":
        return None
    return int(value)


def whole_length(headers: Mapping[str, str]) -> int | None:
    """The bytes of the whole, of which an answer to a range is a part (Content-Range); None if unknown."""
    match = re.fullmatch(
        r"bytes\s+(?:[0-9]+-[0-9]+|\*)/(?P<size>[0-9]{1,18})", headers.get("Content-Range", "")
    )
    return int(match["size"]) if match else None


def offers(challenge: str | None, scheme: str) -> bool:
    """Whether a WWW-Authenticate header offers an authentication scheme (`basic`, `digest`)."""
    return bool(challenge) and bool(
        re.search(rf"(?:^|,)\s*{scheme}(?:\s|,|$)", challenge or "", re.IGNORECASE)
    )


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL: credentials are for one origin."""
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or {"http": 80, "https": 443}.get(parts.scheme),
    )


def shown(url: str) -> str:
    """A URL for messages: without user info, and without a query, which may hold a signature."""
    parts = urlsplit(url)
    return parts._replace(netloc=_without_user(parts), query="", fragment="").geturl()


def redirected(url: str, location: str | None) -> str:
    """Where a redirect of `url` leads. Raises UploadError if it must not be followed."""
    if not location:
        raise UploadError(
            f"{shown(url)} answered with a redirect to nowhere", hint="Check the address, or ask who runs it."
        )
    try:
        parts = urlsplit(urljoin(url, location))
        parts = parts._replace(netloc=_without_user(parts), fragment="")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UploadError(
            f"{shown(url)} redirects to what is no http or https address",
            hint="Check the address, or ask who runs it.",
        )
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise UploadError(
            f"{shown(url)} redirects to {shown(parts.geturl())}, which is not encrypted",
            hint="Write that address as the destination if that is what you want.",
        )
    return parts.geturl()


def _without_user(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]

"""Which part of a file an HTTP request wants: ranges and conditions, as RFC 9110 has them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import formatdate, parsedate_to_datetime

_ONE_RANGE = re.compile(r"bytes=[ \t]*(?P<first>[0-9]*)-(?P<last>[0-9]*)[ \t]*", re.IGNORECASE)
_TAG = re.compile(r'(?P<weak>W/)?(?P<tag>"[^"]*")')
_MOST_DIGITS = 19  # 2^63 has as many: no file has an offset beyond


@dataclass(frozen=True)
class Version:
    """A file as it is now."""

    size: int
    """Bytes."""
    tag: str
    """What differs whenever the content does, with its quotes; it stands in the header ETag."""
    modified: int
    """Seconds since the epoch, whole ones as HTTP's dates are."""

    @property
    def headers(self) -> dict[str, str]:
        """How an answer says which version it is of."""
        return {"ETag": self.tag, "Last-Modified": formatdate(self.modified, usegmt=True)}


@dataclass(frozen=True)
class Part:
    """What to answer: the status code, and which bytes of the file."""

    status: int
    start: int = 0
    length: int = 0


def requested_part(method: str, headers: Mapping[str, str], version: Version) -> Part:
    """What a GET or HEAD is answered with: 200, 206, 304, 412 or 416.

    `headers` has lower-case names. The order of the conditions is that of RFC 9110, section 13.2.2. Several
    ranges at once, and what is no range, are answered with the whole file, as section 14.2 allows.
    """
    if (match := headers.get("if-match")) is not None:
        if not _names(match, version.tag, weakly=False):
            return Part(412)
    elif (date := _date(headers.get("if-unmodified-since"))) is not None and version.modified > date:
        return Part(412)
    if (none := headers.get("if-none-match")) is not None:
        if _names(none, version.tag, weakly=True):
            return Part(304)
    elif (date := _date(headers.get("if-modified-since"))) is not None and version.modified <= date:
        return Part(304)
    whole = Part(200, 0, version.size)
    if method != "GET" or "range" not in headers or not _still(headers.get("if-range"), version):
        return whole
    return _range(headers["range"], version.size) or whole


def _range(text: str, size: int) -> Part | None:
    """None for what is not one range of bytes."""
    match = _ONE_RANGE.fullmatch(text)
    if match is None or max(len(match["first"]), len(match["last"])) > _MOST_DIGITS:
        return None
    first, last = match["first"], match["last"]
    if not first:  # the last so many bytes
        if not last:
            return None
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return None
    return Part(206, start, end - start) if start < end else Part(416)


def _still(condition: str | None, version: Version) -> bool:
    """Whether the client's first part is of this version, by its If-Range."""
    if condition is None:
        return True
    if '"' in condition:
        return _names(condition, version.tag, weakly=False)
    return _date(condition) == version.modified


def _names(tags: str, tag: str, *, weakly: bool) -> bool:
    if tags.strip() == "*":
        return True
    return any(match["tag"] == tag and (weakly or not match["weak"]) for match in _TAG.finditer(tags))


def _date(text: str | None) -> int | None:
    """Seconds since the epoch; None for none, and for what is no date, which is to be ignored."""
    if text is None:
        return None
    try:
        date: datetime = parsedate_to_datetime(text)
        return int(date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None

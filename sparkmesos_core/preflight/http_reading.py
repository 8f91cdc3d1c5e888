"""Reading the beginning of a file over http or https."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.preflight.opened_file import OpenedFile
from sparkmesos_core.preflight.reading_failures import (
    MISSING_HINT,
    NotKnownError,
    NotReadableError,
    malformed,
    raise_network_failure,
)
from sparkmesos_core.preflight.reading_time import seconds_left, until

if TYPE_CHECKING:
    import requests

_PIECE_BYTES = 1 << 16
_LASTING = frozenset({400, 401, 403, 404, 405, 410, 451})
"""Of the statuses of HTTP those with which a server answers everybody, and again."""
_MISSING = frozenset({404, 410})


@contextmanager
def open_http(uri: str, size: int, deadline: float, ca_file: Path | None) -> Iterator[OpenedFile]:
    """The first `size` bytes or more, redirects followed; a context manager as `open_beginning`.

    A server whose certificate is not trusted as usual may be one that the certificates in `ca_file` are of.
    """
    import requests
    import urllib3

    failures = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
    with _session(uri) as (session, proxy):
        ask = _Asking(session, uri, size, deadline)
        try:
            with _trusting(ask, ca_file) as response:
                if proxy and uri.lower().startswith("http:"):
                    _check_origin(response)
                _check_status(response)
                yield OpenedFile(
                    until(deadline, response.raw.stream(_PIECE_BYTES, decode_content=False)),
                    size=_size_of(response),
                    changed_at=_changed_at(response),
                )
        except requests.TooManyRedirects:
            said = "is redirected again and again"
            raise NotReadableError(said, "See where its server redirects to.", certain=False) from None
        except failures as error:
            if proxy:
                # Agents have proxies of their own, or none.
                raise NotKnownError("it could only be asked for through this machine's proxy") from None
            asked = getattr(getattr(error, "request", None), "url", None)
            raise_network_failure(error, _host_of(asked or uri))  # perhaps of where a redirect led


def ask_size(uri: str, deadline: float, ca_file: Path | None) -> int | None:
    """What a server answers to HEAD, by which the Mesos fetcher asks for a file's size before it caches it.

    None if it does not tell the size, or refuses the question; NotKnownError if it cannot be asked from here.
    """
    import requests
    import urllib3

    with _session(uri) as (session, proxy):
        if proxy:
            raise NotKnownError("it could only be asked for through this machine's proxy")

        def ask(verify: bool | str) -> requests.Response:
            # Redirects are not followed by HEAD unless one says so.
            return session.head(uri, verify=verify, timeout=seconds_left(deadline), allow_redirects=True)

        try:
            with _trusting(ask, ca_file) as response:
                return _size_of(response) if response.ok else None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise NotKnownError(f"it could not be asked for ({type(error).__name__})") from None


@contextmanager
def _session(uri: str) -> Iterator[tuple[requests.Session, bool]]:
    """A session that asks as the fetcher does, and whether it goes through a proxy."""
    import requests
    import urllib3

    host = _host_of(uri)
    with requests.Session() as session:
        session.trust_env = False
        # What is stored counts, not what it can be decoded to.
        session.headers["Accept-Encoding"] = "identity"
        # The fetcher gives no name, and some servers turn away programs of a known one.
        session.headers["User-Agent"] = urllib3.util.SKIP_HEADER
        if not is_loopback(host):
            session.proxies.update(requests.utils.get_environ_proxies(uri))
        yield session, requests.utils.select_proxy(uri, session.proxies) is not None


def _trusting(ask: Callable[[bool | str], requests.Response], ca_file: Path | None) -> requests.Response:
    """The answer of a server that is trusted as usual, or by the certificates in `ca_file`."""
    import requests

    usual = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    try:
        return ask(usual)
    except requests.exceptions.SSLError:
        if ca_file is None:
            raise
        return ask(str(ca_file))


class _Asking:
    """One request for the beginning; its answer is still to be read."""

    def __init__(self, session: requests.Session, uri: str, size: int, deadline: float) -> None:
        self._session = session
        self._uri = uri
        self._size = size
        self._deadline = deadline

    def __call__(self, verify: bool | str) -> requests.Response:
        response = self._ask(verify, {"Range": f"bytes=0-{self._size - 1}"})
        if response.status_code not in _MISSING and not response.ok:
            # The file is empty, or ranges are nothing that the server or what guards it lets through.
            response.close()
            response = self._ask(verify, {})
        return response

    def _ask(self, verify: bool | str, headers: Mapping[str, str]) -> requests.Response:
        return self._session.get(
            self._uri, headers=dict(headers), stream=True, verify=verify, timeout=seconds_left(self._deadline)
        )


def _check_origin(response: requests.Response) -> None:
    """NotKnownError for what may be the word of a proxy, which speaks in the place of the server."""
    if not response.ok or "html" in response.headers.get("Content-Type", "").lower():
        raise NotKnownError("what answers may be this machine's proxy")


def _size_of(response: requests.Response) -> int | None:
    """Bytes of the whole file, of which the answer may hold a part."""
    if response.status_code == 206:
        told = response.headers.get("Content-Range", "").rpartition("/")[2].strip()
    else:
        told = response.headers.get("Content-Length", "")
    return int(told) if told.isascii() and told.isdigit() else None


def _changed_at(response: requests.Response) -> float | None:
    try:
        return parsedate_to_datetime(response.headers["Last-Modified"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    said = f"answers {status} {response.reason or ''}".strip()
    if status in (401, 403):
        hint = "Have agents let in: the Mesos fetcher knows no credentials but those in a URL."
    elif status in _LASTING:
        hint = MISSING_HINT
    else:
        hint = "Agents get the same if that stays: the server's log may tell why."
    raise NotReadableError(said, hint, certain=status in _LASTING)


def _host_of(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port  # ValueError for a port that there cannot be
    except ValueError:
        raise malformed() from None
    if not host:
        raise malformed()
    return host

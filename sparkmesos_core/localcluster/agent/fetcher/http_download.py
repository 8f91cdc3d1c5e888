"""Downloads by http and https."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sparkmesos_core.localcluster.agent.fetcher.content import PIECE_BYTES, Content
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError
from sparkmesos_core.localcluster.agent.fetcher.network_failures import network_failure

if TYPE_CHECKING:
    import requests

_LOOPBACK = ("localhost", "127.", "::1")
_MALFORMED = "the URL, or one that it redirects to, is malformed"


def new_session(location: str) -> requests.Session:
    """A session for a URL. Proxies and CA bundles come from the environment, but no netrc file is read.

    A proxy is never asked for this machine's loopback, of which it knows nothing.
    """
    import requests

    session = requests.Session()
    session.trust_env = False
    # Otherwise a server may unpack a .tgz on the way, which would then not be what its name says.
    session.headers["Accept-Encoding"] = "identity"
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    if not (urlsplit(location).hostname or "").startswith(_LOOPBACK):
        session.proxies.update(requests.utils.get_environ_proxies(location))
    return session


@contextmanager
def open_http(location: str, stall_seconds: float) -> Iterator[Content]:
    """What a URL answers, redirects followed. Raises FetchError unless the answer is 200 and whole."""
    with (
        _talking(location, stall_seconds),
        new_session(location) as session,
        session.get(location, stream=True, timeout=stall_seconds) as response,
    ):
        if response.status_code != 200:
            raise FetchError(f"Error downloading resource, received HTTP return code {response.status_code}")
        yield Content(response.raw.stream(PIECE_BYTES, decode_content=False), _length(response))


def http_size(location: str, stall_seconds: float) -> int:
    """How many bytes a URL says it has, asked by HEAD. Raises FetchError if it says nothing useful."""
    with (
        _talking(location, stall_seconds),
        new_session(location) as session,
        session.head(location, allow_redirects=True, timeout=stall_seconds) as response,
    ):
        size = _length(response)
        if response.status_code != 200:
            raise FetchError(f"received HTTP return code {response.status_code}")
        if not size:
            raise FetchError(f"the content-length is {'not given' if size is None else size}")
        return size


def _length(response: requests.Response) -> int | None:
    if "Transfer-Encoding" in response.headers:
        return None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


@contextmanager
def _talking(location: str, stall_seconds: float) -> Iterator[None]:
    import requests
    import urllib3

    host = _host(location)
    try:
        yield
    except requests.TooManyRedirects:
        raise FetchError("Error downloading resource: too many redirects") from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
        raise FetchError(f"Error downloading resource: {_MALFORMED}") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        asked = getattr(getattr(error, "request", None), "url", None)
        if asked is not None:
            host = _host(asked)  # a redirect may have led elsewhere
        raise FetchError(
            f"Error downloading resource: {network_failure(error, host, stall_seconds)}"
        ) from None
    except ValueError:  # not before: an untrusted certificate is one, too
        raise FetchError(f"Error downloading resource: {_MALFORMED}") from None


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""

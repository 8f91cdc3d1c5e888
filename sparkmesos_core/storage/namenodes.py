"""Asking the active one of the namenodes of an HDFS, over WebHDFS."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.network_failures import FailureKind, check_ca_file, network_failure_of

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

_LONGEST = 400
_LASTING = (FailureKind.NAME, FailureKind.CERTIFICATE, FailureKind.NO_TLS)


class NoNamenodeError(Exception):
    """No namenode does what it is asked; the text says of each address why."""

    def __init__(self, tried: list[str], lasting: bool) -> None:
        super().__init__("no namenode answers over WebHDFS; tried " + ", ".join(tried))
        self.lasting = lasting
        """Whether it stays so until somebody changes something."""


class RefusedError(Exception):
    """HDFS answered, but refused: `name` is the Java exception's, if it told one, `reason` its text."""

    def __init__(self, address: str, name: str | None, reason: str, status: int | None = None) -> None:
        super().__init__(f"{address} says: {reason}")
        self.address = address
        self.name = name
        self.reason = reason
        self.status = status
        """Of HTTP, where that says more: 401, without a name, is a request to authenticate."""


class DatanodeError(Exception):
    """The datanode that a namenode sent us to does not answer, or stopped amid it; the cause says why."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host
        """With its port."""


@dataclass(frozen=True)
class WebHdfsAccess:
    """As whom namenodes are asked, and how patiently."""

    user: str
    token: str | None = field(default=None, repr=False)
    """A delegation token; then the user is the one that it was made for."""
    ca_file: Path | None = None
    stall_seconds: float = 60.0


class NameNodes:
    """The namenodes of one HDFS, of which the active one is asked. For one thread.

    `explain` says in a few words why talking to a host failed. Raises UsageError if the CA file is none.
    """

    def __init__(
        self, addresses: list[str], access: WebHdfsAccess, explain: Callable[[BaseException, str], str]
    ) -> None:
        if access.ca_file is not None:
            check_ca_file(access.ca_file)
        self._addresses = list(addresses)
        self._access = access
        self._explain = explain
        self._clients: dict[str, tuple[requests.Session, Any]] = {}
        # Both would tell tokens: URLs have them, and a refusal may.
        for name in ("hdfs", "urllib3.connectionpool"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

    @property
    def address(self) -> str:
        """The namenode that answered last, or is to be asked first."""
        return self._addresses[0]

    def ask(self, call: Callable[[Any], T]) -> T:
        """What `call` returns for a client (`hdfs.Client`) of the active namenode.

        Raises NoNamenodeError, RefusedError or DatanodeError.
        """
        tried, lasting = [], True
        for _ in self._addresses:
            address = self._addresses[0]
            try:
                return call(self._client(address))
            except _failures() as error:
                why, lasts = self._why_not(error, address)
                tried.append(f"{address} ({why})")
                lasting = lasting and lasts
            # The next one; that which answers is asked first the next time.
            self._addresses.append(self._addresses.pop(0))
        raise NoNamenodeError(tried, lasting)

    def read(self, path: str, piece_bytes: int) -> Iterator[bytes]:
        """The content of a file, piece by piece. Raises as `ask` does."""
        response = self.ask(lambda client: client._open(path))
        with response, self._from_datanode(response.url):
            yield from response.iter_content(piece_bytes)

    def send(self, location: str, body: Any) -> None:
        """PUT a body to where the answer to CREATE points to. Raises RefusedError or DatanodeError."""
        # The URL says all that the datanode wants to know of us.
        with self._from_datanode(location), self._session(location) as session:
            timeout = self._access.stall_seconds
            with session.put(location, data=body, timeout=timeout, allow_redirects=False) as answer:
                if answer.status_code // 100 != 2:
                    raise _refusal(answer)

    def close(self) -> None:
        """Close all connections."""
        for session, _ in self._clients.values():
            session.close()
        self._clients.clear()

    def _client(self, address: str) -> Any:
        if address not in self._clients:
            from hdfs import InsecureClient, TokenClient

            session = self._session(address)
            options = {"session": session, "timeout": self._access.stall_seconds}
            if self._access.token is not None:
                client = TokenClient(address, self._access.token, **options)
            else:
                client = InsecureClient(address, user=self._access.user, **options)
            self._clients[address] = session, client
        return self._clients[address][1]

    def _session(self, address: str) -> requests.Session:
        import requests

        session = requests.Session()
        session.trust_env = False
        session.headers["Accept-Encoding"] = "identity"
        # HttpFS wants it for what is written.
        session.headers["Content-Type"] = "application/octet-stream"
        session.verify = (
            str(self._access.ca_file)
            if self._access.ca_file is not None
            else os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        )
        if not is_loopback(urlsplit(address).hostname or ""):
            session.proxies.update(requests.utils.get_environ_proxies(address))
        session.hooks["response"].append(_check_answer)
        return session

    def _why_not(self, error: Exception, address: str) -> tuple[str, bool]:
        """Why this one does not do it, and whether that lasts. Raises what no other can help with."""
        from hdfs import HdfsError

        if isinstance(error, HdfsError):
            name = getattr(error, "exception", None)
            if name == "StandbyException":
                return "a standby", False
            if name == "RetriableException":
                return f"not ready: {_said(error)}", False
            if name is not None:
                raise RefusedError(address, name, _said(error)) from None
            return f"no WebHDFS: {_said(error)}", True
        if isinstance(error, KeyError | TypeError):
            return "no WebHDFS", True
        asked = urlsplit(getattr(getattr(error, "request", None), "url", None) or address)
        if asked.netloc != urlsplit(address).netloc:
            raise DatanodeError(asked.netloc) from error
        return self._explain(error, asked.hostname or ""), network_failure_of(error).kind in _LASTING

    @contextmanager
    def _from_datanode(self, location: str) -> Iterator[None]:
        try:
            yield
        except _failures() as error:
            raise DatanodeError(urlsplit(location).netloc) from error


def _check_answer(response: requests.Response, *args: object, **options: object) -> None:
    """Refuse what the hdfs package does not look at."""
    address = _origin(response.url)
    if response.status_code == 401:
        raise _refusal(response)
    location = response.headers.get("Location", "")
    if urlsplit(response.url).scheme == "https" and urlsplit(location).scheme == "http":
        raise RefusedError(address, None, f"it sends us to {_origin(location)}, which is not encrypted")


def _refusal(response: requests.Response) -> RefusedError:
    name, reason = None, f"{response.status_code} {response.reason}"
    try:
        remote = response.json()["RemoteException"]
        name, reason = str(remote["exception"]), str(remote["message"])
    except (ValueError, KeyError, TypeError):
        pass
    return RefusedError(_origin(response.url), name, _said(reason), response.status_code)


def _failures() -> tuple[type[Exception], ...]:
    import requests
    import urllib3
    from hdfs import HdfsError

    # The last two: an answer in JSON, but not that of a namenode.
    return (
        HdfsError,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
        KeyError,
        TypeError,
    )


def _said(text: object) -> str:
    """In one line, without the stack trace that datanodes put below."""
    lines = itertools.takewhile(lambda line: not line.startswith("\tat "), str(text).strip().splitlines())
    return " ".join(" ".join(lines).split())[:_LONGEST]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

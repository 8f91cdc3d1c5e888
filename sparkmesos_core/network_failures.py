"""In which way talking to a server over the network failed, whichever library noticed it.

What is said about it is for the caller: the commands that ask Mesos, uploads and the agent's fetcher use
different words.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sparkmesos_core.errors import UsageError


class FailureKind(Enum):
    """The ways in which it fails."""

    NAME = "the host name cannot be resolved"
    CERTIFICATE = "the certificate is not trusted"
    NO_TLS = "the server does not speak TLS"
    TLS = "the TLS connection failed"
    NO_CONNECTION = "no answer to the attempt to connect"
    SILENCE = "no answer, or nothing of it, for too long"
    EARLY_END = "the answer ended early"
    REFUSED = "the connection was refused"
    UNREACHABLE = "no way to the host"
    CLOSED = "the connection was closed without an answer"
    GARBAGE = "the answer cannot be understood"
    OTHER = "something else"


@dataclass(frozen=True)
class NetworkFailure:
    """What is known of one failure."""

    kind: FailureKind
    reason: str
    """In the words of the library or the operating system, without addresses."""
    proxy: bool = False
    """Whether it happened on the way to, or was reported by, a proxy."""
    passing: bool = False
    """Whether the system itself says that it may pass: its name servers are out of reach just now."""

    @property
    def other_name(self) -> bool:
        """Whether a certificate is refused because it is for another host name."""
        return self.kind is FailureKind.CERTIFICATE and (
            "doesn't match" in self.reason or "mismatch" in self.reason.lower()
        )


_NO_WAY = ("no route to host", "network is unreachable", "host is unreachable")
# By their names: of urllib3, requests, botocore and http.client, which are not loaded for this.
_BY_NAME = (
    (FailureKind.NAME, {"NameResolutionError", "LocationParseError"}),
    (FailureKind.NO_CONNECTION, {"ConnectTimeoutError", "ConnectTimeout"}),
    (FailureKind.SILENCE, {"TimeoutError", "timeout", "ReadTimeoutError", "ReadTimeout"}),
    (FailureKind.EARLY_END, {"IncompleteRead", "IncompleteReadError", "InvalidChunkLength", "EOFError"}),
)
_GARBAGE = {"ProtocolError", "LineTooLong", "BadStatusLine"}
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


def network_failure_of(error: BaseException) -> NetworkFailure:
    """What an exception says that came out of sockets, TLS, http.client, urllib3, requests or botocore."""
    chain = list(_causes(error))
    names = {type(cause).__name__ for cause in chain}
    kind, reason = _kind(chain, names)
    passing = any(isinstance(one, socket.gaierror) and one.errno == socket.EAI_AGAIN for one in chain)
    return NetworkFailure(kind, reason, "ProxyError" in names, passing)


def _kind(chain: list[BaseException], names: set[str]) -> tuple[FailureKind, str]:
    reasons = [cause.strerror for cause in chain if isinstance(cause, OSError) and cause.strerror]
    reasons += filter(None, map(_refusal_of_proxy, chain))
    reason = reasons[0] if reasons else type(chain[0]).__name__
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            return FailureKind.NAME, reason
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FailureKind.CERTIFICATE, cause.verify_message
    tls = [cause for cause in chain if isinstance(cause, ssl.SSLError)]
    if tls:
        text = " ".join(map(str, chain))
        no_tls = any(token in text for token in _NOT_TLS)
        said = [words for cause in tls if (words := getattr(cause, "reason", None))]
        return FailureKind.NO_TLS if no_tls else FailureKind.TLS, said[0] if said else ""
    for kind, of_kind in _BY_NAME:
        if names & of_kind:
            return kind, reason
    for cause in chain:
        if isinstance(cause, ConnectionRefusedError):
            return FailureKind.REFUSED, reason
        if isinstance(cause, ConnectionError):
            return FailureKind.CLOSED, reason
        if isinstance(cause, OSError) and any(words in str(cause).lower() for words in _NO_WAY):
            return FailureKind.UNREACHABLE, reason
        if isinstance(cause, OSError) and "refused" in str(cause).lower():
            return FailureKind.REFUSED, reason
    return (FailureKind.GARBAGE if names & _GARBAGE else FailureKind.OTHER), reason


def _refusal_of_proxy(cause: BaseException) -> str:
    """The status and words with which a proxy refuses to connect; http.client has them in one text."""
    _, mark, words = str(cause).partition("Tunnel connection failed: ")
    return words if mark and type(cause) is OSError else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it wraps, whichever way its library does that."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]


def speaks_tls(host: str, port: int, timeout: float) -> bool:
    """Whether a server that gave no HTTP answer would have given a TLS one. Nothing is sent to it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the question is only which protocol it speaks
    try:
        with (
            socket.create_connection((host, port), timeout) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return True
    except OSError:
        return False


def check_ca_file(path: str | os.PathLike[str]) -> None:
    """Raise UsageError unless the file holds certificates in PEM format."""
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise UsageError(
            f"CA file {path} holds no certificate", hint="Give a file with certificates in PEM format."
        ) from None
    except OSError as error:
        raise UsageError(
            f"CA file {path} cannot be read: {error.strerror}", hint="Check the path of --ca-file."
        ) from None

"""One plain line for each way in which a network fails; never a URL, which may hold secrets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

NOT_CONNECTED = "Couldn't connect to server"
"""libcurl's words, recorded from a real fetcher."""

_REFUSED = ("refused", "no route to host", "network is unreachable", "host is unreachable")


def network_failure(error: BaseException, host: str, stall_seconds: float) -> str:
    """Why talking to a host failed; `stall_seconds` is how long it was allowed to be silent.

    Knows the exceptions of sockets, of TLS, and those of urllib3, requests and botocore that stand for them.
    """
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            return f"the host name of '{host}' cannot be resolved"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of '{host}' is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS connection to '{host}': {cause.reason or 'handshake failed'}"
    names = {type(cause).__name__ for cause in chain}
    if names & {"NameResolutionError"}:
        return f"the host name of '{host}' cannot be resolved"
    if names & {"ConnectTimeoutError", "ConnectTimeout"}:
        return f"{NOT_CONNECTED}: no answer within {stall_seconds:g} s"
    if names & {"TimeoutError", "timeout", "ReadTimeoutError", "ReadTimeout"}:
        return f"the download stalled: nothing came for {stall_seconds:g} s"
    if names & {"IncompleteRead", "IncompleteReadError", "InvalidChunkLength", "EOFError"}:
        return "the download ended early"
    for cause in chain:
        if isinstance(cause, ConnectionResetError | BrokenPipeError) or names & {"RemoteDisconnected"}:
            return f"'{host}' closed the connection"
        if isinstance(cause, OSError) and any(word in str(cause).lower() for word in _REFUSED):
            return NOT_CONNECTED
    if names & {"ProtocolError", "LineTooLong", "BadStatusLine"}:
        return f"what '{host}' answers cannot be understood"
    return f"{type(error).__name__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it wraps, whichever way its library does that."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting.extend(item for item in inner if isinstance(item, BaseException))

"""One plain line for each way in which a network fails; never a URL, which may hold secrets."""

from __future__ import annotations

from sparkmesos_core.network_failures import FailureKind, network_failure_of

NOT_CONNECTED = "Couldn't connect to server"
"""libcurl's words, recorded from a real fetcher."""


def network_failure(error: BaseException, host: str, stall_seconds: float) -> str:
    """Why talking to a host failed; `stall_seconds` is how long it was allowed to be silent."""
    failure = network_failure_of(error)
    match failure.kind:
        case FailureKind.NAME:
            return f"the host name of '{host}' cannot be resolved"
        case FailureKind.CERTIFICATE:
            return f"the certificate of '{host}' is not trusted: {failure.reason}"
        case FailureKind.TLS | FailureKind.NO_TLS:
            return f"no TLS connection to '{host}': {failure.reason or 'handshake failed'}"
        case FailureKind.NO_CONNECTION:
            return f"{NOT_CONNECTED}: no answer within {stall_seconds:g} s"
        case FailureKind.SILENCE:
            return f"the download stalled: nothing came for {stall_seconds:g} s"
        case FailureKind.EARLY_END:
            return "the download ended early"
        case FailureKind.CLOSED:
            return f"'{host}' closed the connection"
        case FailureKind.REFUSED | FailureKind.UNREACHABLE:
            return NOT_CONNECTED
        case FailureKind.GARBAGE:
            return f"what '{host}' answers cannot be understood"
        case _:
            return type(error).__name__

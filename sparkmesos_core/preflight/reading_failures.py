"""Why a file that agents are to fetch cannot be read from here."""

from __future__ import annotations

from typing import NoReturn

from sparkmesos_core.network_failures import FailureKind, network_failure_of

MISSING_HINT = "Put the archive there, or correct the URI."

_NETWORK = "Check the address, the network and firewalls"


class NotReadableError(Exception):
    """The file cannot be read, and it is known why.

    `said` follows the URI in a sentence. `certain` says that agents fare no better, `by_name` that they do if
    they have other name servers.
    """

    def __init__(self, said: str, hint: str, *, certain: bool = True, by_name: bool = False) -> None:
        super().__init__(said)
        self.said = said
        self.hint = hint
        self.certain = certain
        self.by_name = by_name


class NotKnownError(Exception):
    """Nothing can be said of the file from here."""


def malformed() -> NotReadableError:
    """What to raise for a URI that nobody can take apart."""
    return NotReadableError("is malformed", "Correct it.")


def raise_network_failure(error: BaseException, host: str) -> NoReturn:
    """Raise what an exception of sockets, TLS, urllib3 or requests, raised by talking to `host`, comes to."""
    failure = network_failure_of(error)
    elsewhere = "if agents reach it, add --no-preflight"
    match failure.kind:
        case FailureKind.NAME:
            said = f"cannot be reached: the name '{host}' cannot be resolved"
            hint = f"Check the host name; {elsewhere}."
            raise NotReadableError(said, hint, certain=not failure.passing, by_name=True) from None
        case FailureKind.REFUSED:
            said, hint = "cannot be reached: the connection is refused", "Check that the server is running"
            raise NotReadableError(said, f"{hint}; {elsewhere}.") from None
        case FailureKind.UNREACHABLE:
            raise NotReadableError(
                f"cannot be reached: {failure.reason}", f"{_NETWORK}; {elsewhere}."
            ) from None
        case FailureKind.NO_TLS:
            raise NotReadableError("is of a server that speaks plain HTTP", "Write http://.") from None
        case FailureKind.NO_CONNECTION | FailureKind.SILENCE:
            said = "is of a server that does not answer"
            raise NotReadableError(said, f"{_NETWORK}.", certain=False) from None
        case FailureKind.CERTIFICATE:
            said = f"is of a server whose certificate is not trusted here ({failure.reason})"
            hint = "See that agents trust its authority: executors are lost there otherwise."
            raise NotReadableError(said, hint, certain=False) from None
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        raise malformed() from None
    said = f"cannot be fetched: {failure.kind.value}"
    raise NotReadableError(said, "The server's log may tell why.", certain=False) from None

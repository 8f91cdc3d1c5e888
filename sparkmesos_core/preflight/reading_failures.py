"""Why a file that agents are to fetch cannot be read from here."""

from __future__ import annotations

from typing import NoReturn

from sparkmesos_core.network_failures import FailureKind, network_failure_of

MISSING_HINT = "Put the file there, or correct the URI."

_NETWORK = "Check the address, the network and firewalls"


class NotReadableError(Exception):
    """The file cannot be read, and it is known why.

    `said` follows the URI in a sentence. `certain` says that agents fare no better, `by_name` that they do if
    they have other name servers, `by_way` that they do if they have another way there.
    """

    def __init__(
        self, said: str, hint: str, *, certain: bool = True, by_name: bool = False, by_way: bool = False
    ) -> None:
        super().__init__(said)
        self.said = said
        self.hint = hint
        self.certain = certain
        self.by_name = by_name
        self.by_way = by_way

    def hint_with(self, option: str) -> str:
        """What to do, which is to give this option where agents reach what this machine does not."""
        if not self.by_way:
            return self.hint
        return f"{self.hint.removesuffix('.')}; if agents reach it, add {option}."


class NotKnownError(Exception):
    """Nothing can be said of the file from here; `why` not, as the second half of a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def malformed() -> NotReadableError:
    """What to raise for a URI that nobody can take apart."""
    return NotReadableError("is malformed", "Correct it.")


def raise_network_failure(error: BaseException, host: str) -> NoReturn:
    """Raise what an exception of sockets, TLS, urllib3 or requests, raised by talking to `host`, comes to."""
    failure = network_failure_of(error)
    match failure.kind:
        case FailureKind.NAME:
            said = f"cannot be reached: the name '{host}' cannot be resolved"
            certain = not failure.passing
            raise NotReadableError(
                said, "Check the host name.", certain=certain, by_name=True, by_way=True
            ) from None
        case FailureKind.REFUSED:
            said, hint = "cannot be reached: the connection is refused", "Check that the server is running."
            raise NotReadableError(said, hint, by_way=True) from None
        case FailureKind.UNREACHABLE:
            said = f"cannot be reached: {failure.reason}"
            raise NotReadableError(said, f"{_NETWORK}.", by_way=True) from None
        case FailureKind.NO_TLS:
            raise NotReadableError("is of a server that speaks plain HTTP", "Write http://.") from None
        case FailureKind.NO_CONNECTION | FailureKind.SILENCE:
            said = "is of a server that does not answer"
            raise NotReadableError(said, f"{_NETWORK}.", certain=False) from None
        case FailureKind.CERTIFICATE:
            said = f"is of a server whose certificate is not trusted here ({failure.reason})"
            hint = (
                "See that agents trust its authority: executors are lost there otherwise. Here "
                "REQUESTS_CA_BUNDLE may name a file with its certificate."
            )
            raise NotReadableError(said, hint, certain=False) from None
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        raise malformed() from None
    said = f"cannot be fetched: {failure.kind.value}"
    raise NotReadableError(said, "The server's log may tell why.", certain=False) from None

"""What is said when there is no answer from a destination, and whether it is worth another attempt."""

from __future__ import annotations

from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.network_failures import FailureKind, network_failure_of
from sparkmesos_core.upload.target import TransientFailureError

_NETWORK = "Check the address, the network and firewalls."
# What stays as it is until somebody changes something.
_LASTING = {FailureKind.NAME, FailureKind.CERTIFICATE, FailureKind.NO_TLS}


def connection_failure(
    error: BaseException, label: str, host: str, stall_seconds: float
) -> UnreachableError | TransientFailureError:
    """The exception to raise for one of sockets, TLS, urllib3, requests or botocore.

    `label` names the destination and holds no secret; `stall_seconds` is how long it was allowed to be
    silent.
    """
    failure = network_failure_of(error)
    said, hint = _words(failure.kind, failure.reason, host, stall_seconds, failure.other_name)
    if failure.proxy:
        said = f"cannot be reached through the proxy of the environment ({failure.reason})"
        hint = "Check http_proxy, https_proxy and no_proxy."
    unreachable = UnreachableError(f"{label} {said}", hint=hint)
    if failure.kind in _LASTING and not (failure.proxy or failure.passing):
        return unreachable
    return TransientFailureError(unreachable)


def _words(
    kind: FailureKind, reason: str, host: str, stall_seconds: float, other_name: bool
) -> tuple[str, str]:
    match kind:
        case FailureKind.NAME:
            return f"cannot be reached: the name '{host}' cannot be resolved", "Check the host name."
        case FailureKind.CERTIFICATE if other_name:
            return f"has a certificate for another name than '{host}'", "Use a name that is in it."
        case FailureKind.CERTIFICATE:
            return (
                f"has a certificate that is not trusted ({reason})",
                "Give the certificate of its authority with --ca-file.",
            )
        case FailureKind.NO_TLS:
            return "speaks plain HTTP, not TLS", "Write http:// if that is what you want."
        case FailureKind.TLS:
            return f"broke the TLS connection ({reason or 'closed'})", "Check the TLS settings of the server."
        case FailureKind.NO_CONNECTION:
            return f"did not accept a connection within {stall_seconds:g} s", _NETWORK
        case FailureKind.SILENCE:
            return f"was silent for {stall_seconds:g} s", f"{_NETWORK} --stall-timeout allows for more."
        case FailureKind.EARLY_END:
            return "ended its answer early", _NETWORK
        case FailureKind.REFUSED:
            return "refuses the connection", "Check host and port, and that the server is running there."
        case FailureKind.CLOSED:
            return "closed the connection without an answer", "Its log may tell why."
        case FailureKind.GARBAGE:
            return "answers what is not HTTP", "Check host and port."
        case FailureKind.UNREACHABLE | FailureKind.OTHER:
            return f"cannot be reached: {reason}", _NETWORK

"""What is said when a dispatcher did not answer, or something that is no dispatcher did."""

from __future__ import annotations

import socket
import sys

from sparkmesos_core.dispatcher.http_exchange import Answer, NoAnswerError, NotHttpError
from sparkmesos_core.errors import DispatcherError, UnreachableError
from sparkmesos_core.master import Dispatcher

ADDRESS_HINT = (
    "Check that it is the address of a dispatcher (port 7077), not of its web pages (8081) or of a Mesos"
    " master (5050)."
)
_LONGEST_TRIAL = 2.0
"""Seconds for finding out whether it is TLS that a server wants."""
IN_DOUBT = "The request may have been carried out: look at the dispatcher's drivers before you send it again."
KILL_IN_DOUBT = "The driver may have been killed or not. Send it again: killing twice does no harm."


def unreachable(
    dispatcher: Dispatcher, failure: NoAnswerError, timeout: float, *, changes: bool
) -> UnreachableError | DispatcherError:
    """The error for a request that got no answer within `timeout` seconds; it may have been carried out.

    `changes` says whether that would make a difference.
    """
    doubt = IN_DOUBT if changes else "Try it again; its log and its page may say more."
    where = f"The dispatcher at {dispatcher}"
    error = failure.reason
    if isinstance(error, TimeoutError):
        hint = doubt if failure.connected else ADDRESS_HINT
        return UnreachableError(f"{where} did not answer within {timeout:g} s", hint=hint)
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f"{where} cannot be reached: the name '{dispatcher.address.host}' cannot be resolved",
            hint="Check the host name.",
        )
    if (ssl := sys.modules.get("ssl")) is not None:  # else it cannot be one of its errors
        if isinstance(error, ssl.SSLCertVerificationError):
            return UnreachableError(
                f"{where} has a certificate that is not trusted ({error.verify_message})",
                hint="Give the certificate of its authority with --ca-file.",
            )
        if isinstance(error, ssl.SSLError):
            return UnreachableError(
                f"{where} does not speak TLS ({error.reason})",
                hint="Write mesos://HOST:7077 if it is plain HTTP.",
            )
    if isinstance(error, ConnectionRefusedError):
        return UnreachableError(
            f"{where} refuses the connection", hint=f"Check that it is running. {ADDRESS_HINT}"
        )
    if isinstance(error, NotHttpError):
        return DispatcherError(f"What answers at {dispatcher} does not speak HTTP", hint=ADDRESS_HINT)
    if failure.connected:
        if dispatcher.scheme == "http" and _speaks_tls(dispatcher, timeout):
            return DispatcherError(
                f"{where} speaks TLS, not plain HTTP", hint=f"Write mesos://https://{dispatcher.address}."
            )
        return UnreachableError(f"{where} closed the connection without an answer", hint=doubt)
    return UnreachableError(
        f"{where} cannot be reached: {getattr(error, 'strerror', None) or error}", hint=ADDRESS_HINT
    )


def _speaks_tls(dispatcher: Dispatcher, timeout: float) -> bool:
    from sparkmesos_core.network_failures import speaks_tls  # which loads ssl

    return speaks_tls(dispatcher.address.host, dispatcher.address.port, min(timeout, _LONGEST_TRIAL))


def not_a_message(dispatcher: Dispatcher, answer: Answer) -> DispatcherError:
    """The error for an answer that is no message of the protocol."""
    where = f"The dispatcher at {dispatcher}"
    status = f"{answer.status} {answer.reason}".strip()
    if "html" in answer.headers.get("content-type", "").lower():
        return DispatcherError(
            f"{where} answered {status} with a web page: {_title(answer.body)}",
            hint=f"{ADDRESS_HINT} If it is a dispatcher, its log says what went wrong.",
        )
    return DispatcherError(f"{where} answered {status}, but no message of its protocol", hint=ADDRESS_HINT)


def plain_text(answer: Answer) -> str:
    """What an answer says in plain text, in one line; empty if it is of another kind."""
    if not answer.headers.get("content-type", "").lower().startswith("text/plain"):
        return ""
    return _line(_start_of(answer.body))


def _title(content: bytes) -> str:
    text = _start_of(content)
    start, end = text.find("<title>"), text.find("</title>")
    return _line(text[start + len("<title>") : end] if 0 <= start < end else text) or "an empty one"


def _start_of(content: bytes) -> str:
    return content[:4096].decode("utf-8", "replace")


def _line(text: str) -> str:
    return " ".join(text.split())[:200]

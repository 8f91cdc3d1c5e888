"""Spark's history server: what its URL says, and asking which Spark it is of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from sparkmesos_core.dispatcher.http_exchange import NoAnswerError, NotHttpError, exchange, tls_wrapping
from sparkmesos_core.errors import SparkMesosError, UnreachableError, UsageError
from sparkmesos_core.master import HostPort
from sparkmesos_core.network_failures import FailureKind, network_failure_of, speaks_tls
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text

USUAL_PORT = 18080

_VERSION_PATH = "/api/v1/version"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HINT = "Check host and port (18080 unless spark.history.ui.port says otherwise), and that it runs there."


@dataclass(frozen=True)
class HistoryServer:
    """Where one is."""

    address: HostPort
    scheme: str = "http"
    path: str = ""
    """In front of its own paths, behind a proxy; without a slash at its end."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.address}{self.path}"


def history_server_at(url: str, *, named_by: str) -> HistoryServer:
    """The history server with this URL, which is `named_by` an option or a property.

    Raises UsageError if it is none, or has a password in it, which nobody would send.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port, user = parts.scheme.lower(), parts.hostname, parts.port, parts.username
    except ValueError:
        scheme, host, port, user = "", None, None, None
    if scheme not in _DEFAULT_PORTS or not host or user is not None:
        raise UsageError(
            f"{named_by}: {quoted(redact_text(url))} is not the address of a history server",
            hint=f"Write http://HOST:{USUAL_PORT}, or https://HOST:PORT if it speaks https.",
        )
    return HistoryServer(HostPort(host, port or _DEFAULT_PORTS[scheme]), scheme, parts.path.rstrip("/"))


def spark_version_of(server: HistoryServer, timeout: float, ca_file: str | None) -> str:
    """The Spark that a history server is of (`GET /api/v1/version`, monitoring.md of Spark).

    Empty if it wants to know first who asks. `timeout` is in seconds. Raises UnreachableError if there is no
    answer, and SparkMesosError if it is that of another server.
    """
    wrap = tls_wrapping(ca_file) if server.scheme == "https" else None
    path = server.path + _VERSION_PATH
    headers = {"Accept": "application/json"}
    try:
        answer = exchange(server.address, "GET", path, headers=headers, timeout=timeout, wrap=wrap)
    except NoAnswerError as error:
        raise _no_answer(server, error, timeout) from error
    except UnicodeEncodeError:
        raise UsageError(f"{server} is no URL that could be asked for", hint=_HINT) from None
    if answer.status in (401, 403):
        return ""
    try:
        told = json.loads(answer.body)["spark"]
    except (ValueError, RecursionError, KeyError, TypeError):
        told = None
    if answer.status == 200 and isinstance(told, str):
        return told
    if 300 <= answer.status < 400 and "location" in answer.headers:
        raise SparkMesosError(
            f"{server} points to {quoted(redact_text(answer.headers['location']))}",
            hint="Name that address in its place. If that is where people log in, so that nobody else is "
            "told anything: --skip history-server-reachable.",
        )
    raise SparkMesosError(
        f"What answers at {server} is no history server of Spark: {answer.status} {answer.reason}".rstrip(),
        hint=_HINT,
    )


def _no_answer(server: HistoryServer, error: NoAnswerError, timeout: float) -> SparkMesosError:
    where = f"The history server at {server}"
    failure = network_failure_of(error.reason)
    is_no_http = isinstance(error.reason, NotHttpError)
    may_be_tls = server.scheme == "http" and (is_no_http or failure.kind is FailureKind.CLOSED)
    if may_be_tls and speaks_tls(server.address.host, server.address.port, timeout):
        return UnreachableError(
            f"{where} speaks TLS, not plain HTTP", hint=f"Write https://{server.address}{server.path}."
        )
    if is_no_http:
        return SparkMesosError(f"What answers at {server} does not speak HTTP", hint=_HINT)
    match failure.kind:
        case FailureKind.REFUSED:
            text = "refuses the connection"
        case FailureKind.NAME:
            text = f"cannot be reached: the name {quoted(server.address.host)} cannot be resolved"
        case FailureKind.NO_CONNECTION | FailureKind.SILENCE:
            text = f"did not answer within {timeout:g} s"
        case FailureKind.CERTIFICATE if failure.other_name:
            return UnreachableError(
                f"{where} has a certificate for another name", hint="Use a name that is in the certificate."
            )
        case FailureKind.CERTIFICATE:
            return UnreachableError(
                f"{where} has a certificate that is not trusted ({failure.reason})",
                hint="Give the certificate of its authority with --ca-file.",
            )
        case FailureKind.NO_TLS:
            return UnreachableError(
                f"{where} speaks plain HTTP, not TLS", hint=f"Write http://{server.address}{server.path}."
            )
        case FailureKind.TLS:
            text = "does not speak TLS as it should"
        case FailureKind.CLOSED:
            text = "closed the connection without an answer"
        case _:
            text = f"cannot be reached: {failure.reason}"
    return UnreachableError(f"{where} {text}", hint=_HINT)

"""A client of dispatchers, Spark's own and ours. It starts no JVM and imports little, to be quick."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from sparkmesos_core.dispatcher.messages import (
    PROTOCOL_VERSION,
    CreateSubmissionRequest,
    DriverStatus,
    Killed,
    Submitted,
)
from sparkmesos_core.errors import DispatcherError, UnreachableError, UsageError
from sparkmesos_core.master import Dispatcher

_ADDRESS_HINT = (
    "Check that --master is the address of a dispatcher (port 7077), not of a Mesos master (5050)."
)
_UNKNOWN_VERSION = 468
"""The status by which a server says that it does not speak this version of the protocol."""
_LARGEST_ANSWER = 64 * 1024 * 1024


class DispatcherClient:
    """Asks one dispatcher; each request has a connection of its own.

    `timeout` is in seconds and is for a whole request, as Spark's client has it (10 s). `ca_file` holds the
    certificates that an https dispatcher is checked against instead of the usual ones. No proxies are used,
    as by Spark's client.
    """

    def __init__(self, dispatcher: Dispatcher, *, timeout: float = 10.0, ca_file: str | None = None) -> None:
        self._dispatcher = dispatcher
        self._timeout = timeout
        self._ca_file = ca_file

    def create(self, request: CreateSubmissionRequest) -> Submitted:
        """Submits a driver.

        Raises DispatcherError, with the reason, if the dispatcher refuses it; UnreachableError if there is no
        answer, whose hint says if the driver may have been accepted all the same.
        """
        message = request.to_json()
        try:
            json.dumps(message, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                "The submission holds text that is not Unicode, which JSON cannot carry",
                hint="Write its arguments and properties in UTF-8.",
            ) from error
        # In ASCII, with escapes: Spark's dispatcher reads it in the encoding of its own locale, and answers
        # 500 to what it cannot read in that.
        answer = self._ask("POST", "create", json.dumps(message).encode("ascii"))
        submission_id = answer.get("submissionId")
        if answer.get("success") is not True or not isinstance(submission_id, str) or not submission_id:
            raise DispatcherError(
                f"The dispatcher at {self._dispatcher} refused the submission: {_message(answer)}",
                hint="Correct what it names; if it is full or not ready, try again later.",
            )
        unknown = answer.get("unknownFields")
        return Submitted(submission_id, tuple(map(str, unknown)) if isinstance(unknown, list) else ())

    def status(self, submission_id: str) -> DriverStatus:
        """What the dispatcher knows of a driver, which may be nothing (outcome NOT_FOUND).

        Raises DispatcherError or UnreachableError.
        """
        answer = self._ask("GET", f"status/{_segment(submission_id)}")
        state = answer.get("driverState")
        if not isinstance(state, str):
            if answer.get("success") is not True:
                raise DispatcherError(
                    f"The dispatcher at {self._dispatcher} did not say the status of {submission_id}:"
                    f" {_message(answer)}"
                )
            state = ""
        return DriverStatus(submission_id, state, str(answer.get("message") or ""))

    def kill(self, submission_id: str) -> Killed:
        """Kills a driver; whether there was one to kill is in the answer.

        Raises DispatcherError or UnreachableError.
        """
        answer = self._ask("POST", f"kill/{_segment(submission_id)}")
        return Killed(submission_id, answer.get("success") is True, _message(answer))

    def _ask(self, method: str, action: str, body: bytes = b"") -> Mapping[str, Any]:
        path = f"/{PROTOCOL_VERSION}/submissions/{action}"
        with self._connection() as connection:
            headers = {"Accept": "application/json"}
            if body:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            content = response.read(_LARGEST_ANSWER)
        return self._understand(response, content)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        """A connection that is cut when the time is over, whatever it is waiting for."""
        address = self._dispatcher.address
        connection: http.client.HTTPConnection
        if self._dispatcher.scheme == "https":
            context = ssl.create_default_context(cafile=self._ca_file)
            connection = http.client.HTTPSConnection(
                address.host, address.port, timeout=self._timeout, context=context
            )
        else:
            connection = http.client.HTTPConnection(address.host, address.port, timeout=self._timeout)
        late = threading.Event()

        def cut() -> None:
            late.set()
            with contextlib.suppress(OSError):
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._timeout, cut)
        timer.daemon = True
        connected = False
        try:
            timer.start()
            connection.connect()
            connected = True
            yield connection
            if late.is_set():  # what was read until then looks like an end
                raise TimeoutError
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error, connected, late.is_set()) from error
        finally:
            timer.cancel()
            connection.close()

    def _unreachable(
        self, error: Exception, connected: bool, late: bool
    ) -> UnreachableError | DispatcherError:
        where = f"The dispatcher at {self._dispatcher}"
        if late or isinstance(error, TimeoutError):
            hint = (
                "The request was sent and may have been carried out: look at the dispatcher's page before"
                " you send it again."
                if connected
                else _ADDRESS_HINT
            )
            return UnreachableError(f"{where} did not answer within {self._timeout:g} s", hint=hint)
        if isinstance(error, socket.gaierror):
            return UnreachableError(
                f"{where} cannot be reached: the name '{self._dispatcher.address.host}' cannot be resolved",
                hint="Check the host name.",
            )
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
                f"{where} refuses the connection", hint=f"Check that it is running. {_ADDRESS_HINT}"
            )
        if isinstance(error, http.client.HTTPException) and not isinstance(
            error, http.client.RemoteDisconnected
        ):
            return DispatcherError(
                f"What answers at {self._dispatcher} does not speak HTTP", hint=_ADDRESS_HINT
            )
        if connected:
            return UnreachableError(
                f"{where} closed the connection without an answer",
                hint="The request may have been carried out: look at the dispatcher's page before you send it"
                " again.",
            )
        return UnreachableError(
            f"{where} cannot be reached: {getattr(error, 'strerror', None) or error}", hint=_ADDRESS_HINT
        )

    def _understand(self, response: http.client.HTTPResponse, content: bytes) -> Mapping[str, Any]:
        """The message in an answer. Raises DispatcherError if it is an error or no message."""
        where = f"The dispatcher at {self._dispatcher}"
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not isinstance(answer.get("action"), str):
            status = f"{response.status} {response.reason}".strip()
            if "html" in response.headers.get("Content-Type", "").lower():
                raise DispatcherError(
                    f"{where} answered {status} with a web page: {_title(content)}",
                    hint=f"{_ADDRESS_HINT} If it is a dispatcher, its log says what went wrong.",
                )
            raise DispatcherError(
                f"{where} answered {status}, but no message of its protocol", hint=_ADDRESS_HINT
            )
        if response.status == _UNKNOWN_VERSION:
            speaks = answer.get("highestProtocolVersion", "another version")
            raise DispatcherError(
                f"{where} does not speak version {PROTOCOL_VERSION} of the protocol, but {speaks}",
                hint="Use the spark-submit of its own release.",
            )
        if answer["action"] == "ErrorResponse" or response.status != http.client.OK:
            raise DispatcherError(
                f"{where} refused the request: {_message(answer)}", hint="Correct what it names."
            )
        return answer


def _segment(submission_id: str) -> str:
    if not submission_id:
        raise UsageError("The submission id is empty", hint="Give the id that submitting printed.")
    return quote(submission_id.encode("utf-8", "surrogateescape"), safe="")


def _message(answer: Mapping[str, Any]) -> str:
    """What a dispatcher says, without the stack trace that Spark's puts behind it."""
    text = str(answer.get("message") or "it gave no reason")
    lines = [line for line in text.splitlines() if not line.startswith("\t")]
    return " ".join(" ".join(lines).split()) or "it gave no reason"


def _title(content: bytes) -> str:
    text = content[:4096].decode("utf-8", "replace")
    start, end = text.find("<title>"), text.find("</title>")
    title = text[start + len("<title>") : end] if 0 <= start < end else text
    return " ".join(title.split())[:200] or "an empty one"

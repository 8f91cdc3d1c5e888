"""A client of dispatchers, Spark's own and ours. It starts no JVM and imports little, to be quick."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.dispatcher.failed_exchange import (
    IN_DOUBT,
    KILL_IN_DOUBT,
    not_a_message,
    plain_text,
    unreachable,
)
from sparkmesos_core.dispatcher.http_exchange import Answer, NoAnswerError, exchange, tls_wrapping
from sparkmesos_core.dispatcher.messages import (
    PROTOCOL_VERSION,
    TOKEN_PROPERTY,
    CreateSubmissionRequest,
    DriverStatus,
    Killed,
    Outcome,
    Submitted,
    driver_status,
    mesos_problem,
)
from sparkmesos_core.dispatcher.readiness import Readiness, readiness_of, readiness_of_spark
from sparkmesos_core.dispatcher.trials import Trials
from sparkmesos_core.errors import DispatcherError, ExitCode, SparkMesosError, UnreachableError, UsageError
from sparkmesos_core.master import Dispatcher, HostPort

_UNAUTHORIZED = 401
_FORBIDDEN = 403
_UNKNOWN_RESULT = frozenset({502, 504})
"""The statuses of somebody who has passed a request on, or begun it, and does not know what became of it."""
_UNKNOWN_VERSION = 468
"""The status by which a server says that it does not speak this version of the protocol."""
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LARGEST_PAGE = 1000


class NotReadyError(DispatcherError):
    """A dispatcher answers, but cannot serve at the moment (503): another one, or later, may do."""

    exit_code = ExitCode.UNREACHABLE  # not that of a driver which nobody knows

    def __init__(self, message: str, *, hint: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.answer = answer or {}
        """The message in which it says so; empty if there is none."""


class RefusedError(DispatcherError):
    """A dispatcher understood a request and refuses it; `status` is that of HTTP."""

    def __init__(
        self, message: str, *, hint: str, status: int, answer: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.answer = answer or {}
        """The message in which it does; empty if there is none."""

    @property
    def is_final(self) -> bool:
        """Whether it would refuse the same request again (4xx), be it asked as often as one likes."""
        return 400 <= self.status < 500

    @property
    def is_of_spark(self) -> bool:
        """Whether Spark's own dispatcher says it, to a question that only ours understands."""
        return self.status == 400 and "Missing an action" in self.message


class _NoAnswer(UnreachableError):
    """A dispatcher did not answer, though it, or the one that leads, may have got the request."""


@dataclass(frozen=True)
class Drivers:
    """Some of a dispatcher's drivers."""

    drivers: Sequence[DriverStatus]
    total: int
    """How many there are of those that were asked for."""
    mesos_problem: str = ""
    """As in `messages.mesos_problem`."""


class DispatcherClient:
    """Asks one dispatcher, or several that share their drivers: the next where one cannot be reached.

    Each request has a connection of its own. `timeout` is in seconds and is for one request to one address,
    as Spark's client has it (10 s). `ca_file` holds the certificates that an https dispatcher is checked
    against instead of the usual ones; `token` is shown to it as a bearer token. No proxies are used, as by
    Spark's client. `patience` is for how many seconds a submission or kill is sent again whose answer was
    lost, or that nobody can take at the moment; `on_wait` is told why when that begins.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        timeout: float = 10.0,
        ca_file: str | None = None,
        token: str | None = None,
        patience: float = 30.0,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.dispatcher = dispatcher
        self._on_wait = on_wait
        self._timeout = timeout
        self._patience = patience
        self._ca_file = ca_file
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._wrap: Callable[[socket.socket, str], socket.socket] | None = None
        self._first = 0
        """The place of the address that is asked first: one that has answered, or has not failed yet."""

    def create(self, request: CreateSubmissionRequest) -> Submitted:
        """Submits a driver, with a token by which our dispatcher knows it if it has to be sent again.

        It is sent again, for some seconds, as long as the dispatcher says that it cannot take it now (503),
        and if there was no answer, and one of our dispatchers is there; Spark's own would accept it twice.

        Raises DispatcherError, with the reason, if the dispatcher refuses it; UnreachableError if there is no
        answer, whose hint says if the driver may have been accepted all the same.
        """
        message = request.to_json()
        message["sparkProperties"].setdefault(TOKEN_PROPERTY, os.urandom(16).hex())
        try:
            json.dumps(message, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                "The submission holds text that is not Unicode, which JSON cannot carry",
                hint="Write its arguments and properties in UTF-8.",
            ) from error
        # In ASCII, with escapes: Spark's dispatcher reads it in the encoding of its own locale, and answers
        # 500 to what it cannot read in that.
        answer = self._repeated_create(json.dumps(message).encode("ascii"))
        submission_id = answer.get("submissionId")
        if answer.get("success") is not True or not isinstance(submission_id, str) or not submission_id:
            raise DispatcherError(
                f"The dispatcher at {self.dispatcher} refused the submission: {_message(answer)}",
                hint="Correct what it names; if it is full or not ready, try again later.",
            )
        unknown = answer.get("unknownFields")
        left_out = tuple(map(str, unknown)) if isinstance(unknown, list) else ()
        version = str(answer.get("serverSparkVersion") or "")
        return Submitted(submission_id, left_out, mesos_problem(answer), version)

    def status(self, submission_id: str) -> DriverStatus:
        """What the dispatcher knows of a driver, which may be nothing (outcome NOT_FOUND).

        Raises DispatcherError or UnreachableError.
        """
        answer = self._ask("GET", f"/status/{_segment(submission_id)}")
        if not isinstance(answer.get("driverState"), str) and answer.get("success") is not True:
            raise DispatcherError(
                f"The dispatcher at {self.dispatcher} did not say the status of {submission_id}:"
                f" {_message(answer)}"
            )
        return driver_status(submission_id, answer)

    def kill(self, submission_id: str) -> Killed:
        """Kills a driver; whether there was one to kill is in the answer.

        It is sent again, for some seconds, as long as the dispatcher says that it cannot do it (503), and if
        there was no answer: twice does no more than once. Raises DispatcherError or UnreachableError.
        """
        answer, was_lost = self._repeated_kill(f"/kill/{_segment(submission_id)}")
        killed, said = answer.get("success") is True, _message(answer)
        # A kill that was carried out, but for its answer, is refused the second time.
        if not killed and was_lost and self.status(submission_id).outcome is Outcome.KILLED:
            killed, said = True, "it has ended meanwhile"
        return Killed(submission_id, killed, said, mesos_problem(answer))

    def drivers(self, *, states: Sequence[str] = (), limit: int | None = None) -> Drivers:
        """Drivers of one of our dispatchers, the latest first: at most `limit`, if that is given.

        `states` are those of the protocol, or outcomes; none is all. Raises DispatcherError, also if it is
        Spark's own, which cannot tell them, or UnreachableError.
        """
        found: list[DriverStatus] = []
        chosen = f"&state={'%2C'.join(map(_segment, states))}" if states else ""
        after = ""
        while True:
            size = _LARGEST_PAGE if limit is None else min(limit - len(found), _LARGEST_PAGE)
            answer = self._list(f"?order=newest&limit={max(size, 1)}{chosen}{after}")
            rows, total, following = (answer.get(name) for name in ("submissions", "total", "next"))
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise not_a_message(self.dispatcher, Answer(200, "OK", {}, b""))
            found += [driver_status(str(row.get("submissionId", "")), row) for row in rows]
            if not rows or following is None or (limit is not None and len(found) >= limit):
                count = total if isinstance(total, int) else len(found)
                return Drivers(found, count, mesos_problem(answer))
            after = f"&after={_segment(str(following))}"

    def mesos_master(self) -> str | None:
        """The Mesos master of one of our dispatchers, as a URL; None of Spark's own, which does not tell.

        Raises DispatcherError or UnreachableError.
        """
        try:
            told = self._ask("GET", "/readyz").get("master")
        except RefusedError as error:
            if error.status == _UNAUTHORIZED:
                raise
            return None
        return told if isinstance(told, str) and told else None

    def readiness(self) -> Readiness:
        """How a dispatcher is, be it ready or not.

        Raises DispatcherError if it refuses to tell, or what answers is no dispatcher; UnreachableError.
        """
        try:
            return readiness_of(self._ask("GET", "/readyz"), ready=True)
        except NotReadyError as error:
            if not error.answer:
                raise
            return readiness_of(error.answer, ready=False)
        except RefusedError as error:
            if error.is_of_spark:
                return readiness_of_spark(error.answer)
            raise

    def is_of_spark(self, *, timeout: float) -> bool:
        """Whether the dispatcher that answered last is Spark's own.

        Only that one is asked, for at most `timeout` seconds. False also if it does not answer now, or not as
        Spark's does.
        """
        try:
            self._ask("GET", "/readyz", timeout=timeout, anybody=False)
        except RefusedError as error:
            return error.is_of_spark
        except SparkMesosError:
            pass
        return False

    def _list(self, query: str) -> Mapping[str, Any]:
        try:
            return self._ask("GET", query)
        except RefusedError as error:
            if error.is_of_spark:
                raise DispatcherError(
                    f"The dispatcher at {self.dispatcher} is Spark's own, which cannot list drivers",
                    hint="Ask it for one with `sparkmesos status ID`, or look at its page (port 8081).",
                ) from error
            raise

    def _repeated_create(self, body: bytes) -> Mapping[str, Any]:
        trials = Trials(self._patience, self._on_wait)
        lost: _NoAnswer | None = None
        knows_tokens = False
        while True:
            try:
                if lost is not None and not knows_tokens:
                    self.drivers(limit=1)  # which only ours tell
                    knows_tokens = True
                return self._ask("POST", "/create", body)
            except _NoAnswer as error:
                failure: SparkMesosError = error
                lost = lost or error
            except NotReadyError as error:
                failure = error
            except UnreachableError as error:
                if lost is None:
                    raise
                failure = error  # it may be about to be there again
            except DispatcherError:
                if lost is not None and not knows_tokens:
                    raise lost from None
                raise
            if not trials.another_after(failure):
                raise lost or failure

    def _repeated_kill(self, action: str) -> tuple[Mapping[str, Any], bool]:
        """The answer, and whether one before it was lost."""
        trials = Trials(self._patience, self._on_wait)
        lost: UnreachableError | None = None
        while True:
            try:
                return self._ask("POST", action), lost is not None
            except _NoAnswer as error:
                lost = lost or UnreachableError(error.message, hint=KILL_IN_DOUBT)
                failure: SparkMesosError = error
            except NotReadyError as error:
                failure = error
            except UnreachableError as error:
                if lost is None:
                    raise
                failure = error  # it may be about to be there again
            if not trials.another_after(failure):
                raise lost or failure

    def _ask(
        self,
        method: str,
        action: str,
        body: bytes = b"",
        *,
        timeout: float | None = None,
        anybody: bool = True,
    ) -> Mapping[str, Any]:
        """The answer of the first dispatcher that can be reached and serve; without `anybody` of one alone.

        `timeout` is in seconds for each, and that of the client unless it is given.
        """
        timeout = self._timeout if timeout is None else timeout
        path = f"/{PROTOCOL_VERSION}/submissions{action}"
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        last: Exception | None = None
        for place, address in self._in_turn() if anybody else [next(self._in_turn())]:
            where = Dispatcher(address, self.dispatcher.scheme)
            try:
                answer = exchange(
                    address,
                    method,
                    path,
                    headers=headers,
                    body=body,
                    timeout=timeout,
                    wrap=self._tls(),
                )
            except NoAnswerError as error:
                described = unreachable(where, error, timeout, changes=method != "GET")
                if isinstance(described, DispatcherError):
                    raise described from error
                if error.connected and method != "GET":
                    # The next one might do it a second time.
                    self._first = self._after(place)
                    raise _NoAnswer(described.message, hint=described.hint) from error
                if not isinstance(last, NotReadyError):  # which is there, and says more
                    last = described
                continue
            try:
                message = self._understand(where, answer)
            except _NoAnswer as error:
                if method != "GET":
                    self._first = self._after(place)
                    raise
                if not isinstance(last, NotReadyError):
                    last = UnreachableError(error.message, hint="Try it again.")
                continue
            except NotReadyError as error:
                last = error
                continue
            self._first = place
            return message
        assert last is not None  # there is an address
        if len(self.dispatcher.addresses) > 1 and isinstance(last, UnreachableError):
            raise UnreachableError(
                f"None of the dispatchers at {self.dispatcher} answers; the last: {last}", hint=last.hint
            ) from last
        raise last

    def _after(self, place: int) -> int:
        return (place + 1) % len(self.dispatcher.addresses)

    def _in_turn(self) -> Iterator[tuple[int, HostPort]]:
        places = list(enumerate(self.dispatcher.addresses))
        yield from (*places[self._first :], *places[: self._first])

    def _tls(self) -> Callable[[socket.socket, str], socket.socket] | None:
        if self.dispatcher.scheme == "https" and self._wrap is None:
            self._wrap = tls_wrapping(self._ca_file)
        return self._wrap

    def _understand(self, dispatcher: Dispatcher, reply: Answer) -> Mapping[str, Any]:
        """The message in an answer. Raises DispatcherError if it is an error or no message."""
        where = f"The dispatcher at {dispatcher}"
        try:
            answer = json.loads(reply.body)
        except (ValueError, RecursionError):
            answer = None
        if reply.status in _UNKNOWN_RESULT:
            said = (
                _message(answer).rstrip(".") if isinstance(answer, dict) else f"{reply.status} {reply.reason}"
            )
            raise _NoAnswer(f"{where} does not know what became of the request: {said}", hint=IN_DOUBT)
        if reply.status == _UNAUTHORIZED:
            raise RefusedError(
                f"{where} wants a token" + (", and not this one" if "Authorization" in self._headers else ""),
                hint="Name the file that holds its token with --auth-token-file.",
                status=reply.status,
            )
        if not isinstance(answer, dict) or not isinstance(answer.get("action"), str):
            if reply.status == _FORBIDDEN and (said := plain_text(reply)):
                raise RefusedError(
                    f"{where} refused the request: {said}",
                    hint="A dispatcher on loopback answers to names of its own machine alone, also where one "
                    "that stands by passes them on: start all with --host.",
                    status=reply.status,
                )
            if reply.status == 503:
                raise NotReadyError(f"{where} cannot serve at the moment", hint="Try again later.")
            raise not_a_message(dispatcher, reply)
        if reply.status == _UNKNOWN_VERSION:
            speaks = answer.get("highestProtocolVersion", "another version")
            raise RefusedError(
                f"{where} does not speak version {PROTOCOL_VERSION} of the protocol, but {speaks}",
                hint="Use the spark-submit of its own release.",
                status=reply.status,
            )
        if reply.status == 503:
            raise NotReadyError(
                f"{where} cannot serve at the moment: {_message(answer).rstrip('.')}",
                hint="Try again later.",
                answer=answer,
            )
        if answer["action"] == "ErrorResponse" or reply.status != 200:
            raise RefusedError(
                f"{where} refused the request: {_message(answer)}",
                hint="Correct what it names.",
                status=reply.status,
                answer=answer,
            )
        return answer


def _segment(text: str) -> str:
    """A text as one part of a path or query: percent-encoded but for what RFC 3986 calls unreserved."""
    if not text:
        raise UsageError("The submission id is empty", hint="Give the id that submitting printed.")
    encoded = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in encoded)


def _message(answer: Mapping[str, Any]) -> str:
    """What a dispatcher says, without the stack trace that Spark's puts behind it."""
    text = str(answer.get("message") or "it gave no reason")
    lines = [line for line in text.splitlines() if not line.startswith("\t")]
    return " ".join(" ".join(lines).split()) or "it gave no reason"

"""Asking the process that cares for the services, wherever it runs; one that stands by points to another."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.dispatcher.http_exchange import Answer, NoAnswerError, NotHttpError, exchange
from sparkmesos_core.errors import DaemonError, ExitCode, UnreachableError, UsageError
from sparkmesos_core.master import HostPort
from sparkmesos_core.network_failures import FailureKind, network_failure_of
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.server import STATUS_PATH, STOP_PATH, Stopped
from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus

STATUS_SECONDS = 15.0
STOP_SECONDS = 45.0
"""For how long an answer is waited for: the process asks Mesos and all services before it gives one."""
_MOST_REDIRECTS = 3
_HINT = "Give --at http://HOST:PORT, where start-shuffle-service --on-mesos answers (port 7338)."


class NotThereError(UnreachableError):
    """Nobody takes connections there: the process has ended, if it was there."""


class NoneHereError(NotThereError):
    """This machine's process does not run, as far as is known here."""

    exit_code = ExitCode.FAILED

    def __init__(self, number: int, *, keeps_records: bool = False) -> None:
        """`number` is that of its instance; `keeps_records`: there was one, and it was not stopped."""
        start = "sparkmesos start-shuffle-service --on-mesos --master URL"
        kept = "; its records are here, and its services may run on" if keeps_records else ""
        super().__init__(
            f"No {SERVICES.holder} {number} runs on this machine{kept}",
            hint=f"To go on with them: {start}. To end them: the same with --stop."
            if keeps_records
            else f"Give --at http://HOST:PORT if it runs elsewhere, or start it: {start}. Services may run"
            " without it.",
        )


class SilentHereError(UnreachableError):
    """This machine's process runs, and cannot be reached from here."""

    def __init__(self, number: int, pid: int, url: str) -> None:
        """`number` is that of its instance, `url` where it should answer."""
        super().__init__(
            f"Process {pid} is the {SERVICES.holder} {number} of this machine, and nothing listens at {url}"
            " from here",
            hint="It may be just starting or stopping: try again. Or it runs in another network (a container,"
            " a network namespace): ask from there, or stop it first (sparkmesos stop-shuffle-service"
            " --on-mesos).",
        )


class NotNowError(UnreachableError):
    """It answers, and cannot serve at the moment: nobody leads, or who leads has just gone."""


class ServicesClient:
    """Asks the process at a URL, `http://HOST:PORT`; `token` is shown to it.

    All methods raise UnreachableError if it does not answer, NotThereError, which is one, if nothing listens,
    NotNowError, another one, if it cannot now, and DaemonError if it refuses or is something else.
    """

    def __init__(self, url: str, *, token: str | None = None) -> None:
        """Raises UsageError for a URL that is none."""
        self.url = self._first = url
        self._address = address_of(url)
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def status(self) -> ServicesStatus:
        """All services."""
        fields = self._ask("GET", STATUS_PATH, STATUS_SECONDS)
        try:
            return ServicesStatus.from_json(fields)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._something_else() from None

    def stop(self) -> Stopped:
        """End all services and the framework; the process ends, too."""
        fields = self._ask("POST", STOP_PATH, STOP_SECONDS)
        try:
            return Stopped(bool(fields["complete"]), int(fields["services"]), str(fields["reason"]))
        except (KeyError, TypeError, ValueError):
            raise self._something_else() from None

    def _ask(self, method: str, path: str, timeout: float) -> dict[str, Any]:
        for _ in range(_MOST_REDIRECTS):
            answer = self._exchange(method, path, timeout)
            content = _content(answer)
            if answer.status == 307 and content is not None and isinstance(content.get("leader"), str):
                self.url = content["leader"]
                self._address = address_of(self.url)
                continue
            break
        else:
            raise NotNowError(f"{self.url} does not know who leads", hint="Try again soon.")
        if content is None:
            raise self._something_else()
        if answer.status == 401:
            raise DaemonError(
                f"{self.url} wants a token, and was shown "
                + ("a wrong one" if "Authorization" in self._headers else "none"),
                hint="Give --auth-token-file with the token that it was started with.",
            )
        if answer.status not in (200, 202):
            if not isinstance(content.get("error"), str):
                raise self._something_else()
            kind = NotNowError if answer.status == 503 else DaemonError
            raise kind(f"{self.url}: {content['error']}", hint=str(content.get("hint", "")))
        return content

    def _exchange(self, method: str, path: str, timeout: float) -> Answer:
        try:
            return exchange(self._address, method, path, headers=self._headers, timeout=timeout)
        except NoAnswerError as failure:
            if isinstance(failure.reason, NotHttpError):
                raise self._something_else() from failure
            kind = network_failure_of(failure.reason).kind
            if kind is FailureKind.REFUSED and self.url != self._first:
                raise NotNowError(
                    f"The process that leads is gone from {self.url}",
                    hint="Another one takes its place within seconds: try again.",
                ) from failure
            if kind is FailureKind.REFUSED:
                raise NotThereError(f"Nothing listens at {self.url}", hint=_HINT) from failure
            if kind is FailureKind.NAME:
                raise UnreachableError(
                    f"{self.url} cannot be reached: the name '{self._address.host}' cannot be resolved",
                    hint="Check the host name.",
                ) from failure
            if isinstance(failure.reason, TimeoutError):
                reason = f"did not answer within {timeout:g} s"
            elif failure.connected:
                reason = "closed the connection without an answer"
            else:
                reason = f"cannot be reached: {getattr(failure.reason, 'strerror', None) or failure.reason}"
            raise UnreachableError(f"{self.url} {reason}", hint=f"Look at its log. {_HINT}") from failure

    def _something_else(self) -> DaemonError:
        return DaemonError(f"What answers at {self.url} does not care for shuffle services", hint=_HINT)


def address_of(url: str) -> HostPort:
    """Host and port of `http://HOST:PORT`. Raises UsageError for anything else."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme != "http" or parts.path not in ("", "/"):
        raise UsageError(f"'{url}' is not the address of a server over http", hint=_HINT)
    return HostPort(host, port)


def _content(answer: Answer) -> dict[str, Any] | None:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None

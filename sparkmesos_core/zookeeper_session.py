"""Sessions at ZooKeeper: a client that keeps secrets, and what to say when no server answers."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.master import Credential, HostPort

if TYPE_CHECKING:
    from kazoo.client import KazooClient

_silent = logging.getLogger(f"{__name__}.client")

_LONGEST_PAUSE = 2.0
"""Seconds between two tries to connect. The library's own pauses grow to an hour."""
_LOOK_SECONDS = 0.2


def new_client(
    servers: Sequence[HostPort], credential: Credential | None, session_timeout: float
) -> KazooClient:
    """A client that has not been started, and that logs nowhere; the timeout is in seconds.

    It would log the password (in the requests that it sends, at level DEBUG) and each try to connect; what
    is worth telling of those is in our own errors.
    """
    from kazoo.client import KazooClient

    for library in (logging.getLogger("kazoo"), _silent):
        library.propagate = False
        if not library.handlers:
            library.addHandler(logging.NullHandler())
    return KazooClient(
        hosts=",".join(map(str, servers)),
        timeout=session_timeout,
        auth_data=[("digest", credential.digest)] if credential else None,
        connection_retry={"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": _LONGEST_PAUSE},
        logger=_silent,
    )


def no_server(servers: Sequence[HostPort], timeout: float) -> UnreachableError:
    """The error for when none has answered within `timeout` seconds; it asks each for the reason."""
    reasons = "; ".join(f"{server} {_why_silent(server)}" for server in servers)
    return UnreachableError(
        f"no ZooKeeper server answered within {timeout:g} s: {reasons}",
        hint="Check hosts and ports (2181 unless configured otherwise), and that ZooKeeper is running",
    )


def _why_silent(server: HostPort) -> str:
    try:
        with socket.create_connection((server.host, server.port), timeout=1):
            return "takes connections, but does not answer like a ZooKeeper in service"
    except OSError as error:
        return why_no_connection(error)


def why_no_connection(error: OSError) -> str:
    """Why there is no connection to a server, to stand behind its address."""
    if isinstance(error, socket.gaierror):
        return "cannot be resolved"
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection"
    return f"cannot be reached ({error.strerror or 'no answer'})"


class Session:
    """A session at ZooKeeper whose answers are not waited for without end.

    When one session has been lost, the next one begins by itself; `number` tells them apart.
    """

    def __init__(
        self, servers: Sequence[HostPort], credential: Credential | None, session_timeout: float
    ) -> None:
        self.servers = tuple(servers)
        self.client = new_client(servers, credential, session_timeout)
        self.granted = session_timeout
        """Seconds of silence after which servers end the session: they may grant less than was asked for."""
        self._timeout = session_timeout
        self._connected = threading.Event()
        self._closed = threading.Event()
        self.client.add_listener(self._on_state)
        self._note_what_is_granted()

    def start(self, timeout: float) -> None:
        """Connect, within `timeout` seconds. Raises UnreachableError, also if it is closed meanwhile."""
        deadline = time.monotonic() + timeout
        connected = self.client.start_async()
        while not connected.wait(min(_LOOK_SECONDS, max(0.0, deadline - time.monotonic()))):
            if self._closed.is_set():
                raise UnreachableError("the session at ZooKeeper was closed before it began")
            if time.monotonic() >= deadline:
                self.close()
                raise no_server(self.servers, timeout)

    @property
    def number(self) -> int | None:
        """ZooKeeper's number of the session; None while there is no connection."""
        identity = self.client.client_id
        return None if identity is None else int(identity[0])

    def wait_for_connection(self, timeout: float) -> bool:
        """Whether there is one after at most `timeout` seconds."""
        return self._connected.wait(timeout)

    def ask(self, answer: Any) -> Any:
        """The value of one of the client's asynchronous results. Raises what is passing, and others."""
        return answer.get(timeout=self._timeout)

    def commit(self, transaction: Any) -> list[Any]:
        """Commit a transaction; the results of its requests. Raises the error of the one that failed."""
        from kazoo.exceptions import KazooException, RolledBackError, RuntimeInconsistency

        results: list[Any] = self.ask(transaction.commit_async())
        # Those before the one that failed were rolled back, those behind it not tried.
        failures = [result for result in results if isinstance(result, KazooException)]
        for failure in failures:
            if not isinstance(failure, (RolledBackError, RuntimeInconsistency)):
                raise failure
        if failures:
            raise failures[0]
        return results

    def close(self) -> None:
        """End the session; what is ephemeral in it goes. May be called more than once, and in any thread."""
        from kazoo.exceptions import KazooException

        self._closed.set()
        with suppress(KazooException, OSError):
            self.client.stop()
        with suppress(KazooException, OSError):
            self.client.close()

    def _note_what_is_granted(self) -> None:
        # The library keeps it to itself: it only has its connections fail after two thirds of it.
        connection: Any = self.client._connection
        connect = connection._connect

        def noting(*arguments: Any) -> Any:
            timeouts = connect(*arguments)
            read_timeout, _ = timeouts
            self.granted = read_timeout * 1.5 / 1000
            return timeouts

        connection._connect = noting

    def _on_state(self, state: Any) -> None:
        from kazoo.protocol.states import KazooState

        if state == KazooState.CONNECTED:
            self._connected.set()
        else:
            self._connected.clear()


def silence_text(error: BaseException) -> str:
    """What an error that `is_passing` means, for people."""
    from kazoo import exceptions
    from kazoo.handlers.threading import KazooTimeoutError

    if isinstance(
        error, (KazooTimeoutError, exceptions.OperationTimeoutError, exceptions.RequestTimeoutError)
    ):
        return "no answer in time"
    if isinstance(error, (exceptions.SessionExpiredError, exceptions.SessionMovedError)):
        return "the session is over"
    return "no connection"


def is_passing(error: BaseException) -> bool:
    """Whether a request met no answer, so that it is unknown whether it was done, and may be made again."""
    from kazoo import exceptions
    from kazoo.handlers.threading import KazooTimeoutError

    return isinstance(
        error,
        (
            KazooTimeoutError,
            exceptions.ConnectionLoss,
            exceptions.OperationTimeoutError,
            exceptions.RequestTimeoutError,
            exceptions.SessionExpiredError,  # also ConnectionClosedError
            exceptions.SessionMovedError,
            exceptions.CancelledError,
        ),
    )

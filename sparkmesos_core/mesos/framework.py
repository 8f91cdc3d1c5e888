"""Running a framework: the one place that imports pymesos, and that guards against its faults.

pymesos holds the subscription (connect, redirects, reconnect); this module gives it what it lacks. Events are
handed over as the v1 scheduler API has them, and calls are made in its terms too, so nothing is lost between,
such as the agent ids that pymesos leaves out when it kills and reconciles.

What pymesos 0.3.15 does, and what happens here instead:

- Imported, it takes over SIGINT (which fails outside the main thread) and logs to standard error. Here not.
- An exception in a callback, or a refused call there, ends its thread and interrupts the main thread. Here it
  is kept, the framework stops, and whoever waits in `Framework.join` gets it.
- An exception while connecting (an unknown name, a connection refused at once) ends its thread as well. Here
  it is a failed attempt like others, followed by another one, without end.
- When the master answers 503, it asks again without any pause. Here attempts have a second between them.
- A refusal that arrives in two pieces ends its thread with a TypeError. Here Mesos' words are waited for.
- Told of another master twice in a row, it may miss the second time, for ever. Here it looks again.
- A silent connection is waited on for ever. Here five missed heartbeats end it.
- It ends the framework, and with it all tasks, when its thread fails. Here only `Framework.stop` can do so.
- It dies of versions such as "1.12.0-dev", adds GPU_RESOURCES to every framework, shares one dictionary of
  headers among all drivers, and reuses connections that the server may have closed. None of that is used.
"""

from __future__ import annotations

import _thread
import ast
import base64
import contextlib
import functools
import http.client
import importlib
import json
import logging
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any

from sparkmesos_core.errors import (
    MesosError,
    MissingExtraError,
    SparkMesosError,
    UnreachableError,
    UsageError,
)
from sparkmesos_core.mesos.leader import Leader

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

_CHECKOUT_INSTALL = "pip install ./third_party/http-parser '.[framework]'"
_CALL_TIMEOUT = 10.0
_SECONDS_BETWEEN_ATTEMPTS = 1.0
_DEFAULT_HEARTBEAT = 15.0
_MISSED_HEARTBEATS = 5
_FOR_EVER = 100 * 365 * 86400  # seconds after which pymesos gives up; infinity breaks its log message


def load_pymesos() -> ModuleType:
    """Import pymesos without its side effects: SIGINT is handled as before, nothing is logged to stderr.

    Raises MissingExtraError, with the command that installs what is missing, and SparkMesosError when called
    the first time outside the main thread, where pymesos cannot be imported.
    """
    if "pymesos" not in sys.modules and threading.current_thread() is not threading.main_thread():
        raise SparkMesosError(
            "pymesos can be loaded in the main thread only",
            hint="Call load_pymesos() in the main thread before a framework is started in another",
        )
    before = signal.getsignal(signal.SIGINT)
    try:
        pymesos = importlib.import_module("pymesos")
        process = importlib.import_module("pymesos.process")
    except ImportError as error:
        raise MissingExtraError("Running a framework", "framework", hint=_install_hint(error)) from error
    finally:
        if signal.getsignal(signal.SIGINT) is not before and before is not None:
            signal.signal(signal.SIGINT, before)
    if before is process._handle_sigint and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, process._prev_handler)  # somebody else had imported it before
    log = logging.getLogger("pymesos")
    log.handlers[:] = [logging.NullHandler()]
    log.setLevel(logging.NOTSET)
    return pymesos


def _install_hint(error: ImportError) -> str:
    """pymesos' own dependency does not build on newer Pythons, and a checkout brings one that does."""
    missing = (error.name or "").partition(".")[0]
    if sys.version_info >= (3, 11) or missing == "http_parser":
        why = "http-parser, which pymesos needs, is missing or broken" if missing == "http_parser" else ""
        reason = why or "http-parser, which pymesos needs, does not build on Python 3.11 and newer"
        return f"{reason}. In a checkout of sparkmesos run: {_CHECKOUT_INSTALL}"
    return ""


class Framework:
    """One framework, subscribed at the leading master for as long as it runs.

    `info` is a FrameworkInfo as the v1 API wants it; with an `id` in it the framework of that id goes on.
    `on_event` gets every event of the API but heartbeats, as it is, in order, one at a time, in a thread of
    its own. It may make calls. Should it raise, the framework stops and `join` raises the same.
    `on_disconnected` is called in that thread when a subscription is lost; another SUBSCRIBED event follows
    when there is one again. With `acknowledge` status updates are acknowledged after `on_event` returns; if
    that fails, Mesos sends the update again.

    An ERROR event, after which Mesos knows the framework no longer, ends it after `on_event` has seen it.
    Failing, leaving a `with` block and stopping keep the framework known to Mesos until its failover timeout,
    unless `stop` is told to tear it down.

    Raises MissingExtraError without pymesos, and UsageError for a leader that pymesos cannot speak to (over
    https or IPv6).
    """

    def __init__(
        self,
        info: Json,
        leader: Leader,
        on_event: Callable[[dict[str, Any]], None],
        *,
        on_disconnected: Callable[[], None] = lambda: None,
        acknowledge: bool = True,
        principal: str | None = None,
        secret: str | None = None,
    ) -> None:
        self._driver = _driver_class()(dict(info), _address(leader), on_event, on_disconnected, acknowledge)
        if principal is not None and secret is not None:
            token = base64.b64encode(f"{principal}:{secret}".encode()).decode()
            self._driver._basic_credential = f"Basic {token}"

    def __enter__(self) -> Framework:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.end(teardown=False)
        self._driver.wait(None)

    @property
    def framework_id(self) -> str | None:
        """The id that Mesos gave, once it is subscribed."""
        identifier: str | None = self._driver.framework_id
        return identifier

    @property
    def connected(self) -> bool:
        """Whether it is subscribed at this moment."""
        connected: bool = self._driver.subscribed
        return connected

    def start(self) -> None:
        """Begin to subscribe; returns at once."""
        self._driver.start()

    def follow(self, leader: Leader | None) -> None:
        """Subscribe at another master; None waits until there is one. Fit to be a LeaderWatch's callback."""
        self._driver.change_master(_address(leader) if leader is not None else None)

    def stop(self, *, teardown: bool = False) -> None:
        """Leave the master and return at once; with `teardown` Mesos ends the framework and all its tasks."""
        self._driver.end(teardown)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it has stopped, at most `timeout` seconds; whether it has.

        Raises what ended it, if it was not `stop`: what `on_event` raised, or MesosError if Mesos refused the
        framework, ended it, or did not tear it down.
        """
        ended: bool = self._driver.wait(timeout)
        if ended and self._driver.failure is not None:
            raise self._driver.failure
        return ended

    # Calls. All raise UnreachableError when there is no subscription or no answer, MesosError when refused.

    def call(self, kind: str, **content: Any) -> None:
        """Make any call of the v1 scheduler API, e.g. `call("MESSAGE", message={...})`."""
        identifier = {"value": self.framework_id}
        self._driver._send({"type": kind, "framework_id": identifier, **content})

    def accept(
        self, offer_ids: Sequence[Json], operations: Sequence[Json], filters: Json | None = None
    ) -> None:
        """Use offers for operations, such as `{"type": "LAUNCH", "launch": {"task_infos": [...]}}`."""
        content = {"offer_ids": list(offer_ids), "operations": list(operations)}
        self.call("ACCEPT", accept={**content, **({"filters": filters} if filters else {})})

    def decline(self, offer_ids: Sequence[Json], filters: Json | None = None) -> None:
        """Give offers back; `filters` may hold `refuse_seconds`, which Mesos sets to 5 otherwise."""
        self.call(
            "DECLINE", decline={"offer_ids": list(offer_ids), **({"filters": filters} if filters else {})}
        )

    def revive(self, roles: Sequence[str] = ()) -> None:
        """Ask for offers again, dropping all filters; for some roles or for all."""
        self.call("REVIVE", **({"revive": {"roles": list(roles)}} if roles else {}))

    def suppress(self, roles: Sequence[str] = ()) -> None:
        """Ask for no more offers until `revive`."""
        self.call("SUPPRESS", **({"suppress": {"roles": list(roles)}} if roles else {}))

    def kill(self, task_id: str, agent_id: str | None = None) -> None:
        """Kill a task. With its agent's id a task that the master does not know can be killed as well."""
        self.call("KILL", kill=_task(task_id, agent_id))

    def acknowledge(self, status: Json) -> None:
        """Acknowledge a status update, so that it is not sent again; nothing to do for one without `uuid`."""
        if "uuid" in status:
            fields = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
            self.call("ACKNOWLEDGE", acknowledge=fields)

    def reconcile(self, tasks: Mapping[str, str | None]) -> None:
        """Ask for the states of tasks: task ids with agent ids (None if unknown); without any, of all."""
        self.call("RECONCILE", reconcile={"tasks": [_task(task, agent) for task, agent in tasks.items()]})


def _task(task_id: str, agent_id: str | None) -> dict[str, Any]:
    return {"task_id": {"value": task_id}, **({"agent_id": {"value": agent_id}} if agent_id else {})}


def _address(leader: Leader) -> str:
    """The only form that pymesos takes."""
    if leader.scheme == "https" or ":" in leader.address.host:
        what = "over https" if leader.scheme == "https" else "by IPv6"
        raise UsageError(
            f"frameworks cannot speak to the master at {leader.http_url}: pymesos does not {what}",
            hint="Run the framework where the master can be reached over http and IPv4",
        )
    return str(leader.address)


@functools.cache
def _driver_class() -> Any:
    """A driver over pymesos', made when first needed, since importing pymesos is not for free."""
    pymesos = load_pymesos()
    process: Any = importlib.import_module("pymesos.process")

    class Parser(process.HttpParser):  # type: ignore[misc]
        """A parser that tells of a refusal when it is there with all of its text."""

        def is_headers_complete(self) -> bool:
            return bool(super().is_headers_complete()) and not self._is_partial_refusal()

        def is_partial_body(self) -> bool:
            return bool(super().is_partial_body()) and not self._is_partial_refusal()

        def _is_partial_refusal(self) -> bool:
            return self.get_status_code() not in (200, 307, 503) and not self.is_message_complete()

    class Connection(process.Connection):  # type: ignore[misc]
        """A connection whose failures are told, not raised, and which ends when nothing is heard."""

        def __init__(self, addr: str, callback: Any) -> None:
            self._heard = time.monotonic()
            self._refusal = ""
            try:
                super().__init__(addr, callback)
            except OSError as error:
                self._refusal = error.strerror or str(error) or "failed"
                self._callback, self._stream_id = callback, None
                self._request = self._response = b""
            self._parser = Parser()

        def handle_connect_event(self) -> str:
            reason: str = self._refusal or super().handle_connect_event()
            return reason

        def read(self) -> bool:
            self._heard = time.monotonic()
            more: bool = super().read()
            return more

        def want_write(self) -> bool:
            # pymesos asks this at least every two seconds.
            if isinstance(self._callback, Driver):
                self._callback.notice_change()
            patience = getattr(self._callback, "patience", None)
            if patience is not None and time.monotonic() - self._heard > patience:
                logger.warning("nothing heard from the master for %g s; subscribing anew", patience)
                self._refusal = "silent"
                with contextlib.suppress(OSError):
                    self._sock.shutdown(2)
            return bool(self._request)

    class Driver(pymesos.MesosSchedulerDriver):  # type: ignore[name-defined,misc]
        """pymesos' loop and reconnecting; everything that it would do with events and calls is replaced."""

        def __init__(
            self,
            info: dict[str, Any],
            master: str,
            handle: Callable[[dict[str, Any]], None],
            disconnected: Callable[[], None],
            acknowledge: bool,
        ) -> None:
            super().__init__(None, info, master, failover=True, timeout=_FOR_EVER)
            self.patience = _MISSED_HEARTBEATS * _DEFAULT_HEARTBEAT
            self.subscribed = False
            self.failure: BaseException | None = None
            self._handle = handle
            self._on_disconnected = disconnected
            self._acknowledge = acknowledge
            self._ending = False
            self._hurry = threading.Event()
            self._last_attempt: tuple[str, float] | None = None

        @property
        def framework(self) -> dict[str, Any]:
            return dict(self._framework)

        @property
        def _master(self) -> str | None:
            # pymesos asks this at least every two seconds, too, while it has no connection.
            self.notice_change()
            return self._current_master

        @_master.setter
        def _master(self, master: str | None) -> None:
            self._current_master = master

        def notice_change(self) -> None:
            """Wake the loop again if a master was named that it has not taken up.

            It empties its pipe after having looked which master is wanted, and with it a newer wake-up.
            """
            if self._new_master != self._current_master:
                self._notify()

        def _get_version(self, master: str | None) -> None:
            return None

        def end(self, teardown: bool) -> None:
            self._ending = True
            self._hurry.set()
            self.stop(failover=not teardown)

        def wait(self, timeout: float | None) -> bool:
            thread = self._io_thread
            if thread is not None and thread is not threading.current_thread():
                thread.join(timeout)
            return thread is None or not thread.is_alive()

        def _backoff(self, num_conn_retry: int) -> float:
            # pymesos would sleep through a request to stop or to follow another master.
            self._pause(super()._backoff(num_conn_retry))
            return 0

        def _pause(self, seconds: float) -> None:
            self._hurry.clear()
            if not self._ending and self._new_master == self._current_master:
                self._hurry.wait(seconds)

        def change_master(self, master: str | None) -> None:
            super().change_master(master)
            self._hurry.set()

        def gen_request(self) -> bytes:
            """Called for each attempt to subscribe, so the place to keep them apart."""
            now = time.monotonic()
            if self._last_attempt and self._last_attempt[0] == self.master:
                self._pause(self._last_attempt[1] + _SECONDS_BETWEEN_ATTEMPTS - now)
            self._last_attempt = (self.master, time.monotonic())
            request: bytes = super().gen_request()
            return request

        def _run(self) -> None:
            _running.driver = self
            try:
                super()._run()
            except BaseException as error:  # noqa: BLE001 - it is raised in `Framework.join`
                self.fail(error)

        def fail(self, error: BaseException) -> None:
            """Keep what ends this driver; only the first counts."""
            process._exc_info = None  # pymesos would raise it at the next SIGINT
            if self.failure is not None:
                return
            refused = re.fullmatch(r"Failed with HTTP (\d+): (b['\"].*)", str(error))
            if isinstance(error, RuntimeError) and refused:
                words = ast.literal_eval(refused[2]).decode("utf-8", "replace")
                error = MesosError(
                    f"the master at {self.master} refuses the framework: {refused[1]} {words}".strip(),
                    hint=_refusal_hint(refused[1]),
                )
            self.failure = error

        def process_event(self, event: dict[str, Any]) -> None:
            kind = event.get("type")
            if not self._started or kind == "HEARTBEAT":
                return
            if kind == "SUBSCRIBED":
                subscribed = event["subscribed"]
                self.framework_id = subscribed["framework_id"]["value"]
                heartbeat = subscribed.get("heartbeat_interval_seconds", _DEFAULT_HEARTBEAT)
                self.patience = _MISSED_HEARTBEATS * heartbeat
                self.subscribed = True
            self._handle(event)
            if kind == "UPDATE" and self._acknowledge:
                self._acknowledge_update(event["update"]["status"])
            elif kind == "ERROR":
                message = event.get("error", {}).get("message", "no reason given")
                self.fail(MesosError(f"Mesos ended the framework: {message}"))
                self.end(teardown=False)

        def _acknowledge_update(self, status: Json) -> None:
            if "uuid" not in status:
                return
            fields = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
            identifier = {"value": self.framework_id}
            try:
                self._send({"type": "ACKNOWLEDGE", "framework_id": identifier, "acknowledge": fields})
            except (UnreachableError, MesosError) as error:
                logger.warning("a status update was not acknowledged and will come again: %s", error.message)

        def on_close(self) -> None:
            lost = self.subscribed and self._started
            self.subscribed = False
            if lost:
                try:
                    self._on_disconnected()
                except Exception as error:  # noqa: BLE001 - it is raised in `Framework.join`
                    self.fail(error)
                    self.end(teardown=False)

        def _shutdown(self) -> None:
            if self._failover or self.framework_id is None:
                return
            try:
                self._send({"type": "TEARDOWN", "framework_id": {"value": self.framework_id}})
            except (UnreachableError, MesosError) as error:
                self.fail(error)

        def _send(self, body: Json, *_: object, **__: object) -> None:
            with self._lock:
                master, stream_id = self.master, self.stream_id
            if not (self.subscribed and master and stream_id):
                raise UnreachableError(f"{body['type']} was not sent: the framework is not subscribed")
            headers = {"Content-Type": "application/json", "Mesos-Stream-Id": stream_id}
            if self._basic_credential:
                headers["Authorization"] = self._basic_credential
            host, _, port = master.rpartition(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=_CALL_TIMEOUT)
            try:
                connection.request("POST", "/api/v1/scheduler", json.dumps(body).encode(), headers)
                answer = connection.getresponse()
                words = answer.read().decode("utf-8", "replace")
            except (OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
                raise UnreachableError(
                    f"{body['type']} was not answered by the master at {master}: {reason}"
                ) from error
            finally:
                connection.close()
            if not 200 <= answer.status < 300:
                raise MesosError(
                    f"the master at {master} refuses {body['type']}: {answer.status} {words}".strip(),
                    hint=_refusal_hint(str(answer.status)),
                )

    # pymesos looks both up in its module at each use. Other drivers in this process work with them as before.
    process.Connection = Connection
    process.thread = SimpleNamespace(interrupt_main=_interrupt_main)
    return Driver


_running = threading.local()


def _interrupt_main() -> None:
    """Called where pymesos handles the exception that ends its thread: keep it with the driver it ends."""
    driver = getattr(_running, "driver", None)
    if driver is None:
        _thread.interrupt_main()
    else:
        driver.fail(sys.exc_info()[1])


def _refusal_hint(status: str) -> str:
    if status in ("401", "403"):
        return "Set spark.mesos.principal and spark.mesos.secret to credentials that Mesos accepts"
    return ""

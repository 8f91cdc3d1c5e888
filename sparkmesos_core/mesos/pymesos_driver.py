"""pymesos' scheduler driver, guarded against its faults.

pymesos holds the subscription (connect, redirects, reconnect); this module gives it what it lacks.
What pymesos 0.3.15 does, and what happens here instead:

- An exception in a callback, or a refused call there, ends its thread and interrupts the main thread. Here it
  is kept, the framework stops, and whoever waits in `Framework.join` gets it.
- An exception while connecting (an unknown name, a connection refused at once) ends its thread as well. Here
  it is a failed attempt like others, followed by another one, without end.
- Redirected to a master that has died, it tries that one for ever. Here the masters that were named are asked
  again. Masters that point at each other are asked without any pause. Here with one.
- When the master answers 503, it asks again without any pause. Here attempts have a second between them.
- A refusal that arrives in two pieces ends its thread with a TypeError. Here Mesos' words are waited for.
- Told of another master twice in a row, it may miss the second time, for ever. Here it looks again.
- Why there is no connection is only in its log. Here it can be asked for.
- A silent connection is waited on for ever. Here five missed heartbeats end it.
- It ends the framework, and with it all tasks, when its thread fails. Here only `Framework.stop` can do so.
- It reconciles once. Here what is not answered is asked for again.
- It dies of versions such as "1.12.0-dev", adds GPU_RESOURCES to every framework, shares one dictionary of
  headers among all drivers, and reuses connections that the server may have closed. None of that is used.
"""

from __future__ import annotations

import _thread
import ast
import contextlib
import functools
import http.client
import importlib
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError
from sparkmesos_core.mesos.pymesos_import import load_pymesos
from sparkmesos_core.mesos.reconciliation import Reconciliation

logger = logging.getLogger(__name__)

Json = Mapping[str, Any]

_CALL_TIMEOUT = 10.0
_SECONDS_BETWEEN_ATTEMPTS = 1.0
_DEFAULT_HEARTBEAT = 15.0
_MISSED_HEARTBEATS = 5
_FOR_EVER = 100 * 365 * 86400  # seconds after which pymesos gives up; infinity breaks its log message
_LONGEST_WORDS = 300
_NO_MASTERS_ANSWER = ("Failed to parse", "Response is not chunked")
_ADDRESS = re.compile(r"[^\s\[\]:@/]+:\d+")  # the only form that pymesos takes


@functools.cache
def driver_class() -> Any:
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
            if reason:
                logger.warning("no connection to the master at %s:%d: %s", *self.addr, reason)
                self._tell(f"cannot be reached: {reason}")
            return reason

        def _tell(self, problem: str) -> None:
            if isinstance(self._callback, Driver):
                self._callback.problem = f"the master at {self.addr[0]}:{self.addr[1]} {problem}"

        def read(self) -> bool:
            self._heard = time.monotonic()
            more: bool = super().read()
            if not more and self._stream_id is None:
                self._tell(_unanswered(self._parser.get_status_code()))
            return more

        def want_write(self) -> bool:
            # pymesos asks this at least every two seconds.
            stale = False
            if isinstance(self._callback, Driver):
                self._callback.notice_change()
                self._callback.reconcile_again()
                stale = self._callback.stale
            patience = getattr(self._callback, "patience", None)
            silent = patience is not None and time.monotonic() - self._heard > patience
            if silent or stale:
                why = f"nothing was heard from the master for {patience:g} s" if silent else "it has ended"
                logger.warning("subscribing anew: %s", why)
                self._tell(f"is given up: {why}")
                self._refusal = "given up"
                with contextlib.suppress(OSError):
                    self._sock.shutdown(2)
            return bool(self._request)

    class Driver(pymesos.MesosSchedulerDriver):  # type: ignore[name-defined,misc]
        """pymesos' loop and reconnecting; everything that it would do with events and calls is replaced."""

        _new_master: str | None  # of pymesos: the one that is wanted

        def __init__(
            self,
            info: dict[str, Any],
            masters: Sequence[str],
            handle: Callable[[dict[str, Any]], None],
            disconnected: Callable[[], None],
            acknowledge: bool,
        ) -> None:
            super().__init__(None, info, masters[0], failover=True, timeout=_FOR_EVER)
            self.patience = _MISSED_HEARTBEATS * _DEFAULT_HEARTBEAT
            self.subscribed = False
            self.problem = ""
            self.failure: BaseException | None = None
            self._handle = handle
            self._on_disconnected = disconnected
            self._acknowledge = acknowledge
            self._ending = False
            self._hurry = threading.Event()
            self._last_attempts: dict[str, float] = {}
            self._masters = list(masters)
            self._asked = 0
            self._reconciliation = Reconciliation()
            self.stale = False

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
            if self._masters == [self._current_master]:
                self._pause(super()._backoff(num_conn_retry))
            return 0

        def _pause(self, seconds: float) -> None:
            self._hurry.clear()
            if seconds > 0 and not self._ending and self._new_master == self._current_master:
                self._hurry.wait(seconds)

        def follow(self, master: str | None) -> None:
            """Whom somebody else knows to lead; None if nobody does for now."""
            if master is not None:
                with self._lock:
                    self._masters, self._asked = [master], 0
            self.change_master(master)

        def change_master(self, master: str | None) -> None:
            # Called by `follow`, and by pymesos when it starts and is redirected.
            if master is not None and not _ADDRESS.fullmatch(master):
                logger.warning("the master points to '%s', which is no address to use", master)
                return
            super().change_master(master)
            self._hurry.set()

        def _ask_next(self) -> None:
            """After a failed attempt: the next of the masters that were named, unless another is wanted."""
            with self._lock:
                failed = self._current_master
                if failed is None or failed != self._new_master:
                    return
                others = [master for master in self._masters if master != failed]
                if others:
                    self._asked += 1
                    self._new_master = self._current_master = others[self._asked % len(others)]

        def gen_request(self) -> bytes:
            """Called for each attempt to subscribe, so the place to keep them apart."""
            due = self._last_attempts.get(self.master, 0) + _SECONDS_BETWEEN_ATTEMPTS
            self._pause(due - time.monotonic())
            self._last_attempts[self.master] = time.monotonic()
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
            if isinstance(error, RuntimeError) and str(error).startswith(_NO_MASTERS_ANSWER):
                error = MesosError(
                    f"what answers at {self.master} is no Mesos master", hint=_refusal_hint(404, "")
                )
            if isinstance(error, RuntimeError) and refused:
                words = _in_one_line(ast.literal_eval(refused[2]).decode("utf-8", "replace"))
                error = MesosError(
                    f"the master at {self.master} refuses the framework: {refused[1]} {words}".strip(),
                    hint=_refusal_hint(int(refused[1]), words),
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
                with self._lock:
                    self._reconciliation.subscribed(time.monotonic())
                self.subscribed = True
                self.problem = ""
            elif kind == "UPDATE":
                with self._lock:
                    self._reconciliation.heard(event["update"]["status"]["task_id"]["value"])
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

        def reconcile(self, tasks: Mapping[str, str | None]) -> None:
            """Ask for tasks now, and again as long as nothing is said of them."""
            with self._lock:
                self._reconciliation.asked(tasks, time.monotonic())
            try:
                self._send_reconcile(tasks)
            except (UnreachableError, MesosError):
                with self._lock:
                    for task in tasks:
                        self._reconciliation.heard(task)
                raise

        def reconcile_again(self) -> None:
            """Ask for what is due; called every two seconds or so."""
            if not self.subscribed:
                return
            with self._lock:
                due = self._reconciliation.due(time.monotonic())
            if due:
                try:
                    self._send_reconcile(due)
                except (UnreachableError, MesosError) as error:
                    logger.warning("reconciliation will be tried again: %s", error.message)

        def _send_reconcile(self, tasks: Mapping[str, str | None]) -> None:
            content = {"tasks": [task_reference(task, agent) for task, agent in tasks.items()]}
            identifier = {"value": self.framework_id}
            self._send({"type": "RECONCILE", "framework_id": identifier, "reconcile": content})

        def on_close(self) -> None:
            lost = self.subscribed and self._started
            self.subscribed = self.stale = False
            if not lost:
                self._ask_next()
            if lost:
                self.problem = self.problem or f"the subscription at {self.master} is lost"
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
                raise self._refused(body["type"], master, answer.status, words)

        def _refused(self, kind: str, master: str, status: int, words: str) -> SparkMesosError:
            # All of these are recorded, and not about the call. The stream may still look open to us.
            unknown = (
                status == 400 and "Framework cannot be found" in words
            )  # to a master that has just begun
            ended = unknown or (status == 403 and "not subscribed" in words)
            # Somebody else has subscribed with this framework's id, of which the stream is about to tell.
            taken_over = status == 400 and "didn't match the stream ID" in words
            if ended or status == 307:
                self.stale = True
                self._notify()
            if ended or taken_over or status in (307, 503):
                why = "the master does not lead" if status == 307 else words
                return UnreachableError(f"{kind} was not taken by the master at {master}: {why}")
            return MesosError(
                f"the master at {master} refuses {kind}: {status} {words}".strip(),
                hint=_refusal_hint(status, words),
                status=status,
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


def _refusal_hint(status: int, words: str) -> str:
    if status in (401, 403):
        return "Set spark.mesos.principal and spark.mesos.secret to credentials that Mesos accepts"
    if status == 400 and "principal" in words:
        return "Let the framework's principal be the one of the credentials (spark.mesos.principal)"
    if status in (404, 405, 468):  # the last one is a dispatcher's
        return "Check that host and port are those of a Mesos master (5050 unless configured otherwise)"
    return ""


def _unanswered(status: int) -> str:
    """What a master did that gave no subscription, and did not refuse one; 0 is the status of no answer."""
    if status == 307:
        return "does not lead"
    if status == 503:
        return "is not ready (503)"
    return "closed the connection without an answer"


def _in_one_line(words: str) -> str:
    """What a server says that may be none of Mesos', and say it with a whole page."""
    if '"serverSparkVersion"' in words:
        return "(it is a REST server of Spark, such as a dispatcher, not a Mesos master)"
    if words.lstrip().startswith("<"):
        title = re.search(r"<title>([^<]*)", words, re.IGNORECASE)
        words = f"a web page: {title[1]}" if title else "a web page"
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS]}…"


def task_reference(task_id: str, agent_id: str | None) -> dict[str, Any]:
    """A task as KILL and RECONCILE name it."""
    return {"task_id": {"value": task_id}, **({"agent_id": {"value": agent_id}} if agent_id else {})}

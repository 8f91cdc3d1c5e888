"""Running a probe: its framework at the leading master, the ports of this machine, its tasks' output."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.mesos.sandbox_files import SandboxFiles
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.verify.probe.course import Course, Decline, Launch, Sandbox
from sparkmesos_core.verify.probe.listeners import Listeners
from sparkmesos_core.verify.probe.plan import ProbePlan
from sparkmesos_core.verify.probe.report import Report, read_report
from sparkmesos_core.verify.probe.result import ProbeResult
from sparkmesos_core.verify.subject import ProbeOptions

logger = logging.getLogger(__name__)

OFFER_PATIENCE = 10.0
"""Seconds after the last thing that happened for which offers are waited for; half of the timeout at most."""

_SUBSCRIBE_PATIENCE = 15.0
_READ_PATIENCE = 10.0
_END_PATIENCE = 5.0
_GRACE = 1.0
_AT_ONCE = 16
_LAST_LINES = 400
_SHOWN_LINES = 20

_AGAIN = "Repeat the probe; the master's log says more."
_OTHER_USER = (
    "Set SPARK_USER here to a user other than root: the master was started with --no-root_submissions."
)

OpenAgent = Callable[[str], MesosHttp]
"""A client of the agent at `http://HOST:PORT`, to be closed."""

OpenListeners = Callable[[Callable[[str], bool], Callable[[str, str], None]], tuple[Listeners, int, int]]
"""What opens the ports of this machine, given who knows tokens and who is told reports; and which they are,
the driver's and its block manager's: 0 if there are none."""


class Probing:
    """One probe, from its start to its end, which comes in any case: `close` may be called at any time."""

    def __init__(
        self,
        plan: ProbePlan,
        hosts: Mapping[str, str],
        leader: Leader,
        listeners: OpenListeners,
        open_agent: OpenAgent,
        options: ProbeOptions,
        *,
        principal: str | None,
        secret: str | None,
    ) -> None:
        """`hosts` are the agents to try, by their ids; `listeners` opens the ports, and says which they are.

        Raises what `listeners` and Framework raise.
        """
        self._changed = threading.Condition()
        self._options = options
        self._open_agent = open_agent
        self._patience = min(OFFER_PATIENCE, options.timeout / 2)
        self._last_news = time.monotonic()
        self._subscribed = self._ended = False
        self._is_offered = True
        """Whether Mesos makes offers, for all that it knows of us."""
        self._failure: SparkMesosError | None = None
        self._course: Course | None = None
        self._listeners, driver, block_manager = listeners(self._knows, self._on_told)
        try:
            plan = plan.with_ports(driver, block_manager)
            self._course = Course(plan, hosts, _tokens(), most=options.agents)
            self._framework = Framework(
                plan.framework_info(principal), leader, self._on_event, principal=principal, secret=secret
            )
        except BaseException:
            self._listeners.close()
            raise

    def run(self, *, unfit: int = 0) -> ProbeResult:
        """Try all agents; `unfit` is how many were left out before.

        It takes no longer than the timeout of the options and some seconds. The framework is gone then, and
        nothing is listened on. Raises MesosError if Mesos refuses the framework, UnreachableError if it
        cannot be subscribed, or is not any more when there is something left to try.
        """
        course = self._known_course
        began = time.monotonic()
        deadline = began + self._options.timeout
        try:
            self._start()
            self._await_subscription(min(deadline, began + _SUBSCRIBE_PATIENCE))
            while (left := self._left(deadline)) > 0:
                self._read(deadline + _READ_PATIENCE)
                with self._changed:
                    if self._left(deadline) > 0 and not self._has_news():
                        self._changed.wait(left)
            self._read(time.monotonic() + _READ_PATIENCE, also_running=True)
            self._await_ends(time.monotonic() + _GRACE)
            if self._failure is not None:
                raise self._failure
            self._check_connection()
        finally:
            self.close()
        with self._changed:
            return course.result(patience=self._patience, timeout=self._options.timeout, unfit=unfit)

    def close(self) -> None:
        """End the framework, with all that it has started, and close the ports; may be called again."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._framework.stop(teardown=True)
        with contextlib.suppress(SparkMesosError):  # Mesos ends it as soon as the connection is closed
            self._framework.join(_END_PATIENCE)
        self._listeners.close()

    # In the thread that runs it

    @property
    def _known_course(self) -> Course:
        assert self._course is not None
        return self._course

    def _start(self) -> None:
        with self._changed:
            if self._ended:
                raise MesosError("The probe was ended before it began")
            self._framework.start()
        threading.Thread(target=self._await_end, name="probe: end of the framework", daemon=True).start()

    def _await_subscription(self, deadline: float) -> None:
        with self._changed:
            while not (self._subscribed or self._ended):
                left = deadline - time.monotonic()
                if left <= 0:
                    why = self._framework.problem or "the master has not answered"
                    raise UnreachableError(
                        f"The probe's framework cannot be subscribed: {why}",
                        hint="Check that the master takes frameworks over HTTP (Mesos 1.0 and newer).",
                    )
                self._changed.wait(left)

    def _check_connection(self) -> None:
        """Nothing can be said of agents without offers if it is the master that has gone."""
        if self._known_course.wants_offers and not self._framework.connected:
            why = self._framework.problem or "the connection is lost"
            raise UnreachableError(
                f"The probe has lost the master before all agents were tried: {why}", hint=_AGAIN
            )

    def _await_ends(self, deadline: float) -> None:
        """Tasks that have told everything are about to end: their state is not to be that of killed ones."""
        with self._changed:
            while self._known_course.is_about_to_end and not self._ended:
                if (left := deadline - time.monotonic()) <= 0:
                    return
                self._changed.wait(left)

    def _left(self, deadline: float) -> float:
        """For how many seconds something may still happen that is waited for."""
        with self._changed:
            now = time.monotonic()
            course = self._known_course
            if self._ended or now >= deadline:
                return 0.0
            if course.is_waiting_for_tasks:
                return deadline - now
            if not course.wants_offers:
                return 0.0
            return min(deadline, self._last_news + self._patience) - now

    def _has_news(self) -> bool:
        return self._known_course.has_to_read

    def _read(self, deadline: float, *, also_running: bool = False) -> None:
        """Read the output of tasks that have ended without having told everything."""
        with self._changed:
            waiting = iter(self._known_course.to_read(also_running=also_running))
        while batch := {sandbox.token: sandbox for sandbox in islice(waiting, _AT_ONCE)}:
            jobs = {token: self._job(sandbox) for token, sandbox in batch.items()}
            outcome = side_by_side(jobs, deadline)
            with self._changed:
                for token, (report, output) in outcome.results.items():
                    self._known_course.on_report(token, report)
                    self._known_course.on_output(token, output)
                for token, error in outcome.failures.items():
                    said = error.message if isinstance(error, SparkMesosError) else str(error)
                    self._known_course.on_output(token, (), said)
                for token in outcome.late:
                    self._known_course.on_output(token, (), "its agent does not answer in time")

    def _job(self, sandbox: Sandbox) -> Callable[[], tuple[Report | None, tuple[str, ...]]]:
        identifier = self._framework.framework_id

        def read() -> tuple[Report | None, tuple[str, ...]]:
            with self._open_agent(sandbox.agent_url) as http:
                files = SandboxFiles(http)
                folder = files.directory(identifier, sandbox.task_id)
                out, err = (_last_lines(files, f"{folder}/{name}") for name in ("stdout", "stderr"))
            return read_report("\n".join(out)), tuple((err or out)[-_SHOWN_LINES:])

        return read

    # In other threads

    def _knows(self, token: str) -> bool:
        with self._changed:
            return self._course is not None and self._course.knows(token)

    def _on_told(self, token: str, text: str) -> None:
        report = read_report(text)
        with self._changed:
            self._known_course.on_report(token, report)
            self._news()

    def _on_event(self, event: Mapping[str, Any]) -> None:
        kind = event["type"]
        with self._changed:
            if self._ended:
                return
            if kind == "SUBSCRIBED":
                self._subscribed = self._is_offered = True
                self._news()
            elif kind == "UPDATE":
                self._known_course.on_status(event["update"]["status"])
                self._news()
            elif kind == "OFFERS":
                actions = self._known_course.on_offers(event["offers"]["offers"])
                if any(isinstance(action, Launch) for action in actions):
                    self._news()
            wants_offers = self._known_course.wants_offers
        if kind == "OFFERS":
            for action in actions:
                self._make(action)
        self._ask_for_offers(wants_offers)

    def _ask_for_offers(self, wanted: bool) -> None:
        """While tasks run, which can take minutes, what is offered is better offered to others."""
        if wanted == self._is_offered:
            return
        with contextlib.suppress(SparkMesosError):  # then offers are declined one by one
            if wanted:
                self._framework.revive()
            else:
                self._framework.suppress()
            self._is_offered = wanted

    def _make(self, action: Launch | Decline) -> None:
        if isinstance(action, Decline):
            with contextlib.suppress(SparkMesosError):  # they are taken back in the end
                ids = [{"value": one} for one in action.offer_ids]
                self._framework.decline(ids, {"refuse_seconds": action.seconds})
            return
        operation = {"type": "LAUNCH", "launch": {"task_infos": [action.task_info]}}
        try:
            self._framework.accept([{"value": action.offer_id}], [operation], {"refuse_seconds": 3600.0})
        except SparkMesosError as error:
            with self._changed:
                if isinstance(error, UnreachableError):
                    self._known_course.on_lost(action, error.message)
                else:
                    self._known_course.on_refused(action, error.message)
                self._news()

    def _await_end(self) -> None:
        try:
            self._framework.join()
        except SparkMesosError as error:
            self._end(error)
        except Exception as error:  # ours: it must not be waited for the timeout
            logger.info("The probe has failed", exc_info=True)
            self._end(MesosError(f"The probe itself has failed: {type(error).__name__}: {error}"))
        else:
            self._end(None)

    def _end(self, failure: SparkMesosError | None) -> None:
        with self._changed:
            if not self._ended and failure is not None:
                self._failure = with_hint(failure)
            self._ended = True
            self._changed.notify_all()

    def _news(self) -> None:
        self._last_news = time.monotonic()
        self._changed.notify_all()


def with_hint(failure: SparkMesosError) -> SparkMesosError:
    """The failure of a framework, with a hint where Mesos' words are all that is known."""
    if failure.hint:
        return failure
    hint = _OTHER_USER if "root_submissions" in failure.message else _AGAIN
    return type(failure)(failure.message, hint=hint)


def _tokens() -> Iterator[str]:
    while True:
        yield secrets.token_hex(8)


def _last_lines(files: SandboxFiles, path: str) -> list[str]:
    start, end = files.start_of_last_lines(path, _LAST_LINES)
    text = b"".join(files.pieces(path, start, end)).decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip()]

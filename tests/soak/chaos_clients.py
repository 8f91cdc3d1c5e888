"""The users in a run of chaos: they submit, look and kill through any address, with the client of our commands."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from sparkmesos_core.dispatcher.client import DispatcherClient, NotReadyError
from sparkmesos_core.dispatcher.messages import TOKEN_PROPERTY, CreateSubmissionRequest, DriverStatus, Outcome
from sparkmesos_core.errors import SparkMesosError, UnreachableError
from sparkmesos_core.master import Dispatcher, parse_dispatcher
from tests.soak.chaos_plan import Job
from tests.soak.stand_in_spark import arguments

PATIENCE = 180.0
"""Seconds for which a request is made again and again."""
_RETRY_SECONDS = 0.2
_ANSWER_SECONDS = 10.0

T = TypeVar("T")


class Clients:
    """Any number of users at a time."""

    def __init__(self, urls: Sequence[str], app: Path, home: Path, seed: int) -> None:
        """`urls` are those of all dispatchers; `app` is submitted, with the SPARK_HOME `home`."""
        self.accepted: dict[str, Job] = {}
        """The jobs by the submission ids that were told."""
        self.killed: dict[str, float] = {}
        """When kills were answered, by submission ids; in seconds since 1970."""
        self.problems: list[str] = []
        self.given_up = threading.Event()
        """Nobody waits for the time to kill any more."""
        self._addresses = [parse_dispatcher(url).addresses[0] for url in urls]
        self._app = app
        self._home = home
        self._dice = random.Random(seed)
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Submit it, see that any dispatcher knows it, and kill it if somebody wants that."""
        try:
            request = self._request(job)
            submission_id = self._patiently(lambda client: client.create(request)).submission_id
            with self._lock:
                self.accepted[submission_id] = job
            self._look(submission_id)
            if job.kill_after is not None:
                self.given_up.wait(job.kill_after)
                self._patiently(lambda client: client.kill(submission_id))
                with self._lock:
                    self.killed[submission_id] = time.time()
                self._look(submission_id)
        except SparkMesosError as error:
            with self._lock:
                self.problems.append(f"{job}: {error.message} ({error.hint})")

    def listed(self, place: int | None = None) -> Mapping[str, DriverStatus]:
        """All drivers by their ids, as told by the dispatcher at one address, or at any."""
        found = self._patiently(lambda client: client.drivers(), place)
        return {driver.submission_id: driver for driver in found.drivers}

    def _look(self, submission_id: str) -> None:
        status = self._patiently(lambda client: client.status(submission_id))
        if status.outcome is Outcome.NOT_FOUND:
            with self._lock:
                self.problems.append(f"{submission_id} was accepted, and then not found")

    def _patiently(self, ask: Callable[[DispatcherClient], T], place: int | None = None) -> T:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask(self._client(place))
            except (UnreachableError, NotReadyError):
                if time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_SECONDS)

    def _client(self, place: int | None = None) -> DispatcherClient:
        with self._lock:
            addresses = self._dice.sample(self._addresses, len(self._addresses))
        if place is not None:
            addresses = [self._addresses[place]]
        dispatcher = Dispatcher(addresses[0], others=tuple(addresses[1:]))
        return DispatcherClient(dispatcher, timeout=_ANSWER_SECONDS, patience=PATIENCE)

    def _request(self, job: Job) -> CreateSubmissionRequest:
        return CreateSubmissionRequest(
            app_resource=self._app.as_uri(),
            main_class="",
            app_args=tuple(arguments(job.key, job.seconds, job.failures)),
            spark_properties={
                "spark.app.name": job.key,
                "spark.driver.memory": "512m",
                "spark.driver.supervise": str(job.supervised).lower(),
                "spark.cores.max": "1",
                "spark.executor.memory": "512m",
                "spark.ui.enabled": "false",
                "spark.mesos.executor.home": str(self._home),
                TOKEN_PROPERTY: job.key,  # the client gives up where nobody listens; it begins anew then
            },
            environment_variables={},
            client_spark_version="3.5.9",
        )

"""Which services that run are not about to be started again for the sake of Spark's cleaner.

The shell in front of a service says in its sandbox that it has looked (`cleaner_script.VERDICT`). Before that
the service may answer, and be gone a second later; and what answers may be somebody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from sparkmesos_core.errors import MesosError, SparkMesosError
from sparkmesos_core.http_service.patient_threads import PatientThreads
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.sandbox_files import NoSuchFileError, SandboxFiles
from sparkmesos_core.shuffle_service.cleaner import STARTS
from sparkmesos_core.shuffle_service.cleaner_script import VERDICT
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Phase

SETTLING_SECONDS = 75.0
"""After which one has settled where its sandbox cannot be read: that is longer than a start is looked at."""
LONGEST_SETTLING_SECONDS = STARTS * SETTLING_SECONDS
"""The same where it can, and says nothing yet: on a machine that is busy each start may take its time. Who
cannot write to the sandbox never says anything.
"""
_TIMEOUT = 3.0
_THREADS = 16
_LONGEST = 64
"""Bytes; it is a word."""


class SettledServices:
    """Looks in threads of its own, for each task until it has settled. Lives in one event loop.

    Principal and secret are shown to agents that want to know who asks.
    """

    def __init__(self, *, principal: str | None = None, secret: str | None = None) -> None:
        self._agent = partial(MesosHttp, timeout=_TIMEOUT, principal=principal, secret=secret)
        self._threads = PatientThreads(_THREADS, "settled-services")
        self._verdicts: dict[str, str] = {}
        """Of those that have settled, by the ids of tasks; empty where nobody could tell."""

    async def look(
        self, services: Iterable[tuple[AgentService, Sequence[str]]], now: float, patience: float
    ) -> Mapping[str, str]:
        """The agents whose service runs and has settled, as far as `patience` seconds can tell.

        By their ids, with what the sandbox says of the cleaner; an empty text where it could not be read.
        These are all services, each with the URLs where its agent may answer; `now` is in seconds since 1970.
        """
        running = {one.task_id: (one, urls) for one, urls in services if one.phase is Phase.RUNNING}
        self._verdicts = {task_id: told for task_id, told in self._verdicts.items() if task_id in running}
        looks = {
            task_id: asyncio.ensure_future(self._look(service, urls))
            for task_id, (service, urls) in running.items()
            if task_id not in self._verdicts
        }
        if looks:
            _, late = await asyncio.wait(looks.values(), timeout=patience)
            for look in late:
                look.cancel()
        for task_id, look in looks.items():
            found = look.result() if look.done() else None
            since = running[task_id][0].running_since
            longest = SETTLING_SECONDS if found is None else LONGEST_SETTLING_SECONDS
            if found or (since is not None and now - since > longest):
                self._verdicts[task_id] = found or ""
        return {
            service.id: self._verdicts[task_id]
            for task_id, (service, _) in running.items()
            if task_id in self._verdicts
        }

    def close(self) -> None:
        """Wait for no agent any more."""
        self._threads.close(MesosError("The process ends, and asks agents nothing any more"))

    async def _look(self, service: AgentService, urls: Sequence[str]) -> str | None:
        """As `_verdict`; None if nobody tells."""
        for url in urls:
            with suppress(SparkMesosError):  # it may be known by another name, or refuse
                return await self._threads.run(partial(self._verdict, url, service))
        return None

    def _verdict(self, url: str, service: AgentService) -> str:
        """What stands in the sandbox; empty if nothing does yet."""
        # A task has an executor of its own, with its id.
        sandbox = f"/frameworks/{service.framework_id}/executors/{service.task_id}/runs/latest"
        with self._agent(url) as http:
            try:
                told = SandboxFiles(http).read(f"{sandbox}/{VERDICT}", 0, _LONGEST).decode("ascii", "replace")
            except NoSuchFileError:
                return ""
        return told.strip() if told.endswith("\n") else ""

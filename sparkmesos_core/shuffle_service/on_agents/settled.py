"""Which services that run are not about to be started again for the sake of Spark's cleaner.

The shell in front of a service says in its sandbox that it has looked (`cleaner_script.VERDICT`). Before that
the service may answer, and be gone a second later; and what answers may be somebody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial

from sparkmesos_core.errors import MesosError, SparkMesosError
from sparkmesos_core.http_service.patient_threads import PatientThreads
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.sandbox_files import NoSuchFileError, SandboxFiles
from sparkmesos_core.shuffle_service.cleaner_script import VERDICT
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Phase

SETTLING_SECONDS = 75.0
"""After which one that runs has settled, whoever cannot read its sandbox: it is longer than is looked."""
_TIMEOUT = 3.0
_THREADS = 16


class SettledServices:
    """Looks in threads of its own, for each task until it has settled. Lives in one event loop.

    Principal and secret are shown to agents that want to know who asks.
    """

    def __init__(self, *, principal: str | None = None, secret: str | None = None) -> None:
        self._agent = partial(MesosHttp, timeout=_TIMEOUT, principal=principal, secret=secret)
        self._threads = PatientThreads(_THREADS, "settled-services")
        self._settled: set[str] = set()
        """The ids of tasks."""

    async def look(
        self, services: Iterable[tuple[AgentService, Sequence[str]]], now: float, patience: float
    ) -> Collection[str]:
        """The ids of the agents whose service runs and has settled, as far as `patience` seconds can tell.

        These are all services, each with the URLs where its agent may answer; `now` is in seconds since 1970.
        """
        running = {one.task_id: (one, urls) for one, urls in services if one.phase is Phase.RUNNING}
        self._settled.intersection_update(running)
        unknown = []
        for task_id, (service, urls) in running.items():
            since = service.running_since
            if since is not None and now - since > SETTLING_SECONDS:
                self._settled.add(task_id)
            elif task_id not in self._settled:
                unknown.append(asyncio.ensure_future(self._look(service, urls)))
        if unknown:
            _, late = await asyncio.wait(unknown, timeout=patience)
            for task in late:
                task.cancel()
        return {service.id for task_id, (service, _) in running.items() if task_id in self._settled}

    def close(self) -> None:
        """Wait for no agent any more."""
        self._threads.close(MesosError("The process ends, and asks agents nothing any more"))

    async def _look(self, service: AgentService, urls: Sequence[str]) -> None:
        for url in urls:
            with suppress(SparkMesosError):  # it may be known by another name, or refuse
                if await self._threads.run(partial(self._has_verdict, url, service)):
                    self._settled.add(service.task_id)
                return

    def _has_verdict(self, url: str, service: AgentService) -> bool:
        # A task has an executor of its own, with its id.
        sandbox = f"/frameworks/{service.framework_id}/executors/{service.task_id}/runs/latest"
        with self._agent(url) as http:
            try:
                return SandboxFiles(http).size(f"{sandbox}/{VERDICT}") > 0
            except NoSuchFileError:
                return False

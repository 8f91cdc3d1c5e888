"""The containers of an agent's executors from their launch to their end, and the timers that go with them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Protocol

from sparkmesos_core.localcluster.agent.command_executor import AgentSide
from sparkmesos_core.localcluster.agent.container import LIVING, Container, below
from sparkmesos_core.localcluster.agent.executor import Executor, ExecutorState, Termination
from sparkmesos_core.localcluster.agent.launch_failure import LaunchFailed
from sparkmesos_core.localcluster.agent.launching import Launch, LaunchCancelled

UNKNOWN_STATUS = -1
"""The status of an executor that nobody has seen the end of, or that never began."""

logger = logging.getLogger(__name__)


class LivesOwner(AgentSide, Protocol):
    """Who is told of launches and ends, and serves command executors."""

    def launched(self, executor: Executor, container: Container) -> None:
        """The container runs."""

    def terminated(self, executor: Executor, status: int) -> None:
        """The executor has ended (as of wait(2), or UNKNOWN_STATUS), or could not be launched.

        Why is in the executor's `termination`, if there is more to say than that it has ended.
        """


class ExecutorLives:
    """Looks after executors on one event loop; whatever happens to one, its owner hears of its end once."""

    def __init__(self, owner: LivesOwner) -> None:
        self._owner = owner
        self._launches: dict[str, Launch] = {}
        self._containers: dict[str, Container] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._crashed = False

    def container(self, executor: Executor) -> Container | None:
        """The executor's container, None before it is launched and when it has ended."""
        return self._containers.get(executor.container_id)

    def begin(self, executor: Executor, launch: Launch) -> None:
        """Launch an executor."""
        self._launches[executor.container_id] = launch
        self._live(executor, self._launch(executor, launch))

    def take_over(self, executor: Executor) -> None:
        """Look after an executor which a former agent has launched."""
        container = LIVING.get(executor.container_id)

        async def life() -> int:
            if container is None:
                return UNKNOWN_STATUS
            if container.command_executor is not None:
                container.command_executor.connect(self._owner)
            return await container.wait()

        if container is not None:
            self._containers[executor.container_id] = container
        self._live(executor, life())

    def cancel_launch(self, executor: Executor) -> str | None:
        """Give up the launch of an executor: why it fails now, None if it was not being launched any more."""
        launch = self._launches.get(executor.container_id)
        return launch.cancel() if launch is not None else None

    def destroy(self, executor: Executor) -> None:
        """End an executor by force."""
        self.work(self._destroy(executor))

    def later(self, seconds: float, action: Callable[[Executor], None], executor: Executor) -> None:
        """Do something after a while, unless the executor has ended before."""

        def act() -> None:
            self._timers.discard(timer)
            if executor.state is not ExecutorState.TERMINATED:
                action(executor)

        timer = asyncio.get_running_loop().call_later(seconds, act)
        self._timers.add(timer)

    def work(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside everything else; `ended` waits for it."""
        worker = asyncio.get_running_loop().create_task(work)
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)
        return worker

    async def end_of(self, executors: Iterable[Executor]) -> None:
        """Wait until these have ended."""
        lives = [self._lives[e.container_id] for e in executors if e.container_id in self._lives]
        if lives:
            await asyncio.wait(lives)

    async def ended(self) -> None:
        """Wait until all executors have ended, and all work is done."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def end_unknown(self, folder: Path) -> None:
        """End what runs with a sandbox below a folder and is not looked after."""
        for container in below(folder):
            if container.container_id not in self._containers:
                await container.destroy()
                LIVING.pop(container.container_id, None)

    def crash(self) -> None:
        """All work ends at once; what runs is left alone."""
        self._crashed = True
        for timer in self._timers:
            timer.cancel()
        for worker in self._workers:
            worker.cancel()

    def _live(self, executor: Executor, life: Coroutine[Any, Any, int]) -> None:
        async def live() -> None:
            status = UNKNOWN_STATUS
            try:
                status = await life
            except LaunchCancelled:
                pass
            except LaunchFailed as failed:
                executor.termination = Termination("TASK_FAILED", failed.reason, failed.message)
            except Exception as error:  # whatever it was, the framework has to hear of the end
                logger.exception(
                    "Executor %s of framework %s has failed", executor.executor_id, executor.framework_id
                )
                await self._destroy(executor)
                text = f"Failed to launch container: {error}"
                executor.termination = Termination("TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED", text)
            if not self._crashed:
                self._launches.pop(executor.container_id, None)
                self._containers.pop(executor.container_id, None)
                self._lives.pop(executor.container_id, None)
                LIVING.pop(executor.container_id, None)
                self._owner.terminated(executor, status)

        self._lives[executor.container_id] = self.work(live())

    async def _launch(self, executor: Executor, launch: Launch) -> int:
        container = await launch.run()
        del self._launches[executor.container_id]
        LIVING[executor.container_id] = container
        self._containers[executor.container_id] = container
        if executor.state is ExecutorState.TERMINATING:
            await container.destroy()
        else:
            self._owner.launched(executor, container)
            if container.command_executor is not None:
                container.command_executor.connect(self._owner)
        return await container.wait()

    async def _destroy(self, executor: Executor) -> None:
        if (container := self.container(executor)) is not None:
            await container.destroy()

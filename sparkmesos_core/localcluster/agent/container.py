"""What an executor runs in, and what outlives the agent that has started it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.localcluster.agent.command_executor import CommandExecutor
from sparkmesos_core.localcluster.agent.task_process import Program

LIVING: dict[str, Container] = {}
"""The containers of this process by id: a restarted agent finds those of its predecessor here."""


@dataclass(frozen=True)
class Container:
    """An executor that was started: a command executor of this process, or a program of its own."""

    container_id: str
    sandbox: Path
    runs: CommandExecutor | Program
    is_measurable: bool = True
    """Whether all that it uses is used by its first process and those which that has started."""

    @property
    def command_executor(self) -> CommandExecutor | None:
        """The command executor in it, if it is one."""
        return self.runs if isinstance(self.runs, CommandExecutor) else None

    @property
    def pid(self) -> int | None:
        """Its first process, None if there is none yet."""
        return self.runs.pid

    async def wait(self) -> int:
        """How it has ended, as of wait(2): 256 for an exit status of 1, 9 for SIGKILL."""
        if isinstance(self.runs, CommandExecutor):
            return await self.runs.wait()
        status = await self.runs.wait()
        await self.runs.kill()  # what it has left behind
        return status << 8 if status >= 0 else -status

    async def destroy(self) -> None:
        """End it by force with all that runs in it."""
        if isinstance(self.runs, CommandExecutor):
            await self.runs.destroy()
        else:
            await self.runs.kill()


def below(folder: Path) -> list[Container]:
    """The living containers whose sandboxes are below a folder."""
    return [container for container in LIVING.values() if folder in container.sandbox.parents]


async def end_below(folder: Path) -> None:
    """End by force all containers whose sandboxes are below a folder."""
    for container in below(folder):
        await container.destroy()
        LIVING.pop(container.container_id, None)

"""What an agent knows of all that runs on it, and what it does about that with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.checkpoint import Checkpoint, not_vital
from sparkmesos_core.localcluster.agent.executor import Executor, FrameworkOnAgent
from sparkmesos_core.localcluster.agent.executor_lives import ExecutorLives
from sparkmesos_core.localcluster.agent.process_table import ProcessTable
from sparkmesos_core.localcluster.agent.status_updates import UpdateStreams
from sparkmesos_core.localcluster.agent.task_reports import TaskReports
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import Drain, ToMaster


class ExecutorBooks:
    """Frameworks with their executors and tasks; whoever changes something of them is given this."""

    lives: ExecutorLives
    """Its owner is who has these books."""

    def __init__(
        self,
        options: AgentOptions,
        clock: Callable[[], float],
        processes: ProcessTable,
        checkpoint: Checkpoint,
        tell: Callable[[ToMaster], None],
        log: LogFile,
    ) -> None:
        """`tell` sends to the master; `clock` gives seconds since the epoch."""
        self.frameworks: dict[str, FrameworkOnAgent] = {}
        self.counts: Counter[str] = Counter()
        """How often things have happened, for the metrics."""
        self.drain_start: float | None = None
        """Since when the agent is drained, in seconds since the epoch, as far as this one knows."""
        self.options = options
        self.clock = clock
        self.processes = processes
        self.checkpoint = checkpoint
        self.tell = tell
        self.log = log
        self.reports = TaskReports(
            self.frameworks, self.counts, options.update_retry, clock, checkpoint, tell, log
        )

    @property
    def agent_id(self) -> str:
        """The agent's id, empty before it is known."""
        return self.reports.agent_id

    @agent_id.setter
    def agent_id(self, agent_id: str) -> None:
        self.reports.agent_id = agent_id

    @property
    def draining(self) -> Drain | None:
        """How the agent is drained; None when it is not, or when nothing runs any more."""
        return self.reports.draining

    @draining.setter
    def draining(self, draining: Drain | None) -> None:
        self.reports.draining = draining

    @property
    def updates(self) -> UpdateStreams:
        """The updates that are not acknowledged."""
        return self.reports.updates

    def find(self, framework_id: str, executor_id: str) -> Executor | None:
        """An executor that has not ended with all its tasks."""
        framework = self.frameworks.get(framework_id)
        return framework.executors.get(executor_id) if framework is not None else None

    @property
    def is_idle(self) -> bool:
        """Whether there is no executor with a task, or without one."""
        return not any(framework.executors for framework in self.frameworks.values())

    def drained_if_idle(self) -> None:
        """The agent takes tasks again when nothing is left of those that it was drained of."""
        if self.draining is None or not self.is_idle:
            return
        self.log.info("Agent %s has finished draining", self.agent_id)
        self.draining = self.drain_start = None
        with not_vital("The end of draining"):
            self.checkpoint.draining(self.agent_id, None)

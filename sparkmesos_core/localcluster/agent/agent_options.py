"""What an embedded agent is told when it is started; names, units and defaults are those of Mesos' flags."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from sparkmesos_core.localcluster.agent.fetcher import FetcherOptions
from sparkmesos_core.localcluster.agent.status_updates import FIRST_RETRY_SECONDS
from sparkmesos_core.localcluster.network.namespaces import Within


@dataclass(frozen=True)
class AgentOptions:
    """What is fixed for an agent's life.

    `resources` and `attributes` are texts as in Mesos' flags; intervals are in seconds. `docker` is the
    path of the docker CLI, None if there is no engine.
    """

    hostname: str
    ip: str
    port: int
    work_dir: Path
    resources: str
    attributes: str = ""
    executor_environment: Mapping[str, str] = field(default_factory=dict)
    update_retry: float = FIRST_RETRY_SECONDS
    recover: str = "reconnect"
    """`cleanup` ends what a former agent has left instead of taking it over."""
    executor_registration_timeout: float = 60.0
    executor_reregistration_timeout: float = 2.0
    executor_shutdown_grace_period: float = 5.0
    recovery_timeout: float = 900.0
    """How long the executor of a checkpointing framework waits for its agent to come back."""
    registration_backoff: float = 1.0
    docker: str | None = None
    docker_stop_timeout: float = 0.0
    log: Path | None = None
    """The file that it logs to; None if to none of its own."""
    within: Within = nullcontext
    """What its executors and tasks are started in, the network namespace of the agent for one."""
    fetcher: FetcherOptions | None = None
    """None for the defaults; the agent gives it a cache below its work dir if it has none."""

    @property
    def secrets_dir(self) -> Path:
        """Where the secrets are that tasks get as files: not below the sandboxes, which are served."""
        return self.work_dir / "secrets"

    @property
    def fetching(self) -> FetcherOptions:
        """How URIs are fetched."""
        return self.fetcher or FetcherOptions()

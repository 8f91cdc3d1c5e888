"""Embedded clusters for the life of a command, and the defaults of those that outlive it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparkmesos_core.directories import state_directory
from sparkmesos_core.errors import LocalClusterError, UsageError
from sparkmesos_core.localcluster import daemon
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.agent.orphans import end_orphans
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.spark.java import Java

_PREFIX = "cluster-"
_KEPT_SECONDS = 3600.0
_CPUS = 2.0
_MEM = 4096


def default_work_dir(environment: Mapping[str, str]) -> Path:
    """The work dir of the cluster that a user starts without naming one."""
    return state_directory(environment) / "local-cluster"


def agent_settings(
    number: int, *, cpus: float = _CPUS, mem: int = _MEM, attributes: Sequence[str] = ()
) -> tuple[dict[str, Any], ...]:
    """The settings of `number` agents, each with `cpus` and `mem` (MB).

    `attributes` has Mesos' text form and holds none, one for all or one per agent, else UsageError is raised.
    """
    if len(attributes) not in (0, 1, number):
        raise UsageError(
            f"--attributes is given {len(attributes)} times for {number} agents",
            hint="Give it once for all agents, or once per agent.",
        )
    for text in attributes:
        parse_attributes(text)  # a mistake is said here, not by the cluster's process
    per_agent = list(attributes) * number if len(attributes) == 1 else list(attributes) or [""] * number
    return tuple({"cpus": cpus, "mem": mem, "attributes": text} for text in per_agent)


def start(
    agents: int,
    java: Java,
    watched_pid: int,
    work_dir: Path | None,
    environment: Mapping[str, str],
    *,
    executor_registration_timeout: float | None = None,
) -> daemon.ClusterState:
    """Starts a cluster of that many agents that ends when the process `watched_pid` does, however that ends.

    Without a `work_dir` it has a temporary one, which goes with it unless it fails. Executors may take
    `executor_registration_timeout` seconds to register, else the time that Mesos gives them. Raises
    LocalClusterError.
    """
    temporary = work_dir is None
    if work_dir is None:
        parent = state_directory(environment) / "embedded"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            _sweep(parent)
            work_dir = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        except OSError as error:
            raise LocalClusterError(
                f"{parent} cannot be used: {error.strerror}",
                hint="Set SPARKMESOS_STATE_DIR to another folder.",
            ) from error
    return daemon.start(
        daemon.DaemonSettings(
            work_dir=str(work_dir.absolute()),
            agents=agent_settings(agents),
            executor_environment=default_executor_environment(java),
            watched_pid=watched_pid,
            remove_work_dir=temporary,
            executor_registration_timeout=executor_registration_timeout,
        )
    )


def _sweep(parent: Path) -> None:
    """Removes the temporary work dirs of clusters that failed or were killed, after an hour."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, LocalClusterError):
            if time.time() - folder.stat().st_mtime > _KEPT_SECONDS and not daemon.is_running(folder):
                end_orphans(folder)
                shutil.rmtree(folder)

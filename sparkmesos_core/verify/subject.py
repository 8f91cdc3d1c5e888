"""What is to be verified: a cluster, and what an application would want of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sparkmesos_core.client_configuration import ClientConfiguration
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.master import MesosMaster, ZooKeeperMaster
from sparkmesos_core.submit.mesos_driver import ClientModeOptions
from sparkmesos_core.verify.history_server import HistoryServer


@dataclass(frozen=True)
class ProbeOptions:
    """How the cluster is to be tried out, which is more than to read of it."""

    agents: int | None = None
    """How many agents get a task at most; None means all."""
    runs_spark: bool = False
    """Whether a real Spark application is run, too (--probe-spark)."""
    timeout: float = 120.0
    """Seconds after which agents that have not told their result are given up."""


@dataclass(frozen=True)
class Subject:
    """A cluster, the configuration that an application would have there, and what is expected of both."""

    master: MesosMaster | ZooKeeperMaster
    """As it was asked for. An embedded cluster that was started for the occasion is a MesosMaster here."""
    client: ClientConfiguration
    """What `submit` would read on this machine, with the same options."""
    options: ClientModeOptions = field(default_factory=ClientModeOptions)
    expected_agents: int | None = None
    """How many agents there should be; None if that is not known."""
    expected_hosts: tuple[str, ...] = ()
    """Host names or addresses of agents that should be there."""
    dispatcher: str | None = None
    """The URL of the dispatcher to look at; None: the one that the master knows, if there is one."""
    auth_token_file: Path | None = None
    """The file of the token that this dispatcher wants to see."""
    history_server: HistoryServer | None = None
    """The one that was named for the occasion; a property of Spark may name another."""
    log_lines: int = 1000
    """How many of the last lines of each log are read."""
    probe: ProbeOptions | None = None
    """None: nothing is started on the cluster."""

    @property
    def configuration(self) -> Configuration:
        """The effective properties of Spark."""
        return self.client.configuration

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment as spark-env.sh leaves it."""
        return self.client.env.variables

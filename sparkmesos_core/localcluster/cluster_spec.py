"""What an embedded cluster is to be like, and what of it can be told to be wrong before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.status_updates import FIRST_RETRY_SECONDS
from sparkmesos_core.localcluster.credentials import Authentication
from sparkmesos_core.localcluster.master.master_records import MasterOptions
from sparkmesos_core.localcluster.network.namespaces import MOST_AGENTS, AgentNamespace, ClusterNetwork
from sparkmesos_core.master import ZooKeeperMaster, parse_master
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.leader import SESSION_TIMEOUT
from sparkmesos_core.mesos.resources import Resources, scalar_text

MAX_MASTERS = 9
AGENT_LOG = "agent.log"
"""The log of one agent, in its work dir."""

_FIRST_TASK_PORT = 31000
_TASK_PORTS = 30000
_MOST_TASK_PORTS_PER_AGENT = 1000


@dataclass(frozen=True)
class AgentSpec:
    """One agent: cores, MB of memory and disk, GPUs; `ports` and `attributes` as in Mesos' flags.

    Without `ports` each agent of a cluster gets a range of its own between 31000 and 61000, since all are on
    one machine; those with networks of their own get the same one.
    `resources`, in the text form of Mesos' flag, replaces all of these. `hostname` is what the agent calls
    itself, as by Mesos' flag; it listens at the cluster's host, or its address in its own network, in any
    case. `executor_environment` is added to that of the cluster.
    """

    cpus: float = 2
    mem: int = 2048
    disk: int = 10240
    gpus: int = 0
    ports: str = ""
    attributes: str = ""
    resources: str = ""
    hostname: str = ""
    executor_environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterSpec:
    """A cluster to start.

    Agents' sandboxes are below `work_dir`; `port` is that of the first master, the others and the agents take
    free ones; port 0 means any free one. `zookeeper` is as in Mesos' flag `--zk`, without it there can be one
    master only. Times are in seconds; those of masters and agents are named and set as Mesos' flags.
    """

    work_dir: Path
    agents: tuple[AgentSpec, ...] = (AgentSpec(),)
    host: str = "127.0.0.1"
    port: int = 0
    network: ClusterNetwork | None = None
    """In which each agent gets a namespace of its own; `host` is then its address."""
    masters: int = 1
    zookeeper: str | None = field(default=None, repr=False)
    zk_session_timeout: float = SESSION_TIMEOUT
    authentication: Authentication = field(default_factory=Authentication)
    # Of masters
    allocation_interval: float = MasterOptions.allocation_interval
    heartbeat_interval: float = MasterOptions.heartbeat_interval
    agent_ping_timeout: float = MasterOptions.agent_ping_timeout
    max_agent_ping_timeouts: int = MasterOptions.max_agent_ping_timeouts
    agent_reregister_timeout: float = MasterOptions.agent_reregister_timeout
    offer_timeout: float | None = MasterOptions.offer_timeout
    roles: tuple[str, ...] | None = MasterOptions.roles
    recovery_seconds: float = MasterOptions.recovery_seconds
    log: Path | None = None
    """The file that the masters' log goes to, which their `/files` endpoints serve."""
    # Of agents
    executor_environment: Mapping[str, str] = field(default_factory=dict)
    update_retry: float = FIRST_RETRY_SECONDS
    executor_registration_timeout: float = AgentOptions.executor_registration_timeout
    executor_reregistration_timeout: float = AgentOptions.executor_reregistration_timeout
    executor_shutdown_grace_period: float = AgentOptions.executor_shutdown_grace_period
    recovery_timeout: float = AgentOptions.recovery_timeout
    registration_backoff: float = AgentOptions.registration_backoff
    docker: str | None = AgentOptions.docker
    docker_stop_timeout: float = AgentOptions.docker_stop_timeout
    fetcher: Any = None
    agent_logs: bool = False
    """Whether each agent writes a log, AGENT_LOG in its work dir, which its `/files` endpoints serve."""

    def check(self) -> ZooKeeperMaster | None:
        """The ZooKeeper that it names. Raises UsageError for what is wrong or does not go together."""
        for number, agent in enumerate(self.agents):
            Resources.parse(self._resources_text(agent, number))
            parse_attributes(agent.attributes)
        if self.network is not None and len(self.agents) > MOST_AGENTS:
            raise UsageError(
                f"{len(self.agents)} agents are too many for networks of their own",
                hint=f"There are addresses for {MOST_AGENTS}.",
            )
        check_masters(self.masters, self.zookeeper)
        return None if self.zookeeper is None else parse_zookeeper(self.zookeeper)

    def master_options(self, ip: str, port: int, cluster_url: str | None) -> MasterOptions:
        """Those of a master at this port, which advises this URL, or else its own."""
        return MasterOptions(
            hostname=self.host,
            ip=ip,
            port=port,
            allocation_interval=self.allocation_interval,
            heartbeat_interval=self.heartbeat_interval,
            agent_ping_timeout=self.agent_ping_timeout,
            max_agent_ping_timeouts=self.max_agent_ping_timeouts,
            agent_reregister_timeout=self.agent_reregister_timeout,
            offer_timeout=self.offer_timeout,
            roles=self.roles,
            recovery_seconds=self.recovery_seconds,
            cluster_url=cluster_url,
        )

    def agent_options(
        self, number: int, ip: str, port: int, namespace: AgentNamespace | None = None
    ) -> AgentOptions:
        """Those of the agent with this number, from 0, at this port, in its own namespace if it has one."""
        agent = self.agents[number]
        # Spark would take the address that the machine's name has, which is not there in a namespace.
        spark = {} if namespace is None else {"SPARK_LOCAL_IP": namespace.address}
        work_dir = self.work_dir.absolute() / f"agent{number + 1}"
        return AgentOptions(
            hostname=agent.hostname or (self.host if namespace is None else namespace.address),
            ip=ip,
            port=port,
            work_dir=work_dir,
            resources=self._resources_text(agent, number),
            attributes=agent.attributes,
            executor_environment={**spark, **self.executor_environment, **agent.executor_environment},
            update_retry=self.update_retry,
            executor_registration_timeout=self.executor_registration_timeout,
            executor_reregistration_timeout=self.executor_reregistration_timeout,
            executor_shutdown_grace_period=self.executor_shutdown_grace_period,
            recovery_timeout=self.recovery_timeout,
            registration_backoff=self.registration_backoff,
            docker=self.docker,
            docker_stop_timeout=self.docker_stop_timeout,
            fetcher=self.fetcher,
            log=work_dir / AGENT_LOG if self.agent_logs else None,
            within=nullcontext if namespace is None else namespace.entered,
        )

    def _resources_text(self, agent: AgentSpec, number: int) -> str:
        """Agents share the ports of a machine, unless each has a network of its own."""
        if self.network is not None:
            return resources_text(agent, 0, 1)
        return resources_text(agent, number, len(self.agents))


def check_masters(masters: int, zookeeper: str | None) -> None:
    """Raises UsageError for a number of masters that cannot be."""
    if not 1 <= masters <= MAX_MASTERS:
        raise UsageError(f"{masters} is no number of masters", hint=f"Choose one from 1 to {MAX_MASTERS}.")
    if masters > 1 and zookeeper is None:
        raise UsageError(
            f"{masters} masters need a ZooKeeper, through which they elect the leader",
            hint="Give its URL with --zk zk://HOST:2181/PATH, or start one master.",
        )


def parse_zookeeper(text: str) -> ZooKeeperMaster:
    """What `--zk` takes, as in Mesos: `zk://[USER:PASSWORD@]HOST:PORT[,…]/PATH`. Raises UsageError."""
    hint = "Write --zk zk://HOST:2181/PATH, or --zk zk://USER:PASSWORD@HOST:2181/PATH."
    text = text.removeprefix("mesos://")  # as `--master` has it
    if not text.startswith("zk://"):
        raise UsageError("the URL of --zk does not begin with zk://", hint=hint)
    try:
        parsed = parse_master(text)
    except UsageError as error:
        raise UsageError(f"--zk: {error.message}", hint=hint) from None
    assert isinstance(parsed, ZooKeeperMaster)
    return parsed


def resources_text(spec: AgentSpec, number: int, agents: int) -> str:
    """The resources of the agent with this number, from 0, of so many in a cluster, as in Mesos' flag."""
    if spec.resources:
        return spec.resources
    share = min(_MOST_TASK_PORTS_PER_AGENT, _TASK_PORTS // agents)
    first = _FIRST_TASK_PORT + number * share
    ports = spec.ports or f"[{first}-{first + share - 1}]"
    gpus = f";gpus:{spec.gpus}" if spec.gpus else ""
    cpus = scalar_text(round(spec.cpus * 1000))
    return f"cpus:{cpus};mem:{spec.mem};disk:{spec.disk}{gpus};ports:{ports}"

"""Where chaos around a Spark application takes place: an embedded cluster, and all that stands between it and the driver."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.master import HostPort
from tests.integration.commands import Commands, commands_in
from tests.integration.spark_under_test import SparkUnderTest
from tests.integration.zookeeper import ZooKeeperServer, zookeeper_server
from tests.servers.cutting_proxy import CuttingProxy, cutting_proxy
from tests.soak.shuffle_service import ShuffleService
from tests.soak.spark_chaos_plan import WAITS, Size

_PROXY_HOST = "127.0.0.99"
_DRIVER_HOST = "127.0.0.1"
_MOST_PINGS = 4


@dataclass(frozen=True)
class Stage:
    """What can be struck."""

    commands: Commands
    cluster: RunningCluster
    zookeeper: ZooKeeperServer | None
    """Of several masters."""
    to_master: CuttingProxy | None
    """Between the driver and a master that is the only one."""
    to_driver: tuple[CuttingProxy, CuttingProxy]
    """Between executors and the driver: for calls, and for blocks."""
    service: ShuffleService | None

    @property
    def master(self) -> str:
        """What the application is submitted to."""
        return self.cluster.url if self.to_master is None else f"mesos://{self.to_master.address}"


def host_of(agent: int) -> str:
    """The name of an agent's host, which is one of loopback: to Spark, each is a machine of its own."""
    return f"127.0.0.{agent + 2}"


@contextlib.contextmanager
def chaos_stage(folder: Path, cache: Path, spark: SparkUnderTest, size: Size) -> Iterator[Stage]:
    """All of it as long as the block lasts; what is compiled for it is kept in `cache`."""
    with contextlib.ExitStack() as stack:
        commands = stack.enter_context(commands_in(folder, cache, spark))
        zookeeper = stack.enter_context(zookeeper_server(folder / "zookeeper")) if size.masters > 1 else None
        cluster = stack.enter_context(
            cluster_in_thread(
                ClusterSpec(
                    work_dir=folder / "cluster",
                    agents=tuple(
                        AgentSpec(cpus=4, mem=2048, hostname=host_of(n)) for n in range(size.agents)
                    ),
                    masters=size.masters,
                    zookeeper=None if zookeeper is None else f"zk://{zookeeper.hosts}/mesos",
                    zk_session_timeout=WAITS.session,
                    heartbeat_interval=WAITS.heartbeat,
                    registration_backoff=0.2,
                    executor_environment=default_executor_environment(spark.java),
                    allocation_interval=0.1,
                    agent_ping_timeout=WAITS.away / _MOST_PINGS,
                    max_agent_ping_timeouts=_MOST_PINGS,
                    agent_reregister_timeout=2 * WAITS.away,
                )
            )
        )
        to_master = None
        if zookeeper is None:
            host, _, port = cluster.url.removeprefix("mesos://").rpartition(":")
            to_master = stack.enter_context(cutting_proxy(HostPort(host, int(port))))
        to_driver = (_proxy_to_driver(stack), _proxy_to_driver(stack))
        service = None
        if size.service:
            service = ShuffleService(commands)
            stack.callback(service.stop)
        yield Stage(commands, cluster, zookeeper, to_master, to_driver, service)


def _proxy_to_driver(stack: contextlib.ExitStack) -> CuttingProxy:
    """A proxy before the same port of another address, which is the driver's: it tells executors one port only.

    The port is kept for the driver by a socket that does not listen, beside which Linux lets one listen that shares its
    address as well, as Netty's do; and nobody is given it for a connection.
    """
    while True:
        proxy = stack.enter_context(cutting_proxy(HostPort(_DRIVER_HOST, 0), host=_PROXY_HOST))
        proxy.target = HostPort(_DRIVER_HOST, proxy.address.port)
        kept = stack.enter_context(socket.socket())
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            kept.bind((proxy.target.host, proxy.target.port))
            return proxy

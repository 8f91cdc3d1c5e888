"""An embedded cluster whose agents have loopback addresses of their own, and stand-ins for shuffle services.

All agents are on one machine, and services want the same port everywhere: each agent's listens at the agent's
own address, 127.0.0.2 and so on, which is its host name, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.shuffle_service.on_agents.status import ServiceReport, ServicesStatus
from tests.servers.dispatcher import free_ports
from tests.servers.shuffle_framework import ShuffleFramework
from tests.soak.stand_in_service import ADDRESS, Event, recorded, write_stand_in

FAST = {
    "allocation_interval": 0.1,
    "agent_ping_timeout": 0.25,
    "max_agent_ping_timeouts": 4,
    "agent_reregister_timeout": 2.0,
}


@dataclass
class ServicesStage:
    """Where services run, and what is known of them."""

    folder: Path
    cluster: RunningCluster
    home: Path
    port: int

    @property
    def record(self) -> Path:
        """Where stand-ins write what becomes of them."""
        return self.folder / "record"

    def framework(self, name: str = "framework", *options: str) -> ShuffleFramework:
        """One that has not been started, with a folder of its own."""
        return ShuffleFramework(self.cluster.url, self.folder / name, (*self.options, *options))

    @property
    def options(self) -> tuple[str, ...]:
        """Those that services on this stage need."""
        return (
            *("--conf", f"spark.mesos.executor.home={self.home}"),
            *("--conf", f"spark.shuffle.service.port={self.port}"),
            *("--cpus", "0.1", "--memory", "600m"),
        )

    def launches(self, address: str) -> tuple[Event, ...]:
        """The beginnings of services at an address; each has to have been alone."""
        events = recorded(self.record).get(address, ())
        begun = tuple(event for event in events if event.status is None)
        assert all(event.alone for event in begun)
        return begun

    def kill_service(self, address: str) -> None:
        """SIGKILL to the one that was started last at an address."""
        os.kill(self.launches(address)[-1].pid, signal.SIGKILL)

    def living(self) -> list[int]:
        """The processes of services that run."""
        pids = [event.pid for address in recorded(self.record) for event in self.launches(address)]
        return [pid for pid in pids if _lives(pid)]


@contextlib.contextmanager
def services_stage(
    folder: Path, addresses: Sequence[str], *, agents: Sequence[dict[str, Any]] = (), **cluster: Any
) -> Iterator[ServicesStage]:
    """One agent for each address; `agents` are further fields of their specs, `cluster` those of its spec.

    The port of services is among the resources of agents, but for those whose `ports` are given.
    """
    (port,) = free_ports(1)
    specs = []
    for number, address in enumerate(addresses):
        fields: dict[str, Any] = {"ports": f"[{port}-{port},31000-31010]"}
        fields |= agents[number] if number < len(agents) else {}
        specs.append(AgentSpec(hostname=address, executor_environment={ADDRESS: address}, **fields))
    home = write_stand_in(folder / "spark", folder / "record")
    spec = ClusterSpec(work_dir=folder / "cluster", agents=tuple(specs), **{**FAST, **cluster})
    with cluster_in_thread(spec) as running:
        yield ServicesStage(folder, running, home, port)


def agent(status: ServicesStatus, host: str) -> ServiceReport:
    """What a status says of the agent of this name."""
    (found,) = (one for one in status.agents if one.host == host)
    return found


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

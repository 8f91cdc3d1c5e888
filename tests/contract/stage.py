"""A live cluster like the recorded one, and replays on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster.cluster import ClusterSpec, RunningCluster, cluster_in_thread
from tests.contract.replay import AGENTS, Bindings, Replay


@dataclass
class Stage:
    """A cluster, and what of the recording is known to stand for what of it."""

    cluster: RunningCluster
    work_dir: Path
    bindings: Bindings

    def replay(self, name: str, *, master: int = 0, **options: Any) -> Replay:
        """A recording to be replayed against one of its masters."""
        return Replay(
            name,
            self.cluster.master_urls[master],
            self.cluster.agent_urls,
            self.bindings,
            control=self.cluster.control,
            **options,
        )


@contextmanager
def staged(folder: Path, **options: Any) -> Iterator[Stage]:
    """A stage for the length of the block; `options` are those of ClusterSpec."""
    defaults: dict[str, Any] = {"agents": AGENTS, "allocation_interval": 0.05}
    spec = ClusterSpec(work_dir=folder / "work", **{**defaults, **options})
    with cluster_in_thread(spec) as cluster:
        first, second = spec.work_dir / "agent1", spec.work_dir / "agent2"
        known = {
            "/var/lib/mesos/agent2": str(second),
            "/var/lib/mesos/agent-auth": str(first),
            "/var/lib/mesos/agent": str(first),
            "/srv/dist/http_executor.py": str(Path(__file__).with_name("http_executor.py")),
            "/srv/dist": str(folder / "dist"),
            "/usr/bin/python3": sys.executable,
        }
        for number, recorded in enumerate(("master1.mesos.example:5050", "master2.mesos.example:5150")):
            if number < spec.masters:
                known[recorded] = cluster.master_urls[number].removeprefix("http://")
        for recorded, url in zip(("127.0.0.1:5051", "127.0.0.1:5052"), cluster.agent_urls, strict=False):
            known[recorded] = url.removeprefix("http://")
        yield Stage(cluster, spec.work_dir, Bindings(known))

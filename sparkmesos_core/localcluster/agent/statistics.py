"""How much processor time and memory executors use, as Mesos' posix isolators measure it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import psutil

from sparkmesos_core.localcluster.agent.process_table import ProcessTable, Snapshot
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]

_MB = 1 << 20


async def statistics(
    leaders: Sequence[tuple[int | None, Resources]], table: ProcessTable, now: float
) -> list[JsonObject]:
    """The ResourceStatistics of executors, each given as its first process, None without, and resources."""
    snapshot = await table.look()

    def measure() -> list[JsonObject]:
        return [_statistics(snapshot, leader, resources, now) for leader, resources in leaders]

    return await asyncio.to_thread(measure)


def _statistics(snapshot: Snapshot, leader: int | None, resources: Resources, now: float) -> JsonObject:
    user = system = 0.0
    memory = 0
    for process in snapshot.members(leader) if leader is not None else ():
        with contextlib.suppress(psutil.Error), process.oneshot():
            times = process.cpu_times()
            memory += process.memory_info().rss
            user += times.user
            system += times.system
    limit = int(resources.scalar("mem") * _MB)
    return {
        "cpus_soft_limit": resources.scalar("cpus"),
        "cpus_system_time_secs": round(system, 2),
        "cpus_user_time_secs": round(user, 2),
        "mem_limit_bytes": limit,
        "mem_rss_bytes": memory,
        "mem_soft_limit_bytes": limit,
        "timestamp": now,
    }

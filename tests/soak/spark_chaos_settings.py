"""What the application of chaos around Spark is submitted with, and why."""

from __future__ import annotations

from collections.abc import Sequence

from tests.servers.cutting_proxy import CuttingProxy
from tests.soak.shuffle_service import ShuffleService
from tests.soak.spark_chaos_plan import WAITS, Size

MOST_CORES = 6
CORES = 2
"""Of an executor."""
_LEAST_EXECUTORS = 1
_LEAD_SECONDS = 2
"""So long before its maintenance a machine is left."""
_CONF = {
    "spark.cores.max": str(MOST_CORES),
    "spark.executor.cores": str(CORES),
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.ui.enabled": "false",
    "spark.locality.wait": "0",
    "spark.mesos.coarse.shutdownTimeout": "60s",  # executors of a busy machine end by themselves, too
    # Whoever is killed may have had any task, and any stage's files: the limits of 4 are against applications that
    # fail by themselves, which would reach these as well. Who is charged, and for what, the verdict looks at.
    "spark.task.maxFailures": "40",
    "spark.stage.maxConsecutiveAttempts": "40",
    # Executors that cannot reach the driver end before they have registered, as on an agent that is not fit to run
    # any; with the default of an hour all agents would be excluded.
    "spark.mesos.executor.agentFailures.expiry": "10s",
    "spark.mesos.maintenance.leadTime": f"{_LEAD_SECONDS}s",
    # Silence is noticed in seconds, not minutes. Requests may take longer, when JVMs start on few cores.
    "spark.executor.heartbeatInterval": "1s",
    "spark.network.timeout": f"{WAITS.silence:g}s",
    "spark.network.timeoutInterval": "1s",
    "spark.rpc.askTimeout": "60s",
    "spark.shuffle.io.retryWait": "200ms",
    "spark.shuffle.io.maxRetries": "2",
}
_TRACKING = {
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.timeout": "4s",
}
_DYNAMIC = {
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.executorIdleTimeout": "2s",
    "spark.dynamicAllocation.minExecutors": str(_LEAST_EXECUTORS),
}
_DECOMMISSION = {
    "spark.decommission.enabled": "true",
    "spark.storage.decommission.enabled": "true",
    "spark.storage.decommission.shuffleBlocks.enabled": "true",
    "spark.storage.decommission.replicationReattemptInterval": "1s",
}


def properties(
    size: Size, to_driver: Sequence[CuttingProxy], service: ShuffleService | None
) -> dict[str, str]:
    """All of them; executors reach the driver, and what it stores, through these two proxies."""
    calls, blocks = to_driver
    return {
        **_CONF,
        "spark.driver.host": calls.address.host,
        "spark.driver.port": str(calls.address.port),
        "spark.driver.blockManager.port": str(blocks.address.port),
        "spark.driver.bindAddress": calls.target.host,
        "spark.port.maxRetries": "0",  # with another port the driver would not be behind the proxy
        **(_DYNAMIC if size.dynamic else {}),
        **(_kept_files(size) if size.dynamic and service is None else {}),
        **(_DECOMMISSION if size.decommission else {}),
        **(service.properties if service is not None else {}),
    }


def _kept_files(size: Size) -> dict[str, str]:
    """Who keeps shuffle files that no service keeps.

    Spark warns of both at a time: its ExecutorMonitor takes files that are handed on for those of a job that goes on,
    and so never lets go whoever gets some after the last job has ended.
    """
    return {"spark.dynamicAllocation.shuffleTracking.enabled": "false"} if size.decommission else _TRACKING


def executors_at_rest(size: Size) -> int:
    """How many executors an application without work has, once nobody strikes any more."""
    return _LEAST_EXECUTORS if size.dynamic else MOST_CORES // CORES

"""The framework of the shuffle services in the background: its names, and the body of its process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkmesos_core.daemon_files import DaemonFiles, DaemonKind
from sparkmesos_core.durable_framework import background
from sparkmesos_core.durable_framework.background import OnReady
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings

MODULE = "sparkmesos_core.shuffle_service.on_agents"
FRAMEWORK = DaemonKind(
    title=SERVICES.holder,
    # Not that of the service, of which one may run on the same machine: there is no such program of Spark's.
    spark_class="sparkmesos.ShuffleServicesOnMesos",
    stop_command="sparkmesos stop-shuffle-service --on-mesos",
    sparks_stop_script="",
)


def start(
    settings: ServicesSettings,
    files: DaemonFiles,
    *,
    subscribe_timeout: float | None,
    environment: Mapping[str, str],
) -> dict[str, Any]:
    """Start it; what it says of itself when it is ready (`FrameworkState`).

    Raises what `background.start` and `foreground.serve` do; nothing is left running then.
    """
    return background.start(
        MODULE, settings.to_json(), files, subscribe_timeout=subscribe_timeout, environment=environment
    )


def main() -> int:
    """Run it with what was handed over on stdin; the exit code."""
    return background.run(_serve)


def _serve(settings: str, on_ready: OnReady, subscribe_timeout: float | None) -> None:
    from sparkmesos_core.shuffle_service.on_agents.foreground import serve

    serve(
        ServicesSettings.from_json(settings),
        lambda state: on_ready(state.to_json()),
        subscribe_timeout=subscribe_timeout,
    )

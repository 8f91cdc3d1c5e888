"""The dispatcher as a process in the background: how it is started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.daemon_configuration import CLASSES
from sparkmesos_core.daemon_files import DaemonFiles, DaemonKind
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.dispatcher.settings import DispatcherSettings
from sparkmesos_core.durable_framework import background

MODULE = "sparkmesos_core.dispatcher"
DISPATCHER = DaemonKind(
    title=DRIVERS.holder,
    spark_class=CLASSES[Reader.DISPATCHER],
    stop_command="sparkmesos stop-dispatcher",
    sparks_stop_script="sbin/stop-mesos-dispatcher.sh",
)


def start(
    settings: DispatcherSettings,
    files: DaemonFiles,
    *,
    subscribe_timeout: float | None,
    environment: Mapping[str, str],
) -> dict[str, Any]:
    """Start a dispatcher in the background; what it says of itself when it is ready (`FrameworkState`).

    Ready is as `foreground.serve` has it. Raises DaemonError if one of this number runs, or it does not come
    to be ready, and what `foreground.serve` raises, with the end of its log; nothing is left running then.
    """
    return background.start(
        MODULE, settings.to_json(), files, subscribe_timeout=subscribe_timeout, environment=environment
    )

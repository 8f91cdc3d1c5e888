"""The TaskInfo that a shuffle service is launched with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.launch.container import labels, takes_secrets
from sparkmesos_core.launch.secrets import secret_variable
from sparkmesos_core.shuffle_service.command import service_command
from sparkmesos_core.shuffle_service.container import service_container

TASK_NAME = "Spark shuffle service"

_JAVA_HOME = "spark.executorEnv.JAVA_HOME"

Build = Callable[[str, Offer, Sequence[Mapping[str, Any]]], dict[str, Any]]
"""Of a task id, the offer, and the resources taken of it."""


def build(
    properties: Mapping[str, str],
    *,
    heap: int,
    spark_home: str | None = None,
    variables: Mapping[str, str] | None = None,
    bridge: str | None = None,
) -> Build:
    """What makes the TaskInfos of the services; arguments as of `service_command`.

    All that can be wrong is found here, once: raises UsageError as `service_command` and `service_container`
    do, and for labels (`spark.mesos.task.labels`) that are none.
    """
    command = service_command(
        properties, heap=heap, spark_home=spark_home, variables=variables, bridge=bridge
    )
    container = service_container(properties)
    task_labels = labels(properties.get("spark.mesos.task.labels", ""))
    typed = takes_secrets(properties)
    environment = [
        # A task has no locale of its own, and a JVM without one knows ASCII names of files only.
        {"name": "LANG", "value": "C.UTF-8"},
        *([{"name": "JAVA_HOME", "value": properties[_JAVA_HOME]}] if properties.get(_JAVA_HOME) else []),
        *(secret_variable(name, value, typed=typed) for name, value in sorted(command.secrets.items())),
    ]

    def task_info(task_id: str, offer: Offer, resources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {
            "name": TASK_NAME,
            "task_id": {"value": task_id},
            "agent_id": {"value": offer.agent_id},
            "resources": list(resources),
            "command": {
                "shell": True,
                "value": command.script,
                "environment": {"variables": environment},
                "uris": list(command.uris),
            },
            "container": container,
            "labels": task_labels,
        }

    return task_info

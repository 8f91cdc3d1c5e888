"""The TaskInfo that a driver is launched with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.launch.bridge import bridge_uri
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.launch.command_line import command_line
from sparkmesos_core.dispatcher.launch.driver_secrets import PROPERTIES_VARIABLE, driver_secrets
from sparkmesos_core.dispatcher.launch.environment import driver_variables
from sparkmesos_core.dispatcher.launch.uris import driver_uris
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.launch.container import container_info, labels, takes_secrets
from sparkmesos_core.launch.secrets import secret_variable

Build = Callable[[Driver, str, str, Offer, Sequence[Mapping[str, Any]]], dict[str, Any]]
"""Of a driver, the id of its task and of its own framework, the offer, and the resources taken of it."""


def build(cluster: Cluster) -> Build:
    """What makes the TaskInfos of this dispatcher's drivers.

    It raises SparkMesosError for a driver that cannot be launched on any agent: values that are wrong, no
    Spark, an argument that no command line can hold.
    """

    def task_info(
        driver: Driver,
        task_id: str,
        framework_id: str,
        offer: Offer,
        resources: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        submission = driver.submission
        properties = submission.properties
        secrets = driver_secrets(properties)
        command = command_line(submission, cluster)
        variables = driver_variables(submission, framework_id, offer.agent_url, secrets)
        if command.secret_properties:
            typed = takes_secrets(properties)
            variables.append(secret_variable(PROPERTIES_VARIABLE, command.secret_properties, typed=typed))
        return {
            "name": f"Driver for {submission.name}",
            "task_id": {"value": task_id},
            "agent_id": {"value": offer.agent_id},
            "resources": list(resources),
            "command": {
                "shell": True,
                "value": command.script,
                "environment": {"variables": variables},
                "uris": driver_uris(submission, cluster.properties, bridge_uri(submission, cluster)),
            },
            "container": container_info(properties, secrets),
            "labels": labels(properties.get("spark.mesos.driver.labels", "")),
        }

    return task_info

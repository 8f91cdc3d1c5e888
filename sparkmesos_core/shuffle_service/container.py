"""The container of a shuffle service: that of executors, but in the network of its agent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from sparkmesos_core.conf.values.docker import parse_volumes
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.container import container_info, image

_DOCKER = "spark.mesos.executor.docker."
_NETWORK = frozenset({"spark.mesos.network.name", "spark.mesos.network.labels", f"{_DOCKER}portmaps"})
_NETWORK_PARAMETERS = frozenset({"net", "network"})


def local_folders(properties: Mapping[str, str]) -> tuple[str, ...]:
    """Where executors have their shuffle files: as this configuration tells, else where Spark has them."""
    return told_local_folders(properties) or ("/tmp",)  # noqa: S108


def told_local_folders(properties: Mapping[str, str]) -> tuple[str, ...]:
    """Where executors have their shuffle files, if this configuration tells."""
    told = properties.get("spark.executorEnv.SPARK_LOCAL_DIRS", "").strip()
    return tuple(to_sequence(told or properties.get("spark.local.dir", "").strip()))


def service_container(properties: Mapping[str, str]) -> dict[str, Any]:
    """A v1 ContainerInfo.

    Executors connect to the host of their agent, so the service is in its network. It hands out the files of
    executors by the paths that they tell it, and deletes them: so with an image it needs the same volumes.
    Raises UsageError for values that cannot be read, and for local folders that no volume shows.
    """
    info = container_info(
        {name: value for name, value in properties.items() if name not in _NETWORK}, secrets=()
    )
    if image(properties) is None:
        return info
    _check_local_folders(properties)
    docker = info.get("docker")
    if docker is not None:
        docker["network"] = "HOST"
        kept = [one for one in docker.pop("parameters", ()) if one["key"] not in _NETWORK_PARAMETERS]
        if kept:
            docker["parameters"] = kept
    return info


def _check_local_folders(properties: Mapping[str, str]) -> None:
    volumes = parse_volumes(properties.get(f"{_DOCKER}volumes", ""))
    shown = [PurePosixPath(one.container) for one in volumes if one.host is not None and not one.read_only]
    for folder in local_folders(properties):
        if not any(PurePosixPath(folder).is_relative_to(path) for path in shown):
            raise UsageError(
                f"The containers of services would not see {folder}, where executors have their files",
                hint=f"Mount a folder of the agents with {_DOCKER}volumes, writable, and name it in "
                "spark.local.dir, for the services and for applications.",
            )

"""The container of a task that runs Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparkmesos_core.conf.values.docker import (
    Volume,
    parse_docker_parameters,
    parse_port_maps,
    parse_volumes,
)
from sparkmesos_core.conf.values.labels import parse_labels
from sparkmesos_core.conf.values.scalars import parse_boolean
from sparkmesos_core.conf.values.secrets import Secret
from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.secrets import secret_volumes
from sparkmesos_core.quoting import quoted

_PREFIX = "spark.mesos.executor.docker."


def image(properties: Mapping[str, str]) -> str | None:
    """The Docker image of driver and executors; None without one."""
    return properties.get(f"{_PREFIX}image", "").strip() or None


def takes_secrets(properties: Mapping[str, str]) -> bool:
    """Whether the container takes variables of the type SECRET: not those of the Docker containerizer."""
    return image(properties) is None or _containerizer(properties) != "docker"


def labels(text: str) -> dict[str, Any]:
    """v1 Labels. Raises UsageError for text that is none."""
    found = [{"key": label.key, "value": label.value} for label in parse_labels(text)]
    return {"labels": found} if found else {}


def container_info(properties: Mapping[str, str], secrets: Sequence[Secret]) -> dict[str, Any]:
    """A v1 ContainerInfo (`MesosSchedulerBackendUtil.buildContainerInfo`). Raises UsageError for bad values.

    Volumes belong to images; files with secrets do not.
    """
    name = image(properties)
    network = properties.get("spark.mesos.network.name", "").strip() or None
    volumes: list[dict[str, Any]] = []
    info: dict[str, Any] = {"type": "MESOS"}
    if name is not None:
        force = parse_boolean(properties.get(f"{_PREFIX}forcePullImage") or "false")
        volumes = [_volume(volume) for volume in parse_volumes(properties.get(f"{_PREFIX}volumes", ""))]
        if _containerizer(properties) == "docker":
            info = {"type": "DOCKER", "docker": _docker(name, force, network, properties)}
        else:
            info["mesos"] = {
                "image": {"type": "DOCKER", "docker": {"name": name}, "cached": not force},
            }
    volumes += secret_volumes(secrets)
    if volumes:
        info["volumes"] = volumes
    if network is not None:
        networks = labels(properties.get("spark.mesos.network.labels", ""))
        info["network_infos"] = [{"name": network, "labels": networks}]
    return info


def _containerizer(properties: Mapping[str, str]) -> str:
    found = properties.get("spark.mesos.containerizer", "docker").strip()
    if found not in ("docker", "mesos"):
        raise UsageError(
            f"There is no containerizer {quoted(found)} (spark.mesos.containerizer)",
            hint="Write docker or mesos.",
        )
    return found


def _docker(name: str, force: bool, network: str | None, properties: Mapping[str, str]) -> dict[str, Any]:
    ports = [
        {"host_port": port.host, "container_port": port.container, "protocol": port.protocol}
        for port in parse_port_maps(properties.get(f"{_PREFIX}portmaps", ""))
    ]
    parameters = [
        {"key": key, "value": value}
        for key, value in parse_docker_parameters(properties.get(f"{_PREFIX}parameters", ""))
    ]
    docker: dict[str, Any] = {"image": name, "force_pull_image": force}
    if network is not None:
        # Mesos wants it in network_infos, and Docker as its option.
        docker["network"] = "USER"
        parameters.append({"key": "net", "value": network})
    if ports:
        docker["port_mappings"] = ports
    if parameters:
        docker["parameters"] = parameters
    return docker


def _volume(volume: Volume) -> dict[str, Any]:
    host = {} if volume.host is None else {"host_path": volume.host}
    return {"container_path": volume.container, **host, "mode": "RO" if volume.read_only else "RW"}

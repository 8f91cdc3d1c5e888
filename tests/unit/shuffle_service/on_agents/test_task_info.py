from __future__ import annotations

import base64
from typing import Any

import pytest

from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.errors import UsageError
from sparkmesos_core.shuffle_service.container import service_container
from sparkmesos_core.shuffle_service.on_agents.task_info import build

OFFER = Offer("o1", "x-S1", "host1", "http://host1:5051", (), ())
RESOURCES = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}}]
IMAGE = {"spark.mesos.executor.docker.image": "spark:3.5"}
VOLUMES = {
    **IMAGE,
    "spark.local.dir": "/data/spark",
    "spark.mesos.executor.docker.volumes": "/mnt/disk:/data:rw",
}
AUTHENTICATED = {"spark.authenticate": "true", "spark.authenticate.secret": "s3cr3t"}


def task(properties: dict[str, str]) -> dict[str, Any]:
    return build(properties, heap=1024, spark_home="/spark")("shuffle-service-1-1", OFFER, RESOURCES)


def variables(info: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in info["command"]["environment"]["variables"]}


def test_a_plain_task() -> None:
    info = task({"spark.mesos.task.labels": "team:data", "spark.executorEnv.JAVA_HOME": "/java"})
    assert info["name"] == "Spark shuffle service"
    assert (info["task_id"], info["agent_id"]) == ({"value": "shuffle-service-1-1"}, {"value": "x-S1"})
    assert info["resources"] == RESOURCES
    assert info["container"] == {"type": "MESOS"}
    assert info["labels"] == {"labels": [{"key": "team", "value": "data"}]}
    assert info["command"]["shell"] is True
    assert info["command"]["uris"] == []
    assert variables(info)["JAVA_HOME"] == {"name": "JAVA_HOME", "value": "/java"}


def test_agents_do_not_show_the_secret() -> None:
    secret = variables(task(AUTHENTICATED))["_SPARK_AUTH_SECRET"]
    assert secret["type"] == "SECRET"
    assert base64.b64decode(secret["secret"]["value"]["data"]) == b"s3cr3t"


def test_the_docker_containerizer_takes_the_secret_as_it_is() -> None:
    secret = variables(task({**AUTHENTICATED, **VOLUMES}))["_SPARK_AUTH_SECRET"]
    assert secret == {"name": "_SPARK_AUTH_SECRET", "value": "s3cr3t"}


def test_a_container_is_in_the_network_of_its_agent() -> None:
    properties = {
        **VOLUMES,
        "spark.mesos.network.name": "overlay",
        "spark.mesos.executor.docker.portmaps": "80:80",
        "spark.mesos.executor.docker.parameters": "net=overlay,ulimit=nofile=1024",
    }
    assert service_container(properties) == {
        "type": "DOCKER",
        "docker": {
            "image": "spark:3.5",
            "force_pull_image": False,
            "network": "HOST",
            "parameters": [{"key": "ulimit", "value": "nofile=1024"}],
        },
        "volumes": [{"container_path": "/data", "host_path": "/mnt/disk", "mode": "RW"}],
    }
    unified = service_container({**properties, "spark.mesos.containerizer": "mesos"})
    assert unified["type"] == "MESOS"
    assert "network_infos" not in unified


@pytest.mark.parametrize(
    "properties",
    [
        IMAGE,
        {**VOLUMES, "spark.local.dir": "/data/spark,/other"},
        {**VOLUMES, "spark.mesos.executor.docker.volumes": "/mnt/disk:/data:ro"},
        {**VOLUMES, "spark.mesos.executor.docker.volumes": "/data"},
        {**VOLUMES, "spark.executorEnv.SPARK_LOCAL_DIRS": "/elsewhere"},
    ],
)
def test_a_container_that_would_not_see_the_files_of_executors(properties: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="The containers of services would not see /") as raised:
        task(properties)
    assert "spark.mesos.executor.docker.volumes" in raised.value.hint

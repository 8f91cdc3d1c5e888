"""The container of a task; what Spark itself makes of most properties is in the contract tests."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.values.secrets import Secret
from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.container import container_info

IMAGE = {"spark.mesos.executor.docker.image": "spark:3.5.9"}


def test_none() -> None:
    assert container_info({}, ()) == {"type": "MESOS"}
    assert container_info({"spark.mesos.executor.docker.image": " "}, ()) == {"type": "MESOS"}


def test_volumes_belong_to_images() -> None:
    volumes = {"spark.mesos.executor.docker.volumes": "/a:/b:ro"}
    assert container_info(volumes, ()) == {"type": "MESOS"}
    assert container_info(IMAGE | volumes, ())["volumes"] == [
        {"container_path": "/b", "host_path": "/a", "mode": "RO"}
    ]


def test_files_with_secrets_come_behind_volumes() -> None:
    properties = {
        **IMAGE,
        "spark.mesos.containerizer": "mesos",
        "spark.mesos.executor.docker.volumes": "/x",
    }
    info = container_info(properties, [Secret(value="s3cret", file="f.txt")])
    assert [volume["container_path"] for volume in info["volumes"]] == ["/x", "f.txt"]
    assert "s3cret" not in str(info)


def test_a_network_of_docker_and_its_parameters() -> None:
    properties = {
        **IMAGE,
        "spark.mesos.network.name": "overlay",
        "spark.mesos.executor.docker.parameters": "a=b",
    }
    info = container_info(properties, ())
    assert info["docker"]["network"] == "USER"
    assert info["docker"]["parameters"] == [{"key": "a", "value": "b"}, {"key": "net", "value": "overlay"}]
    assert info["network_infos"] == [{"name": "overlay", "labels": {}}]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("spark.mesos.containerizer", "rkt", "no containerizer 'rkt'"),
        ("spark.mesos.executor.docker.portmaps", "oops", "'oops' is not a port mapping"),
        ("spark.mesos.executor.docker.forcePullImage", "yes", "neither true nor false"),
        ("spark.mesos.network.labels", "a", "is not a label"),
    ],
)
def test_what_cannot_be_understood(key: str, value: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        container_info({**IMAGE, "spark.mesos.network.name": "n", key: value}, ())

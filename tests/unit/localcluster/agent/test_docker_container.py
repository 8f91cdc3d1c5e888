from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.agent.docker_container import (
    DockerRun,
    inner_environment,
    without_secrets,
)
from sparkmesos_core.localcluster.agent.launch_failure import LaunchFailed
from sparkmesos_core.mesos.resources import Resources

Json = dict[str, Any]
SANDBOX = Path("/sandbox")


def of(
    docker: Json | None = None,
    command: Json | None = None,
    resources: str = "cpus:0.6;mem:96;ports:[31000-31001]",
    **container: Any,
) -> DockerRun:
    return DockerRun.of(
        container={"type": "DOCKER", "docker": {"image": "spark:3.5", **(docker or {})}, **container},
        command=command or {"value": "echo $HOME"},
        name="mesos-c1",
        sandbox=SANDBOX,
        resources=Resources.parse(resources),
        environment={"A": "1", "B": "two\nlines", "MESOS_SANDBOX": "/host"},
    )


def test_a_shell_command_replaces_the_entry_point() -> None:
    run = of()
    assert run.argv("/bin/docker", Path("/env")) == [
        "/bin/docker",
        "run",
        "--env-file",
        "/env",
        "--env",
        "B",
        "--cpu-shares",
        "614",
        "--memory",
        str(96 << 20),
        "-v",
        "/sandbox:/mnt/mesos/sandbox",
        "--net",
        "host",
        "--entrypoint",
        "/bin/sh",
        "--name",
        "mesos-c1",
        "spark:3.5",
        "-c",
        "echo $HOME",
    ]
    assert run.environment_file() == "A=1\nMESOS_CONTAINER_NAME=mesos-c1\nMESOS_SANDBOX=/mnt/mesos/sandbox\n"
    assert run.inherited() == {"B": "two\nlines"}


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ({"shell": False}, ()),
        ({"shell": False, "arguments": ["driver", "--x"]}, ("driver", "--x")),
        ({"shell": False, "value": "run", "arguments": ["a b"]}, ("run", "a b")),
    ],
)
def test_without_a_shell_the_image_decides(command: Json, arguments: tuple[str, ...]) -> None:
    run = of(command=command)
    assert run.arguments == arguments
    assert "--entrypoint" not in run.options


@pytest.mark.parametrize(
    ("docker", "container", "options"),
    [
        ({"privileged": True}, {}, ["--privileged"]),
        ({"network": "BRIDGE"}, {"hostname": "h"}, ["--net", "bridge", "--hostname", "h"]),
        ({"network": "NONE"}, {}, ["--net", "none"]),
        ({"network": "USER"}, {"network_infos": [{"name": "mine"}]}, ["--net", "mine"]),
        ({"parameters": [{"key": "network", "value": "other"}]}, {}, ["--net", "other"]),
        ({"parameters": [{"key": "user", "value": "spark"}]}, {}, ["--user=spark"]),
        (
            {
                "network": "BRIDGE",
                "port_mappings": [
                    {"host_port": 31000, "container_port": 80, "protocol": "TCP"},
                    {"host_port": 31001, "container_port": 81},
                ],
            },
            {},
            ["-p", "31000:80/tcp", "-p", "31001:81"],
        ),
        (
            {},
            {
                "volumes": [
                    {"host_path": "/data", "container_path": "/d", "mode": "RO"},
                    {"host_path": "below", "container_path": "/e", "mode": "RW"},
                    {"host_path": "/data", "container_path": "inside", "mode": "RW"},
                ]
            },
            [
                "-v",
                "/data:/d:ro",
                "-v",
                "/sandbox/below:/e:rw",
                "-v",
                "/data:/mnt/mesos/sandbox/inside:rw",
                "-v",
                "/sandbox:/mnt/mesos/sandbox",
            ],
        ),
        (
            {},
            {
                "volumes": [
                    {
                        "container_path": "/v",
                        "mode": "RW",
                        "source": {
                            "type": "DOCKER_VOLUME",
                            "docker_volume": {"name": "vol", "driver": "nfs"},
                        },
                    }
                ]
            },
            ["-v", "vol:/v:rw", "-v", "/sandbox:/mnt/mesos/sandbox", "--volume-driver=nfs"],
        ),
    ],
)
def test_options(docker: Json, container: Json, options: list[str]) -> None:
    text = " ".join(of(docker, **container).options)
    assert " ".join(options) in text


def test_little_is_rounded_up_to_what_docker_takes() -> None:
    options = of(resources="cpus:0.001;mem:1").options
    assert options[:4] == ("--cpu-shares", "2", "--memory", str(32 << 20))
    assert of(resources="disk:1").options[0] == "-v"


@pytest.mark.parametrize(
    ("docker", "container", "text"),
    [
        ({"image": ""}, {}, "No docker info found"),
        ({"network": "MOON"}, {}, "Unsupported Network mode: MOON"),
        ({"network": "USER"}, {}, "No network info found"),
        ({"network": "USER"}, {"network_infos": [{"name": "a"}, {"name": "b"}]}, "Only a single network"),
        ({"network": "USER"}, {"network_infos": [{}]}, "No network name found"),
        ({}, {"hostname": "h"}, "Unable to set hostname with host network mode"),
        ({"port_mappings": [{"host_port": 1, "container_port": 1}]}, {}, "only supported for bridge"),
        (
            {"network": "BRIDGE", "port_mappings": [{"host_port": 1, "container_port": 1}]},
            {},
            "Port [1] not included in resources",
        ),
        ({}, {"volumes": [{"host_path": "a", "container_path": "b"}]}, "are relative"),
        ({}, {"volumes": [{"container_path": "/b"}]}, "Host path or volume source is required"),
        (
            {},
            {"volumes": [{"host_path": "/a", "container_path": "/b", "mode": "X"}]},
            "Unsupported volume mode",
        ),
    ],
)
def test_contradictions(docker: Json, container: Json, text: str) -> None:
    with pytest.raises(LaunchFailed) as failed:
        of(docker, **container)
    assert failed.value.message.startswith("Failed to create docker run options: ")
    assert text in failed.value.message


def test_programs_of_the_host_are_none_of_a_containers_business() -> None:
    command = {"environment": {"variables": [{"name": "JAVA_HOME", "value": "/in/image"}]}}
    given = {"MESOS_TASK_ID": "t", "LIBPROCESS_IP": "i", "PATH": "/host", "JAVA_HOME": "/host"}
    assert inner_environment(given, command) == {
        "MESOS_TASK_ID": "t",
        "LIBPROCESS_IP": "i",
        "JAVA_HOME": "/in/image",
    }


def test_secrets_are_left_out() -> None:
    plain, secret = {"name": "A", "value": "1"}, {"name": "B", "type": "SECRET", "secret": {}}
    command = {"value": "true", "environment": {"variables": [plain, secret]}}
    assert without_secrets(command) == {
        "value": "true",
        "environment": {"variables": [plain, {"name": "B", "value": ""}]},
    }


@pytest.mark.parametrize(
    "command",
    [{}, {"environment": None}, {"environment": {}}, {"environment": {"variables": ["x"]}}],
)
def test_what_is_malformed_stays_as_it_is(command: Json) -> None:
    assert without_secrets(command) == command

from __future__ import annotations

import pytest

from sparkmesos_core.conf.values.docker import (
    DockerParameter,
    PortMap,
    Volume,
    parse_docker_parameters,
    parse_port_maps,
    parse_volumes,
)
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ", []),
        ("/a", [Volume("/a")]),
        ("/a:rw", [Volume("/a")]),
        ("/a:ro", [Volume("/a", read_only=True)]),
        ("/h:/c", [Volume("/c", "/h")]),
        ("/h:/c:rw", [Volume("/c", "/h")]),
        ("/h:/c:ro", [Volume("/c", "/h", read_only=True)]),
        ("/a, /h:/c:ro ,", [Volume("/a"), Volume("/c", "/h", read_only=True)]),
        ("rw", [Volume("rw")]),
        ("/h:/c:", [Volume("/c", "/h")]),
        ("relative", [Volume("relative")]),
    ],
)
def test_volumes(text: str, expected: list[Volume]) -> None:
    assert parse_volumes(text) == tuple(expected)


@pytest.mark.parametrize("text", [":", "/a,/b:/c:z", "/h:/c:RO", "/h:/c:ro:x", ":/c", "::", ":ro", "/h::ro"])
def test_not_volumes(text: str) -> None:
    with pytest.raises(UsageError, match="is not a volume") as raised:
        parse_volumes(text)
    assert "HOST:CONTAINER" in raised.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("80:8080", [PortMap(80, 8080)]),
        ("53:54:udp", [PortMap(53, 54, "udp")]),
        ("80:8080:TCP, 0:1", [PortMap(80, 8080), PortMap(0, 1)]),
        ("80:8080:", [PortMap(80, 8080)]),
    ],
)
def test_port_maps(text: str, expected: list[PortMap]) -> None:
    assert parse_port_maps(text) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("80", "'80' is not a port mapping"),
        ("80:81:tcp:x", "is not a port mapping"),
        ("a:81", "'a' is not a port"),
        ("80 :81", "'80 ' is not a port"),
        ("80:0", "'0' is not a port"),
        ("80:65536", "'65536' is not a port"),
        ("-1:80", "'-1' is not a port"),
        (":80", "'' is not a port"),
        ("80:81:icmp", "there is no protocol 'icmp'"),
        ("127.0.0.1:80:80", "there is no protocol '80'"),
    ],
)
def test_not_port_maps(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_port_maps(text)
    assert reason in raised.value.message
    assert "HOST:CONTAINER" in raised.value.hint


def test_docker_parameters() -> None:
    assert parse_docker_parameters("a=1, b=x=y,c=,") == (
        DockerParameter("a", "1"),
        DockerParameter("b", "x=y"),
        DockerParameter("c", ""),
    )
    assert parse_docker_parameters("") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=1,privileged", "'privileged' is not a parameter: it has no '='"),
        ("=x", "'=x' is not a parameter: it has no key"),
    ],
)
def test_not_docker_parameters(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_docker_parameters(text)
    assert raised.value.message == message

from __future__ import annotations

import socket

import pytest

from sparkmesos_core.verify.facts.driver_ports import PortTrial, fixed_ports, try_port


@pytest.mark.parametrize(
    ("configuration", "ports"),
    [
        ({}, {}),
        ({"spark.driver.port": "0"}, {}),
        ({"spark.driver.port": " 7000 "}, {"spark.driver.port": 7000}),
        ({"spark.blockManager.port": "7001"}, {"spark.blockManager.port": 7001}),
        (
            {"spark.blockManager.port": "7001", "spark.driver.blockManager.port": "7002"},
            {"spark.driver.blockManager.port": 7002},
        ),
        ({"spark.ui.port": "4041"}, {"spark.ui.port": 4041}),
        ({"spark.ui.port": "4041", "spark.ui.enabled": "False"}, {}),
        ({"spark.driver.port": "70000", "spark.ui.port": "many"}, {}),
    ],
)
def test_fixed_ports(configuration: dict[str, str], ports: dict[str, int]) -> None:
    assert fixed_ports(configuration) == ports


def test_a_port_that_is_free_and_one_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert try_port("k", "127.0.0.1", port, 0) == PortTrial("k", port, free=False, retries=0)
        following = try_port("k", "127.0.0.1", port, 50).next_free
        assert following is not None
        assert port < following <= port + 50
        # Who listens at one address is in the way of who wants all.
        assert not try_port("k", "", port, 0).free
    assert try_port("k", "127.0.0.1", port, 0) == PortTrial("k", port, free=True, retries=0)


def test_ports_of_the_system_are_not_tried() -> None:
    assert try_port("k", "127.0.0.1", 80, 16) == PortTrial("k", 80, free=False, reserved=True)


def test_an_address_that_cannot_be_tried_is_not_held_against_the_port() -> None:
    assert try_port("k", "192.0.2.99", 7000, 0).free
    assert try_port("k", "x" * 64 + ".example", 7000, 0).free

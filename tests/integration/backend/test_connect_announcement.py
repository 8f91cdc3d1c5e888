"""What is said of a server of Spark Connect that listens: where clients find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.backend.harness import Harness

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("", "sc://driver.example:15002"),
        ("0.0.0.0", "sc://driver.example:15002"),
        ("::", "sc://driver.example:15002"),
        ("[::]", "sc://driver.example:15002"),
        ("127.0.0.1", "sc://127.0.0.1:15002"),
        ("gateway", "sc://gateway:15002"),
        ("fe80::1", "sc://[fe80::1]:15002"),
        ("[fe80::1]", "sc://[fe80::1]:15002"),
    ],
)
def test_where_it_is(harness: Harness, address: str, url: str) -> None:
    told = {"address": address, "host": "driver.example", "port": "15002", "token": False}
    assert harness.ask("announcement", told) == f"Connect with: {url}"


def test_a_host_without_a_name(harness: Harness) -> None:
    told = {"address": "", "host": "[2001:db8::1]", "port": "1", "token": False}
    assert harness.ask("announcement", told) == "Connect with: sc://[2001:db8::1]:1"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_clients_send_tokens_without_tls_to_one_name_only(harness: Harness, address: str) -> None:
    said = harness.ask("announcement", {"address": address, "host": "h", "port": "1", "token": True})
    assert said.startswith("Connect with: sc://localhost:1 (it asks for its token")
    assert "SPARK_CONNECT_AUTHENTICATE_TOKEN" in said

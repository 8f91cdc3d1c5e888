"""What is said of a server of Spark Connect that listens: where clients find it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.backend.harness import Harness

pytestmark = pytest.mark.slow

HOST = "driver.example"
ASKS = "(it asks for its token: clients have it in SPARK_CONNECT_AUTHENTICATE_TOKEN, too"


def told(address: str | None, *, host: str = HOST, token: bool = False) -> dict[str, Any]:
    bound = {} if address is None else {"address": address}
    return {**bound, "host": host, "port": "15002", "token": token}


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (None, "sc://driver.example:15002"),
        ("0.0.0.0", "sc://driver.example:15002"),
        ("::", "sc://driver.example:15002"),
        ("[::]", "sc://driver.example:15002"),
        ("", "sc://localhost:15002"),  # which is loopback to Java
        ("127.0.0.1", "sc://127.0.0.1:15002"),
        ("gateway", "sc://gateway:15002"),
        ("fe80::1", "sc://[fe80::1]:15002"),
        ("[fe80::1]", "sc://[fe80::1]:15002"),
    ],
)
def test_where_it_is(harness: Harness, address: str | None, url: str) -> None:
    assert harness.ask("announcement", told(address)) == f"Connect with: {url}"


def test_a_host_without_a_name(harness: Harness) -> None:
    said = harness.ask("announcement", told(None, host="[2001:db8::1]"))
    assert said == "Connect with: sc://[2001:db8::1]:15002"


@pytest.mark.parametrize("host", [HOST, "127.0.0.1"])
@pytest.mark.parametrize(
    "address", [None, "", "0.0.0.0", "[::]", "127.0.0.1", "127.0.1.1", "::1", "[::1]", "localhost"]
)
def test_clients_send_tokens_without_tls_to_one_name_only(
    harness: Harness, address: str | None, host: str
) -> None:
    said = harness.ask("announcement", told(address, host=host, token=True))
    others = "those on other machines go through a proxy that ends TLS"
    assert said == f"Connect with: sc://localhost:15002 {ASKS}; {others})"


def test_a_token_at_an_address_that_only_a_proxy_can_use(harness: Harness) -> None:
    said = harness.ask("announcement", told("10.0.0.5", token=True))
    assert said.startswith(f"Connect with: sc://10.0.0.5:15002 {ASKS}, and go through a proxy that ends TLS")

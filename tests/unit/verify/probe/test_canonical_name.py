from __future__ import annotations

import socket
import threading
import time

import pytest

from sparkmesos_core.verify.probe.canonical_name import canonical_name


def names(monkeypatch: pytest.MonkeyPatch, of_address: str, *addresses: str) -> None:
    monkeypatch.setattr(socket, "gethostbyaddr", lambda address: (of_address, [], [address]))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)


def soon() -> float:
    return time.monotonic() + 30


def test_name_that_leads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "driver.example", "198.51.100.1", "192.0.2.1")
    assert canonical_name("192.0.2.1", soon()) == "driver.example"


def test_name_of_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "driver.example", "198.51.100.1")
    assert canonical_name("192.0.2.1", soon()) == "192.0.2.1"


def test_address_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(address: str) -> None:
        raise socket.herror(1, "Unknown host")

    monkeypatch.setattr(socket, "gethostbyaddr", unknown)
    assert canonical_name("192.0.2.1", soon()) == "192.0.2.1"


def test_resolver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def silent(address: str) -> None:
        ended.wait()
        raise socket.herror(1, "Unknown host")

    monkeypatch.setattr(socket, "gethostbyaddr", silent)
    assert canonical_name("192.0.2.1", time.monotonic() + 0.05) == "192.0.2.1"
    ended.set()

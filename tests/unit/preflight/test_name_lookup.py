from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from sparkmesos_core.preflight.name_lookup import Lookup, look_up

FAR = 60.0
IMPOSSIBLE = "x" * 64 + ".example"
"""A label of a name has 63 characters at most."""


def resolver(answers: dict[str, Any]) -> Any:
    """A stand-in for `getaddrinfo`: addresses, or what is raised, by name."""

    def getaddrinfo(name: str, *_: object, **__: object) -> list[Any]:
        answer = answers[name]
        if isinstance(answer, Exception):
            raise answer
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, 0))
            for address in answer
        ]

    return getaddrinfo


def test_of_this_system() -> None:
    found = look_up(["localhost", IMPOSSIBLE, "localhost"], time.monotonic() + FAR)
    assert list(found) == ["localhost", IMPOSSIBLE]
    assert found["localhost"].addresses[0] == "127.0.0.1"
    assert found[IMPOSSIBLE] == Lookup(())


def test_ipv4_first_as_java_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"both": ["2001:db8::1", "192.0.2.7", "192.0.2.7"]}
    monkeypatch.setattr(socket, "getaddrinfo", resolver(answers))
    assert look_up(["both"], time.monotonic() + FAR) == {"both": Lookup(("192.0.2.7", "2001:db8::1"))}


@pytest.mark.parametrize(
    ("error", "lasting"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), False),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), False),
        (OSError(24, "Too many open files"), False),
    ],
)
def test_names_that_cannot_be_resolved(
    monkeypatch: pytest.MonkeyPatch, error: Exception, lasting: bool
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"name": error}))
    assert look_up(["name"], time.monotonic() + FAR) == {"name": Lookup((), lasting=lasting)}


def test_nobody_waits_for_a_resolver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    quick = resolver({"quick": ["192.0.2.7"]})

    def getaddrinfo(name: str, *rest: object, **options: object) -> list[Any]:
        if name != "quick":
            answer.wait(FAR)
        found: list[Any] = quick("quick", *rest, **options)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        found = look_up(["slow", "quick"], time.monotonic() + 0.5)
        assert found == {"quick": Lookup(("192.0.2.7",))}
        (left,) = (one for one in threading.enumerate() if one.name == "name-lookup")
        assert left.daemon
    finally:
        answer.set()
    left.join()


def test_many_names_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each answer comes when eight are waited for: one after the other there would be none.
    together = threading.Barrier(8)

    def getaddrinfo(name: str, *_: object, **__: object) -> list[Any]:
        together.wait(FAR)
        return [(socket.AF_INET, 1, 6, "", ("192.0.2.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    names = [f"agent{number}" for number in range(64)]
    assert list(look_up(names, time.monotonic() + FAR)) == names


def test_no_time_and_no_names() -> None:
    assert look_up(["localhost"], time.monotonic() - 1) == {}
    assert look_up([], time.monotonic() + FAR) == {}

"""Asking whether services answer, of many hosts and within the time."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading

import pytest

from sparkmesos_core.shuffle_service.on_agents import listeners
from sparkmesos_core.shuffle_service.on_agents.listeners import NOT_ASKED, Ask, Listener, Listeners
from sparkmesos_core.spark.shuffle_service import ServiceKind


def look(ask: Ask, hosts: list[str], patience: float = 30.0) -> dict[str, Listener]:
    async def play() -> dict[str, Listener]:
        service = Listeners(7337, authenticates=False, ask=ask)
        try:
            return await service.look(hosts, patience)
        finally:
            service.close()

    return asyncio.run(play())


def test_each_host_is_asked_once() -> None:
    asked = []
    kinds = {
        "a": ServiceKind.SPARK,
        "b": ServiceKind.FOREIGN,
        "c": ServiceKind.AUTHENTICATING,
        "d": ServiceKind.SILENT,
    }

    def ask(host: str, port: int, deadline: float) -> ServiceKind:
        assert port == 7337
        asked.append(host)
        return kinds[host]

    found = look(ask, ["a", "b", "a", "c", "d"])
    assert sorted(asked) == ["a", "b", "c", "d"]
    assert {host: one.answers for host, one in found.items()} == {
        "a": True,
        "b": False,
        "c": True,
        "d": False,
    }
    assert found["b"].found == "something that is no shuffle service"
    assert look(ask, []) == {}


def test_why_nobody_is_there() -> None:
    errors = {
        "refuses": ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        "unknown": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        "silent": TimeoutError("timed out"),
        "far": OSError(errno.EHOSTUNREACH, "No route to host"),
    }

    def ask(host: str, port: int, deadline: float) -> ServiceKind:
        raise errors[host]

    found = look(ask, list(errors))
    assert not any(one.answers for one in found.values())
    assert {host: one.found for host, one in found.items()} == {
        "refuses": "nothing listens at its port",
        "unknown": "its name cannot be resolved here",
        "silent": "it cannot be reached from here in time",
        "far": "it cannot be reached from here: No route to host",
    }


def test_those_that_keep_us_waiting_are_not_waited_for() -> None:
    go_on = threading.Event()

    def ask(host: str, port: int, deadline: float) -> ServiceKind:
        if host != "quick":
            go_on.wait(60)
        return ServiceKind.SPARK

    # More than are asked at a time.
    hosts = ["quick", *(f"slow-{number}" for number in range(40))]
    try:
        found = look(ask, hosts, patience=0.5)
    finally:
        go_on.set()
    assert found["quick"].answers
    assert all(found[host] == NOT_ASKED for host in hosts[1:])


def test_those_that_were_slow_are_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "_THREADS", 1)
    monkeypatch.setattr(listeners, "_SLOW_SECONDS", 0.3)
    asked: list[str] = []
    slow = {"dead"}

    def ask(host: str, port: int, deadline: float) -> ServiceKind:
        asked.append(host)
        if host in slow:
            threading.Event().wait(0.4)  # a time is what this is about
            raise TimeoutError("timed out")
        return ServiceKind.SPARK

    async def play() -> None:
        service = Listeners(7337, authenticates=False, ask=ask)
        try:
            for _ in range(2):
                await service.look(["dead", "quick"], 30.0)
            slow.clear()
            for _ in range(2):
                await service.look(["dead", "quick"], 30.0)
        finally:
            service.close()

    asyncio.run(play())
    assert asked == ["dead", "quick"] + ["quick", "dead"] * 2 + ["dead", "quick"]

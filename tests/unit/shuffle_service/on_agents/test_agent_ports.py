"""The ports of agents, from what the leading master tells of them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable

import pytest

from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.shuffle_service.on_agents.agent_ports import AgentPorts
from tests.http_stub import Answer, http_stub


def slave(agent_id: str, ports: str, reserved: str = "") -> dict[str, object]:
    return {
        "id": agent_id,
        "hostname": agent_id,
        "pid": "slave(1)@192.0.2.7:5051",
        "resources": {"cpus": 1.0, "ports": ports},
        "unreserved_resources": {"cpus": 1.0, "ports": ports},
        "reserved_resources": {"shuffle": {"ports": reserved}} if reserved else {},
        "attributes": {},
        "version": "1.12.0",
        "active": True,
    }


def slaves(*agents: dict[str, object]) -> Answer:
    return Answer(200, json.dumps({"slaves": agents, "recovered_slaves": []}).encode())


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def known(ports: AgentPorts, agent_id: str, clock: Clock) -> Ranges:
    """What comes of asking until there is an answer."""
    for _ in range(200):
        if (found := ports.ports(agent_id)) is not None:
            return found
        clock.now += 1.0
        await asyncio.sleep(0.02)
    pytest.fail("the ports never came to be known")


def play(answer: Callable[[str], Answer], test: Callable[[AgentPorts, Clock, str], object]) -> list[str]:
    """The paths that were asked for."""

    async def run(master: str) -> None:
        clock = Clock()
        ports = AgentPorts(clock=clock)
        try:
            result = test(ports, clock, master)
            if asyncio.iscoroutine(result):
                await result
        finally:
            ports.close()

    with http_stub(answer) as stub:
        asyncio.run(run(str(stub.address)))
        return [path for _, path, _ in stub.requests]


def test_all_ports_of_an_agent_whoever_they_are_reserved_for() -> None:
    async def test(ports: AgentPorts, clock: Clock, master: str) -> None:
        assert ports.ports("a") is None  # no master leads
        ports.follow(master)
        assert await known(ports, "a", clock) == Ranges.of([(31000, 32000), (7337, 7337)])
        assert ports.ports("b") == Ranges()
        assert ports.ports("gone") is None
        assert ports.url("a") == "http://192.0.2.7:5051"
        assert ports.url("gone") == ""

    none = {**slave("b", "[1-2]"), "resources": {"cpus": 1.0}, "unreserved_resources": {"cpus": 1.0}}
    asked = play(lambda _: slaves(slave("a", "[31000-32000]", "[7337-7337]"), none), test)
    assert set(asked) == {"/slaves"}


def test_answers_are_kept_for_a_time() -> None:
    async def test(ports: AgentPorts, clock: Clock, master: str) -> None:
        ports.follow(master)
        await known(ports, "a", clock)
        for _ in range(50):
            ports.ports("a")
            clock.now += 1.0
            await asyncio.sleep(0)
        clock.now += 600.0
        assert ports.ports("a") is not None  # what was known is good enough meanwhile
        agents, problem = await ports.agents(10.0)
        assert (list(agents), problem) == (["a"], "")

    assert len(play(lambda _: slaves(slave("a", "[1-2]")), test)) <= 3


@pytest.mark.parametrize("status", [401, 403])
def test_a_master_that_does_not_tell(status: int) -> None:
    async def test(ports: AgentPorts, clock: Clock, master: str) -> None:
        ports.follow(master)
        assert await known(ports, "a", clock) == Ranges()

    play(lambda _: Answer(status, b""), test)


@pytest.mark.parametrize(
    "answer", [Answer(307, b"", {"Location": "//x"}), Answer(500, b"x"), Answer(200, b"{}")]
)
def test_what_may_pass_is_no_answer(answer: Answer) -> None:
    async def test(ports: AgentPorts, clock: Clock, master: str) -> None:
        ports.follow(master)
        for _ in range(3):
            agents, problem = await ports.agents(10.0)
            assert not agents
            assert problem == f"{master} did not list its agents"
            assert ports.ports("a") is None

    play(lambda _: answer, test)


def test_a_master_that_keeps_silent_is_not_waited_for() -> None:
    go_on = threading.Event()

    def answer(_path: str) -> Answer:
        go_on.wait(60)
        return slaves()

    async def test(ports: AgentPorts, clock: Clock, master: str) -> None:
        ports.follow(master)
        try:
            assert (await ports.agents(0.1))[1]
            assert ports.ports("a") is None
        finally:
            go_on.set()

    play(answer, test)

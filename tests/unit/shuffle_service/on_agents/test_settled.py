"""Which services stay, as their sandboxes tell, and time where those cannot be read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from sparkmesos_core.shuffle_service.cleaner_script import VERDICT
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Phase
from sparkmesos_core.shuffle_service.on_agents.settled import SETTLING_SECONDS, SettledServices
from tests.http_stub import Answer, http_stub
from tests.unit.shuffle_service.on_agents.test_status_reading import service

BEGAN = 11.0
"""When services of `service` began to run."""
FILE = f"/files/read?path=%2Fframeworks%2FF%2Fexecutors%2Ftask-a%2Fruns%2Flatest%2F{VERDICT}"


def look(*rounds: Sequence[AgentService], urls: Sequence[str], now: float = BEGAN) -> list[Collection[str]]:
    """What is told in each round."""

    async def play() -> list[Collection[str]]:
        settled = SettledServices()
        try:
            return [await settled.look([(one, urls) for one in services], now, 10) for services in rounds]
        finally:
            settled.close()

    return asyncio.run(play())


def test_a_verdict_in_its_sandbox_is_read_once() -> None:
    running = service("a")
    there = {FILE: Answer(200, json.dumps({"offset": 6, "data": ""}).encode())}
    with http_stub(there) as stub:
        urls = ["http://127.0.0.1:1", f"http://{stub.address}"]
        assert look([running], [running], urls=urls) == [{"a-S0"}, {"a-S0"}]
        assert [path for _, path, _ in stub.requests] == [FILE]
        # Another task of the same agent has to be looked at anew.
        assert look([running], [replace(running, task_id="t2")], urls=urls) == [{"a-S0"}, set()]


def test_without_one_it_has_not_settled_yet() -> None:
    empty = {FILE: Answer(200, json.dumps({"offset": 0, "data": ""}).encode())}
    for answers in ({}, empty):
        with http_stub(answers) as stub:
            assert look([service("a")], urls=[f"http://{stub.address}"]) == [set()]


def test_where_nobody_can_tell_time_does() -> None:
    refusing = {FILE: Answer(403, b"no")}
    with http_stub(refusing) as stub:
        for urls in ([], ["http://127.0.0.1:1"], [f"http://{stub.address}"]):
            assert look([service("a")], urls=urls, now=BEGAN + SETTLING_SECONDS) == [set()]
            assert look([service("a")], urls=urls, now=BEGAN + SETTLING_SECONDS + 1) == [{"a-S0"}]


def test_what_does_not_run_is_not_looked_at() -> None:
    phases = [Phase.LAUNCHED, Phase.WAITING, Phase.UNREACHABLE]
    with http_stub({}) as stub:
        asked = [[service("a", phase)] for phase in phases]
        assert look(*asked, urls=[f"http://{stub.address}"], now=BEGAN + 1000) == [set()] * 3
        assert stub.requests == []

"""Which services stay, as their sandboxes tell, and time where those cannot be read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sparkmesos_core.shuffle_service.cleaner_script import DIED, VERDICT
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Phase
from sparkmesos_core.shuffle_service.on_agents.settled import (
    LONGEST_SETTLING_SECONDS,
    SETTLING_SECONDS,
    SettledServices,
)
from tests.http_stub import Answer, http_stub
from tests.unit.shuffle_service.on_agents.test_status_reading import service

BEGAN = 11.0
"""When services of `service` began to run."""
FOLDER = "%2Fframeworks%2FF%2Fexecutors%2Ftask-a%2Fruns%2Flatest%2F"
FILE = f"/files/read?path={FOLDER}{VERDICT}&offset=0&length=64"


def holding(text: str) -> dict[str, Answer]:
    """What an agent says whose sandbox has the file."""
    return {FILE: Answer(200, json.dumps({"offset": 0, "data": text}).encode())}


def look(*rounds: Sequence[AgentService], urls: Sequence[str], now: float = BEGAN) -> list[Mapping[str, str]]:
    """What is told in each round."""

    async def play() -> list[Mapping[str, str]]:
        settled = SettledServices()
        try:
            return [await settled.look([(one, urls) for one in services], now, 10) for services in rounds]
        finally:
            settled.close()

    return asyncio.run(play())


def test_a_verdict_in_its_sandbox_is_read_once() -> None:
    running = service("a")
    with http_stub(holding("dead\n")) as stub:
        urls = ["http://127.0.0.1:1", f"http://{stub.address}"]
        assert look([running], [running], urls=urls) == [{"a-S0": DIED}] * 2
        assert [path for _, path, _ in stub.requests] == [FILE]
        # Another task of the same agent has to be looked at anew.
        assert look([running], [replace(running, task_id="t2")], urls=urls) == [{"a-S0": DIED}, {}]


def test_without_one_it_has_not_settled_yet() -> None:
    # It is just being written in the last ones.
    for answers in ({}, holding(""), holding("de")):
        with http_stub(answers) as stub:
            assert look([service("a")], urls=[f"http://{stub.address}"]) == [{}]


def test_where_nobody_can_tell_time_does() -> None:
    refusing = {FILE: Answer(403, b"no")}
    with http_stub(refusing) as stub:
        for urls in ([], ["http://127.0.0.1:1"], [f"http://{stub.address}"]):
            assert look([service("a")], urls=urls, now=BEGAN + SETTLING_SECONDS) == [{}]
            assert look([service("a")], urls=urls, now=BEGAN + SETTLING_SECONDS + 1) == [{"a-S0": ""}]


def test_where_the_sandbox_says_nothing_it_may_be_at_its_last_start() -> None:
    """On a machine that is busy each of them takes its time; and one that cannot write never says anything."""
    with http_stub({}) as stub:
        urls = [f"http://{stub.address}"]
        assert look([service("a")], urls=urls, now=BEGAN + LONGEST_SETTLING_SECONDS) == [{}]
        assert look([service("a")], urls=urls, now=BEGAN + LONGEST_SETTLING_SECONDS + 1) == [{"a-S0": ""}]


def test_one_that_has_run_for_long_is_looked_at_once() -> None:
    """By another process than the one that launched it: whether it has a cleaner is still to be known."""
    with http_stub(holding("alive\n")) as stub:
        urls = [f"http://{stub.address}"]
        rounds = [[service("a")], [service("a")]]
        assert look(*rounds, urls=urls, now=BEGAN + 1000) == [{"a-S0": "alive"}] * 2
        assert len(stub.requests) == 1
    with http_stub({}) as stub:
        urls = [f"http://{stub.address}"]
        assert look(*rounds, urls=urls, now=BEGAN + 1000) == [{"a-S0": ""}] * 2
        assert len(stub.requests) == 1


def test_what_does_not_run_is_not_looked_at() -> None:
    phases = [Phase.LAUNCHED, Phase.WAITING, Phase.UNREACHABLE]
    with http_stub({}) as stub:
        asked = [[service("a", phase)] for phase in phases]
        assert look(*asked, urls=[f"http://{stub.address}"], now=BEGAN + 1000) == [{}] * 3
        assert stub.requests == []

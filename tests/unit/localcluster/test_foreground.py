from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.localcluster.foreground import _unless, put_logs_aside


def test_a_start_that_waits_for_something_ends_when_it_is_told_to() -> None:
    """Such as for a ZooKeeper that does not answer: Ctrl-C must not wait for it as well."""
    cleaned: list[str] = []

    async def waiting() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")
        return "never"

    async def play() -> str | None:
        stopped = asyncio.Event()
        asyncio.get_running_loop().call_soon(stopped.set)
        return await _unless(stopped, waiting())

    assert asyncio.run(play()) is None
    assert cleaned == ["up"]


def test_a_start_that_succeeds_or_fails_does_so() -> None:
    async def starting(fails: bool) -> str:
        if fails:
            raise UnreachableError("no ZooKeeper")
        return "cluster"

    async def play(fails: bool) -> str | None:
        return await _unless(asyncio.Event(), starting(fails))

    assert asyncio.run(play(False)) == "cluster"
    with pytest.raises(UnreachableError):
        asyncio.run(play(True))


def test_agents_begin_new_logs(tmp_path: Path) -> None:
    put_logs_aside(tmp_path / "agents")  # of which there is none yet
    log = tmp_path / "agents" / "agent1" / "agent.log"
    log.parent.mkdir(parents=True)
    for cluster in ("first", "second"):
        log.write_text(cluster)
        put_logs_aside(tmp_path / "agents")
    assert not log.exists()
    assert log.with_name("agent.log.1").read_text() == "second"

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sparkmesos_core.process_end import call_at_end, has_ended, wait_for_end


@pytest.fixture(params=["by event", "by polling", "where the kernel refuses"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, flags: int = 0) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    if request.param == "by polling":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    elif request.param == "where the kernel refuses":
        monkeypatch.setattr(os, "pidfd_open", refuse, raising=False)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


def test_waits_for_the_end_even_if_nobody_asks_for_the_status(process: subprocess.Popen[bytes]) -> None:
    assert not has_ended(process.pid)
    assert not wait_for_end(process.pid, 0.01)
    process.kill()
    assert wait_for_end(process.pid, 30)
    assert has_ended(process.pid)


def test_a_process_that_is_gone_has_ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert wait_for_end(process.pid, 0)


def test_calls_when_it_ends(process: subprocess.Popen[bytes]) -> None:
    async def watch() -> None:
        ended = asyncio.Event()
        async with call_at_end(process.pid, ended.set):
            assert not ended.is_set()
            process.kill()
            await asyncio.wait_for(ended.wait(), 30)

    asyncio.run(watch())


def test_calls_when_it_had_ended_already(process: subprocess.Popen[bytes]) -> None:
    async def watch() -> None:
        ended = asyncio.Event()
        async with call_at_end(process.pid, ended.set):
            await asyncio.wait_for(ended.wait(), 30)

    process.kill()
    process.wait()
    asyncio.run(watch())


def test_does_not_call_when_the_context_ends_first(process: subprocess.Popen[bytes]) -> None:
    async def watch() -> list[str]:
        calls: list[str] = []
        async with call_at_end(process.pid, lambda: calls.append("ended")):
            pass
        process.kill()
        await asyncio.to_thread(process.wait)
        return calls

    assert asyncio.run(watch()) == []

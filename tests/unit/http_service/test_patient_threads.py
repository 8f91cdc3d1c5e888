"""Threads that nobody has to wait for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from sparkmesos_core.errors import MesosError
from sparkmesos_core.http_service.patient_threads import PatientThreads


def test_what_is_returned_and_raised() -> None:
    threads = PatientThreads(2, "asking")

    def fail() -> None:
        raise MesosError("no")

    async def play() -> list[str]:
        with pytest.raises(MesosError, match="no"):
            await threads.run(fail)
        return [await threads.run(lambda: threading.current_thread().name) for _ in range(5)]

    try:
        assert asyncio.run(play()) == ["asking"] * 5
    finally:
        threads.close(MesosError("over"))


def test_there_are_no_more_than_so_many() -> None:
    threads = PatientThreads(3, "asking-three")
    together = threading.Barrier(3)  # fewer would wait for ever

    async def play() -> None:
        await asyncio.gather(*(threads.run(lambda: together.wait(60)) for _ in range(9)))
        assert sum(thread.name == "asking-three" for thread in threading.enumerate()) == 3

    try:
        asyncio.run(play())
    finally:
        threads.close(MesosError("over"))


def test_who_waits_is_told_of_the_end() -> None:
    threads = PatientThreads(1, "asking")
    begun, end = threading.Event(), threading.Event()

    def ask() -> bool:
        begun.set()
        return end.wait(60)

    async def play() -> None:
        asked = [asyncio.create_task(threads.run(ask)) for _ in range(2)]  # the second one has to queue
        await asyncio.to_thread(begun.wait, 60)
        threads.close(MesosError("over"))
        for task in asked:
            with pytest.raises(MesosError, match="over"):
                await task
        with pytest.raises(MesosError, match="over"):
            await threads.run(ask)
        assert not end.is_set()

    asyncio.run(play())
    end.set()


def test_who_gives_up_is_not_worked_for() -> None:
    threads = PatientThreads(1, "asking")
    begun, end, done = threading.Event(), threading.Event(), []

    def ask() -> bool:
        begun.set()
        return end.wait(60)

    async def play() -> None:
        first = asyncio.create_task(threads.run(ask))
        second = asyncio.create_task(threads.run(lambda: done.append("second")))
        await asyncio.to_thread(begun.wait, 60)
        second.cancel()
        await asyncio.wait({second})
        end.set()
        assert await first
        await threads.run(lambda: done.append("third"))

    try:
        asyncio.run(play())
    finally:
        threads.close(MesosError("over"))
    assert done == ["third"]


def test_the_process_ends_without_waiting_for_them() -> None:
    """As it would for those of ThreadPoolExecutor."""
    program = """if True:
        import asyncio, threading
        from sparkmesos_core.http_service.patient_threads import PatientThreads
        begun = threading.Event()
        threads = PatientThreads(1, "asking")

        def ask():
            begun.set()
            threading.Event().wait()

        async def play():
            asked = asyncio.create_task(threads.run(ask))
            await asyncio.to_thread(begun.wait, 60)
            threads.close(ValueError("over"))
            await asyncio.wait({asked})
            print(asked.exception())

        asyncio.run(play())
    """
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "over\n"), run.stderr

"""What services wrote last, what it means, and reading it from agents that may not answer."""

from __future__ import annotations

import asyncio
import json

import pytest

from sparkmesos_core.shuffle_service.on_agents.last_words import LastWords, LastWordsReader, last_words_in
from tests.http_stub import Answer, http_stub

_TAKEN = """\
24/01/01 10:00:00 INFO MesosExternalShuffleService: Started daemon
Exception in thread "main" java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind0(Native Method)
\tat io.netty.channel.nio.NioEventLoop.run(NioEventLoop.java:562)
\t... 12 more
24/01/01 10:00:01 INFO ShutdownHookManager: Shutdown hook called
"""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (_TAKEN, "another program has port 7337 there"),
        (
            "Error: Could not find or load main class org.apache.spark.deploy.mesos.MesosExternalShuffleService",
            "the Spark there is one without Mesos",
        ),
        (
            "/opt/spark/bin/spark-class: line 71: /usr/bin/java: No such file or directory",
            "there is no Java there",
        ),
        ("JAVA_HOME is not set", "there is no Java there"),
        ("sparkmesos: there is no bin/spark-class in /opt/spark", "there is no Spark there"),
        ("java.lang.OutOfMemoryError: Java heap space", "its memory is too small"),
        (
            "Error: A JNI error has occurred\njava.lang.UnsupportedClassVersionError: x",
            "the Java there is too old for this Spark",
        ),
        ("nothing of the kind", ""),
        ("", ""),
    ],
)
def test_causes(text: str, cause: str) -> None:
    assert last_words_in(text, 7337).cause == cause


def test_stack_traces_are_left_out_and_lines_cut() -> None:
    lines = last_words_in(_TAKEN + "x" * 9000, 7337).lines
    assert len(lines) == 4
    assert not any(line.lstrip().startswith(("at ", "...")) for line in lines)
    assert len(lines[-1]) == 500
    assert len(last_words_in("\n".join(map(str, range(100))), 7337).lines) == 12


def test_a_terminal_is_given_no_orders() -> None:
    assert last_words_in("\x1b]2;title\x07red\tx", 7337).lines == ("\\x1b]2;title\\x07red\tx",)


def _agent(path: str) -> Answer:
    if path == "/state":
        executor = {"id": "t-1", "directory": "/sandbox"}
        return Answer(200, json.dumps({"frameworks": [{"id": "F", "executors": [executor]}]}).encode())
    if path.startswith("/files/read") and "stderr" in path:
        if "offset" not in path:
            return Answer(200, json.dumps({"offset": len(_TAKEN), "data": ""}).encode())
        at = int(path.partition("offset=")[2].partition("&")[0])
        return Answer(200, json.dumps({"offset": at, "data": _TAKEN[at:]}).encode())
    return Answer(404, b"")


def test_they_are_read_once_from_the_first_agent_address_that_answers() -> None:
    async def play(*urls: str) -> tuple[LastWords, LastWords]:
        reader = LastWordsReader(7337)
        try:
            first = await reader.read(urls, "F", "t-1")
            await reader.read(urls, "F", "t-1")
            assert reader.known("t-1") == first
            return first, await reader.read(urls, "F", "t-2")
        finally:
            reader.close()

    with http_stub(_agent) as stub:
        first, unknown = asyncio.run(play("http://127.0.0.1:1", f"http://{stub.address}"))
        asked = [path for _, path, _ in stub.requests]
    assert first.cause == "another program has port 7337 there"
    assert sum("t-1" in path or "sandbox" in path for path in asked) == 2  # its size, and its end
    assert unknown == LastWords()


def test_nobody_answers() -> None:
    async def play() -> LastWords:
        reader = LastWordsReader(7337)
        try:
            return await reader.read([], "F", "t-1")
        finally:
            reader.close()

    assert asyncio.run(play()) == LastWords()

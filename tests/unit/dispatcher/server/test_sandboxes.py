"""What is read from a driver's sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
import trustme

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.server.sandboxes import Piece, Sandboxes
from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.mesos.sandbox_files import LONGEST_PIECE, NoSuchFileError
from tests.agent_files import AgentFiles, agent_files
from tests.sample_drivers import launched, sample_driver

T = TypeVar("T")


@pytest.fixture
def agent() -> Iterator[AgentFiles]:
    with agent_files(stdout=b"hello\n") as agent:
        yield agent


@pytest.fixture
def driver(agent: AgentFiles) -> Driver:
    return launched(sample_driver(1, 100.0), 101.0, agent_url=agent.url)


@pytest.fixture
def sandboxes() -> Iterator[Sandboxes]:
    sandboxes = Sandboxes()
    yield sandboxes
    sandboxes.close()


def wait(awaitable: Awaitable[T]) -> T:
    async def run() -> T:
        return await awaitable

    return asyncio.run(run())


def test_folders(agent: AgentFiles, driver: Driver, sandboxes: Sandboxes) -> None:
    agent.files["spill/deep/x"] = b"12"
    names = [(entry.name, entry.is_folder) for entry in wait(sandboxes.browse(driver, ""))]
    assert names == [("spill", True), ("stdout", False)]
    assert [entry.name for entry in wait(sandboxes.browse(driver, "/spill//deep/./"))] == ["x"]
    with pytest.raises(NoSuchFileError):
        wait(sandboxes.browse(driver, "nothing"))


def test_the_state_of_an_agent_is_asked_for_once(
    agent: AgentFiles, driver: Driver, sandboxes: Sandboxes
) -> None:
    for _ in range(3):
        assert wait(sandboxes.tail(driver, "stdout")).text == "hello\n"
    assert agent.asked("/state") == 1


def test_the_end_of_a_file_begins_with_a_line(
    agent: AgentFiles, driver: Driver, sandboxes: Sandboxes
) -> None:
    agent.files["stdout"] = b"first\nsecond\nthird"
    assert wait(sandboxes.tail(driver, "stdout", 10)) == Piece("third", 13, 18, 18)
    assert wait(sandboxes.tail(driver, "stdout", 18)) == Piece("first\nsecond\nthird", 0, 18, 18)
    assert wait(sandboxes.tail(driver, "stdout", 3)) == Piece("ird", 15, 18, 18)
    large = b"".join(b"line %d\n" % number for number in range(30000))
    agent.files["stdout"] = large
    piece = wait(sandboxes.tail(driver, "stdout"))
    assert LONGEST_PIECE - 20 < len(piece.text) <= LONGEST_PIECE
    assert large.endswith(b"\n" + piece.text.encode())
    assert piece.next == piece.size == len(large)


def test_characters_are_never_cut(agent: AgentFiles, driver: Driver, sandboxes: Sandboxes) -> None:
    agent.files["stdout"] = "aä€😀".encode()
    for length in range(1, 11):
        assert "�" not in wait(sandboxes.tail(driver, "stdout", length)).text
    for end in range(1, 11):
        agent.files["stdout"] = "aä€😀".encode()[:end]
        piece = wait(sandboxes.read(driver, "stdout", 0))
        assert piece.text.encode() == agent.files["stdout"][: piece.next]
        agent.files["stdout"] = "aä€😀".encode()
        assert piece.text + wait(sandboxes.read(driver, "stdout", piece.next)).text == "aä€😀"
    agent.files["stdout"] = b"a\xff\xc3b"
    assert wait(sandboxes.read(driver, "stdout", 0)) == Piece("a��b", 0, 4, 4)


def test_at_the_end_it_is_said_how_large_the_file_is(
    agent: AgentFiles, driver: Driver, sandboxes: Sandboxes
) -> None:
    assert wait(sandboxes.read(driver, "stdout", 6)) == Piece("", 6, 6, 6)
    agent.files["stdout"] = b"new"
    assert wait(sandboxes.read(driver, "stdout", 6)) == Piece("", 6, 6, 3)


def test_a_whole_file(agent: AgentFiles, driver: Driver, sandboxes: Sandboxes) -> None:
    content = agent.files["jar"] = bytes(range(256)) * 1000

    async def download(announced: int) -> bytes:
        return b"".join([piece async for piece in sandboxes.download(driver, "jar", announced)])

    assert wait(sandboxes.size(driver, "jar")) == len(content)
    assert wait(download(len(content))) == content
    assert wait(download(1000)) == content[:1000]
    assert wait(download(len(content) + 1)) == content
    agent.down = True
    assert wait(download(1000)) == b""


def test_a_silent_agent_does_not_hold_up_the_end(sandboxes: Sandboxes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        driver = launched(sample_driver(1, 100.0), 101.0, agent_url=url)

        async def play() -> None:
            asked = asyncio.create_task(sandboxes.browse(driver, ""))
            connection, _ = await asyncio.to_thread(silent.accept)
            sandboxes.close()
            with connection, pytest.raises(MesosError, match="dispatcher ends"):
                await asked

        asyncio.run(play())


def test_agents_that_speak_https_are_checked(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    for name, one in (("right", authority), ("wrong", other)):
        one.cert_pem.write_to_path(str(tmp_path / name))
    with agent_files(tls=tls, stdout=b"hello\n") as agent:
        driver = launched(sample_driver(1, 100.0), 101.0, agent_url=agent.url)
        with contextlib.closing(Sandboxes(ca_file=str(tmp_path / "right"))) as sandboxes:
            assert wait(sandboxes.tail(driver, "stdout")).text == "hello\n"
        with (
            contextlib.closing(Sandboxes(ca_file=str(tmp_path / "wrong"))) as sandboxes,
            pytest.raises(UnreachableError, match="certificate"),
        ):
            wait(sandboxes.tail(driver, "stdout"))


@pytest.mark.parametrize("path", ["..", "../x", "a/../../b", "stdout\0"])
def test_no_path_leads_out_of_a_sandbox(
    path: str, agent: AgentFiles, driver: Driver, sandboxes: Sandboxes
) -> None:
    reads: list[Callable[[Driver, str], Awaitable[object]]] = [
        sandboxes.browse,
        sandboxes.tail,
        sandboxes.size,
        lambda driver, path: sandboxes.read(driver, path, 0),
    ]
    for read in reads:
        with pytest.raises(NoSuchFileError):
            wait(read(driver, path))
    assert agent.stub is not None
    assert agent.stub.requests == []


def test_without_a_sandbox_or_an_agent(agent: AgentFiles, driver: Driver, sandboxes: Sandboxes) -> None:
    with pytest.raises(NoSuchFileError, match="was never launched"):
        wait(sandboxes.browse(sample_driver(2, 100.0), ""))
    with pytest.raises(MesosError, match="how the agent"):
        wait(sandboxes.browse(launched(sample_driver(2, 100.0), 101.0, agent_url=""), ""))
    agent.down = True
    with pytest.raises(MesosError, match="503"):
        wait(sandboxes.browse(driver, ""))
    assert driver.launch is not None
    nowhere = replace(driver, launch=replace(driver.launch, agent_url="http://127.0.0.1:1"))
    with pytest.raises(UnreachableError):
        wait(sandboxes.browse(nowhere, ""))
    # What went wrong is not remembered.
    agent.down = False
    assert wait(sandboxes.browse(driver, ""))


def test_agents_that_ask_are_told_who_asks(agent: AgentFiles, driver: Driver) -> None:
    assert agent.stub is not None
    with contextlib.closing(Sandboxes(principal="dispatcher", secret="hunter2")) as sandboxes:
        assert wait(sandboxes.size(driver, "stdout")) == 6
        # Nobody wanted to know.
        assert not any("Authorization" in headers for _, _, headers in agent.stub.requests)
        agent.authorization = "Basic ZGlzcGF0Y2hlcjpodW50ZXIy"
        assert wait(sandboxes.size(driver, "stdout")) == 6
        assert [entry.name for entry in wait(sandboxes.browse(driver, ""))] == ["stdout"]
    with (
        contextlib.closing(Sandboxes(principal="dispatcher", secret="wrong")) as sandboxes,
        pytest.raises(MesosError, match="401") as caught,
    ):
        wait(sandboxes.size(driver, "stdout"))
    assert "wrong" not in str(caught.value)

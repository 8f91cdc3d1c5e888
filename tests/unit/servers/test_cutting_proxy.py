"""The proxy that breaks connections breaks them where it is told to, and nowhere else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sparkmesos_core.master import HostPort
from tests.servers.cutting_proxy import CuttingProxy, cutting_proxy

CONTENT = bytes(range(256)) * 400


@contextmanager
def echo_server() -> Iterator[HostPort]:
    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    def echo(connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(4096):
                    connection.sendall(piece)
            except ConnectionError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield HostPort("127.0.0.1", server.getsockname()[1])
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture
def proxy() -> Iterator[CuttingProxy]:
    with echo_server() as address, cutting_proxy(address) as running:
        yield running


def talk(proxy: CuttingProxy, content: bytes = CONTENT) -> tuple[bytes, bool]:
    """What comes back, and whether the connection was reset."""
    got = bytearray()
    with socket.create_connection((proxy.address.host, proxy.address.port), 20) as connection:

        def send() -> None:
            try:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        sender = threading.Thread(target=send)
        sender.start()
        try:
            while piece := connection.recv(4096):
                got += piece
        except ConnectionResetError:
            return bytes(got), True
        finally:
            sender.join()
    return bytes(got), False


def refuses(proxy: CuttingProxy) -> bool:
    """Whether it resets a connection, be it before the client has said anything."""
    try:
        return talk(proxy) == (b"", True)
    except ConnectionResetError:
        return True


def test_everything_passes(proxy: CuttingProxy) -> None:
    assert talk(proxy) == (CONTENT, False)
    assert proxy.carried == {"up": len(CONTENT), "down": len(CONTENT)}
    assert proxy.connections == 1
    assert proxy.fired == 0


@pytest.mark.parametrize("place", [0, 1, 4095, 70_000, len(CONTENT) - 1])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_cut(place: int, direction: str, proxy: CuttingProxy) -> None:
    proxy.plan("close", place, direction=direction)  # type: ignore[arg-type]
    got, _ = talk(proxy)
    assert proxy.happened.wait(20)
    assert proxy.carried["up" if direction == "up" else "down"] <= place
    assert CONTENT.startswith(got)
    assert len(got) <= place
    assert talk(proxy) == (CONTENT, False)


def test_reset(proxy: CuttingProxy) -> None:
    proxy.plan("reset", 70_000)
    assert talk(proxy)[1]


def test_a_changed_byte_behind_a_text_as_often_as_planned(proxy: CuttingProxy) -> None:
    proxy.plan("flip", 2, behind=b"PUT ", times=2)
    content = b"GET abc PUT abc PUT abc PUT abc"
    # One piece: in it the fault happens once.
    assert talk(proxy, content)[0] == b"GET abc PUT abC PUT abc PUT abc"
    assert talk(proxy, b"PUT abc")[0] == b"PUT abC"
    assert talk(proxy, b"PUT abc")[0] == b"PUT abc"
    assert proxy.fired == 2


def test_connections_on_which_nobody_says_anything_are_cut_and_new_ones_refused(proxy: CuttingProxy) -> None:
    idle = [socket.create_connection((proxy.address.host, proxy.address.port), 20) for _ in range(2)]
    for connection in idle:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
    assert proxy.cut() == 2
    for connection in idle:
        with connection, pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert refuses(proxy)
    assert proxy.cut() == 0
    assert proxy.fired == 2
    proxy.heal()
    assert talk(proxy) == (CONTENT, False)


def test_a_stall_that_is_healed(proxy: CuttingProxy) -> None:
    proxy.plan("stall", 10)

    def heal() -> None:
        proxy.happened.wait(20)
        proxy.heal()

    healer = threading.Thread(target=heal)
    healer.start()
    assert talk(proxy) == (CONTENT, False)
    healer.join()
    assert proxy.fired == 1


def test_a_stall_does_not_keep_it_from_closing() -> None:
    with echo_server() as address:
        with cutting_proxy(address) as proxy:
            proxy.plan("stall", 10)
            thread = threading.Thread(target=talk, args=(proxy,))
            thread.start()
            assert proxy.happened.wait(20)
        thread.join(20)
        assert not thread.is_alive()

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.verify.probe.listeners import Listeners
from sparkmesos_core.verify.probe.report import MARK

KEY = "spark.driver.port"


class Heard:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.event = threading.Event()

    def __call__(self, token: str, text: str) -> None:
        self.told.append((token, text))
        self.event.set()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def listeners(heard: Heard) -> Iterator[Listeners]:
    made = Listeners(lambda token: token == "ours", heard)
    yield made
    made.close()


def say(port: int, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(1000):
            answer += data
        return answer


def test_who_has_a_token_is_welcome(listeners: Listeners) -> None:
    port = listeners.open("127.0.0.1", 0, 0, KEY)
    assert say(port, f"{MARK} ours driver\n") == f"{MARK} ours welcome\n".encode()


@pytest.mark.parametrize(
    "text", ["", "\n", f"{MARK}\n", f"{MARK} theirs driver\n", "GET / HTTP/1.1\r\n\r\n", "\0" * 999]
)
def test_others_get_nothing(listeners: Listeners, heard: Heard, text: str) -> None:
    port = listeners.open("127.0.0.1", 0, 0, KEY)
    assert say(port, text) == b""
    assert heard.told == []


def test_report(listeners: Listeners, heard: Heard) -> None:
    port = listeners.open("localhost", 0, 0, KEY)
    say(port, f"{MARK} ours report\n{MARK} user=spark\n{MARK} end=yes\n")
    assert heard.event.wait(30)
    assert heard.told == [("ours", f"{MARK} user=spark\n{MARK} end=yes\n")]


def test_next_port(listeners: Listeners) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"The ports from {port} on are all in use, 1 of them") as caught:
            listeners.open("127.0.0.1", port, 0, KEY)
        assert KEY in caught.value.hint
        assert port < listeners.open("127.0.0.1", port, 16, KEY) <= port + 16


def test_address_of_another_machine(listeners: Listeners) -> None:
    with pytest.raises(UsageError, match=r"cannot listen at 192\.0\.2\.77"):
        listeners.open("192.0.2.77", 0, 0, KEY)


def test_unknown_name(listeners: Listeners) -> None:
    with pytest.raises(UsageError, match="cannot be resolved"):
        listeners.open("no-such-host.invalid", 0, 0, KEY)


def test_close(listeners: Listeners) -> None:
    port = listeners.open("127.0.0.1", 0, 0, KEY)
    listeners.close()
    listeners.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))

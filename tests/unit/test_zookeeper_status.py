"""What a ZooKeeper server tells of itself."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from sparkmesos_core.master import HostPort
from sparkmesos_core.zookeeper_status import ServerStatus, read_status, understand

SERVER = HostPort("zk1.example", 2181)


def test_a_leader() -> None:
    # Of a real 3.6.3, with other numbers.
    text = (
        "Zookeeper version: 3.6.3--6401e4ad2087061bc6b9f80dec2d69f2e3c8660a, built on 04/08/2021 16:35 GMT\n"
        "Latency min/avg/max: 0/1.25/17\nReceived: 2\nSent: 1\nConnections: 4\nOutstanding: 3\n"
        "Zxid: 0x100000002\nMode: leader\nNode count: 5\nProposal sizes last/min/max: -1/-1/-1\n"
    )
    assert understand(SERVER, text) == ServerStatus(
        SERVER,
        serves=True,
        mode="leader",
        version="3.6.3",
        average_latency=1.25,
        outstanding=3,
    )


def test_a_server_of_the_3_4_line() -> None:
    text = (
        "Zookeeper version: 3.4.14-4c25d480e66aadd371de8bd2fd8da255ac140bcf, built on 03/06/2019 16:18 GMT\n"
        "Latency min/avg/max: 0/12/3100\nMode: standalone\nNode count: 4\n"
    )
    status = understand(SERVER, text)
    assert (status.version, status.mode, status.average_latency) == ("3.4.14", "standalone", 12.0)


def test_one_without_its_ensemble() -> None:
    status = understand(SERVER, "This ZooKeeper instance is not currently serving requests\n")
    assert (status.trouble, status.serves) == ("", False)


def test_one_that_may_not_tell() -> None:
    status = understand(SERVER, "srvr is not executed because it is not in the whitelist.\n")
    assert (status.trouble, status.serves) == ("", None)


@pytest.mark.parametrize("text", ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "\x15\x03\x03"])
def test_what_is_no_zookeeper(text: str) -> None:
    status = understand(SERVER, text)
    assert status.trouble == "takes connections, but does not answer like a ZooKeeper"
    assert status.serves is None


def test_who_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = HostPort("127.0.0.1", silent.getsockname()[1])
        assert read_status(address, time.monotonic() + 0.2).trouble == "does not answer in time"
    assert read_status(address, time.monotonic() + 5).trouble == "refuses the connection"
    unknown = read_status(HostPort("no-such-host.invalid", 2181), time.monotonic() + 5)
    assert unknown.trouble == "cannot be resolved"


def test_who_never_stops() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4)
                try:
                    while True:
                        connection.sendall(b"x" * 4096)
                except OSError:
                    pass

        thread = threading.Thread(target=talk)
        thread.start()
        status = read_status(HostPort("127.0.0.1", server.getsockname()[1]), time.monotonic() + 10)
        thread.join()
    assert status.trouble == "takes connections, but does not answer like a ZooKeeper"

"""Who listens at a port."""

from __future__ import annotations

import os
import socket

import pytest

from sparkmesos_core.errors import DaemonError
from sparkmesos_core.shuffle_service.on_this_machine.listeners import listening_ports, require_free


@pytest.mark.parametrize("host", ["", "127.0.0.1"])
def test_a_port_in_use(host: str) -> None:
    """On one address is enough: the service takes all of them."""
    with socket.create_server((host, 0)) as server:
        port = server.getsockname()[1]
        assert port in listening_ports(os.getpid())
        with pytest.raises(
            DaemonError, match=rf"Port {port} is in use by process {os.getpid()} \("
        ) as raised:
            require_free(port)
        assert "--conf spark.shuffle.service.port=PORT" in raised.value.hint
    require_free(port)
    assert port not in listening_ports(os.getpid())


def test_any_port() -> None:
    require_free(0)


def test_connections_that_end_do_not_count() -> None:
    """As Java has it: a service that is started again takes its port at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # first, so that it is this side which waits for late packets
        client.close()
    require_free(port)


def test_no_process() -> None:
    assert listening_ports(2**22 + 1) == frozenset()

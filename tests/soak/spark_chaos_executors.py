"""The executors of an application of chaos, as the processes that they are, and the connections between them."""

from __future__ import annotations

import contextlib
import functools
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping

import psutil

from tests.integration.commands import Commands

_LAUNCHER = "org.apache.spark.launcher.Main"
"""Of spark-class, whose command line has all of the executor's."""
_EXECUTOR_ID = "--executor-id"


def executors_of(commands: Commands) -> Mapping[str, psutil.Process]:
    """The JVMs of executors that live, by the ids that Spark and Mesos know them by."""
    found = {}
    for process in commands.processes():
        with contextlib.suppress(psutil.Error, OSError):
            words = process.cmdline()
            is_executor = _EXECUTOR_ID in words and _LAUNCHER not in words
            if is_executor and process.name() == "java" and process.status() != psutil.STATUS_ZOMBIE:
                found[words[words.index(_EXECUTOR_ID) + 1]] = process
    return found


def cut_between(executors: Iterable[psutil.Process]) -> int:
    """Reset all connections to executors, which come from other executors, or from the driver for blocks; how many."""
    cut = 0
    for process in executors:
        listening = []
        with contextlib.suppress(psutil.Error):
            connections = process.net_connections("tcp")
            listening = [one.laddr for one in connections if one.status == psutil.CONN_LISTEN]
        for host, port in listening:
            cut += _destroy(host.removeprefix("::ffff:"), port)
    return cut


@functools.cache
def can_cut() -> bool:
    """Whether this machine lets us cut connections of others: it has `ss`, a kernel that can, and the right to."""
    if shutil.which("ss") is None:
        return False
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        with socket.create_connection((host, port)) as client:
            _destroy(host, port)
            client.settimeout(1)
            try:
                client.recv(1)
            except ConnectionError:
                return True
            except TimeoutError:
                return False
    return False


def _destroy(host: str, port: int) -> int:
    """`ss --kill` for the connections that were made to a server."""
    done = subprocess.run(
        ["ss", "-K", "-H", "-n", "-t", "src", host, "sport", "=", f":{port}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return len(done.stdout.splitlines())

"""A server that answers as the leading master of a large cluster does, and as each of its agents."""

from __future__ import annotations

import contextlib
import gzip
import json
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from benchmarks.large_state import LargeCluster

_MASTER = "127.0.0.1"
_SCHEDULER_API = "/api/v1/scheduler"
_OUTPUT = """Traceback (most recent call last):
  File "report.py", line 12, in <module>
    main(sys.argv[1])
IndexError: list index out of range
"""


@dataclass(frozen=True)
class LargeMaster:
    """Where it is, and what it has been asked."""

    port: int
    state_bytes: int
    _connection: Connection

    @property
    def http_url(self) -> str:
        """Where the master answers."""
        return f"http://{_MASTER}:{self.port}"

    def requests(self) -> tuple[Counter[str], int]:
        """How often each path of the master was asked for, and agents together, since the last time."""
        self._connection.send("requests")
        master, agents = self._connection.recv()
        return Counter(master), agents


@contextlib.contextmanager
def large_master(agents: int, tasks: int) -> Iterator[LargeMaster]:
    """Such a server in a process of its own, for the length of the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(agents, tasks, theirs))
    process.start()
    theirs.close()
    try:
        port, size = ours.recv()
        yield LargeMaster(port, size, ours)
    finally:
        ours.close()  # the server ends when it notices
        process.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    """Many agents are asked at once, each of which would have a queue of its own."""


def _serve(agents: int, tasks: int, parent: Connection) -> None:
    master: Counter[str] = Counter()
    asked_agents = [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urlsplit(self.path).path
            if (self.headers.get("Host") or "").startswith(f"{_MASTER}:"):
                master[path] += 1
                found = of_master.get(path)
            else:
                asked_agents[0] += 1
                found = of_agents.get(path)
            if path == "/redirect":
                self.send_response(307)
                self.send_header("Location", f"//{_MASTER}:{server.server_address[1]}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content, packed = found or (b"", b"")
            self.send_response(405 if path == _SCHEDULER_API else 200 if found is not None else 404)
            self.send_header("Content-Type", "application/json")
            if packed and "gzip" in (self.headers.get("Accept-Encoding") or ""):
                # Mesos does that, too, with what is large.
                self.send_header("Content-Encoding", "gzip")
                content = packed
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

    # At all addresses of 127.0.0.0/8: each agent has one of its own.
    with _Server(("0.0.0.0", 0), Handler) as server:
        port = server.server_address[1]
        cluster = LargeCluster(agents, tasks, agent_port=port, now=time.time())
        state, slaves = b"".join(cluster.state()), b"".join(cluster.slaves())
        version = _json({"version": "1.12.0"})
        of_master = {
            "/state": (state, gzip.compress(state, 1)),
            "/slaves": (slaves, gzip.compress(slaves, 1)),
            "/flags": (cluster.flags(), b""),
            "/version": version,
            "/health": (b"", b""),
            "/roles": _json({"roles": []}),
            "/metrics/snapshot": _json({"master/elected": 1.0, "master/uptime_secs": 4e6}),
            "/state-summary": _json({"slaves": [], "frameworks": []}),
        }
        stderr = {"path": "/sandbox/stderr", "size": len(_OUTPUT), "mode": "-rw-r--r--", "mtime": time.time()}
        of_agents = {
            "/version": version,
            "/health": (b"", b""),
            "/flags": _json({"flags": {}}),
            "/files/browse": _json([stderr]),
            "/files/read": _json({"data": _OUTPUT, "offset": 0}),
        }
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        parent.send((port, len(state)))
        with contextlib.suppress(EOFError):
            while parent.recv():
                parent.send((dict(master), asked_agents[0]))
                master.clear()
                asked_agents[0] = 0
        server.shutdown()
        thread.join()


def _json(content: Any) -> tuple[bytes, bytes]:
    return json.dumps(content).encode(), b""

"""A small HTTP server on loopback that answers as a test tells it to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sparkmesos_core.master import HostPort


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class HttpStub:
    """`requests` lists method, path and headers of what was asked, in order; `bodies` what came with them."""

    address: HostPort
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def http_stub(
    answer: Callable[[str], Answer] | Mapping[str, Answer], tls: ssl.SSLContext | None = None
) -> Iterator[HttpStub]:
    """Serve until the block ends. `answer` gives the answer for a path (with its query); else it is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stub.requests.append((self.command, self.path, dict(self.headers)))
            stub.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            if callable(answer):
                reply = answer(self.path)
            else:
                reply = answer.get(self.path, Answer(404, b"404 Not Found.", {"Content-Type": "text/plain"}))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_HEAD = do_POST = do_PUT = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that speak another protocol are part of the tests

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        stub = HttpStub(HostPort("127.0.0.1", server.server_address[1]))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()

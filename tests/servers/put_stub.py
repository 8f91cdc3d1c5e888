"""A small HTTP server that takes files into memory, and misbehaves as a test tells it to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.master import HostPort
from tests.http_stub import Answer


@dataclass(frozen=True)
class Asked:
    """A request whose body has not been read yet."""

    method: str
    path: str
    headers: Mapping[str, str]
    number: int
    """How many requests of this method came before."""


Rule = Callable[[Asked], Answer | None]
"""What is answered in the place of what the server would do; None: let it do that."""


@dataclass
class PutStub:
    """`files` by their path; `requests` as they came, `bodies` what came with them."""

    address: HostPort
    moves: bool
    folders: set[str] | None
    rule: Rule
    early: bool
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def methods(self, suffix: str = "") -> list[str]:
        """The methods of the requests for paths that end so."""
        return [asked.method for asked in self.requests if asked.path.endswith(suffix)]

    def act(self, asked: Asked, body: bytes) -> Answer:
        """Do what is asked."""
        path = urlsplit(asked.path).path
        match asked.method:
            case "PUT":
                if self.folders is not None and path.rpartition("/")[0] not in self.folders:
                    return Answer(409)
                new = path not in self.files
                self.files[path] = body
                return Answer(201 if new else 204)
            case "GET" | "HEAD" if path in self.files:
                return Answer(200, self.files[path], {"ETag": f'"{hash(self.files[path])}"'})
            case "DELETE" if path in self.files:
                del self.files[path]
                return Answer(204)
            case "MOVE" if self.moves:
                if path not in self.files:
                    return Answer(404)
                self.files[urlsplit(asked.headers["Destination"]).path] = self.files.pop(path)
                return Answer(201)
            case "MKCOL" if self.folders is not None:
                folder = path.rstrip("/")
                if folder in self.folders:
                    return Answer(405)
                if folder.rpartition("/")[0] not in self.folders:
                    return Answer(409)
                self.folders.add(folder)
                return Answer(201)
            case "GET" | "HEAD" | "DELETE":
                return Answer(404)
            case _:
                return Answer(405)


@contextmanager
def put_stub(
    rule: Rule = lambda asked: None,
    *,
    moves: bool = True,
    folders: set[str] | None = None,
    early: bool = False,
    tls: ssl.SSLContext | None = None,
) -> Iterator[PutStub]:
    """Serve until the block ends.

    With `folders` ("" is the root) files go only into these, and MKCOL adds to them. With `early` the rule's
    answers come before the body is read, and the connection is closed then.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body leave together: what is cut off by a reset is the same every time

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def answer(self) -> None:
            number = len([asked for asked in stub.requests if asked.method == self.command])
            asked = Asked(self.command, self.path, dict(self.headers), number)
            stub.requests.append(asked)
            reply = stub.rule(asked)
            if reply is None or not stub.early:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.bodies.append(body)
                reply = reply or stub.act(asked, body)
            else:
                self.close_connection = True
                stub.bodies.append(b"")
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            if self.close_connection:
                # Else the next request might be sent over it before the client sees its end.
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
            self.wfile.flush()
            if tls is not None and self.close_connection:
                # A reset would leave the client no way to decrypt the answer; real servers wait here, too.
                while self.rfile.read1(1 << 16):
                    pass

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that go away are part of the tests

        def shutdown_request(self, request: Any) -> None:
            if stub.early:
                # Nothing waits for what the client still sends: the system resets the connection.
                self.close_request(request)
            else:
                super().shutdown_request(request)

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        stub = PutStub(HostPort("127.0.0.1", server.server_address[1]), moves, folders, rule, early)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()

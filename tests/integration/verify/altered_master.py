"""A server in front of a real master or agent, which passes everything on and changes what a test wants changed.

It stands for what the embedded Mesos cannot be made to do: old versions, clocks that are wrong, metrics, quotas.
What a test puts into an answer has the form of the recordings, or of Mesos' sources, which the test then names.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from sparkmesos_core.localcluster.cluster import RunningCluster

EVERYWHERE = "*"
"""In the place of a path: all of them."""

Edit = Callable[[Any], Any]

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
_PIECE = 64 * 1024


class AlteredServer:
    """What is changed in the answers of the server at `target`, and what it was asked.

    Paths are without query and without `/master` in front. A call of the v1 APIs is also known by its type:
    `/api/v1 GET_AGENTS`, `/api/v1/scheduler SUBSCRIBE`.
    """

    def __init__(self, target: str, tls: ssl.SSLContext | None = None) -> None:
        """With `tls` it speaks https itself; with its target it speaks plain HTTP."""
        self.target = urlsplit(target)
        self.requests: Counter[str] = Counter()
        """How often each path was asked for."""
        self.received: list[tuple[str, str, dict[str, str]]] = []
        """Method, path with query, and headers of each request, in order."""
        self._edits: list[tuple[str, Edit]] = []
        self._headers: list[tuple[str, Mapping[str, str | None]]] = []
        self._statuses: dict[str, tuple[int, bytes]] = {}
        self._bodies: dict[str, bytes] = {}
        self._delays: dict[str, threading.Event] = {}
        self._agents: dict[int, AlteredServer] = {}
        self._running = contextlib.ExitStack()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"altered": self}))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What `--master` takes."""
        return f"mesos://127.0.0.1:{self.port}"

    # --- what a test says

    def edit(self, path: str, change: Edit) -> None:
        """Change the JSON of the answers to a path: in place, or by what `change` returns unless that is None."""
        self._edits.append((path, change))

    def headers(self, path: str, headers: Mapping[str, str | None]) -> None:
        """Set headers of the answers to a path; those that are None are left out."""
        self._headers.append((path, headers))

    def status(self, path: str, code: int, body: bytes = b"") -> None:
        """Answer with this status and nothing of the target's."""
        self._statuses[path] = (code, body)

    def body(self, path: str, content: bytes) -> None:
        """Answer with these bytes in the place of the target's; status and headers are its own."""
        self._bodies[path] = content

    def delay(self, path: str, until: threading.Event) -> None:
        """Answer when the event happens, at the latest when the test ends."""
        self._delays[path] = until

    def heal(self) -> None:
        """From now on everything is as the target says."""
        self._edits = self._edits[:0]
        self._headers, self._statuses, self._bodies = [], {}, {}
        for event in self._delays.values():
            event.set()
        self._delays = {}
        for number in self._agents:
            self._point_to_agent(number)

    def in_front_of_agent(self, cluster: RunningCluster, number: int) -> AlteredServer:
        """One more such server, at which this master from now on says that the agent is."""
        agent = AlteredServer(cluster.agent_urls[number])
        self._running.enter_context(agent.serving())
        self._agents[number] = agent
        self._point_to_agent(number)
        return agent

    def _point_to_agent(self, number: int) -> None:
        agent = self._agents[number]
        real = agent.target.port

        def move(one: dict[str, Any]) -> None:
            if one.get("port") == real:
                one["port"] = agent.port
            if str(one.get("pid", "")).endswith(f":{real}"):
                one["pid"] = f"{one['pid'].rpartition(':')[0]}:{agent.port}"

        def everywhere(answer: Any) -> None:
            if isinstance(answer, dict):
                move(answer)
                for value in answer.values():
                    everywhere(value)
            elif isinstance(answer, list):
                for value in answer:
                    everywhere(value)

        for path in ("/slaves", "/state", "/state-summary", "/api/v1"):
            self._edits.append((path, everywhere))

    # --- what the server does

    @contextlib.contextmanager
    def serving(self) -> Iterator[AlteredServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="altered server")
        thread.start()
        try:
            yield self
        finally:
            self._running.close()
            for event in self._delays.values():
                event.set()
            self._server.shutdown()
            thread.join()
            with self._lock:
                for one in self._sockets:
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
            self._server.server_close()  # awaits those who answer

    def opened(self, one: socket.socket) -> None:
        with self._lock:
            self._sockets.add(one)

    def closed(self, one: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(one)

    def changes(self, names: tuple[str, ...]) -> list[Edit]:
        return [change for path, change in list(self._edits) if path in names]

    def stated(self, names: tuple[str, ...]) -> tuple[int, bytes] | None:
        return next((self._statuses[name] for name in names if name in self._statuses), None)

    def replaced(self, names: tuple[str, ...]) -> bytes | None:
        return next((self._bodies[name] for name in names if name in self._bodies), None)

    def other_headers(self, names: tuple[str, ...]) -> dict[str, str | None]:
        return {
            name.title(): value
            for path, headers in list(self._headers)
            if path in names
            for name, value in headers.items()
        }

    def wait(self, names: tuple[str, ...]) -> None:
        for name in names:
            if (event := self._delays.get(name)) is not None:
                event.wait()


@contextlib.contextmanager
def altered_master(cluster: RunningCluster, master: int = 0) -> Iterator[AlteredServer]:
    """A server in front of a master of an embedded cluster, for the length of the block."""
    with AlteredServer(cluster.master_urls[master]).serving() as server:
        yield server


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # whoever asked has gone away, or the test has ended


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    altered: AlteredServer

    def setup(self) -> None:
        super().setup()
        self.altered.opened(self.connection)

    def finish(self) -> None:
        self.altered.closed(self.connection)
        super().finish()

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        altered = self.altered
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        names = _names(self.path, body)
        altered.received.append((self.command, self.path, dict(self.headers)))
        for name in names[:-1]:
            altered.requests[name] += 1
        altered.wait(names)
        if (stated := altered.stated(names)) is not None:
            self.send_response_only(stated[0])
            self._send_headers(altered.other_headers(names), len(stated[1]))
            self._write(stated[1])
            return
        target = http.client.HTTPConnection(altered.target.hostname or "", altered.target.port, timeout=60)
        try:
            target.connect()
            altered.opened(target.sock)
            headers = {n: v for n, v in self.headers.items() if n.lower() not in _OF_ONE_CONNECTION}
            target.request(self.command, self.path, body or None, headers)
            self._answer(names, target.getresponse(), target.sock)
        except OSError:
            self.close_connection = True  # as the target has done
        finally:
            if target.sock is not None:
                altered.closed(target.sock)
            target.close()

    do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_GET

    def _answer(self, names: tuple[str, ...], answer: http.client.HTTPResponse, sock: socket.socket) -> None:
        altered = self.altered
        changed: dict[str, str | None] = {
            name.title(): value
            for name, value in answer.getheaders()
            if name.lower() not in _OF_ONE_CONNECTION
        }
        if "/redirect" in names and "Location" in changed:
            changed["Location"] = f"//127.0.0.1:{altered.port}"
        changed.update(altered.other_headers(names))
        self.send_response_only(answer.status, answer.reason)
        changes, replaced = altered.changes(names), altered.replaced(names)
        if answer.getheader("Transfer-Encoding") == "chunked" and not changes and replaced is None:
            self._pass_on(answer, sock, changed)
            return
        content = answer.read()
        if replaced is not None:
            content = replaced
            changed.pop("Content-Encoding", None)
        elif changes and answer.status == 200:
            if changed.pop("Content-Encoding", None) == "gzip":
                content = gzip.decompress(content)
            content = _edited(content, changes)
        length = int(answer.getheader("Content-Length") or 0) if self.command == "HEAD" else len(content)
        self._send_headers(changed, length)
        self._write(content)

    def _pass_on(
        self, answer: http.client.HTTPResponse, sock: socket.socket, headers: Mapping[str, str | None]
    ) -> None:
        """An answer without end, such as a scheduler's events; when one side ends, the other is ended, too."""
        self.close_connection = True
        self._send_headers({**headers, "Transfer-Encoding": "chunked", "Connection": "close"}, None)
        self.wfile.flush()

        def watch() -> None:
            with contextlib.suppress(OSError):
                self.connection.recv(1, socket.MSG_PEEK)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

        watcher = threading.Thread(target=watch, name="altered server: watcher")
        watcher.start()
        try:
            while piece := answer.read1(_PIECE):
                self._write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self._write(b"0\r\n\r\n")
        except (OSError, http.client.HTTPException):
            pass  # cut off, as it shall be on the other side
        finally:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            watcher.join()

    def _send_headers(self, headers: Mapping[str, str | None], length: int | None) -> None:
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _write(self, content: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(content)
            self.wfile.flush()


def _names(path: str, body: bytes) -> tuple[str, ...]:
    """By what a test may name a request, EVERYWHERE last."""
    plain = urlsplit(path).path.removeprefix("/master") or "/"
    if plain != "/" and plain.endswith("/"):
        plain = plain[:-1]
    kind = ""
    if plain in ("/api/v1", "/api/v1/scheduler"):
        with contextlib.suppress(ValueError, AttributeError):
            kind = str(json.loads(body).get("type", ""))
    return (plain, f"{plain} {kind}", EVERYWHERE) if kind else (plain, EVERYWHERE)


def _edited(content: bytes, changes: list[Edit]) -> bytes:
    value = json.loads(content.decode("utf-8", "replace"))
    for change in changes:
        made = change(value)
        value = value if made is None else made
    return json.dumps(value, ensure_ascii=False).encode()

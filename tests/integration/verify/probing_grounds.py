"""What probes are tried on: small archives, servers that are choosy or slow, ways that are blocked."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.small_spark import small_spark, write_archive

USAGE = "Usage: CoarseGrainedExecutorBackend [options]"


def spark_archive(folder: Path, *, top: str | None = None, version: str = "3.5.9", **changed: bytes) -> Path:
    """A Spark in an archive whose executor says no more than how it is used; `changed` are other files of it."""
    files = small_spark(version, "2.12" if version.startswith("3.") else "2.13")
    files["bin/spark-class"] = f"#!/bin/sh\necho '{USAGE}' >&2\nexit 1\n".encode()
    name = f"spark-{version}-bin-hadoop3"
    return write_archive(folder / f"{name}.tgz", {**files, **changed}, name if top is None else top)


def tools(folder: Path, *without: str) -> str:
    """A PATH with all programs of the system but those whose names begin so."""
    folder.mkdir()
    for place in ("/bin", "/usr/bin"):
        for program in Path(place).iterdir():
            if not program.name.startswith(without) and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    return str(folder)


class FileServer:
    """A file over HTTP, in part to whoever asks for a part, and in whole only while `open` is set.

    Who asks for the whole is refused with `status`, or kept waiting if that is 0: so what the client sees is
    not what agents see.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open = True
        self.status = 403
        self.asked = threading.Event()
        """Set when somebody was refused or is kept waiting."""
        self._ended = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = outer.path.read_bytes()
                part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                if part is None and not outer.open:
                    outer.asked.set()
                    if not outer.status:
                        outer._ended.wait()
                        return
                    self.send_error(outer.status)
                    return
                if part is None:
                    self.send_response(200)
                else:
                    first, last = int(part[1]), min(int(part[2] or len(body)), len(body) - 1)
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
                    body = body[first : last + 1]
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    with contextlib.suppress(OSError):  # who has seen enough goes
                        self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{self.path.name}"

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def way(frm: str, to: str, port: int) -> Iterator[None]:
    """Whoever connects to a port of one address comes to the same port of another."""
    with socket.create_server((frm, port)) as server:
        server.settimeout(0.05)
        ended = threading.Event()

        def accept() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    connection.settimeout(None)
                    threading.Thread(target=_carry, args=(connection, (to, port)), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _carry(connection: socket.socket, to: tuple[str, int]) -> None:
    with connection:
        try:
            other = socket.create_connection(to)
        except OSError:
            return
        with other:
            back = threading.Thread(target=_copy, args=(other, connection), daemon=True)
            back.start()
            _copy(connection, other)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def free_ports(host: str, number: int) -> list[int]:
    """Ports that nobody has at an address."""
    with contextlib.ExitStack() as held:
        servers = [held.enter_context(socket.create_server((host, 0))) for _ in range(number)]
        return [server.getsockname()[1] for server in servers]


def confs(properties: Mapping[str, str]) -> list[str]:
    """`--conf` for each."""
    return [word for key, value in properties.items() for word in ("--conf", f"{key}={value}")]

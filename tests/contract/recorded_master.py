"""A Mesos that answers as a recorded one did: for each expected call the recorded answer, and events on demand."""

from __future__ import annotations

import gzip
import json
import queue
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sparkmesos_core.master import HostPort

Json = dict[str, Any]

PATIENCE = 10.0
"""Seconds after which an awaited call counts as missing."""


class Stream:
    """The answer to one SUBSCRIBE."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self.ended = threading.Event()

    def emit(self, event: Json) -> None:
        """Send an event as RecordIO, in a chunk of its own."""
        content = json.dumps(event, ensure_ascii=False).encode()
        record = b"%d\n%b" % (len(content), content)
        self._handler.wfile.write(b"%x\r\n%b\r\n" % (len(record), record))

    def close(self) -> None:
        """End it as Mesos does: the connection is closed."""
        self.ended.set()


class RecordedMaster:
    """Serves what is expected of it, in order; what else is asked is a problem, and so is another content.

    Masters and agents alike: who is asked is up to the recording.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.asked: queue.Queue[tuple[str, str]] = queue.Queue()
        self._expected: queue.Queue[tuple[Json, Mapping[str, str]]] = queue.Queue()
        self._asking: list[tuple[Json, Mapping[str, str]]] = []
        self._streams: queue.Queue[Stream] = queue.Queue()
        self._all: list[Stream] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._serve(self)

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = HostPort("127.0.0.1", self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> RecordedMaster:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Die: end all streams and refuse connections."""
        if self._thread.is_alive():
            for stream in self._all:
                stream.close()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def expect(self, exchange: Json, texts: Mapping[str, str] | None = None) -> None:
        """Answer the next request as recorded; `texts` stand for recorded ones, in the answer."""
        self._expected.put((exchange, texts or {}))

    def stream(self) -> Stream:
        """The next subscription that was accepted."""
        return self._streams.get(timeout=PATIENCE)

    def check(self) -> None:
        """Fail with everything that was asked otherwise than recorded, or not at all."""
        missing = [exchange["request"]["path"] for exchange, _ in list(self._expected.queue)]
        assert not self.problems, "\n".join(self.problems)
        assert not missing

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        text = handler.rfile.read(int(handler.headers.get("Content-Length", 0))).decode()
        try:
            exchange, texts = self._asking.pop() if self._asking else self._expected.get(timeout=PATIENCE)
        except queue.Empty:
            self.problems.append(f"unexpected: {handler.command} {handler.path} {text}")
            handler.send_error(500)
            return
        if _comes_without_credentials(handler, exchange["request"]):
            # Readers give theirs to those who ask for them: so it does, as all recorded with them did.
            self._asking.append((exchange, texts))
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Basic realm="mesos-master-readonly"')
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        self._compare(handler, text, exchange["request"])
        self.asked.put((handler.command, handler.path))
        answer = exchange["response"]
        handler.send_response(answer["status"])
        stream_id = answer["headers"].get("Mesos-Stream-Id")
        for name, value in answer["headers"].items():
            if name not in ("Content-Length", "Content-Encoding", "Connection"):
                handler.send_header(name, _replaced(value, texts))
        if stream_id is not None:
            self._answer_with_stream(handler)
            return
        body = _replaced(body_of(answer), texts)
        if "Content-Encoding" in answer["headers"] and "gzip" in handler.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
            handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _answer_with_stream(self, handler: BaseHTTPRequestHandler) -> None:
        handler.end_headers()
        stream = Stream(handler)
        self._all.append(stream)
        self._streams.put(stream)
        stream.ended.wait()
        handler.close_connection = True

    def _compare(self, handler: BaseHTTPRequestHandler, text: str, recorded: Json) -> None:
        wanted = recorded.get("body")
        body = json.loads(text) if text and isinstance(wanted, dict) else text or None
        asked = (handler.command, handler.path, body)
        if asked != (recorded["method"], recorded["path"], wanted):
            self.problems.append(f"{asked} instead of {recorded}")
        for name in ("Mesos-Stream-Id", "Authorization"):
            value = handler.headers.get(name)
            if value != recorded.get("headers", {}).get(name):
                self.problems.append(f"{asked}: {name} is {value} instead of {recorded.get('headers')}")


def _comes_without_credentials(handler: BaseHTTPRequestHandler, recorded: Json) -> bool:
    wanted = recorded["method"] == "GET" and "Authorization" in recorded.get("headers", {})
    return wanted and handler.command == "GET" and "Authorization" not in handler.headers


def body_of(answer: Json) -> bytes:
    """The bytes of a recorded answer."""
    if "raw_body_latin1" in answer:
        raw: str = answer["raw_body_latin1"]
        return raw.encode("latin-1")
    body = answer.get("body", "")
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


def _replaced(value: Any, texts: Mapping[str, str]) -> Any:
    for recorded, live in texts.items():
        if isinstance(value, bytes):
            value = value.replace(recorded.encode(), live.encode())
        else:
            value = value.replace(recorded, live)
    return value

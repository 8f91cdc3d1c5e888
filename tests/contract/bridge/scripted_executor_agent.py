"""A scripted Mesos agent, as executors see it."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.contract.bridge.conftest import PATIENCE, Stream

PATH = "/slave(1)/api/v1/executor"
Json = dict[str, Any]
Answer = tuple[int, str] | None


class ScriptedAgent:
    """Accepts subscriptions, writes down calls, and answers as the test wants it to.

    `on_subscribe` and `on_call` may return (status, text) instead of None, which means 200 and a stream, or 202.
    If they raise ConnectionAbortedError there is no answer.
    """

    def __init__(self) -> None:
        self.streams: queue.Queue[Stream] = queue.Queue()
        self.calls: queue.Queue[Json] = queue.Queue()
        self.headers: dict[str, str] = {}
        self.on_subscribe: Callable[[Json], Answer] = lambda call: None
        self.on_call: Callable[[Json], Answer] = lambda call: None
        self._all: list[Stream] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == PATH
                outer.headers = dict(self.headers.items())
                subscribing = body["type"] == "SUBSCRIBE"
                try:
                    answer = (outer.on_subscribe if subscribing else outer.on_call)(body)
                except ConnectionAbortedError:
                    self.close_connection = True
                    return
                if subscribing and answer is None:
                    self._stream(body)
                    return
                status, text = answer or (202, "")
                if not subscribing:
                    outer.calls.put(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def _stream(self, body: Json) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()

                def write(data: bytes) -> None:
                    self.wfile.write(data)
                    self.wfile.flush()

                stream = Stream(body, dict(self.headers.items()), write)
                outer._all.append(stream)
                outer.streams.put(stream)
                stream.ended.wait()
                self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._handler = Handler
        self._bound = _bind(0)
        self.port = int(self._bound.getsockname()[1])
        self.come()

    def come(self) -> None:
        """Listens, on the same port as before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler, bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.socket.close()
        self._server.socket = self._bound
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def go(self) -> None:
        """Ends as a process does that is killed; from then on its port refuses connections."""
        self._server.shutdown()
        self._server.server_close()
        self._bound = _bind(self.port)
        for stream in self._all:
            stream.close()

    def stream(self) -> Stream:
        """The next subscription."""
        return self.streams.get(timeout=PATIENCE)

    def call(self) -> Json:
        """The next call that is no SUBSCRIBE."""
        return self.calls.get(timeout=PATIENCE)

    def environment(self, **more: str) -> dict[str, str]:
        """What this agent gives an executor. With MESOS_LOCAL nobody ends the process in which tests run executors."""
        return {
            "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{self.port}",
            "MESOS_SLAVE_PID": f"slave(1)@127.0.0.1:{self.port}",
            "MESOS_FRAMEWORK_ID": "F-0",
            "MESOS_EXECUTOR_ID": "e-0",
            "MESOS_SLAVE_ID": "S-0",
            "MESOS_CHECKPOINT": "0",
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
            "MESOS_LOCAL": "1",
            **more,
        }

    def checkpointing(self, recovery: str = "15mins", backoff: str = "50ms", **more: str) -> dict[str, str]:
        """The same for a framework with checkpointing."""
        return self.environment(
            **{
                "MESOS_CHECKPOINT": "1",
                "MESOS_RECOVERY_TIMEOUT": recovery,
                "MESOS_SUBSCRIPTION_BACKOFF_MAX": backoff,
                **more,
            }
        )

    def stop(self) -> None:
        for stream in self._all:
            stream.close()
        self._server.shutdown()
        self._server.server_close()


def _bind(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound

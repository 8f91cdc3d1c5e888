"""A dispatcher that agrees to everything and runs nothing: what a client costs without its server."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sparkmesos_core.errors import SparkMesosError

SUBMISSION_ID = "driver-20260101000000-0001"
ANSWERS = {
    "create": {"action": "CreateSubmissionResponse"},
    "status": {"action": "SubmissionStatusResponse", "driverState": "RUNNING"},
    "kill": {"action": "KillSubmissionResponse", "message": "Killing running driver"},
    "readyz": {"action": "ReadyzResponse", "master": "http://127.0.0.1:5050"},
}


@dataclass
class AgreeingDispatcher:
    """Where it is and what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""

    def check(self, request: str) -> None:
        """Raises SparkMesosError unless `request` was made since the last time: `GET status/ID`."""
        asked = self.asked.copy()
        self.asked.clear()
        if request.replace(" ", " /v1/submissions/") not in asked:
            raise SparkMesosError(f"The dispatcher was asked {asked} instead of {request}")


@contextlib.contextmanager
def agreeing_dispatcher() -> Iterator[AgreeingDispatcher]:
    """Serves on loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            action = self.path.split("/")[3]
            answer = {**ANSWERS[action], "serverSparkVersion": "3.5.9", "submissionId": SUBMISSION_ID}
            content = json.dumps({**answer, "success": True}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = AgreeingDispatcher(f"mesos://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

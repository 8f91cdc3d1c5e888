"""A Marathon as far as apps are put there: it judges them by its rules, and answers as the real one does.

After `AppsResource.scala`, `MarathonExceptionMapper.scala` and `LeaderProxyFilter.scala`; it runs nothing.
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.contract.marathon.rules import violations


@dataclass
class Marathon:
    """`apps` are those that it has, by id; `deploying` those that a deployment is under way for."""

    url: str = ""
    apps: dict[str, Any] = field(default_factory=dict)
    deploying: set[str] = field(default_factory=set)
    credentials: str | None = None
    """USER:PASSWORD, if it wants to know who asks; "READER:…" may only look."""
    secrets_enabled: bool = True
    role: str = "*"
    leader: str | None = None
    """Where it sends everybody; None: it leads."""
    asked: list[str] = field(default_factory=list)
    """Authorization headers, in order; empty for none."""


@contextmanager
def marathon() -> Iterator[Marathon]:
    """Runs until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            place = urlsplit(self.path)
            authorization = self.headers.get("Authorization", "")
            state.asked.append(authorization)
            if state.leader is not None:
                self._answer(307, None, {"Location": state.leader + self.path})
                return
            if not place.path.startswith("/v2/apps/"):
                self._answer(404, {"message": "URI not found"})
                return
            user = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            if state.credentials is not None and user not in (
                state.credentials,
                f"reader:{state.credentials}",
            ):
                challenge = {"WWW-Authenticate": 'Basic realm="Mesosphere"'}
                self._answer(401, {"message": "Invalid username or password."}, challenge)
            elif user.startswith("reader:"):
                self._answer(403, {"message": "Not Authorized to perform this action!"})
            else:
                self._put(place.path.removeprefix("/v2/apps"), parse_qs(place.query), body)

        def _put(self, app_id: str, query: dict[str, list[str]], body: bytes) -> None:
            try:
                app = json.loads(body)
            except ValueError:
                self._answer(400, {"message": "Invalid JSON", "details": "Unexpected end of input"})
                return
            found = violations(app, secrets_enabled=state.secrets_enabled, role=state.role)
            if app.get("id") != app_id:
                found.append(("/id", f"is not {app_id}"))
            if found:
                details = [{"path": path, "errors": [error]} for path, error in found]
                self._answer(422, {"message": "Object is not valid", "details": details})
                return
            if app_id in state.deploying and query.get("force") != ["true"]:
                self._answer(
                    409,
                    {
                        "message": "App is locked by one or more deployments. Override with the option "
                        "'?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.",
                        "deployments": [{"id": "97c136bf-5a28-4821-9d94-480d9fbb01c8"}],
                    },
                )
                return
            is_new = app_id not in state.apps
            partial = query.get("partialUpdate", ["true"]) == ["true"]
            state.apps[app_id] = {**(state.apps.get(app_id, {}) if partial else {}), **app}
            deployment = str(uuid.uuid4())
            self._answer(
                201 if is_new else 200,
                {"version": "2026-11-23T12:00:00.000Z", "deploymentId": deployment},
                {"Marathon-Deployment-Id": deployment},
            )

        def _answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state = Marathon(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()

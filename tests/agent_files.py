"""An agent that serves the sandbox of drivers, as far as `/state` and `/files` go, whose files a test can change."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from sparkmesos_core.mesos.sandbox_files import LONGEST_PIECE
from tests.http_stub import Answer, HttpStub, http_stub
from tests.sample_drivers import FRAMEWORK

NOT_FOUND = Answer(404, b"404 Not Found.", {"Content-Type": "text/plain"})


@dataclass
class AgentFiles:
    """`files` has contents by path in the sandbox, which is the same for all drivers.

    With an `authorization` it answers nobody who does not send that (`--authenticate_http_readonly`).
    """

    files: dict[str, bytes] = field(default_factory=dict)
    down: bool = False
    authorization: str | None = None
    stub: HttpStub | None = None
    scheme: str = "http"

    @property
    def url(self) -> str:
        assert self.stub is not None
        return f"{self.scheme}://{self.stub.address.host}:{self.stub.address.port}"

    def asked(self, path: str) -> int:
        """How often something was asked for."""
        assert self.stub is not None
        return sum(urlsplit(target).path == path for _, target, _ in self.stub.requests)

    def answer(self, target: str) -> Answer:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if self.down:
            return Answer(503, b"An agent that is being recovered", {"Content-Type": "text/plain"})
        assert self.stub is not None
        if self.authorization not in (None, self.stub.requests[-1][2].get("Authorization")):
            return Answer(401, b"", {"WWW-Authenticate": 'Basic realm="mesos-agent-readonly"'})
        if path == "/state":
            ids = [f"driver-20260131120000-{number:04d}" for number in range(1, 20)]
            executors = [{"id": id, "directory": f"/var/lib/mesos/{id}/runs/1"} for id in ids]
            return self._json({"frameworks": [{"id": FRAMEWORK, "executors": executors}]})
        inside = query.get("path", [""])[0].partition("/runs/1")[2].strip("/")
        if path == "/files/browse":
            return self._browse(inside, query["path"][0])
        if path == "/files/read" and inside in self.files:
            return self._read(self.files[inside], query)
        return NOT_FOUND

    def _browse(self, inside: str, path: str) -> Answer:
        prefix = f"{inside}/" if inside else ""
        below = [name.removeprefix(prefix) for name in self.files if name.startswith(prefix)]
        if not below:
            return NOT_FOUND
        entries = []
        for name in sorted({name.partition("/")[0] for name in below}):
            content = self.files.get(prefix + name)
            mode, size = ("drwxr-xr-x", 4096) if content is None else ("-rw-r--r--", len(content))
            entries.append(
                {"path": f"{path.rstrip('/')}/{name}", "size": size, "mode": mode, "mtime": 1795332154}
            )
        return self._json(entries)

    @staticmethod
    def _read(content: bytes, query: dict[str, list[str]]) -> Answer:
        if "offset" not in query:
            return AgentFiles._json({"data": "", "offset": len(content)})
        offset = int(query["offset"][0])
        length = min(LONGEST_PIECE, int(query["length"][0]))
        data = content[offset : offset + length].decode("utf-8", "surrogateescape")
        body = json.dumps({"data": data, "offset": offset}, ensure_ascii=False)
        return Answer(200, body.encode("utf-8", "surrogateescape"), {"Content-Type": "application/json"})

    @staticmethod
    def _json(value: object) -> Answer:
        return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


@contextlib.contextmanager
def agent_files(*, tls: ssl.SSLContext | None = None, **files: bytes) -> Iterator[AgentFiles]:
    agent = AgentFiles(dict(files), scheme="http" if tls is None else "https")
    with http_stub(agent.answer, tls) as stub:
        agent.stub = stub
        yield agent

"""A scheduler of few words for tests: subscribes to a live master and keeps every event."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

PATIENCE = 15.0
"""Seconds after which an awaited event counts as missing."""


def post(url: str, body: Any, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], str]:
    """POST JSON (or a string as it is) to the scheduler API; status, headers and text of the answer."""
    return request(
        url, "POST", "/api/v1/scheduler", body, {"Content-Type": "application/json", **(headers or {})}
    )


def request(
    url: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], str]:
    """One request on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, path, data, dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", errors="surrogateescape")
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text
    finally:
        connection.close()


class Subscription:
    """One SUBSCRIBE and the events that follow it."""

    def __init__(
        self, url: str, call: Json, path: str = "/api/v1/scheduler", headers: Mapping[str, str] | None = None
    ) -> None:
        self.url = url
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
        self._credentials = dict(headers or {})
        common = {"Content-Type": "application/json", "Accept": "application/json"}
        self._connection.request("POST", path, json.dumps(call), {**common, **self._credentials})
        assert self._connection.sock is not None
        self._socket: socket.socket = self._connection.sock
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = {name.lower(): value for name, value in self._answer.getheaders()}
        self.stream_id = self.headers.get("mesos-stream-id", "")
        self.ended = threading.Event()
        self.events: queue.Queue[Json | None] = queue.Queue()
        self.framework_id = ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        buffer = b""
        try:
            while chunk := self._answer.read1(65536):
                buffer += chunk
                while b"\n" in buffer:
                    length, _, rest = buffer.partition(b"\n")
                    if len(rest) < int(length):
                        break
                    self.events.put(json.loads(rest[: int(length)]))
                    buffer = rest[int(length) :]
        except (OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            self.ended.set()
            self.events.put(None)

    def next(self, timeout: float = PATIENCE) -> Json:
        """The next event; EOFError at the end of the stream, queue.Empty if nothing comes."""
        event = self.events.get(timeout=timeout)
        if event is None:
            self.events.put(None)
            raise EOFError("the master has ended the stream")
        if event["type"] == "SUBSCRIBED":
            self.framework_id = event["subscribed"]["framework_id"]["value"]
        return event

    def await_event(self, fits: Callable[[Json], bool]) -> Json:
        """The next event that fits; others on the way are dropped."""
        while True:
            event = self.next()
            if fits(event):
                return event

    def await_type(self, kind: str) -> Json:
        """The next event of a type."""
        return self.await_event(lambda event: event["type"] == kind)

    def await_state(self, state: str, task_id: str | None = None) -> Json:
        """The status of the next UPDATE with a state; every update on the way is acknowledged."""
        while True:
            status: Json = self.await_type("UPDATE")["update"]["status"]
            self.acknowledge(status)
            if status["state"] == state and task_id in (None, status["task_id"]["value"]):
                return status

    def call(self, kind: str, **fields: Any) -> tuple[int, dict[str, str], str]:
        """Make a call on this subscription."""
        call = {"type": kind, "framework_id": {"value": self.framework_id}, **fields}
        return post(self.url, call, {"Mesos-Stream-Id": self.stream_id, **self._credentials})

    def acknowledge(self, status: Json) -> None:
        """Acknowledge a status that asks for it."""
        if "uuid" in status:
            fields = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
            assert self.call("ACKNOWLEDGE", acknowledge=fields)[0] == 202

    def launch(self, offer: Json, *tasks: Json, refuse_seconds: float = 0.0) -> None:
        """Accept an offer for tasks, given as TaskInfos without what every test would repeat."""
        infos = [
            {
                "name": "t",
                "agent_id": offer["agent_id"],
                "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}],
                **task,
            }
            for task in tasks
        ]
        accept = {
            "offer_ids": [offer["id"]],
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": infos}}],
            "filters": {"refuse_seconds": refuse_seconds},
        }
        assert self.call("ACCEPT", accept=accept)[0] == 202

    def close(self) -> None:
        """Drop the connection, as a scheduler does that has died."""
        if not self.ended.is_set():
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._answer.close()
        self._connection.close()


def subscribe(url: str, **info: Any) -> Subscription:
    """Subscribe as a new framework and await SUBSCRIBED."""
    framework_info = {"user": "root", "name": "test", **info}
    call: Json = {"type": "SUBSCRIBE", "subscribe": {"framework_info": framework_info}}
    if "id" in info:
        call["framework_id"] = info["id"]
    subscription = Subscription(url, call)
    subscription.await_type("SUBSCRIBED")
    return subscription

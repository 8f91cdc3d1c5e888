"""A scheduler with as little as possible between a measurement and Mesos: sockets, JSON and a clock."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import UsageError
from sparkmesos_core.master import EmbeddedMaster, parse_master
from sparkmesos_core.mesos.leader import resolve_leader

Json = dict[str, Any]

PATH = "/api/v1/scheduler"
PATIENCE = 60.0
"""Seconds after which an awaited event counts as missing."""
FOR_GOOD = 86400.0
"""Seconds for which offers are refused that are not wanted until the next REVIVE."""

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass(frozen=True)
class Arrival:
    """An event, and when its last byte had been read, by time.perf_counter()."""

    event: Json
    moment: float


@dataclass(frozen=True)
class TaskTimes:
    """Seconds from the arrival of an offer to that of a task's updates, and from its KILL to TASK_KILLED."""

    starting: float
    running: float
    killed: float


class BareScheduler:
    """A framework that is subscribed, with its role suppressed, until it is closed.

    It has no threads: events are read when they are asked for. Calls are made on one connection, kept alive.
    """

    def __init__(self, http_url: str, name: str) -> None:
        """Subscribes at the leading master, `http://HOST:PORT`; returns when that is done."""
        address = urlsplit(http_url)
        host, port = address.hostname or "", address.port or 80
        self._stream = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        info = {"user": "root", "name": name, "role": "*"}
        subscribe = {"framework_info": info, "suppressed_roles": ["*"]}
        call = {"type": "SUBSCRIBE", "subscribe": subscribe}
        self._stream.request("POST", PATH, json.dumps(call).encode(), _HEADERS)
        self._answer = self._stream.getresponse()
        if self._answer.status != 200:
            raise RuntimeError(f"{http_url} refuses the subscription: {self._answer.read()!r}")
        headers = {
            "Host": address.netloc,
            "Mesos-Stream-Id": self._answer.getheader("Mesos-Stream-Id", ""),
            **_HEADERS,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._head = f"POST {PATH} HTTP/1.1\r\n{lines}".encode()
        self._calls = socket.create_connection((host, port), timeout=PATIENCE)
        self._calls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._moment = 0.0
        self._framework_id: Json = self.next("SUBSCRIBED").event["subscribed"]["framework_id"]

    def _read(self) -> Arrival:
        """RecordIO: the length of each event in decimal digits, a line feed, the event."""
        while True:
            digits, feed, rest = self._buffer.partition(b"\n")
            if feed and len(rest) >= int(digits):
                self._buffer = rest[int(digits) :]
                return Arrival(json.loads(rest[: int(digits)]), self._moment)
            chunk = self._answer.read1(1 << 20)
            self._moment = time.perf_counter()
            if not chunk:
                raise RuntimeError("Mesos has ended the subscription")
            self._buffer += chunk

    def next(self, kind: str) -> Arrival:
        """The next event of this type; others on the way are dropped, but for ERROR, which is one."""
        while True:
            arrival = self._read()
            if arrival.event["type"] == kind:
                return arrival
            if arrival.event["type"] == "ERROR":
                raise RuntimeError(f"{kind} was awaited, and there came {arrival.event}")

    def next_update(self) -> tuple[Json, float]:
        """The status of the next task update, which is acknowledged, and when it had arrived."""
        arrival = self.next("UPDATE")
        status: Json = arrival.event["update"]["status"]
        if "uuid" in status:
            self.call("ACKNOWLEDGE", {name: status[name] for name in ("agent_id", "task_id", "uuid")})
        return status, arrival.moment

    def call(self, kind: str, body: Json | None = None) -> None:
        """Makes a call; RuntimeError if Mesos refuses it.

        Not through http.client, which would take more time for it than the embedded master does.
        """
        call = {"type": kind, "framework_id": self._framework_id, **({kind.lower(): body} if body else {})}
        content = json.dumps(call).encode()
        self._calls.sendall(b"%sContent-Length: %d\r\n\r\n%s" % (self._head, len(content), content))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):  # where it ends, as what is accepted has no body
            chunk = self._calls.recv(65536)
            answer += chunk
            if not chunk or not answer.startswith(b"HTTP/1.1 202 "[: len(answer)]):
                raise RuntimeError(f"{kind} is not accepted: {answer!r}")

    def launch(self, offer: Json, tasks: list[Json]) -> None:
        """Launches tasks on an offer; what is left of it is not wanted until the next REVIVE."""
        launch = {"type": "LAUNCH", "launch": {"task_infos": tasks}}
        self.call(
            "ACCEPT",
            {
                "offer_ids": [offer["id"]],
                "operations": [launch],
                "filters": {"refuse_seconds": FOR_GOOD},
            },
        )

    def decline(self, offers: list[Json]) -> None:
        """Declines offers until the next REVIVE."""
        if offers:
            ids = [offer["id"] for offer in offers]
            self.call("DECLINE", {"offer_ids": ids, "filters": {"refuse_seconds": FOR_GOOD}})

    def run_one_task(self, task_id: str) -> TaskTimes:
        """Launches a `sleep` on the first offer that comes, waits until it runs, then kills it."""
        self.call("REVIVE")
        offered = self.next("OFFERS")
        offer, *others = offered.event["offers"]["offers"]
        self.launch(offer, [sleep_task(task_id, offer)])
        self.decline(others)
        moments: dict[str, float] = {}
        while "TASK_RUNNING" not in moments:
            status, moment = self.next_update()
            if status["state"] not in ("TASK_STARTING", "TASK_RUNNING"):
                raise RuntimeError(f"{task_id} does not run: {status}")
            moments[status["state"]] = moment
        self.call("SUPPRESS")
        kill = time.perf_counter()
        self.call("KILL", {"task_id": {"value": task_id}, "agent_id": offer["agent_id"]})
        while "TASK_KILLED" not in moments:
            status, moment = self.next_update()
            moments[status["state"]] = moment
        return TaskTimes(
            moments.get("TASK_STARTING", moments["TASK_RUNNING"]) - offered.moment,
            moments["TASK_RUNNING"] - offered.moment,
            moments["TASK_KILLED"] - kill,
        )

    def close(self) -> None:
        """Removes the framework with all its tasks."""
        with contextlib.suppress(OSError, http.client.HTTPException, RuntimeError):
            self.call("TEARDOWN")
        self._answer.close()
        self._stream.close()
        self._calls.close()


def leader_http_url(master: str) -> str:
    """Where the leader of these masters (`mesos://…` or `zk://…`) speaks HTTP. Raises SparkMesosError."""
    parsed = parse_master(master)
    if isinstance(parsed, EmbeddedMaster):
        raise UsageError("--master is for a real Mesos; the embedded one is measured without being asked for")
    return resolve_leader(parsed).http_url


def sleep_task(task_id: str, offer: Json, cpus: float = 0.1, mem: float = 32) -> Json:
    """The TaskInfo of a `sleep` that outlasts every measurement."""
    return {
        "name": "sleep",
        "task_id": {"value": task_id},
        "agent_id": offer["agent_id"],
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": mem}},
        ],
        "command": {"shell": False, "value": SLEEP[0], "arguments": SLEEP},
    }


SLEEP = ["sleep", "3600"]
"""What runs, here and at the peer that starts it without Mesos."""

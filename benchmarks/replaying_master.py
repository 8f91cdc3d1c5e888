"""A master that says the same to every framework, as fast as that takes it in, and accepts all calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

_CHUNK = 65536
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\nMesos-Stream-Id: 0\r\n\r\n"
)
_SUBSCRIBED: Json = {
    "type": "SUBSCRIBED",
    "subscribed": {
        "framework_id": {"value": "F"},
        "heartbeat_interval_seconds": 3600.0,
        "master_info": {
            "id": "M",
            "ip": 16777343,
            "port": 5050,
            "hostname": "127.0.0.1",
            "version": "1.12.0",
        },
    },
}


class ReplayingMaster:
    """Says SUBSCRIBED and then the events."""

    def __init__(self, events: list[Json]) -> None:
        self.events = len(events)
        records = [json.dumps(event).encode() for event in (_SUBSCRIBED, *events)]
        data = b"".join(b"%d\n%s" % (len(record), record) for record in records)
        self.size = len(data)
        """Of all events, in bytes."""
        pieces = (data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK))
        self._body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        self.acknowledged: list[float] = []
        """When each ACKNOWLEDGE was answered, by time.perf_counter()."""
        self.address = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled at the end; streams of Python 3.10 and 3.11 complain about a handler that is cut short.
        over = (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError)
        with contextlib.suppress(*over), contextlib.closing(writer):
            keep = True
            while keep:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                if b'"SUBSCRIBE"' in body:
                    writer.write(_STREAM + self._body)
                    await writer.drain()
                    await reader.read()  # the framework goes
                    return
                writer.write(_ACCEPTED)
                await writer.drain()
                if b'"ACKNOWLEDGE"' in body:
                    self.acknowledged.append(time.perf_counter())
                keep = b"connection: close" not in head

    async def _run(self, started: threading.Event, stopped: asyncio.Event) -> None:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            self.address = f"{host}:{port}"
            started.set()
            await stopped.wait()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@contextlib.contextmanager
def replaying(events: list[Json]) -> Iterator[ReplayingMaster]:
    """A replaying master on a thread of its own for the length of the block."""
    master = ReplayingMaster(events)
    loop = asyncio.new_event_loop()
    started, stopped = threading.Event(), asyncio.Event()

    def main() -> None:
        with contextlib.closing(loop):
            loop.run_until_complete(master._run(started, stopped))

    thread = threading.Thread(target=main)
    thread.start()
    started.wait()
    try:
        yield master
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()


def offers_event(number: int, agents: int) -> Json:
    """An OFFERS event with one offer of each agent, each with what an agent of some size has."""
    return {"type": "OFFERS", "offers": {"offers": [_offer(number, agent) for agent in range(agents)]}}


def _offer(number: int, agent: int) -> Json:
    def scalar(name: str, value: float) -> Json:
        return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": "*"}

    host = f"agent{agent}.mesos.example"
    ports = {"range": [{"begin": 31000, "end": 31999}, {"begin": 33000, "end": 34000}]}
    return {
        "id": {"value": f"8d5c0d1e-0000-O{number}-{agent}"},
        "framework_id": {"value": "F"},
        "agent_id": {"value": f"8d5c0d1e-0000-S{agent}"},
        "hostname": host,
        "url": {
            "scheme": "http",
            "address": {"hostname": host, "ip": "127.0.0.1", "port": 5051},
            "path": "/slave(1)",
        },
        "resources": [
            {"name": "ports", "type": "RANGES", "ranges": ports, "role": "*"},
            scalar("cpus", 31.5),
            scalar("mem", 126000),
            scalar("disk", 900000),
        ],
        "attributes": [
            {"name": "os", "type": "TEXT", "text": {"value": "debian12"}},
            {"name": "rack", "type": "SCALAR", "scalar": {"value": agent % 20}},
        ],
    }


def update_event(number: int, uuid: str | None = None) -> Json:
    """An UPDATE to TASK_RUNNING; without a uuid, as after a reconciliation, it wants no ACKNOWLEDGE."""
    status: Json = {
        "task_id": {"value": f"task-{number}"},
        "state": "TASK_RUNNING",
        "source": "SOURCE_EXECUTOR",
        "agent_id": {"value": f"8d5c0d1e-0000-S{number % 100}"},
        "executor_id": {"value": f"task-{number}"},
        "timestamp": 1700000000.25,
        "container_status": {
            "container_id": {"value": f"4b0c1f7e-{number}"},
            "network_infos": [{"ip_addresses": [{"protocol": "IPv4", "ip_address": "127.0.0.1"}]}],
            "executor_pid": 4711,
        },
    }
    if uuid is not None:
        status["uuid"] = uuid
    return {"type": "UPDATE", "update": {"status": status}}

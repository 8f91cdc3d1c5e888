"""The `/state` of a large cluster, in the shapes that Mesos 1.12.0 was recorded with.

    python -m benchmarks.large_state [--agents 5000] [--tasks 50000] > state.json

It is always the same for the same numbers: long-running services in a few frameworks, applications of Spark,
a dispatcher with drivers, and what has ended, some of it badly. An agent has in use what its tasks use.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]

NOW = 1795400000.0
"""Seconds since the epoch."""
_MASTER = "5c1b8f5e-8a2f-4c8e-9d07-3f1a2b3c4d5e"
_CPUS, _MEMORY = 32.0, 131072.0
_CAPABILITIES = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS",
]
_PAGES = {"service": 8080, "driver": 8081}
_FLAGS = {
    "allocation_interval": "1secs",
    "authenticate_frameworks": "false",
    "authenticate_http_readonly": "false",
    "filter_gpu_resources": "true",
    "max_completed_frameworks": "50",
    "max_completed_tasks_per_framework": "1000",
    "port": "5050",
    "registry": "replicated_log",
}


class LargeCluster:
    """A cluster with so many agents and tasks, which are told only when they are asked for.

    `agent_port` is where each agent answers, at an address of its own in 127.0.0.0/8. The state is that of
    `now`, in seconds since the epoch.
    """

    def __init__(
        self, agents: int = 5000, tasks: int = 50000, *, agent_port: int = 5051, now: float = NOW
    ) -> None:
        self.agents = agents
        self.agent_port = agent_port
        self._now = now
        services = tasks * 6 // 10
        applications = tasks * 2 // 10
        self._frameworks = [
            *(_Framework(f"marathon-{n}", services // 4, "service", n) for n in range(4)),
            *(_Framework(f"nightly report {n}", applications // 40, "executor", 10 + n) for n in range(40)),
            _Framework("Spark Cluster", tasks // 100, "driver", 90),
            _Framework("broken report", tasks // 1000, "broken", 91),
        ]
        left = tasks - sum(one.tasks for one in self._frameworks)
        self._ended = [
            _Framework(f"etl-{n}", left // 20 + (n < left % 20), "ended", 100 + n) for n in range(20)
        ]
        self._running: Counter[int] = Counter(
            task % agents
            for one in self._frameworks
            for task in range(one.tasks)
            if _state_of(one.kind, task) == "TASK_RUNNING"
        )

    def state(self) -> Iterator[bytes]:
        """`/state`, in pieces."""
        head = {
            "version": "1.12.0",
            "build_date": "2024-08-23 14:59:00 UTC",
            "start_time": self._now - 4e6,
            "elected_time": self._now - 4e6,
            "id": _MASTER,
            "pid": "master@127.0.0.1:5050",
            "hostname": "master1.mesos.example",
            "capabilities": ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"],
            "activated_slaves": float(self.agents),
            "deactivated_slaves": 0.0,
            "unreachable_slaves": 0.0,
            "leader": "master@127.0.0.1:5050",
            "flags": _FLAGS,
        }
        yield (_text(head)[:-1] + ',"slaves":').encode()
        yield from _array(_text(self.agent(number)) for number in range(self.agents))
        yield b',"recovered_slaves":[],"frameworks":'
        yield from _array(_framework_text(one, self.agents, self._now) for one in self._frameworks)
        yield b',"completed_frameworks":'
        yield from _array(_framework_text(one, self.agents, self._now) for one in self._ended)
        yield b',"orphan_tasks":[],"unregistered_frameworks":[]}'

    def slaves(self) -> Iterator[bytes]:
        """`/slaves`, in pieces."""
        yield b'{"slaves":'
        yield from _array(_text(self.agent_in_full(number)) for number in range(self.agents))
        yield b',"recovered_slaves":[]}'

    def flags(self) -> bytes:
        """`/flags`."""
        return _text({"flags": _FLAGS}).encode()

    def agent(self, number: int) -> Json:
        """An agent as `/state` shows it."""
        # An address, no name: how long names take to look up is a matter of the machine's resolver.
        host = f"127.{1 + number // 60000}.{number // 250 % 240}.{1 + number % 250}"
        total = {**_amounts(_CPUS, _MEMORY, 500000.0), "ports": "[31000-32000]"}
        return {
            "id": _agent_id(number),
            "hostname": host,
            "port": self.agent_port,
            "attributes": {"rack": f"r{number % 40}", "zone": f"z{number % 3}", "disks": 12.0},
            "pid": f"slave(1)@{host}:{self.agent_port}",
            "registered_time": self._now - 1e6,
            "resources": total,
            "used_resources": self._used(number),
            "offered_resources": _amounts(0.0, 0.0),
            "reserved_resources": {},
            "unreserved_resources": total,
            "active": True,
            "deactivated": False,
            "version": "1.12.0",
            "capabilities": _CAPABILITIES,
        }

    def agent_in_full(self, number: int) -> Json:
        """An agent as `/slaves` shows it."""
        used = self._used(number)
        ports = {"range": [{"begin": 31000, "end": 32000}]}
        return {
            **self.agent(number),
            "reserved_resources_full": {},
            "unreserved_resources_full": [
                *_scalars({"cpus": _CPUS, "mem": _MEMORY, "disk": 500000.0}),
                {"name": "ports", "type": "RANGES", "ranges": ports, "role": "*"},
            ],
            "used_resources_full": _scalars({"cpus": used["cpus"], "mem": used["mem"]}),
            "offered_resources_full": [],
        }

    def _used(self, number: int) -> Json:
        running = self._running[number]
        return _amounts(1.0 * running, 1408.0 * running)


class _Framework:
    def __init__(self, name: str, tasks: int, kind: str, number: int) -> None:
        self.name, self.tasks, self.kind = name, tasks, kind
        self.id = f"{_MASTER}-{number:04d}"


def _framework_text(framework: _Framework, agents: int, now: float) -> str:
    """As Mesos writes it: what is short first, then its tasks."""
    ended = framework.kind == "ended"
    numbers = range(framework.tasks)
    running = sum(_state_of(framework.kind, number) == "TASK_RUNNING" for number in numbers)
    used = _amounts(1.0 * running, 1408.0 * running)
    head = {
        "id": framework.id,
        "name": framework.name,
        "used_resources": used,
        "offered_resources": _amounts(0.0, 0.0),
        "capabilities": ["MULTI_ROLE"],
        "hostname": "127.0.0.1",
        "webui_url": f"http://127.0.0.1:{_PAGES.get(framework.kind, 4040)}",
        "active": not ended,
        "connected": not ended,
        "recovered": False,
        "user": "etl",
        "failover_timeout": 604800.0,
        "checkpoint": True,
        "registered_time": now - 90000,
        "unregistered_time": now - 3600 if ended else 0.0,
        "resources": used,
        "roles": ["*"],
    }
    shown: dict[bool, list[str]] = {False: [], True: []}
    for number in numbers:
        task = _task(framework, number, agents, now)
        shown[task["state"] != "TASK_RUNNING"].append(_text(task))
    return (
        f'{_text(head)[:-1]},"tasks":[{",".join(shown[False])}],"unreachable_tasks":[],'
        f'"completed_tasks":[{",".join(shown[True])}],"offers":[],"executors":[],"offer_constraints":{{}}}}'
    )


def _state_of(kind: str, number: int) -> str:
    if kind == "broken":
        return "TASK_FAILED"
    if kind == "ended":
        return "TASK_FAILED" if number % 50 == 7 else "TASK_FINISHED"
    if number % 100 == 99 and kind != "service":
        return "TASK_FAILED"
    return "TASK_RUNNING"


def _task(framework: _Framework, number: int, agents: int, now: float) -> Json:
    state = _state_of(framework.kind, number)
    executor = f"{framework.name} {number}"
    names = {"executor": executor, "broken": executor, "driver": f"Driver for job-{number % 50}"}
    task_id = {
        "executor": str(number),
        "broken": str(number),
        "driver": f"driver-20261122{number:06d}-{number:04d}",
    }
    began = now - 80000 + number % 60000
    return {
        "id": task_id.get(framework.kind, f"{framework.name}.{number}"),
        "name": names.get(framework.kind, f"service.{number % 400}"),
        "framework_id": framework.id,
        "executor_id": "",
        "slave_id": _agent_id(number % agents),
        "state": state,
        "resources": {**_amounts(1.0, 1408.0), "ports": f"[{31000 + number % 900}-{31000 + number % 900}]"},
        "role": "*",
        "statuses": [
            _status("TASK_STARTING", began, number),
            _status("TASK_RUNNING", began + 0.01, number),
            *([_status(state, began + 60, number)] if state != "TASK_RUNNING" else []),
        ],
        "labels": [{"key": "team", "value": f"team-{number % 12}"}],
    }


def _status(state: str, timestamp: float, number: int) -> Json:
    address = {"protocol": "IPv4", "ip_address": f"10.{number // 60000}.{number // 250 % 240}.{number % 250}"}
    return {
        "state": state,
        "timestamp": timestamp,
        "container_status": {
            "container_id": {"value": f"c1862a7d-b010-4030-934b-{number:012x}"},
            "network_infos": [{"ip_addresses": [address]}],
        },
    }


def _agent_id(number: int) -> str:
    return f"{_MASTER}-S{number}"


def _amounts(cpus: float, memory: float, disk: float = 0.0) -> Json:
    return {"disk": disk, "mem": memory, "gpus": 0.0, "cpus": cpus}


def _scalars(amounts: Json) -> list[Json]:
    return [
        {"name": name, "type": "SCALAR", "scalar": {"value": amount}, "role": "*"}
        for name, amount in amounts.items()
        if amount
    ]


def _text(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))


def _array(elements: Iterable[str]) -> Iterator[bytes]:
    separator = "["
    for element in elements:
        yield (separator + element).encode()
        separator = ","
    yield b"]" if separator == "," else b"[]"


def main() -> int:
    """Writes the state to stdout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=5000, help="how many agents there are [5000]")
    parser.add_argument(
        "--tasks", type=int, default=50000, help="how many tasks, with those that have ended [50000]"
    )
    arguments = parser.parse_args()
    for piece in LargeCluster(arguments.agents, arguments.tasks).state():
        sys.stdout.buffer.write(piece)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long the preflight of `submit` takes: on the embedded cluster, and with a master of many agents.

What `submit` has imported by then is imported; loading the preflight's own modules is told apart. The master
with many agents is a stand-in that answers `/slaves` and `/flags` at once with what a real one would send, so
that what is measured is our part.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.cluster_process import cluster_process
from benchmarks.tables import machine, milliseconds, percentile, print_table
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.localcluster.cluster_spec import AgentSpec, ClusterSpec
from sparkmesos_core.preflight.cluster_reading import MasterAccess
from sparkmesos_core.preflight.preflight import preflight
from tests.http_stub import Answer, http_stub

MODULES = "requests, sparkmesos_core.configuration_check, sparkmesos_core.submit.client_mode"
IMPORT = f"import time, {MODULES}; began = time.perf_counter(); import sparkmesos_core.preflight.preflight"


def configuration(**properties: str) -> Configuration:
    """Of a submission; the names are those of properties without `spark.`, their dots written as `_`."""
    origin = Origin(Source.CONF, "--conf")
    return Configuration(
        [[Setting(f"spark.{name.replace('_', '.')}", value, origin) for name, value in properties.items()]]
    )


def times(url: str, wanted: Configuration, runs: int) -> list[float]:
    """Seconds that each of so many preflights takes. AssertionError if one finds anything."""
    taken = []
    environment: Mapping[str, str] = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
    for _ in range(runs + 1):
        began = time.perf_counter()
        found = preflight(wanted, environment, MasterAccess(url), timeout=60)
        taken.append(time.perf_counter() - began)
        assert not found, found
    return taken[1:]


def first_import(runs: int) -> list[float]:
    """Seconds that the preflight's own modules take to load, in a process that has the rest."""
    command = [sys.executable, "-c", f"{IMPORT}; print(time.perf_counter() - began)"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return [
        float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
        for _ in range(runs + 1)
    ][1:]


def many_agents(number: int) -> dict[str, Answer]:
    """What a master with so many agents answers, each of them with a reservation and some attributes."""
    slaves = [_slave(index) for index in range(number)]
    flags = {"flags": {"filter_gpu_resources": "true"}}
    return {
        "/slaves": _json({"slaves": slaves, "recovered_slaves": []}),
        "/flags": _json(flags),
    }


def _json(content: Any) -> Answer:
    return Answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


def _slave(index: int) -> dict[str, Any]:
    amounts = {"disk": 500000.0, "mem": 65536.0, "gpus": 0.0, "cpus": 32.0}
    nothing = dict.fromkeys(amounts, 0.0)
    scalars = {"cpus": 32.0, "mem": 32768.0, "disk": 500000.0}
    full: list[dict[str, Any]] = [
        {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": "*"}
        for name, value in scalars.items()
    ]
    ports = {"range": [{"begin": 31000, "end": 32000}]}
    full.append({"name": "ports", "type": "RANGES", "ranges": ports, "role": "*"})
    reserved = {
        "name": "mem",
        "type": "SCALAR",
        "scalar": {"value": 32768.0},
        "role": "etl",
        "reservations": [{"type": "STATIC", "role": "etl"}],
    }
    # No names: how long these take to look up is a matter of the machine's resolver.
    host = f"127.{1 + index // 60000}.{index // 250 % 240}.{1 + index % 250}"
    return {
        "id": f"5c1b8f5e-8a2f-4c8e-9d07-3f1a2b3c4d5e-S{index}",
        "hostname": host,
        "port": 5051,
        "pid": f"slave(1)@{host}:5051",
        "attributes": {
            "rack": f"r{index % 40}",
            "zone": f"z{index % 3}",
            "disks": 12.0,
            "tags": "{ssd, 10g}",
        },
        "registered_time": 1795334416.8,
        "resources": {**amounts, "ports": "[31000-32000]"},
        "used_resources": nothing,
        "offered_resources": nothing,
        "reserved_resources": {"etl": {**nothing, "mem": 32768.0}},
        "unreserved_resources": {**amounts, "mem": 32768.0, "ports": "[31000-32000]"},
        "active": True,
        "deactivated": False,
        "version": "1.12.0",
        "capabilities": ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER"],
        "reserved_resources_full": {"etl": [reserved]},
        "unreserved_resources_full": full,
        "used_resources_full": [],
        "offered_resources_full": [],
    }


def row(label: str, taken: list[float]) -> tuple[str, str, str]:
    """Median and 95th percentile."""
    return label, milliseconds(statistics.median(taken)), milliseconds(percentile(taken, 95))


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20, help="of each preflight [20]")
    parser.add_argument("--agents", type=int, default=5000, help="of the large cluster [5000]")
    arguments = parser.parse_args()
    gc.set_threshold(20_000)  # as the command does
    small = configuration(executor_memory="1g", executor_cores="1", mesos_executor_home="/opt/spark")
    picky = configuration(
        executor_memory="1g", mesos_constraints="rack:r39;zone:z2;tags:ssd", mesos_role="etl"
    )
    rows = [row("loading its modules", first_import(arguments.runs))]
    with tempfile.TemporaryDirectory() as folder:
        spec = ClusterSpec(work_dir=Path(folder), agents=(AgentSpec(), AgentSpec()))
        with cluster_process(spec) as cluster:
            rows.append(row("embedded cluster, 2 agents", times(cluster.http_url, small, arguments.runs)))
    answers = many_agents(arguments.agents)
    with http_stub(answers) as master:
        url = f"http://{master.address}"
        label = f"{arguments.agents} agents, {len(answers['/slaves'].body) / 2**20:.0f} MiB"
        rows.append(row(label, times(url, small, arguments.runs)))
        rows.append(row(f"{label}, with constraints", times(url, picky, arguments.runs)))
    print(f"{machine()}, {arguments.runs} runs")
    print_table(("preflight", "median", "95 %"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

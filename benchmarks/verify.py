"""How long `sparkmesos verify-cluster` takes, and how much memory: whole processes, from start to exit.

First with a master of many agents and tasks, a stand-in in a process of its own that answers at once, so that
what is measured is our part; beside it, in turn, a Python that decodes the same `/state` as a whole, and does
nothing with it. Then on a healthy embedded cluster of two agents, with `--probe-dist` also the probe.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.cluster_process import cluster_process
from benchmarks.large_master import LargeMaster, large_master
from benchmarks.tables import machine, median_ratio, print_table
from benchmarks.whole_process import Run, run
from sparkmesos_core.localcluster.cluster_spec import AgentSpec, ClusterSpec

_COMMAND = [str(Path(sys.executable).parent / "sparkmesos"), "verify-cluster", "--output", "json"]
_SOUND = ["--conf", "spark.cores.max=2"]
_WHOLE = "import json, sys, urllib.request; json.load(urllib.request.urlopen(sys.argv[1]))"


def environment() -> Mapping[str, str]:
    """Without what is set for Spark here; the driver's host is one that needs no resolver."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "MESOS_"))}
    return {**kept, "SPARK_LOCAL_IP": "127.0.0.1"}


def large(master: LargeMaster, runs: int) -> tuple[list[Run], list[Run], Counter[str], int]:
    """Runs of the command and of its peer in turn; and what the last one of the command has asked for.

    SparkMesosError if the command finds an error, which it should not.
    """
    ours, peers = [], []
    command = [*_COMMAND, "--master", f"mesos://127.0.0.1:{master.port}", *_SOUND]
    asked, agents = Counter[str](), 0
    for _ in range(runs + 1):
        ours.append(run(command, environment()))
        asked, agents = master.requests()
        peers.append(run([sys.executable, "-c", _WHOLE, f"{master.http_url}/state"], environment()))
        master.requests()
    return ours[1:], peers[1:], asked, agents


def row(label: str, runs: Sequence[Run]) -> tuple[str, str, str, str]:
    """Medians of seconds, of seconds of the processor, and the most memory."""
    return (
        label,
        f"{statistics.median(one.seconds for one in runs):.2f} s",
        f"{statistics.median(one.cpu_seconds for one in runs):.2f} s",
        f"{max(one.peak_bytes for one in runs) / 2**20:.0f} MiB",
    )


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="of each command [5]")
    parser.add_argument("--agents", type=int, default=5000, help="of the large cluster [5000]")
    parser.add_argument("--tasks", type=int, default=50000, help="of the large cluster [50000]")
    parser.add_argument(
        "--probe-dist", metavar="ARCHIVE", type=Path, help="an archive of Spark: measure --probe with it, too"
    )
    arguments = parser.parse_args()
    print(f"{machine()}, {arguments.runs} runs")
    header = ("verify-cluster", "time", "processor", "most memory")
    with large_master(arguments.agents, arguments.tasks) as master:
        ours, peers, asked, agents = large(master, arguments.runs)
        size = f"{master.state_bytes / 2**20:.0f} MiB of JSON"
        label = f"{arguments.agents} agents, {arguments.tasks} tasks: {size}"
    print_table(header, [row(label, ours), row("`json.load` of the same, in Python", peers)])
    ratio = median_ratio([one.seconds for one in ours], [one.seconds for one in peers])
    print(f"{ratio} times as long. Requests: {agents} to agents, and to the master:")
    print(", ".join(f"`{path}` {number}" for path, number in sorted(asked.items())))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        spec = ClusterSpec(work_dir=Path(folder), agents=(AgentSpec(), AgentSpec()))
        cluster = running.enter_context(cluster_process(spec))
        command = [*_COMMAND, "--master", cluster.url, *_SOUND]
        rows = [
            row("2 agents, healthy", [run(command, environment()) for _ in range(arguments.runs + 1)][1:])
        ]
        if arguments.probe_dist is not None:
            probing = [
                *command,
                *("--probe", "--conf", f"spark.executor.uri={arguments.probe_dist.absolute()}"),
                *("--conf", "spark.mesos.fetcherCache.enable=true"),
            ]
            # The first run fills the agents' caches.
            rows.append(
                row("with --probe", [run(probing, environment()) for _ in range(arguments.runs + 1)][1:])
            )
    print_table(header, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How fast the embedded Mesos starts tasks, one by one and a thousand at once.

    python -m benchmarks.tasks [--tasks N] [--agents N] [--crowd N] [--master URL] [--profile FILE]

Single tasks: from the arrival of an OFFERS event at a bare scheduler to that of the task's TASK_RUNNING, with
the calls ACCEPT and ACKNOWLEDGE (of TASK_STARTING) on the way. The peer, in turn, is `subprocess.Popen` of
the same `sleep` in a session of its own: less than that no agent can do. With --master the same is done on
that Mesos, too.

The crowd: 1000 `sleep` on 100 agents in one process. While they are launched and afterwards, a second
framework launches single tasks and reads /state, and a third one listens for heartbeats. The cluster and each
framework have a process of their own, so that what they take can be told apart.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.bare_scheduler import SLEEP, BareScheduler, Json, TaskTimes, leader_http_url, sleep_task
from benchmarks.cluster_process import ClusterProcess, cluster_process
from benchmarks.tables import machine, median_ratio, milliseconds, percentile, print_table
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.localcluster.cluster_spec import AgentSpec, ClusterSpec

WARM_UP = 5
HEARTBEAT_SECONDS = 1.0
STEADY_SECONDS = 10.0
IDLE_SECONDS = 10.0
TARGET_SECONDS = 0.05
CROWDED_CPUS = 2.0
CROWDED_MEM = 1000


def popen() -> subprocess.Popen[bytes]:
    """The same `sleep` without Mesos."""
    return subprocess.Popen(
        SLEEP,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def seconds_of_popen() -> float:
    """How long it takes to start it; Popen returns when the program has been exec'ed."""
    began = time.perf_counter()
    process = popen()
    took = time.perf_counter() - began
    process.kill()
    process.wait()
    return took


# --- single tasks


def single_tasks(tasks: int, master: str | None) -> None:
    """Starts single tasks in turn here, there and without Mesos, and prints the table."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        cluster = stack.enter_context(cluster_process(ClusterSpec(work_dir=Path(folder))))
        urls = {"embedded Mesos": cluster.http_url}
        if master is not None:
            urls[f"Mesos at {master}"] = leader_http_url(master)
        schedulers = {
            label: stack.enter_context(contextlib.closing(BareScheduler(url, "benchmark")))
            for label, url in urls.items()
        }
        measured: dict[str, list[TaskTimes]] = {label: [] for label in schedulers}
        floor: list[float] = []
        for number in range(-WARM_UP, tasks):
            for label, scheduler in schedulers.items():
                times = scheduler.run_one_task(f"one-{number}")
                if number >= 0:
                    measured[label].append(times)
            if number >= 0:
                floor.append(seconds_of_popen())
    rows = [_row(f"`Popen`, {tasks} runs", floor, floor)]
    for label, all_times in measured.items():
        rows.append(_row(f"{label}: offer to TASK_STARTING", [times.starting for times in all_times], floor))
        rows.append(_row(f"{label}: offer to TASK_RUNNING", [times.running for times in all_times], floor))
        rows.append(_row(f"{label}: KILL to TASK_KILLED", [times.killed for times in all_times], floor))
    print(f"Single tasks ({machine()}):")
    print_table(("", "median", "99th percentile", "ratio to `Popen`"), rows)
    running = statistics.median(times.running for times in measured["embedded Mesos"])
    verdict = "met" if running < TARGET_SECONDS else "MISSED"
    print(f"Target: offer to TASK_RUNNING below {milliseconds(TARGET_SECONDS)}: {verdict}.")


def _row(label: str, values: Sequence[float], floor: Sequence[float]) -> tuple[str, ...]:
    return (
        label,
        milliseconds(statistics.median(values)),
        milliseconds(percentile(values, 99)),
        median_ratio(values, floor),
    )


# --- the second framework, in a process of its own


@dataclass
class Samples:
    """What the second framework saw during one phase, in seconds; and the size of /state in bytes."""

    tasks: list[TaskTimes] = field(default_factory=list)
    state: list[float] = field(default_factory=list)
    state_bytes: int = 0


class Probe:
    """Launches single tasks and reads /state, again and again between `begin` and `end`."""

    def __init__(self, http_url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_probe, args=(http_url, theirs))
        self._process.start()
        theirs.close()
        self._pipe.recv()  # it is subscribed

    def begin(self) -> None:
        """Begin a phase."""
        self._pipe.send("begin")

    def end(self) -> Samples:
        """End the phase."""
        self._pipe.send("end")
        samples = self._pipe.recv()
        assert isinstance(samples, Samples)
        return samples

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


def _probe(http_url: str, pipe: Connection) -> None:
    address = urlsplit(http_url)
    operator = http.client.HTTPConnection(address.hostname or "", address.port)
    numbers = itertools.count()
    with contextlib.closing(BareScheduler(http_url, "probe")) as scheduler:
        pipe.send("ready")
        with contextlib.suppress(EOFError):  # the end of the parent's interest
            while pipe.recv():
                samples = Samples()
                while not pipe.poll():
                    samples.tasks.append(scheduler.run_one_task(f"probe-{next(numbers)}"))
                    began = time.perf_counter()
                    operator.request("GET", "/state")
                    samples.state_bytes = len(operator.getresponse().read())
                    samples.state.append(time.perf_counter() - began)
                pipe.recv()
                pipe.send(samples)
    operator.close()


# --- the crowd


class Heartbeats:
    """What a third framework sees, in a process of its own, that does nothing but listen."""

    def __init__(self, http_url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_listen, args=(http_url, theirs))
        self._process.start()
        theirs.close()
        self._last: float = self._pipe.recv()

    def longest_gap(self) -> str:
        """The longest time without one since the last call, as text."""
        moments = [self._last]
        while self._pipe.poll():
            moments.append(self._pipe.recv())
        self._last = moments[-1]
        gap = max(b - a for a, b in itertools.pairwise([*moments, time.perf_counter()]))
        return f"{gap:.2f} s (interval {HEARTBEAT_SECONDS:g} s)"

    def close(self) -> None:
        """End the process; with its next heartbeat it notices."""
        self._pipe.close()
        self._process.join()


def _listen(http_url: str, pipe: Connection) -> None:
    with (
        contextlib.closing(BareScheduler(http_url, "listener")) as scheduler,
        contextlib.suppress(BrokenPipeError),
    ):
        while True:
            pipe.send(scheduler.next("HEARTBEAT").moment)


def crowd(agents: int, tasks: int, profile: Path | None) -> None:
    """Runs many tasks on many agents, and prints how the cluster bears it."""
    per_agent = -(-tasks // agents)
    crowded = AgentSpec(resources=f"cpus:{CROWDED_CPUS:g};mem:{CROWDED_MEM}")
    the_probes = AgentSpec(cpus=2 * CROWDED_CPUS)
    rows: list[tuple[str, str]] = []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        spec = ClusterSpec(
            work_dir=Path(folder),
            agents=(*[crowded] * agents, the_probes),
            heartbeat_interval=HEARTBEAT_SECONDS,
        )
        began = time.perf_counter()
        cluster = stack.enter_context(cluster_process(spec, profile))
        rows.append((f"start of the cluster, {agents} agents", f"{time.perf_counter() - began:.2f} s"))
        process = psutil.Process(cluster.pid)
        scheduler = stack.enter_context(contextlib.closing(BareScheduler(cluster.http_url, "crowd")))
        probe = stack.enter_context(contextlib.closing(Probe(cluster.http_url)))
        heartbeats = stack.enter_context(contextlib.closing(Heartbeats(cluster.http_url)))
        rows.append(("CPU of the cluster, idle, no task", idle_cpu(process)))
        rows.append(("memory of the cluster, no task", megabytes(process)))
        offers = _offers(scheduler, agents)
        heartbeats.longest_gap()
        probe.begin()
        before = cpu_seconds(process)
        launching = launch(scheduler, offers, tasks, per_agent)
        cpu = cpu_seconds(process) - before
        gap, samples = heartbeats.longest_gap(), probe.end()
        floor = seconds_of_many(tasks)
        rows += [
            (f"{tasks} tasks: first ACCEPT to last TASK_RUNNING", f"{launching:.2f} s"),
            (f"{tasks} `Popen` one after the other", f"{floor:.2f} s"),
            ("ratio of the two", f"{launching / floor:.2f}"),
            ("CPU time of the cluster while they are launched", f"{cpu:.2f} s"),
            *_seen("while they are launched", gap, samples),
        ]
        rows.append((f"CPU of the cluster, idle, {tasks} tasks run", idle_cpu(process)))
        rows.append((f"memory of the cluster, {tasks} tasks run", megabytes(process)))
        probe.begin()
        time.sleep(STEADY_SECONDS)  # the length of the measurement
        rows += _seen("while they run", heartbeats.longest_gap(), probe.end())
        rows.append(
            (f"TEARDOWN to the end of {tasks} processes", f"{teardown(scheduler, cluster, tasks):.2f} s")
        )
    print(f"{tasks} tasks on {agents} agents in one process ({machine()}):")
    print_table(("", ""), rows)


def _seen(when: str, gap: str, samples: Samples) -> list[tuple[str, str]]:
    def spread(values: Sequence[float]) -> str:
        if not values:
            return "none came to its end"
        middle, longest = (milliseconds(value) for value in (statistics.median(values), max(values)))
        return f"{middle}, at most {longest} (of {len(values)})"

    return [
        (f"longest time without heartbeat {when}", gap),
        (f"second framework's offer to TASK_RUNNING {when}", spread([t.running for t in samples.tasks])),
        (f"second framework's KILL to TASK_KILLED {when}", spread([t.killed for t in samples.tasks])),
        (f"GET /state ({samples.state_bytes / 1e6:.1f} MB) {when}", spread(samples.state)),
    ]


def _offers(scheduler: BareScheduler, agents: int) -> list[Json]:
    """One offer of each crowded agent, with all that it has."""
    offers: list[Json] = []
    scheduler.call("REVIVE")
    while len(offers) < agents:
        for offer in scheduler.next("OFFERS").event["offers"]["offers"]:
            (cpus,) = (r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus")
            if cpus == CROWDED_CPUS:
                offers.append(offer)
            else:
                scheduler.decline([offer])
    return offers


def launch(scheduler: BareScheduler, offers: list[Json], tasks: int, per_agent: int) -> float:
    """Seconds from the first ACCEPT until all tasks run."""
    cpus, mem = CROWDED_CPUS / per_agent, CROWDED_MEM / per_agent
    numbers = iter(range(tasks))
    began = time.perf_counter()
    for offer in offers:
        infos = [sleep_task(f"crowd-{n}", offer, cpus, mem) for n in itertools.islice(numbers, per_agent)]
        scheduler.launch(offer, infos)
    running: set[str] = set()
    moment = began
    while len(running) < tasks:
        status, moment = scheduler.next_update()
        if status["state"] == "TASK_RUNNING":
            running.add(status["task_id"]["value"])
        elif status["state"] != "TASK_STARTING":
            raise RuntimeError(f"a task does not run: {status}")
    return moment - began


def seconds_of_many(tasks: int) -> float:
    """Seconds that it takes to start so many without Mesos."""
    began = time.perf_counter()
    processes = [popen() for _ in range(tasks)]
    took = time.perf_counter() - began
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()
    return took


def teardown(scheduler: BareScheduler, cluster: ClusterProcess, tasks: int) -> float:
    """Seconds from TEARDOWN until no process of the tasks is left."""
    pids = {child.pid for child in psutil.Process(cluster.pid).children(recursive=True)}
    if len(pids) < tasks:
        raise RuntimeError(f"{len(pids)} processes run instead of {tasks}")
    began = time.perf_counter()
    scheduler.call("TEARDOWN")
    while not pids.isdisjoint(psutil.pids()):
        time.sleep(0.02)
    return time.perf_counter() - began


def cpu_seconds(process: psutil.Process) -> float:
    """What the process has used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def idle_cpu(process: psutil.Process) -> str:
    """The share of one core that the process uses while nobody asks it for anything."""

    time.sleep(2)  # for what has just ended to be over
    before, began = cpu_seconds(process), time.perf_counter()
    time.sleep(IDLE_SECONDS)  # the length of the measurement
    share = (cpu_seconds(process) - before) / (time.perf_counter() - began)
    return f"{share:.1%} of a core"


def megabytes(process: psutil.Process) -> str:
    """The memory that the process has in use."""
    return f"{process.memory_info().rss / 1e6:.0f} MB"


def main() -> int:
    """Runs both parts; with a profile only the second."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=200, help="single tasks [200]")
    parser.add_argument("--agents", type=int, default=100, help="agents of the crowd [100]")
    parser.add_argument("--crowd", type=int, default=1000, help="tasks of the crowd [1000]; 0 leaves it out")
    parser.add_argument("--master", metavar="URL", help="a real Mesos to start single tasks on, too")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="profile the cluster (slow), crowd only")
    arguments = parser.parse_args()
    try:
        if arguments.profile is None and arguments.tasks:
            single_tasks(arguments.tasks, arguments.master)
        if arguments.crowd:
            crowd(arguments.agents, arguments.crowd, arguments.profile)
    except SparkMesosError as error:
        print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())

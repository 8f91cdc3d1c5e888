"""What the bridge costs: beside libmesos on a real Mesos, or by itself where there is none.

    python -m benchmarks.bridge [--runs N] [--tasks N]
    python -m benchmarks.bridge --master URL --libmesos PATH [--conf KEY=VALUE]... [--runs N]

Without a master, on the embedded Mesos:

- CPU: that of the bridge's threads in the driver of a Spark application, as a share of what its JVM uses.
  What Spark does in callbacks is counted as the bridge's, too.
- Latency: offer to TASK_RUNNING for a scheduler on the bridge, in turn with the bare one in Python.
- Intake: offers and updates a second from a master that only replays them, in turn with reading and parsing
  of the same bytes in the same JVM; and acknowledgements, in turn with plain calls on one connection.

With a real master and the path of a libmesos: the same application in turn through both, in the phases of
`spark_runs.py`. The clocks of this machine and of the master's should agree. Without --libmesos only the
bridge runs. The exit code is 1 if the target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from benchmarks.bare_scheduler import BareScheduler, Json, TaskTimes, leader_http_url
from benchmarks.cluster_process import ClusterProcess, cluster_process
from benchmarks.driver_jvm import DriverJvm, compile_classes, driver_jvm
from benchmarks.installed_spark import ENVIRONMENT, JAVA, PI, SIZES, SPARK, SUBMIT
from benchmarks.replaying_master import offers_event, replaying, update_event
from benchmarks.spark_runs import PHASES, Run, run_application
from benchmarks.tables import judge, machine, median_ratio, milliseconds, percentile, print_table, ratio_of
from sparkmesos_core.errors import SparkMesosError, UsageError
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster_spec import AgentSpec, ClusterSpec
from sparkmesos_core.spark import native_library

THROUGH_BRIDGE = [*SUBMIT, "--mesos-driver", "http"]
THROUGH_LIBMESOS = [*SUBMIT, "--mesos-driver", "native"]
APPLICATION_NAME = "Pi"
TARGET_RATIO = 1.05
WARM_UP_TASKS = 30
WARM_UP_ROUNDS = 3
ROUNDS = 7
OFFERS_EVENTS = 200
OFFERS_PER_EVENT = 20
ACKNOWLEDGED = 1000
UUID = "AAAAAAAAAAAAAAAAAAAAAA=="


# --- on a real Mesos


def beside_libmesos(master: str, libmesos: str | None, conf: Mapping[str, str], runs: int) -> bool:
    """Runs the application in turn through the bridge and through libmesos, and prints the phases.

    Returns what `report` does. Raises SparkMesosError.
    """
    http_url = leader_http_url(master)
    # Which address of this machine the agents can reach is not ours to say, as it is on loopback.
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "SPARK_LOCAL_IP"}
    environment.update({key: os.environ[key] for key in ("SPARK_LOCAL_IP",) if key in os.environ})
    contenders = {"bridge": THROUGH_BRIDGE}
    if libmesos is not None:
        path = native_library.find_libmesos({native_library.VARIABLE: libmesos})
        environment[native_library.VARIABLE] = str(path)
        contenders["libmesos"] = THROUGH_LIBMESOS

    def registered() -> float:
        state = requests.get(f"{http_url}/state", timeout=60).json()
        both = (*state["frameworks"], *state["completed_frameworks"])
        times = [framework["registered_time"] for framework in both if framework["name"] == APPLICATION_NAME]
        return max(map(float, times))

    for command in contenders.values():
        check = [*command, "--dry-run", "--master", master, *PI]
        done = subprocess.run(check, env=environment, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise UsageError(f"`{' '.join(check[1:4])}` refuses: {done.stderr.strip()}")

    def run(command: Sequence[str]) -> Run:
        return run_application([*command, "--master", master], PI, registered, {**SIZES, **conf}, environment)

    for command in contenders.values():
        run(command)  # compiles the bridge, fills caches
    measured: dict[str, list[Run]] = {label: [] for label in contenders}
    for _ in range(runs):
        for label, command in contenders.items():
            measured[label].append(run(command))
    print(f"Pi on {master}, Spark {SPARK.version}, median of {runs} runs, seconds ({machine()}):")
    return report(measured)


def report(measured: Mapping[str, Sequence[Run]]) -> bool:
    """Prints the medians of every phase, in seconds, and the ratios if there are two contenders.

    Returns whether the target is met; there is none for one alone, and so nothing to miss.
    """
    rows = []
    for phase in (*PHASES, "total"):
        values = [[run.phases.get(phase, run.total) for run in all_runs] for all_runs in measured.values()]
        ratio = median_ratio(values[0], values[1]) if len(values) > 1 else "-"
        rows.append((phase, *(f"{statistics.median(column):.2f}" for column in values), ratio))
    print_table(("Phase", *measured, "ratio"), rows)
    if len(measured) == 1:
        return True
    ours, theirs = ([run.total for run in runs] for runs in measured.values())
    return judge("times as long as through libmesos", ratio_of(ours, theirs), TARGET_RATIO)


# --- on the embedded Mesos


def cpu_share(cluster: ClusterProcess, classes: Path, runs: int) -> None:
    """Prints what the bridge's threads use of the CPU time of a driver's JVM."""
    threads: list[float] = []
    process: list[float] = []
    totals: list[float] = []
    with tempfile.NamedTemporaryFile() as file:
        conf = {
            "spark.extraListeners": "org.sparkmesos.benchmarks.DriverCpu",
            "spark.driver.extraClassPath": str(classes),
            "spark.benchmarks.cpuFile": file.name,
        }
        for _ in range(runs):
            command = [*THROUGH_BRIDGE, "--master", cluster.url]
            totals.append(run_application(command, PI, time.time, {**SIZES, **conf}, ENVIRONMENT).total)
            used: Json = json.loads(Path(file.name).read_text(encoding="utf-8"))
            threads.append(sum(used["threads"].values()))
            process.append(used["process"])
    share = statistics.median(a / b for a, b in zip(threads, process, strict=True))
    print(f"CPU time in the driver of Pi, Spark {SPARK.version}, Java {JAVA.major}, median of {runs} runs:")
    rows = [
        ("the bridge's threads", f"{statistics.median(threads):.2f} s", f"{share:.1%}"),
        ("the driver's JVM", f"{statistics.median(process):.2f} s", "100%"),
        ("for comparison: the application, start to end", f"{statistics.median(totals):.2f} s", ""),
    ]
    print_table(("", "time", "share"), rows)


def latency(cluster: ClusterProcess, jvm: DriverJvm, tasks: int) -> None:
    """Prints how long tasks take to start and to be killed through the bridge and without it."""
    jvm.ask("subscribe", cluster.http_url.removeprefix("http://"))
    through: list[TaskTimes] = []
    bare: list[TaskTimes] = []
    with contextlib.closing(BareScheduler(cluster.http_url, "bare")) as scheduler:
        for number in range(-WARM_UP_TASKS, tasks):
            pair = (
                TaskTimes(**jvm.ask("task", f"bridge-{number}")),
                scheduler.run_one_task(f"bare-{number}"),
            )
            if number >= 0:
                through.append(pair[0])
                bare.append(pair[1])
    jvm.ask("stop")
    rows = []
    for label, name in (
        ("offer to TASK_STARTING", "starting"),
        ("offer to TASK_RUNNING", "running"),
        ("KILL to TASK_KILLED", "killed"),
    ):
        columns = [[float(getattr(times, name)) for times in all_times] for all_times in (through, bare)]
        medians = [milliseconds(statistics.median(column)) for column in columns]
        highest = milliseconds(percentile(columns[0], 99))
        rows.append((label, medians[0], highest, medians[1], median_ratio(columns[0], columns[1])))
    print(f"Single tasks, median of {tasks}:")
    print_table(("", "bridge", "its 99th percentile", "bare scheduler", "ratio"), rows)


def intake(jvm: DriverJvm) -> None:
    """Prints what the bridge takes in, and what it acknowledges, in a second."""
    updates = [update_event(number) for number in range(OFFERS_EVENTS * OFFERS_PER_EVENT)]
    events: list[Json] = []
    for number in range(OFFERS_EVENTS):
        events.append(offers_event(number, OFFERS_PER_EVENT))
        events += updates[number * OFFERS_PER_EVENT : (number + 1) * OFFERS_PER_EVENT]
    items = 2 * OFFERS_EVENTS * OFFERS_PER_EVENT
    with replaying(events) as master:
        size = master.size / 1e6
        pairs = [
            (
                jvm.ask("intake", master.address, items),
                jvm.ask("floor", f"http://{master.address}", master.events),
            )
            for _ in range(WARM_UP_ROUNDS + ROUNDS)
        ][WARM_UP_ROUNDS:]
    rows = [_per_second("offers and updates taken in; read and parsed only", items, pairs)]
    with replaying([update_event(number, UUID) for number in range(ACKNOWLEDGED)]) as master:
        body = json.dumps(_acknowledge(update_event(0, UUID)), separators=(",", ":"))
        pairs = []
        for _ in range(WARM_UP_ROUNDS + ROUNDS):
            master.acknowledged.clear()
            jvm.ask("intake", master.address, ACKNOWLEDGED)
            answered = master.acknowledged
            each = (answered[-1] - answered[0]) / (len(answered) - 1)
            calls = jvm.ask("calls", f"http://{master.address}", ACKNOWLEDGED, body)
            pairs.append((each * ACKNOWLEDGED, calls))
    rows.append(_per_second("updates acknowledged; plain calls", ACKNOWLEDGED, pairs[WARM_UP_ROUNDS:]))
    print(f"A second, {items} offers and updates of {size:.1f} MB, median of {ROUNDS} rounds:")
    print_table(("", "bridge", "floor", "ratio of times"), rows)


def _acknowledge(event: Json) -> Json:
    status = event["update"]["status"]
    fields = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
    return {"type": "ACKNOWLEDGE", "framework_id": {"value": "F"}, "acknowledge": fields}


def _per_second(label: str, items: int, pairs: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    bridge, floor = zip(*pairs, strict=True)
    rates = (f"{items / statistics.median(times):,.0f}" for times in (bridge, floor))
    return (label, *rates, median_ratio(bridge, floor))


def alone(runs: int, tasks: int) -> None:
    """The bridge's own overhead, on the embedded Mesos."""
    with tempfile.TemporaryDirectory() as name:
        classes = Path(name) / "classes"
        classes.mkdir()
        compile_classes(SPARK, JAVA, classes)
        spec = ClusterSpec(
            work_dir=Path(name) / "agents",
            agents=(AgentSpec(cpus=2, mem=4096),) * 2,
            executor_environment=default_executor_environment(JAVA),
        )
        with cluster_process(spec) as cluster:
            print(f"Measured on {machine()}.\n")
            cpu_share(cluster, classes, runs)
            with driver_jvm(SPARK, JAVA, classes) as jvm:
                latency(cluster, jvm, tasks)
                intake(jvm)


def main() -> int:
    """Measures what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--master", metavar="URL", help="a real Mesos: mesos://HOST:5050 or zk://…")
    parser.add_argument("--libmesos", metavar="PATH", help="the libmesos to compare with; needs --master")
    parser.add_argument("--conf", metavar="KEY=VALUE", action="append", default=[], help="for --master")
    parser.add_argument("--runs", type=int, default=5, help="of the application [5]")
    parser.add_argument("--tasks", type=int, default=200, help="single tasks [200]")
    arguments = parser.parse_args()
    if arguments.libmesos is not None and arguments.master is None:
        parser.error("--libmesos needs a real Mesos: give its --master, too")
    if wrong := [text for text in arguments.conf if "=" not in text]:
        parser.error(f"--conf {wrong[0]} is not KEY=VALUE")
    met = True
    try:
        if arguments.master is None:
            alone(arguments.runs, arguments.tasks)
        else:
            conf = dict(text.split("=", 1) for text in arguments.conf)
            met = beside_libmesos(arguments.master, arguments.libmesos, conf, arguments.runs)
    except SparkMesosError as error:
        print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return int(error.exit_code)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

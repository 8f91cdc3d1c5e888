"""How long commands take from start to exit, in turn with a peer where there is one.

- `sparkmesos --help` beside `python -c 'import click'`
- `sparkmesos submit` in cluster mode beside the real spark-submit: with the same arguments, asking the same
  stand-in for a dispatcher
- what has no peer: the commands of `config`, and `submit --dry-run`

All of them run with one small configuration, and without settings of whoever runs this.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.agreeing_dispatcher import SUBMISSION_ID, agreeing_dispatcher
from benchmarks.installed_spark import ENVIRONMENT, JAVA, PI, SPARK
from benchmarks.tables import machine, median_ratio, milliseconds, print_table
from sparkmesos_core.errors import SparkMesosError

OURS = str(Path(sys.executable).parent / "sparkmesos")
PEER = str(SPARK.program("spark-submit"))
CONFIGURATION = """\
# Read by every command.
spark.cores.max                 8
spark.executor.memory           4g
spark.executor.cores            2
spark.mesos.coarse              true
spark.mesos.constraints         rack:r1,r2;ssd:true
spark.mesos.executor.home       /opt/spark
spark.master.rest.enabled       true
"""
SUBMISSION = (
    *("--class", "org.example.Application", "--name", "an application"),
    *("--driver-memory", "1g", "--conf", "spark.mesos.driver.labels=team:data"),
    *("http://127.0.0.1/application.jar", "10"),
)


def seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Wall time of one run of a command, from start to exit. Raises SparkMesosError if it fails."""
    began = time.perf_counter()
    done = subprocess.run(
        command, env=environment, check=False, capture_output=True, encoding="utf-8", errors="replace"
    )
    took = time.perf_counter() - began
    if done.returncode != 0:
        raise SparkMesosError(f"{' '.join(command)} has failed ({done.returncode})", hint=done.stderr)
    return took


def row(label: str, ours: Sequence[float], theirs: Sequence[float]) -> tuple[str, ...]:
    """Both medians, and how many times faster ours is: the median of the pairs."""
    medians = (milliseconds(statistics.median(times)) for times in (ours, theirs))
    return (label, *medians, median_ratio(theirs, ours))


def beside_click(environment: Mapping[str, str], runs: int) -> None:
    """What a command costs of which only the name and the help are wanted."""
    commands = ([OURS, "--help"], [sys.executable, "-c", "import click"])
    pairs = [[seconds(command, environment) for command in commands] for _ in range(runs + 1)][1:]
    ours, theirs = zip(*pairs, strict=True)
    medians = [milliseconds(statistics.median(times)) for times in (ours, theirs)]
    print_table(("`sparkmesos --help`", "`import click`", "ratio"), [(*medians, median_ratio(ours, theirs))])


def beside_spark_submit(environment: Mapping[str, str], runs: int) -> None:
    """Cluster mode: submit, ask, kill."""
    rows = []
    with agreeing_dispatcher() as dispatcher:
        master = ("--master", dispatcher.url)
        submission = ("--deploy-mode", "cluster", *SUBMISSION)
        status, kill = ("--status", SUBMISSION_ID), ("--kill", SUBMISSION_ID)
        for name, arguments, peers, request in (
            ("submit", submission, submission, "POST create"),
            ("submit", status, status, f"GET status/{SUBMISSION_ID}"),
            ("status", (SUBMISSION_ID,), status, f"GET status/{SUBMISSION_ID}"),
            ("submit", kill, kill, f"POST kill/{SUBMISSION_ID}"),
            ("kill", (SUBMISSION_ID,), kill, f"POST kill/{SUBMISSION_ID}"),
        ):
            label = f"`{name} {arguments[0] if arguments[0].startswith('--') else 'ID'}`"
            commands = ((OURS, name, *master, *arguments), (PEER, *master, *peers))
            pairs = []
            for _ in range(runs + 1):
                pair = []
                for command in commands:
                    pair.append(seconds(command, environment))
                    dispatcher.check(request)
                pairs.append(pair)
            ours, theirs = zip(*pairs[1:], strict=True)  # the first has warmed the file cache
            rows.append(row(label, ours, theirs))
    print_table(("`sparkmesos …`", "`sparkmesos`", "`spark-submit`", "times faster"), rows)


def alone(environment: Mapping[str, str], runs: int) -> None:
    """Commands without a peer."""
    master = ("--master", "mesos://127.0.0.1:7077")
    commands = {
        "config check": ("config", "check", *master),
        "config explain KEY": ("config", "explain", "spark.mesos.constraints"),
        "config list": ("config", "list"),
        "config show": ("config", "show"),
        "submit --dry-run, cluster mode": (
            *("submit", "--dry-run", *master, "--deploy-mode", "cluster"),
            *SUBMISSION,
        ),
        "submit --dry-run, client mode": (
            *("submit", "--dry-run", "--mesos-driver", "http", "--master", "embedded[2]"),
            *PI,
        ),
    }
    rows = []
    for label, arguments in commands.items():
        times = [seconds((OURS, *arguments), environment) for _ in range(runs + 1)][1:]
        rows.append((f"`sparkmesos {label}`", milliseconds(statistics.median(times))))
    print_table(("", "median"), rows)


def main() -> int:
    """Prints the three tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20, help="of each command [20]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "spark-defaults.conf").write_text(CONFIGURATION)
        environment = {
            key: value
            for key, value in ENVIRONMENT.items()
            # Without bytecode every run would compile a checkout anew, as no installed package is.
            if not key.startswith("SPARKMESOS_") and key != "PYTHONDONTWRITEBYTECODE"
        } | {"SPARK_CONF_DIR": name, "XDG_CONFIG_HOME": name}
        print(f"Spark {SPARK.version}, Java {JAVA.major}, {machine()}, median of {arguments.runs} runs")
        try:
            beside_click(environment, arguments.runs)
            beside_spark_submit(environment, arguments.runs)
            alone(environment, arguments.runs)
        except SparkMesosError as error:
            print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
            return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long packing a SPARK_HOME takes, in turn with `tar czf`, and how large the archive becomes.

Both pack the same folder in full: nothing is excluded here. Two times of ours: the whole process, with the
start of Python, is what compares with tar's; packing alone is what `upload-dist` adds to all else it does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.installed_spark import SPARK
from benchmarks.tables import machine, median_ratio, print_table
from benchmarks.whole_process import Run, run
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.layout import folder_entries
from sparkmesos_core.dist.packing import pack
from sparkmesos_core.errors import SparkMesosError


def pack_alone(home: Path, target: Path, threads: int | None) -> float:
    """Packs a SPARK_HOME as `upload-dist --no-default-excludes --no-bridge` does; the seconds it took."""
    began = time.perf_counter()
    pack(folder_entries(home, Excludes(defaults=False)).entries, "spark", target, threads=threads)
    return time.perf_counter() - began


def measure(command: Sequence[str], target: Path, *, prints_seconds: bool = False) -> tuple[Run, int]:
    """One run, which does not find an earlier archive there, and the size of what it made."""
    target.unlink(missing_ok=True)
    done = run(command, os.environ, prints_seconds=prints_seconds)
    return done, target.stat().st_size


def row(label: str, ours: Sequence[tuple[Run, int]], tars: Sequence[tuple[Run, int]]) -> tuple[str, ...]:
    """Medians, the median of how many times faster ours is, how much larger, our peak memory."""
    times = [[done.seconds for done, _ in runs] for runs in (ours, tars)]
    sizes = [statistics.median(size for _, size in runs) for runs in (ours, tars)]
    peak = f"{max(done.peak_bytes for done, _ in ours) >> 20} MB"
    medians = [f"{statistics.median(each):.2f} s" for each in times]
    larger = f"{(sizes[0] / sizes[1] - 1) * 100:+.1f}%"
    return (label, *medians, median_ratio(times[1], times[0]), larger, peak)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs that count (default: 5)")
    parser.add_argument(
        "--home", type=Path, default=SPARK.path, help="what to pack (default: the installed Spark)"
    )
    parser.add_argument("--only", nargs=2, metavar=("TARGET", "THREADS"), help="pack once; print the seconds")
    options = parser.parse_args()
    home = options.home.resolve()
    if options.only:
        target, threads = options.only
        print(pack_alone(home, Path(target), int(threads) or None))
        return
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "spark.tgz")
        ours = [sys.executable, "-m", "benchmarks.packing", "--home", str(home), "--only", str(target)]
        kinds = {
            "all cores, whole process": ([*ours, "0"], False),
            "all cores, packing alone": ([*ours, "0"], True),
            "one thread, whole process": ([*ours, "1"], False),
        }
        pairs: dict[str, list[tuple[tuple[Run, int], tuple[Run, int]]]] = {kind: [] for kind in kinds}
        tar = ["tar", "czf", str(target), "-C", str(home.parent), home.name]
        measure(tar, target)  # warms the file cache
        for _ in range(options.runs):
            for kind, (command, prints_seconds) in kinds.items():
                pairs[kind].append(
                    (measure(command, target, prints_seconds=prints_seconds), measure(tar, target))
                )
    unpacked = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    print(f"{unpacked / 1e6:.0f} MB in {home.name}, {options.runs} pairs; {machine()}")
    print_table(
        ("", "ours", "`tar czf`", "times faster", "larger", "our memory at most"),
        [
            row(kind, [mine for mine, _ in runs], [theirs for _, theirs in runs])
            for kind, runs in pairs.items()
        ],
    )


if __name__ == "__main__":
    try:
        main()
    except SparkMesosError as error:
        sys.exit(f"{error}\n{error.hint}")

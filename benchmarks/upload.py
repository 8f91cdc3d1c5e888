"""How long uploads of a Spark take, in turn with the tools that operators use for it, to the same server.

- http: `curl -T`, to wsgidav and, if it is installed, to nginx
- s3: boto3's `upload_file` with its defaults and, if it is installed, `aws s3 cp`, to rclone's server
- hdfs: Hadoop's own `FsShell -put`, to a NameNode and a DataNode

Three tables: what carries the bytes alone (curl's own `time_total`, `upload_file`); the same as whole
processes from start to exit, with the digest of the file; and the whole `sparkmesos upload-dist`, which also
unpacks the archive and checks all of it while it is sent, reads back what has arrived where the server has
not checked it, and records its SHA-256. The peers do none of that.

The archive is the installed Spark with random bytes added up to `--megabytes`. Peak memory and CPU time
(always from start to exit) are those of the client's process, not of the server. A process counts the memory
of the one that it was forked from: peaks are never below that of this script.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.installed_spark import SPARK
from benchmarks.tables import machine, median_ratio, print_table
from benchmarks.whole_process import Run, run
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.layout import folder_entries
from sparkmesos_core.dist.packing import pack
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.progress import SILENT
from tests.servers.hdfs import real_hdfs
from tests.servers.nginx import nginx_server
from tests.servers.s3 import rclone_s3
from tests.servers.webdav import webdav_server

OURS = str(Path(sys.executable).parent / "sparkmesos")
_BUCKET = "dist"
_PIECE = 1 << 20
_HEADER = ("to", "sparkmesos", "peer", "takes", "ratio", "our CPU", "peer's CPU", "our peak", "peer's peak")

Command = Callable[[int], Sequence[str]]
"""The command of a run, which uploads under a name of its own."""


@dataclass(frozen=True)
class Comparison:
    """Ours beside a peer."""

    label: str
    ours: Command
    peer: str
    theirs: Command
    environment: Mapping[str, str]


def archive_of(folder: Path, megabytes: int) -> Path:
    """An archive with the installed Spark in it, of about this size."""
    stem = f"spark-{SPARK.version}-benchmark"
    archive = folder / f"{stem}.tgz"
    entries = folder_entries(SPARK.path, Excludes()).entries
    pack(entries, stem, archive, progress=SILENT)
    missing = (megabytes << 20) - archive.stat().st_size
    if missing > 0:
        padding = folder / "padding"
        with padding.open("wb") as file:
            for start in range(0, missing, _PIECE):
                file.write(os.urandom(min(_PIECE, missing - start)))
        entries = [*entries, Entry("padding", EntryKind.FILE, 0o644, missing, source=padding)]
        pack(entries, stem, archive, progress=SILENT)
        padding.unlink()
    return archive


def measure(one: Comparison, runs: int, *, only_transfer: bool) -> tuple[str, ...]:
    """A row: medians of alternating runs, the median of the pairs' ratios, CPU seconds, peak memory."""
    pairs: list[tuple[Run, Run]] = []
    for number in range(runs + 1):
        done: dict[Command, Run] = {}
        for command in (one.ours, one.theirs) if number % 2 else (one.theirs, one.ours):
            os.sync()  # what the last one wrote is not to slow down the next one
            done[command] = run([*command(number)], one.environment, prints_seconds=only_transfer)
        pairs.append((done[one.ours], done[one.theirs]))
    del pairs[0]  # it has warmed the file cache
    times = [[pair[side].seconds for pair in pairs] for side in (0, 1)]
    memory = [max(pair[side].peak_bytes for pair in pairs) >> 20 for side in (0, 1)]
    medians = [f"{statistics.median(each):.2f} s" for each in times]
    peaks = [f"{peak} MB" for peak in memory]
    computed = [f"{statistics.median(pair[side].cpu_seconds for pair in pairs):.2f} s" for side in (0, 1)]
    return (one.label, medians[0], one.peer, medians[1], median_ratio(*times), *computed, *peaks)


@contextlib.contextmanager
def http_places(folder: Path) -> Iterator[dict[str, str]]:
    """The URLs of the servers for PUT, by name."""
    with contextlib.ExitStack() as stack:
        places = {}
        stored = folder / "webdav"
        stored.mkdir()
        places["http (wsgidav)"] = f"http://{stack.enter_context(webdav_server(stored))}"
        if shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin"):
            stored, state = folder / "nginx", folder / "nginx-state"
            stored.mkdir()
            state.mkdir()
            places["http (nginx)"] = f"http://{stack.enter_context(nginx_server(stored, state, webdav=True))}"
        yield places


def transfers(archive: Path, folder: Path) -> Iterator[Comparison]:
    """What carries the bytes alone."""
    one = [sys.executable, "-m", "benchmarks.one_transfer"]
    environment = dict(os.environ)
    with http_places(folder) as places:
        for label, url in places.items():
            yield Comparison(
                label,
                lambda number, url=url: [*one, "ours", str(archive), f"{url}/ours{number}.tgz"],  # type: ignore[misc]
                "`curl -T`",
                lambda number, url=url: [  # type: ignore[misc]
                    *("curl", "-sS", "--fail", "-o", os.devnull, "-w", "%{time_total}"),
                    *("-T", str(archive), f"{url}/curl{number}.tgz"),
                ],
                environment,
            )
    (folder / "s3" / _BUCKET).mkdir(parents=True)
    with rclone_s3(folder / "s3") as server:
        yield Comparison(
            "s3 (rclone)",
            lambda number: [*one, "ours", str(archive), f"s3://{_BUCKET}/ours{number}.tgz"],
            "boto3 `upload_file`",
            lambda number: [*one, "boto3", str(archive), f"s3://{_BUCKET}/boto{number}.tgz"],
            {**environment, **server.environment()},
        )


def processes(archive: Path, folder: Path, ours: Sequence[str]) -> Iterator[Comparison]:
    """Whole processes. `ours` is our command without the destination, which comes last."""
    environment = dict(os.environ)
    with http_places(folder) as places:
        for label, url in places.items():
            curl = ["curl", "-sS", "--fail", "-o", os.devnull, "-T", str(archive)]
            yield Comparison(
                label,
                lambda number, url=url: [*ours, f"{url}/ours{number}/{archive.name}"],  # type: ignore[misc]
                "`curl -T`",
                lambda number, url=url, curl=curl: [*curl, f"{url}/curl{number}.tgz"],  # type: ignore[misc]
                environment,
            )
    (folder / "s3" / _BUCKET).mkdir(parents=True)
    with rclone_s3(folder / "s3") as server:
        boto3 = [sys.executable, "-m", "benchmarks.one_transfer", "boto3", str(archive)]
        peers = {"boto3 `upload_file`": boto3}
        if shutil.which("aws"):
            peers["`aws s3 cp`"] = ["aws", "s3", "cp", str(archive)]
        for number_of_peer, (peer, command) in enumerate(peers.items()):
            prefix = f"s3://{_BUCKET}/{number_of_peer}"
            yield Comparison(
                "s3 (rclone)",
                lambda number, prefix=prefix: [*ours, f"{prefix}-ours{number}/{archive.name}"],  # type: ignore[misc]
                peer,
                lambda number, prefix=prefix, command=command: [  # type: ignore[misc]
                    *command,
                    f"{prefix}-theirs{number}/{archive.name}",
                ],
                {**environment, **server.environment()},
            )
    stored = folder / "hdfs"
    stored.mkdir()
    with real_hdfs(stored) as hdfs:
        put = [*hdfs.java("org.apache.hadoop.fs.FsShell"), "-put", str(archive)]
        yield Comparison(
            "hdfs",
            lambda number: [*ours, hdfs.uri(f"/ours{number}/{archive.name}")],
            "`FsShell -put`",
            lambda number: [*put, hdfs.uri(f"/put{number}.tgz")],
            {**environment, "HADOOP_CONF_DIR": str(hdfs.conf_dir)},
        )


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="of each command [5]")
    parser.add_argument(
        "--megabytes", type=int, default=300, help="size of the archive, at least Spark's [300]"
    )
    arguments = parser.parse_args()
    # Without bytecode every run would compile a checkout anew, as no installed package is.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = archive_of(folder, arguments.megabytes)
        print(
            f"{archive.stat().st_size >> 20} MB with Spark {SPARK.version}, {machine()}, "
            f"median of {arguments.runs} runs"
        )
        try:
            alone = [sys.executable, "-m", "benchmarks.one_transfer", "ours", str(archive)]
            whole = [OURS, "-q", "upload-dist", "--no-bridge", "--force", str(archive)]
            tables: list[tuple[str, Callable[[Path, Path], Iterator[Comparison]], bool]] = [
                ("What carries the bytes alone:", transfers, True),
                ("The same as whole processes:", functools.partial(processes, ours=alone), False),
                ("`sparkmesos upload-dist`:", functools.partial(processes, ours=whole), False),
            ]
            for number, (title, comparisons, only_transfer) in enumerate(tables):
                print(f"\n{title}")
                place = folder / str(number)
                place.mkdir()
                print_table(
                    _HEADER,
                    [
                        measure(one, arguments.runs, only_transfer=only_transfer)
                        for one in comparisons(archive, place)
                    ],
                )
                shutil.rmtree(place)
        except SparkMesosError as error:
            print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
            return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())

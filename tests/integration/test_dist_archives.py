"""Archives of a real Spark: packed, repacked, checked, and run from as executors do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sparkmesos_core.bridge.compile import bridge_path
from sparkmesos_core.dist.archive import read_archive
from sparkmesos_core.dist.names import executor_prefix
from sparkmesos_core.dist.prepare import Prepared, PrepareOptions, inspect, prepare
from sparkmesos_core.errors import ArchiveError
from sparkmesos_core.spark.home import SparkHome, find_spark
from sparkmesos_core.spark.java import find_java
from tests.spark_checkout import make_checkout_of

pytestmark = pytest.mark.slow

_EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
_MOST_MEMORY = 150_000  # kB, as the issue of upload-dist promises at any size
_PREPARE = """
import os, re, sys
from pathlib import Path
from sparkmesos_core.dist.prepare import PrepareOptions, prepare
prepared = prepare(Path(sys.argv[1]), sys.argv[2], PrepareOptions(), Path(sys.argv[3]), os.environ)
# Not ru_maxrss, in which that of the process that forked is, too.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(prepared.path, prepared.made, peak.group(1))
"""


@dataclass(frozen=True)
class Packed:
    """The installed pyspark as an archive."""

    spark: SparkHome
    environment: dict[str, str]
    prepared: Prepared


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Packed]:
    environment = {**os.environ, "SPARKMESOS_CACHE_DIR": str(cache_dir)}
    environment.pop("SPARK_HOME", None)
    environment.pop("SOURCE_DATE_EPOCH", None)
    spark = find_spark(None, environment)
    work = tmp_path_factory.mktemp("packed")
    yield Packed(spark, environment, prepare(spark.path, None, PrepareOptions(), work, environment))
    shutil.rmtree(work)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder for what is too large to be left to the next runs."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def bridge_of(packed: Packed) -> bytes:
    """What `submit` uses with the same Spark."""
    cache = Path(packed.environment["SPARKMESOS_CACHE_DIR"]) / "bridge"
    return bridge_path(packed.spark.jars, cache).read_bytes()


def test_an_installed_pyspark_becomes_what_a_release_is(packed: Packed) -> None:
    prepared = packed.prepared
    version = packed.spark.version
    assert prepared.name == f"spark-{version}-bin-hadoop3.tgz"
    assert list(prepared.findings) == []
    facts = prepared.facts
    assert (facts.spark_version, facts.mesos_version, facts.has_bridge) == (version, "1.4.3", True)
    top = prepared.name.removesuffix(".tgz")
    assert facts.top_folders == (top,)
    contents = read_archive(prepared.path, wanted=lambda name: name.endswith(("RELEASE", "bridge.jar")))
    assert contents.files[f"{top}/sparkmesos/bridge.jar"] == bridge_of(packed)
    assert contents.files[f"{top}/RELEASE"].startswith(f"Spark {version} (git revision ".encode())
    with tarfile.open(prepared.path) as tar:
        assert tar.getnames() == [entry.name for entry in contents.entries]


@pytest.mark.parametrize(("shell", "beside"), [("bash", False), ("dash", True)])
def test_executors_start_from_it(packed: Packed, scratch: Path, shell: str, beside: bool) -> None:
    """By the very command that Spark gives Mesos, in a sandbox as its fetcher leaves it.

    Without its cache the archive is there, too (`beside`), and bash does not cd to two names.
    """
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    uri = f"http://repo.example/dist/{packed.prepared.name}"
    for name in ("stdout", "stderr"):
        (scratch / name).touch()
    archive = packed.prepared.path
    if beside:
        archive = scratch / packed.prepared.name
        archive.symlink_to(packed.prepared.path)
    subprocess.run(["tar", "-C", scratch, "-xf", archive], check=True)
    java = find_java(packed.spark, packed.environment)
    environment = {"PATH": os.environ["PATH"], "JAVA_HOME": str(java.home)}
    command = f"cd {executor_prefix(uri)}*;  ./bin/spark-class {_EXECUTOR} --nonsense"
    done = subprocess.run(
        [shell, "-c", command], cwd=scratch, env=environment, capture_output=True, text=True, check=False
    )
    assert "Unrecognized options: --nonsense" in done.stderr
    assert f"Usage: {_EXECUTOR}" in done.stderr
    command = f"cd {executor_prefix(uri)}*;  bin/spark-submit --version"
    done = subprocess.run(
        [shell, "-c", command], cwd=scratch, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert f"version {packed.spark.version}" in done.stderr


def test_an_archive_is_completed_in_little_memory(packed: Packed, scratch: Path) -> None:
    plain = scratch / "plain"
    plain.mkdir()
    options = PrepareOptions(bridge=False, default_excludes=False)
    without = prepare(packed.spark.path, None, options, plain, packed.environment)
    assert not without.facts.has_bridge
    done = subprocess.run(
        [sys.executable, "-c", _PREPARE, without.path, "mine.tgz", scratch],
        env=packed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    path, made, memory = done.stdout.split()
    assert made == "True"
    assert int(memory) < _MOST_MEMORY
    jar = "mine/sparkmesos/bridge.jar"
    completed = read_archive(Path(path), wanted=lambda name: name == jar)
    assert completed.files[jar] == bridge_of(packed)
    ours = {entry.name.partition("/")[2]: (entry.kind, entry.size, entry.mode) for entry in completed.entries}
    theirs = read_archive(packed.prepared.path).entries
    assert ours == {entry.name.partition("/")[2]: (entry.kind, entry.size, entry.mode) for entry in theirs}


def test_what_is_complete_passes_through(packed: Packed, scratch: Path) -> None:
    again = prepare(packed.prepared.path, None, PrepareOptions(), scratch, packed.environment)
    assert (again.path, again.made) == (packed.prepared.path, False)
    assert again.facts == packed.prepared.facts
    assert list(scratch.iterdir()) == []


def test_a_checkout_is_built_and_its_archive_completed(packed: Packed, scratch: Path) -> None:
    checkout = make_checkout_of(packed.spark.path, scratch / "spark", packed.spark.version)
    work = scratch / "work"
    work.mkdir()
    options = PrepareOptions(build_arguments=["--name", "own"])
    environment = {**packed.environment, "SPARKMESOS_STATE_DIR": str(scratch / "state")}
    prepared = prepare(checkout, None, options, work, environment)
    assert prepared.name == f"spark-{packed.spark.version}-bin-own.tgz"
    assert prepared.facts.has_bridge
    assert prepared.facts.mesos_version == "1.4.3"
    assert not any(path.startswith("examples/") for path in read_names(prepared))


def read_names(prepared: Prepared) -> list[str]:
    return [entry.name.partition("/")[2] for entry in read_archive(prepared.path).entries]


def test_a_download_that_was_cut_off(packed: Packed, scratch: Path) -> None:
    cut = scratch / packed.prepared.name
    shutil.copyfile(packed.prepared.path, cut)
    for length in (packed.prepared.path.stat().st_size - 1, 200_000_000):
        os.truncate(cut, length)
        with pytest.raises(ArchiveError, match=f"cut off.*after {length} bytes"):
            inspect(cut, None, PrepareOptions(), packed.environment)

"""Archives of classes with a real Spark 4 on the embedded Mesos: who loads classes from them, and what never happens."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkmesos_core.bridge.class_archive import ClassArchive
from tests.conftest import MadeOnce
from tests.integration.commands import Commands, commands_in
from tests.integration.short_lived_jvm import SMALL, as_options
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import INSTALLED, SparkUnderTest, spark_of

pytestmark = pytest.mark.slow

_TOP = "shared objects file (top)"
_OPTIONS = (
    *("--no-preflight", "--master", "embedded"),
    *as_options({**SMALL, "spark.cores.max": "1"}),
)


@pytest.fixture(scope="module")
def spark() -> SparkUnderTest:
    return spark_of(SPARK_4)


@pytest.fixture(scope="module")
def filled_cache(made_once: MadeOnce, cache_dir: Path, spark: SparkUnderTest) -> Path:
    """A cache with the bridge, and the archive that `sparkmesos bridge archive` makes beside it."""

    def make(folder: Path) -> None:
        with commands_in(folder, cache_dir, spark) as commands:
            made = commands.run("bridge", "archive", timeout=600)
            assert made.returncode == 0, made.stderr
            assert Path(made.stdout.strip()).is_file()

    made_once("class-archive", make)
    return cache_dir


@pytest.fixture
def commands(tmp_path: Path, filled_cache: Path, spark: SparkUnderTest) -> Iterator[Commands]:
    with commands_in(tmp_path, filled_cache, spark) as made:
        made.environment["SPARKMESOS_CLASS_ARCHIVE"] = "auto"
        yield made


def _application(folder: Path) -> str:
    path = folder / "app.py"
    path.write_text(
        "from pyspark.sql import SparkSession\n"
        "with SparkSession.builder.getOrCreate() as spark:\n"
        "    print('sum', spark.sparkContext.parallelize(range(10), 2).sum())\n"
    )
    return str(path)


def _sources(log: Path) -> dict[str, str]:
    """Where each class came from, by its name, as `-Xlog:class+load` tells."""
    lines = (line.partition(" source: ") for line in log.read_text().splitlines())
    return {name.split()[-1]: source for name, _, source in lines if source}


@pytest.mark.proves("spark.mesos.executor.classArchive")
def test_driver_and_executors_load_classes_from_it(commands: Commands, tmp_path: Path) -> None:
    logs = {role: tmp_path / f"{role}.log" for role in ("driver", "executor")}
    options = [
        f"spark.{role}.extraJavaOptions={SMALL[f'spark.{role}.extraJavaOptions']} -Xlog:class+load:file={log}"
        for role, log in logs.items()
    ]
    confs = [part for option in options for part in ("--conf", option)]
    done = commands.run("submit", *_OPTIONS, *confs, _application(tmp_path))
    assert (done.returncode, done.stdout) == (0, "sum 45\n"), done.stderr
    driver, executor = _sources(logs["driver"]), _sources(logs["executor"])
    assert driver["org.apache.spark.SparkContext"] == _TOP
    assert driver["org.apache.spark.sparkmesos.MesosBackend"] == _TOP
    assert executor["org.apache.spark.executor.CoarseGrainedExecutorBackend"] == _TOP
    assert executor["org.apache.spark.executor.Executor"] == _TOP
    for sources in (driver, executor):
        ours = [source for name, source in sources.items() if name.startswith("org.apache.spark.")]
        assert ours.count(_TOP) > 4 * sum(
            source.startswith("file:") for source in ours
        )  # the others are lambdas


@pytest.fixture
def archive(filled_cache: Path) -> Iterator[ClassArchive]:
    """The archive, which is as it was when the test has ended."""
    (record,) = (filled_cache / "bridge").glob("classes-*.json")
    found = ClassArchive(record.with_suffix(""))
    text, times, kept = record.read_text(), found.class_path.stat(), found.base.with_name("kept")
    os.link(found.classes, kept)
    try:
        yield found
    finally:
        kept.replace(found.classes)
        kept.unlink(missing_ok=True)  # which stays where both are the same file
        os.utime(found.class_path, ns=(times.st_atime_ns, times.st_mtime_ns))
        record.write_text(text)


class TestWhatIsWrongWithIt:
    """Java goes on without, and stdout is the application's alone."""

    def test_executors_that_find_none(self, commands: Commands, tmp_path: Path) -> None:
        work_dir = tmp_path / "mesos"
        done = commands.run(
            "submit",
            *_OPTIONS,
            *("--class-archive", "off", "--work-dir", str(work_dir)),
            *("--conf", f"spark.mesos.executor.classArchive={tmp_path}/missing.jsa"),
            _application(tmp_path),
        )
        assert (done.returncode, done.stdout) == (0, "sum 45\n"), done.stderr
        (stdout,) = (path for path in work_dir.rglob("stdout") if not path.parent.is_symlink())
        assert stdout.read_text() == ""
        assert "SharedArchive" not in stdout.with_name("stderr").read_text()

    def test_a_jar_that_has_changed_since(
        self, commands: Commands, archive: ClassArchive, tmp_path: Path
    ) -> None:
        os.utime(archive.class_path, (1, 1))  # Java compares its date with what is in the archive
        done = commands.run("submit", *_OPTIONS, _application(tmp_path))
        assert (done.returncode, done.stdout) == (0, "sum 45\n"), done.stderr
        assert "[cds" not in done.stderr

    def test_a_cut_off_one_is_not_used(self, commands: Commands, archive: ClassArchive) -> None:
        assert f"-XX:SharedArchiveFile={archive.classes}" in self._dry_run(commands)
        archive.classes.unlink()
        archive.classes.write_bytes(b"cut off")
        assert "SharedArchiveFile" not in self._dry_run(commands)

    def test_one_that_failed_is_not_used(self, commands: Commands, archive: ClassArchive) -> None:
        record = archive.record.read_text()
        archive.record.write_text(record.replace('"failure": ""', '"failure": "no Python"'))
        assert "SharedArchiveFile" not in self._dry_run(commands)

    @staticmethod
    def _dry_run(commands: Commands) -> str:
        (commands.folder / "app.py").touch()
        done = commands.run("submit", "--master", "mesos://h:5050", "--dry-run", "app.py")
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_ctrl_c_while_it_is_made_leaves_nothing(
    tmp_path: Path, filled_cache: Path, spark: SparkUnderTest
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(filled_cache, cache, ignore=shutil.ignore_patterns("classes-*"))
    with commands_in(tmp_path, cache, spark) as commands:
        process = commands.start("bridge", "archive")
        assert process.stderr is not None
        assert "Making an archive" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert commands.wait_for_no_process() == []
    left = sorted(path.name for path in (cache / "bridge").glob("*classes*"))
    assert [name for name in left if not name.endswith(".lock")] == []


def test_who_finds_it_being_made_goes_on_without(
    commands: Commands, tmp_path: Path, archive: ClassArchive
) -> None:
    archive.record.unlink()
    with archive.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = commands.run("submit", *_OPTIONS, _application(tmp_path))
    assert (done.returncode, done.stdout) == (0, "sum 45\n"), done.stderr
    assert "archive" not in done.stderr
    assert not archive.record.exists()


def test_bridge_archive_refuses_spark_3(tmp_path: Path, cache_dir: Path) -> None:
    with commands_in(tmp_path, cache_dir, spark_of(INSTALLED)) as commands:
        done = commands.run("bridge", "archive", "--output", "spark.jsa")
    assert done.returncode == 2
    assert "Archives of classes are for Spark 4" in done.stderr

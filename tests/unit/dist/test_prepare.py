"""From a source to an archive: a small Spark, a small program in the place of java, the bridge's real cache."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from sparkmesos_core.bridge.compile import bridge_path
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.dist.archive import read_archive
from sparkmesos_core.dist.prepare import Prepared, PrepareOptions, SourceKind, inspect, prepare
from sparkmesos_core.errors import ArchiveError, BridgeError, JavaNotFoundError, UsageError
from tests.small_spark import small_spark, write_archive, write_home
from tests.spark_checkout import make_checkout, make_checkout_of

TOP = "spark-3.5.9-bin-hadoop3"
NAME = f"{TOP}.tgz"
DEFAULT = PrepareOptions()
PLAIN = PrepareOptions(bridge=False, default_excludes=False)


class Bench:
    """A source, a folder to work in, and a Java whose compiler writes one class."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()
        self.said: list[str] = []
        java = folder / "java" / "bin" / "java"
        java.parent.mkdir(parents=True)
        (folder / "java" / "release").write_text('JAVA_VERSION="17.0.9"\n')
        self.calls = folder / "calls"
        java.write_text(
            f"#!{sys.executable}\n"
            "import pathlib, sys\n"
            f"with open({str(self.calls)!r}, 'a') as calls: print(*sys.argv[1:], file=calls)\n"
            "jars = sys.argv[sys.argv.index('-classpath') + 1].split(':')\n"
            "seen = '\\n'.join(f'{pathlib.Path(jar).name} {pathlib.Path(jar).read_text()}' for jar in jars)\n"
            "pathlib.Path(sys.argv[sys.argv.index('-d') + 1], 'Bridge.class').write_text(seen)\n"
        )
        java.chmod(0o755)
        self.environment = {
            "JAVA_HOME": str(folder / "java"),
            "SPARKMESOS_CACHE_DIR": str(folder / "cache"),
            "SPARKMESOS_STATE_DIR": str(folder / "state"),
            "PATH": "/usr/bin:/bin",
        }

    def home(self, **more: bytes) -> Path:
        return write_home(self.folder / TOP, {**small_spark(), **more})

    def archive(self, files: Mapping[str, bytes] | None = None, name: str = NAME, top: str = TOP) -> Path:
        return write_archive(self.folder / name, small_spark() if files is None else files, top)

    def prepare(self, source: Path, name: str | None = None, options: PrepareOptions = DEFAULT) -> Prepared:
        return prepare(source, name, options, self.work, self.environment, announce=self.said.append)

    def compiled(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def files_of(path: Path) -> dict[str, bytes]:
    return dict(read_archive(path, wanted=lambda name: True).files)


def test_a_home_becomes_an_archive_with_the_bridge(bench: Bench) -> None:
    home = bench.home()
    prepared = bench.prepare(home)
    assert (prepared.name, prepared.made, prepared.findings) == (NAME, True, [])
    assert prepared.path == bench.work / NAME
    assert prepared.left_out == ["examples/"]
    files = files_of(prepared.path)
    bridge = bridge_path(home / "jars", bench.folder / "cache" / "bridge")
    assert files[f"{TOP}/sparkmesos/bridge.jar"] == bridge.read_bytes()
    assert files[f"{TOP}/RELEASE"] == small_spark()["RELEASE"]
    assert prepared.facts.has_bridge
    assert prepared.facts.packed_size == prepared.path.stat().st_size
    assert prepared.facts.spark_version == "3.5.9"
    assert any("Compiling the Mesos bridge" in line for line in bench.said)


def test_an_archive_and_the_home_it_unpacks_to_have_the_same_bridge(bench: Bench) -> None:
    from_archive = bench.prepare(bench.archive())
    assert bench.compiled() == 1
    jar = f"{TOP}/sparkmesos/bridge.jar"
    bridge = files_of(from_archive.path)[jar]
    with zipfile.ZipFile(io.BytesIO(bridge)) as archive:
        seen = archive.read("Bridge.class").decode().splitlines()
    assert "mesos-1.4.3-shaded-protobuf.jar mesos-1.4.3-shaded-protobuf.jar" in seen
    # The cache has it now, and no Java is needed any more.
    shutil.rmtree(bench.folder / "java")
    assert files_of(bench.prepare(bench.home()).path)[jar] == bridge
    assert files_of(bench.prepare(bench.archive(), "other.tgz").path)["other/sparkmesos/bridge.jar"] == bridge
    assert bench.compiled() == 1


def test_a_source_in_the_work_folder_is_not_overwritten(bench: Bench) -> None:
    source = write_archive(bench.work / NAME, small_spark())
    before = source.read_bytes()
    prepared = bench.prepare(source)
    assert prepared.made
    assert prepared.path != source
    assert source.read_bytes() == before


def test_what_was_prepared_once_passes_through(bench: Bench) -> None:
    first = bench.prepare(bench.archive())
    moved = first.path.rename(bench.folder / NAME)
    again = bench.prepare(moved)
    assert (again.path, again.made, again.left_out) == (moved, False, [])
    assert list(bench.work.glob("*.tgz")) == []


def test_a_bridge_of_something_else_is_replaced(bench: Bench) -> None:
    first = bench.prepare(bench.archive({**small_spark(), "sparkmesos/bridge.jar": b"another"}))
    assert first.made
    assert files_of(first.path)[f"{TOP}/sparkmesos/bridge.jar"] != b"another"


def test_an_archive_can_be_taken_as_it_is(bench: Bench) -> None:
    archive = bench.archive({**small_spark(), "conf/spark-env.sh": b"export A=b\n"})
    prepared = bench.prepare(archive, options=PLAIN)
    assert (prepared.path, prepared.made) == (archive, False)
    assert [(finding.id, finding.severity) for finding in prepared.findings] == [
        ("own-configuration", Severity.WARNING),
        ("no-bridge", Severity.NOTE),
    ]
    assert bench.compiled() == 0


def test_the_same_source_gives_the_same_bytes(bench: Bench) -> None:
    one = bench.prepare(bench.home()).path.rename(bench.folder / "one")
    assert bench.prepare(bench.home()).path.read_bytes() == one.read_bytes()


@pytest.mark.parametrize(
    ("file", "name"), [("spark.tar.xz", "spark.tgz"), ("download", NAME), ("s.tgz", NAME)]
)
def test_the_name_when_the_destination_gives_none(bench: Bench, file: str, name: str) -> None:
    assert bench.prepare(bench.archive(name=file)).name == name


def test_a_name_of_the_destination(bench: Bench) -> None:
    prepared = bench.prepare(bench.archive(), "mine-1.tar.gz")
    assert prepared.name == "mine-1.tar.gz"
    assert prepared.facts.top_folders == ("mine-1",)
    assert bench.prepare(bench.home(), "spark-3.tgz").facts.top_folders == ("spark-3",)


def test_a_name_that_says_another_compression(bench: Bench) -> None:
    with pytest.raises(ArchiveError, match="does not say gzip"):
        bench.prepare(bench.home(), "spark.tar.xz")
    with tarfile.open(bench.folder / "plain.tar", "w:xz") as tar:
        tar.add(bench.home(), TOP)
    prepared = bench.prepare(bench.folder / "plain.tar", "spark.tar.xz", PLAIN)
    assert not prepared.made


def test_all_errors_at_once_before_anything_is_made(bench: Bench) -> None:
    files = small_spark()
    del files["bin/spark-class"], files["jars/spark-mesos_2.12-3.5.9.jar"]
    with pytest.raises(ArchiveError) as error:
        bench.prepare(bench.archive(files))
    for part in ("bin/spark-class", "built without Mesos", str(bench.folder / NAME)):
        assert part in error.value.message
    assert "-Pmesos" in error.value.hint
    assert list(bench.work.iterdir()) == []
    assert bench.compiled() == 0


def test_one_error_is_told_in_one_line(bench: Bench) -> None:
    files = small_spark()
    del files["jars/spark-mesos_2.12-3.5.9.jar"]
    with pytest.raises(ArchiveError, match=r"^Executors could not run from [^\n]*: this Spark 3\.5\.9 was"):
        bench.prepare(write_home(bench.folder / "without", files))


def test_spark_4_gets_the_backend(bench: Bench) -> None:
    files = small_spark("4.3.0", "2.13", "3.5.0")
    home = write_home(bench.folder / "four", files)
    packed = bench.prepare(home)
    assert (packed.name, packed.findings) == ("spark-4.3.0-bin-hadoop3.tgz", [])
    bridge = bridge_path(home / "jars", bench.folder / "cache" / "bridge").read_bytes()
    with zipfile.ZipFile(io.BytesIO(bridge)) as jar:
        assert "META-INF/services/org.apache.spark.scheduler.ExternalClusterManager" in jar.namelist()
    path = "spark-4.3.0-bin-hadoop3/sparkmesos/bridge.jar"
    assert files_of(packed.path)[path] == bridge
    released = write_archive(bench.folder / packed.name, files, "spark-4.3.0-bin-hadoop3")
    assert files_of(bench.prepare(released).path)[path] == bridge
    assert bench.compiled() == 1


def test_spark_4_that_no_bridge_can_be_compiled_with(bench: Bench) -> None:
    files = {name: data for name, data in small_spark("4.3.0", "2.13").items() if "zookeeper" not in name}
    home = write_home(bench.folder / "four", files)
    with pytest.raises(ArchiveError, match=r"does not have: zookeeper-\*\.jar"):
        bench.prepare(home)
    assert bench.prepare(home, options=PrepareOptions(bridge=False)).made


def test_the_inspection_finds_the_same_and_makes_nothing(bench: Bench) -> None:
    for source in (bench.home(), bench.archive()):
        inspection = inspect(source, None, PrepareOptions(), bench.environment)
        assert (inspection.name, inspection.makes, inspection.findings) == (NAME, True, [])
        assert inspection.left_out == ["examples/"]
        assert inspection.facts.packed_size is None
        prepared = bench.prepare(source)
        assert (prepared.left_out, prepared.findings) == (inspection.left_out, inspection.findings)
        prepared.path.unlink()
    inspection = inspect(bench.archive(), None, PLAIN, bench.environment)
    assert not inspection.makes
    assert inspection.facts.packed_size == bench.archive().stat().st_size
    assert inspection.source.kind is SourceKind.ARCHIVE
    errors = inspect(bench.archive({"a": b""}), "x.zip", PLAIN, bench.environment).findings
    assert [finding.id for finding in errors if finding.severity is Severity.ERROR] == [
        "archive-name",
        "no-spark",
    ]


def test_a_spark_that_no_bridge_can_be_compiled_with(bench: Bench) -> None:
    files = {name: data for name, data in small_spark().items() if "scala-compiler" not in name}
    for source in (bench.archive(files), write_home(bench.folder / "h", files)):
        with pytest.raises(ArchiveError, match="no scala-compiler"):
            bench.prepare(source)
        assert [one.id for one in inspect(source, None, PrepareOptions(), bench.environment).findings] == [
            "bridge"
        ]
        assert bench.prepare(source, options=PrepareOptions(bridge=False)).made


def test_without_the_bridge_one_that_is_there_goes(bench: Bench) -> None:
    files = {**small_spark(), "sparkmesos/bridge.jar": b"old"}
    for source in (bench.archive(files), write_home(bench.folder / TOP, files)):
        prepared = bench.prepare(source, options=PLAIN)
        assert prepared.left_out == ["sparkmesos/bridge.jar"]
        assert not prepared.facts.has_bridge
        assert not any("bridge" in name for name in files_of(prepared.path))
        assert files_of(bench.prepare(source).path)[f"{TOP}/sparkmesos/bridge.jar"] != b"old"


def test_jars_that_are_links_in_the_archive(bench: Bench) -> None:
    jars = {name: data for name, data in small_spark().items() if name.startswith("jars/")}
    rest = {name: data for name, data in small_spark().items() if name not in jars}
    moved = {f"shared/{Path(name).name}": data for name, data in jars.items()}
    with tarfile.open(bench.archive({**rest, **moved}, name="plain.tar"), "r:gz") as tar:
        tar.extractall(bench.folder, filter="data")
    home = bench.folder / TOP
    (home / "jars").mkdir()
    for name in jars:
        (home / name).symlink_to(f"../shared/{Path(name).name}")
    with tarfile.open(bench.folder / NAME, "w:gz") as tar:
        tar.add(home, TOP)
    first = files_of(bench.prepare(bench.folder / NAME).path)
    assert (
        first[f"{TOP}/sparkmesos/bridge.jar"]
        == files_of(bench.prepare(home).path)[f"{TOP}/sparkmesos/bridge.jar"]
    )
    assert bench.compiled() == 1


def test_patterns_that_match_nothing_are_told(bench: Bench) -> None:
    for source in (bench.home(), bench.archive()):
        prepared = bench.prepare(
            source, options=PrepareOptions(bridge=False, excludes=["jars/hive*", "python"])
        )
        found = [finding.id for finding in prepared.findings]
        assert found == ["no-python", "unused-exclude", "no-bridge"]


def test_a_pattern_that_leaves_out_what_is_needed(bench: Bench) -> None:
    for source in (bench.home(), bench.archive()):
        with pytest.raises(UsageError, match="--exclude 'bin' leaves out bin/"):
            bench.prepare(source, options=PrepareOptions(excludes=["bin"]))


def test_a_checkout_is_built_first(bench: Bench) -> None:
    checkout = make_checkout_of(bench.home(), bench.folder / "spark")
    lines: list[str] = []
    prepared = prepare(
        checkout,
        None,
        PrepareOptions(build_arguments=["--name", "custom", "-Pyarn"]),
        bench.work,
        bench.environment,
        announce=bench.said.append,
        build_output=lines.append,
    )
    assert prepared.name == "spark-3.5.9-bin-custom.tgz"
    assert prepared.facts.has_bridge
    assert "Building with Maven: -Pmesos -Pyarn" in lines
    assert bench.said[0].startswith("Building Spark in ")


def test_a_pattern_that_cannot_be_is_told_before_a_build(bench: Bench) -> None:
    checkout = make_checkout_of(bench.home(), bench.folder / "spark")
    with pytest.raises(UsageError):
        bench.prepare(checkout, options=PrepareOptions(excludes=[""]))
    assert bench.said == []


def test_a_build_that_fails_leaves_its_log(bench: Bench) -> None:
    checkout = make_checkout(bench.folder / "spark", "echo the compiler is broken; exit 3")
    with pytest.raises(ArchiveError, match="the compiler is broken"):
        bench.prepare(checkout)
    assert "broken" in (bench.folder / "state" / "make-distribution.log").read_text()


def test_only_a_checkout_is_built(bench: Bench) -> None:
    with pytest.raises(UsageError, match="built already"):
        bench.prepare(bench.home(), options=PrepareOptions(build_arguments=["-Pyarn"]))
    checkout = make_checkout(bench.folder / "spark", "true")
    with pytest.raises(UsageError, match="has to be built"):
        inspect(checkout, None, PrepareOptions(), bench.environment)


def test_no_java_and_no_bridge_yet(bench: Bench) -> None:
    bench.environment["JAVA_HOME"] = str(bench.folder / "nowhere")
    for source in (bench.home(), bench.archive()):
        with pytest.raises(JavaNotFoundError):
            bench.prepare(source)


def test_a_compiler_that_fails(bench: Bench) -> None:
    (bench.folder / "java" / "bin" / "java").write_text("#!/bin/sh\necho no such class; exit 1\n")
    source = bench.archive()
    with pytest.raises(BridgeError, match="no such class") as error:
        bench.prepare(source)
    assert f"the Spark 3.5.9 of {source}" in error.value.message


def test_too_little_room_is_told_before_anything_is_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(bench.work)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    for source in (bench.home(), bench.archive()):
        with pytest.raises(ArchiveError, match="No room for the archive"):
            bench.prepare(source, options=PrepareOptions(bridge=False))
    assert list(bench.work.iterdir()) == []


def test_the_time_of_everything_is_told_by_the_environment(bench: Bench) -> None:
    bench.environment["SOURCE_DATE_EPOCH"] = "1000000000"
    with tarfile.open(bench.prepare(bench.archive()).path) as tar:
        assert {member.mtime for member in tar} == {1000000000}
    bench.environment["SOURCE_DATE_EPOCH"] = "today"
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        bench.prepare(bench.archive())

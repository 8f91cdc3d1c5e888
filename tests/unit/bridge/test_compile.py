"""The bridge's compile cache: its key, one compilation however many come, nothing half-done, and what goes wrong.

A small program stands in for java: it notes that it was called, and does what the test tells it to.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Collection
from pathlib import Path

import pytest

from sparkmesos_core.bridge.compile import (
    bridge_path,
    ensure_bridge,
    ensure_packed_bridge,
    jar_sizes,
    write_bridge,
)
from sparkmesos_core.errors import BridgeError, ExitCode

JARS = [
    "jackson-annotations-2.15.2.jar",
    "jackson-core-2.15.2.jar",
    "jackson-databind-2.15.2.jar",
    "mesos-1.4.3-shaded-protobuf.jar",
    "scala-compiler-2.12.18.jar",
    "scala-library-2.12.18.jar",
    "scala-reflect-2.12.18.jar",
    "slf4j-api-2.0.7.jar",
    "spark-core_2.12-3.5.9.jar",
    "zookeeper-3.6.3.jar",
    "hadoop-client-api-3.3.4.jar",
]
SPARK_4_JARS = [
    "hadoop-client-api-3.5.0.jar",
    "jackson-annotations-2.21.jar",
    "jackson-core-2.21.2.jar",
    "jackson-databind-2.21.2.jar",
    "metrics-core-4.2.33.jar",
    "scala-compiler-2.13.18.jar",
    "scala-library-2.13.18.jar",
    "scala-reflect-2.13.18.jar",
    "slf4j-api-2.0.17.jar",
    "spark-common-utils-java_2.13-4.3.0.jar",
    "spark-common-utils_2.13-4.3.0.jar",
    "spark-core_2.13-4.3.0.jar",
    "spark-network-common_2.13-4.3.0.jar",
    "spark-network-shuffle_2.13-4.3.0.jar",
    "spark-sql_2.13-4.3.0.jar",
    "zookeeper-3.9.5.jar",
]


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    return write_jars(tmp_path / "spark home" / "jars", JARS)


@pytest.fixture
def jars_of_4(tmp_path: Path) -> Path:
    return write_jars(tmp_path / "spark 4" / "jars", SPARK_4_JARS)


def write_jars(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


class FakeJava:
    """`script` is Python; in it, `classes` is where the class files belong and `arguments` is all it was given."""

    def __init__(self, folder: Path, script: str) -> None:
        self.log = folder / "calls"
        self.path = folder / "java"
        self.path.write_text(
            f"#!{sys.executable}\n"
            "import os, pathlib, sys, time\n"
            "arguments = sys.argv[1:]\n"
            f"with open({str(self.log)!r}, 'a') as log: print(arguments, file=log)\n"
            "classes = pathlib.Path(arguments[arguments.index('-d') + 1])\n" + script
        )
        self.path.chmod(0o755)

    def calls(self) -> list[list[str]]:
        return [eval(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


COMPILES = "(classes / 'a').mkdir()\n(classes / 'a' / 'B.class').write_bytes(b'b')\n(classes / 'A.class').write_bytes(b'a')\n"


@pytest.fixture
def java(tmp_path: Path) -> FakeJava:
    return FakeJava(tmp_path, COMPILES)


def silent(line: str) -> None:
    pass


def left_over(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock") if cache.exists() else []


def test_compiles_once_and_says_so(jars: Path, java: FakeJava, tmp_path: Path) -> None:
    said: list[str] = []
    cache = tmp_path / "deep" / "cache"
    jar = ensure_bridge(jars, java.path, cache, said.append)
    assert jar.parent == cache
    assert ensure_bridge(jars, java.path, cache, said.append) == jar
    assert len(java.calls()) == 1
    assert said == [
        "Compiling the Mesos bridge with Spark's own Scala compiler (once per Spark, about 10 s)…"
    ]
    assert left_over(cache) == [jar.name]


def test_the_compiler_is_sparks_own(jars: Path, java: FakeJava, tmp_path: Path) -> None:
    ensure_bridge(jars, java.path, tmp_path / "cache", silent)
    (arguments,) = java.calls()
    program = arguments.index("scala.tools.nsc.Main")
    compiler = arguments[arguments.index("-cp") + 1].split(os.pathsep)
    libraries = arguments[arguments.index("-classpath") + 1].split(os.pathsep)
    assert {Path(jar).name for jar in compiler} == {name for name in JARS if name.startswith("scala-")}
    assert str(jars / "mesos-1.4.3-shaded-protobuf.jar") in libraries
    assert str(jars / "spark-core_2.12-3.5.9.jar") in libraries
    assert str(jars / "zookeeper-3.6.3.jar") in libraries
    assert str(jars / "hadoop-client-api-3.3.4.jar") not in libraries
    sources = [Path(name) for name in arguments[program:] if name.endswith(".scala")]
    assert all(source.is_file() for source in sources)
    names = {f"{source.parent.name}/{source.name}" for source in sources}
    assert {"driver/MesosSchedulerDriver.scala", "conversation/Conversation.scala"} <= names
    assert not any(name.startswith("backend/") for name in names)


def test_spark_4_gets_the_backend_and_java_is_told_of_it(
    jars_of_4: Path, java: FakeJava, tmp_path: Path
) -> None:
    jar = ensure_bridge(jars_of_4, java.path, tmp_path / "cache", silent)
    (arguments,) = java.calls()
    libraries = arguments[arguments.index("-classpath") + 1].split(os.pathsep)
    told = {Path(library).name for library in libraries}
    assert told == {name for name in SPARK_4_JARS if not re.match(r"scala-[cr]|spark-sql", name)}
    folders = {Path(name).parent.name for name in arguments if name.endswith(".scala")}
    assert folders == {"conversation", "backend"}
    with zipfile.ZipFile(jar) as archive:
        service = "META-INF/services/org.apache.spark.scheduler.ExternalClusterManager"
        assert archive.read(service) == b"org.apache.spark.sparkmesos.MesosClusterManager\n"


def test_a_jar_of_mesos_that_somebody_put_into_spark_4_makes_no_difference(
    jars_of_4: Path, tmp_path: Path
) -> None:
    before = bridge_path(jars_of_4, tmp_path)
    (jars_of_4 / "mesos-1.4.3-shaded-protobuf.jar").write_text("of no use")
    assert bridge_path(jars_of_4, tmp_path) == before


def test_the_jar_is_reproducible(jars: Path, java: FakeJava, tmp_path: Path) -> None:
    first = write_bridge(tmp_path / "one.jar", jars, java.path, silent)
    second = write_bridge(tmp_path / "two.jar", jars, java.path, silent)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["META-INF/MANIFEST.MF", "A.class", "a/B.class"]
        assert archive.read("a/B.class") == b"b"
        assert archive.read("META-INF/MANIFEST.MF").startswith(b"Manifest-Version: 1.0\r\n")


def test_jars_in_an_archive_have_the_bridge_of_the_same_unpacked(
    jars: Path, java: FakeJava, tmp_path: Path
) -> None:
    asked: list[str] = []

    def unpack(names: Collection[str]) -> Path:
        asked.extend(names)
        folder = tmp_path / "unpacked"
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes((jars / name).read_bytes())
        return folder

    sizes, cache = jar_sizes(jars), tmp_path / "cache"
    jar = ensure_packed_bridge(sizes, "spark.tgz", unpack, lambda: java.path, cache, silent)
    assert "mesos-1.4.3-shaded-protobuf.jar" in asked
    assert "hadoop-client-api-3.3.4.jar" not in asked
    assert ensure_bridge(jars, tmp_path / "no-java", cache, silent) == jar

    def nothing(names: Collection[str] = ()) -> Path:
        raise AssertionError("what is in the cache needs neither Java nor jars")

    assert ensure_packed_bridge(sizes, "spark.tgz", nothing, nothing, cache, silent) == jar
    assert len(java.calls()) == 1


def test_jars_in_an_archive_are_named_by_it(jars: Path, tmp_path: Path) -> None:
    sizes = jar_sizes(jars)
    del sizes["scala-compiler-2.12.18.jar"]
    with pytest.raises(BridgeError, match=r"no scala-compiler-\*\.jar in spark\.tgz"):
        ensure_packed_bridge(sizes, "spark.tgz", lambda names: jars, lambda: tmp_path, tmp_path, silent)
    broken = FakeJava(tmp_path, "sys.exit(1)")
    with pytest.raises(BridgeError, match=r"with the Spark 3\.5\.9 of spark\.tgz"):
        ensure_packed_bridge(
            jar_sizes(jars), "spark.tgz", lambda names: jars, lambda: broken.path, tmp_path / "c", silent
        )


def test_write_replaces(jars: Path, java: FakeJava, tmp_path: Path) -> None:
    output = tmp_path / "bridge.jar"
    output.write_text("old")
    assert write_bridge(output, jars, java.path, silent) == output
    assert zipfile.is_zipfile(output)


def test_the_key_depends_on_sources_and_jars(
    jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key() -> str:
        return bridge_path(jars, tmp_path).name

    keys = [key()]
    (jars / "hive-exec-2.3.9.jar").write_text("which the bridge knows nothing of")
    assert key() == keys[0]
    (jars / "zookeeper-3.6.3.jar").rename(jars / "zookeeper-3.6.4.jar")
    keys.append(key())
    (jars / "zookeeper-3.6.4.jar").write_text("longer than it was before")
    keys.append(key())
    sources = tmp_path / "scala" / "driver"
    sources.mkdir(parents=True)
    monkeypatch.setattr("sparkmesos_core.bridge.recipes.SOURCES", sources.parent)
    (sources / "A.scala").write_text("object A")
    keys.append(key())
    (sources / "A.scala").write_text("object B")
    keys.append(key())
    (sources.parent / "backend").mkdir()
    (sources.parent / "backend" / "C.scala").write_text("which is for another Spark")
    assert key() == keys[-1]
    (sources.parent / "conversation").mkdir()
    (sources / "A.scala").rename(sources.parent / "conversation" / "A.scala")
    keys.append(key())
    monkeypatch.setattr("sparkmesos_core.bridge.compile._FORMAT", 0)
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_who_comes_second_waits(jars: Path, tmp_path: Path) -> None:
    java = FakeJava(tmp_path, "time.sleep(0.5)\n" + COMPILES)
    program = (
        "import sys; from pathlib import Path; from sparkmesos_core.bridge.compile import ensure_bridge\n"
        "print(ensure_bridge(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), lambda line: None))"
    )
    cache = tmp_path / "cache"
    command = [sys.executable, "-c", program, str(jars), str(java.path), str(cache)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = {process.communicate(timeout=60)[0] for process in processes}
    assert len(outputs) == 1
    assert len(java.calls()) == 1
    assert zipfile.is_zipfile(Path(outputs.pop().strip()))


def test_a_failing_compiler(jars: Path, tmp_path: Path) -> None:
    java = FakeJava(tmp_path, "for n in range(40): print('error', n)\nsys.exit(1)")
    with pytest.raises(BridgeError, match="does not compile") as failure:
        ensure_bridge(jars, java.path, tmp_path / "cache", silent)
    assert failure.value.message.endswith("error 38\nerror 39")
    assert "error 24" not in failure.value.message
    assert "Spark 3.5.9 of" in failure.value.message
    assert "Spark 2.4 to 3.5" in failure.value.hint
    assert "native" in failure.value.hint
    assert failure.value.exit_code == ExitCode.FAILED
    assert left_over(tmp_path / "cache") == []


def test_a_spark_whose_internals_have_moved(jars_of_4: Path, tmp_path: Path) -> None:
    (jars_of_4 / "spark-core_2.13-4.3.0.jar").rename(jars_of_4 / "spark-core_2.13-4.9.0.jar")
    java = FakeJava(tmp_path, "print('SparkInternals.scala:7: error: not found: type X')\nsys.exit(1)")
    with pytest.raises(BridgeError, match=r"with the Spark 4\.9\.0 of .*jars; the compiler says") as failure:
        ensure_bridge(jars_of_4, java.path, tmp_path / "cache", silent)
    assert failure.value.message.endswith("SparkInternals.scala:7: error: not found: type X")
    assert "made for Spark 4.0 to 4.3, and Spark 4.9.0 runs on Java 17, 21 or 25;" in failure.value.hint
    assert "Spark 4.9.0" in failure.value.hint
    assert "native" not in failure.value.hint


def test_the_compiler_of_spark_2_on_a_java_that_it_cannot_read(jars: Path, tmp_path: Path) -> None:
    (jars / "scala-compiler-2.12.18.jar").rename(jars / "scala-compiler-2.11.12.jar")
    java = FakeJava(tmp_path, "sys.exit(1)")
    with pytest.raises(BridgeError) as failure:
        ensure_bridge(jars, java.path, tmp_path / "cache", silent)
    assert "Spark 2.4 needs Java 8" in failure.value.hint
    assert str(java.path) in failure.value.hint


def test_a_compiler_that_writes_nothing(jars: Path, tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match="exit code 0"):
        ensure_bridge(jars, FakeJava(tmp_path, "").path, tmp_path / "cache", silent)
    assert left_over(tmp_path / "cache") == []


def test_interrupted(jars: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the compiler and leaves nothing behind."""
    started = tmp_path / "pid"
    os.mkfifo(started)
    java = FakeJava(tmp_path, f"pathlib.Path({str(started)!r}).write_text(str(os.getpid()))\ntime.sleep(60)")
    pids = []

    def interrupt() -> None:
        pids.append(int(started.read_text()))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        ensure_bridge(jars, java.path, tmp_path / "cache", silent)
    thread.join()
    assert left_over(tmp_path / "cache") == []
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_killed_compiler(jars: Path, tmp_path: Path) -> None:
    """Its classes may be half of them."""
    java = FakeJava(tmp_path, COMPILES + "os.kill(os.getpid(), 9)")
    with pytest.raises(BridgeError, match="exit code -9"):
        ensure_bridge(jars, java.path, tmp_path / "cache", silent)
    assert left_over(tmp_path / "cache") == []


def test_a_full_disk(jars: Path, java: FakeJava, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, "writestr", full)
        with pytest.raises(BridgeError, match=r"cannot be written.*No space left"):
            ensure_bridge(jars, java.path, tmp_path / "cache", silent)
    assert left_over(tmp_path / "cache") == []
    assert zipfile.is_zipfile(ensure_bridge(jars, java.path, tmp_path / "cache", silent))


def test_links_that_lead_nowhere_are_no_jars(jars: Path, java: FakeJava, tmp_path: Path) -> None:
    path = bridge_path(jars, tmp_path)
    (jars / "removed.jar").symlink_to(tmp_path / "none")
    assert bridge_path(jars, tmp_path) == path
    (jars / "scala-library-9.jar").symlink_to(tmp_path / "none")
    ensure_bridge(jars, java.path, tmp_path / "cache", silent)
    assert not any("scala-library-9" in argument for argument in java.calls()[0])
    mesos = jars / "mesos-1.4.3-shaded-protobuf.jar"
    mesos.unlink()
    mesos.symlink_to(tmp_path / "none")
    with pytest.raises(BridgeError, match="no Mesos support"):
        ensure_bridge(jars, java.path, tmp_path / "cache", silent)


@pytest.mark.parametrize(
    ("missing", "said", "advice"),
    [
        ("mesos-1.4.3-shaded-protobuf.jar", "no Mesos support", "or Spark 4, which needs none"),
        ("scala-compiler-2.12.18.jar", "no scala-compiler-", "bridge build"),
        ("zookeeper-3.6.3.jar", r"does not have: zookeeper-\*\.jar$", "without Hadoop"),
        ("spark-core_2.12-3.5.9.jar", r"does not have: spark-core-\*\.jar$", "includes Hadoop"),
        ("scala-library-2.12.18.jar", r"does not have: scala-library-\*\.jar$", "native"),
    ],
)
def test_a_jar_is_missing(
    missing: str, said: str, advice: str, jars: Path, java: FakeJava, tmp_path: Path
) -> None:
    (jars / missing).unlink()
    with pytest.raises(BridgeError, match=said) as failure:
        ensure_bridge(jars, java.path, tmp_path / "cache", silent)
    assert str(jars) in failure.value.message
    assert advice in failure.value.hint
    with pytest.raises(BridgeError, match=said):
        write_bridge(tmp_path / "bridge.jar", jars, java.path, silent)
    assert java.calls() == []


def test_a_jar_is_missing_in_spark_4(jars_of_4: Path, java: FakeJava, tmp_path: Path) -> None:
    (jars_of_4 / "hadoop-client-api-3.5.0.jar").unlink()
    with pytest.raises(BridgeError, match=r"does not have: hadoop-client-api-\*\.jar$") as failure:
        ensure_bridge(jars_of_4, java.path, tmp_path / "cache", silent)
    assert "without Hadoop" in failure.value.hint
    assert "native" not in failure.value.hint


def test_a_spark_that_is_too_old(jars: Path, java: FakeJava, tmp_path: Path) -> None:
    (jars / "spark-core_2.12-3.5.9.jar").rename(jars / "spark-core_2.11-2.3.4.jar")
    with pytest.raises(BridgeError, match=r"for Spark 2\.4 to 3\.5 and Spark 4\.0 to 4\.3, .* is 2\.3\.4$"):
        ensure_bridge(jars, java.path, tmp_path / "cache", silent)


def test_no_spark(java: FakeJava, tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match="no directory"):
        ensure_bridge(tmp_path / "none", java.path, tmp_path / "cache", silent)


def test_java_does_not_start(jars: Path, tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match="does not start") as failure:
        ensure_bridge(jars, tmp_path / "no-java", tmp_path / "cache", silent)
    assert "JAVA_HOME" in failure.value.hint
    assert left_over(tmp_path / "cache") == []


def test_the_cache_cannot_be_written(jars: Path, java: FakeJava, tmp_path: Path) -> None:
    occupied = tmp_path / "cache"
    occupied.write_text("a file where a directory should be")
    with pytest.raises(BridgeError, match=str(occupied)) as failure:
        ensure_bridge(jars, java.path, occupied, silent)
    assert "SPARKMESOS_CACHE_DIR" in failure.value.hint
    with pytest.raises(BridgeError, match="cannot be written"):
        write_bridge(tmp_path / "nowhere" / "bridge.jar", jars, java.path, silent)

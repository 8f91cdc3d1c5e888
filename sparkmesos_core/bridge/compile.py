"""Compiles the bridge to Mesos with the user's own Spark, once, into a cache.

The bridge is Scala source in this package. Every Spark brings a Scala compiler in its `jars`, which runs on a
plain Java runtime, so the bridge always fits the Spark that it is loaded into, and no binary is shipped.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sparkmesos_core.errors import BridgeError

# Raised when the jar would differ although sources and jars do not, say by other compiler options.
_FORMAT = 1
_SOURCES = Path(__file__).parent / "scala"
_COMPILER_JARS = ("scala-compiler", "scala-library", "scala-reflect")
# What the sources refer to. The compiler indexes all it is given, so the 250 other jars would cost seconds.
_NEEDED_JARS = (
    "scala-library",
    "jackson-annotations",
    "jackson-core",
    "jackson-databind",
    "mesos",
    "slf4j-api",
    "spark-core_*",
    "zookeeper",
)
# What only some releases have: part of Spark's core since 3.5, part of ZooKeeper since its 3.5, and what the
# Scala compiler of Spark 2.4 wants to see although the sources do not name it (it is gone since Spark 3.2).
_PARTS = ("spark-common-utils_*", "zookeeper-jute", "hadoop-common")
# The program runs for seconds: the quick compiler of the JVM and the simplest collector halve its time.
_JAVA_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xshare:auto",
    "-XX:-UsePerfData",  # a file in /tmp, which a killed program would leave there
)
_LAST_LINES = 15


def bridge_key(jars_dir: Path) -> str:
    """What a compiled bridge depends on in 20 hex digits: its sources, names and sizes of Spark's jars."""
    digest = hashlib.sha256(f"format {_FORMAT}\n".encode())
    for source in _sources():
        text = source.read_bytes()
        digest.update(f"{source.name} {len(text)}\n".encode() + text)
    for jar in _files(jars_dir, "*.jar"):
        digest.update(f"{jar.name} {jar.stat().st_size}\n".encode())
    return digest.hexdigest()[:20]


def ensure_bridge(jars_dir: Path, java: Path, cache_dir: Path, announce: Callable[[str], None]) -> Path:
    """The bridge for a Spark, from the cache or compiled into it.

    `jars_dir` is Spark's `jars` directory, `java` the java program to compile with, `announce` gets one line
    if there is something to wait for. Safe when several processes come at once: one compiles, others wait.
    Raises BridgeError when this Spark has no Mesos support, no compiler or not all the jars, when compiling
    fails, and when the cache cannot be written.
    """
    jar = bridge_path(jars_dir, cache_dir)
    if jar.is_file():
        return jar
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _only_one(jar.with_suffix(".lock")):
            if not jar.is_file():
                _build(jar, jars_dir, java, announce)
    except OSError as error:
        raise BridgeError(
            f"The Mesos bridge cannot be written to {cache_dir}: {error.strerror or error}",
            hint="Make this directory writable, or set SPARKMESOS_CACHE_DIR to another one.",
        ) from error
    return jar


def bridge_path(jars_dir: Path, cache_dir: Path) -> Path:
    """Where `ensure_bridge` has the bridge for a Spark, whether it is there yet or not.

    Raises BridgeError when this Spark has no Mesos support, no compiler or not all the jars.
    """
    _check_spark(jars_dir)
    return cache_dir / f"bridge-{bridge_key(jars_dir)}.jar"


def write_bridge(output: Path, jars_dir: Path, java: Path, announce: Callable[[str], None]) -> Path:
    """Compiles the bridge for a Spark into the file `output`, which may exist, and returns its path.

    Arguments and errors are those of `ensure_bridge`; the directory of `output` must exist.
    """
    _check_spark(jars_dir)
    try:
        _build(output, jars_dir, java, announce)
    except OSError as error:
        raise BridgeError(
            f"The Mesos bridge cannot be written to {output}: {error.strerror or error}",
            hint="Name a file in a directory that exists and is writable.",
        ) from error
    return output


def _sources() -> list[Path]:
    return sorted(_SOURCES.glob("*.scala"))


def _jars(jars_dir: Path, names: tuple[str, ...]) -> list[Path]:
    """The jars of these names in any version, e.g. mesos-1.4.3-shaded-protobuf.jar for "mesos"."""
    return [jar for name in names for jar in _files(jars_dir, f"{name}-[0-9]*.jar")]


def _files(jars_dir: Path, pattern: str) -> list[Path]:
    """Sorted, and without links that lead nowhere: Java passes over those as well."""
    return sorted(path for path in jars_dir.glob(pattern) if path.is_file())


def _check_spark(jars_dir: Path) -> None:
    if not jars_dir.is_dir():
        raise BridgeError(
            f"There is no directory {jars_dir} with Spark's jars",
            hint="Set SPARK_HOME to a Spark 3.3, 3.4 or 3.5, or install pyspark 3.5.",
        )
    if not _jars(jars_dir, ("mesos",)):
        raise BridgeError(
            f"The Spark of {jars_dir} has no Mesos support: there is no mesos-*.jar",
            hint="Use one of Spark 2.4 to 3.5; Spark 4 has dropped Mesos.",
        )
    if not _jars(jars_dir, ("scala-compiler",)):
        raise BridgeError(
            f"There is no scala-compiler-*.jar in {jars_dir}, which the Mesos bridge is compiled with",
            hint="Every Spark release has one: restore it from the release, or compile the bridge with "
            "another copy of the same Spark by `sparkmesos bridge build`.",
        )
    missing = [name for name in _COMPILER_JARS + _NEEDED_JARS if not _jars(jars_dir, (name,))]
    if missing:
        listed = ", ".join(f"{name.removesuffix('_*')}-*.jar" for name in dict.fromkeys(missing))
        raise BridgeError(
            f"The Mesos bridge needs jars that the Spark of {jars_dir} does not have: {listed}",
            hint="A Spark built without Hadoop takes some of them from Hadoop's class path, where the bridge "
            "cannot use them: copy them from there into this directory, use the release of Spark that "
            "includes Hadoop, or use libmesos (--mesos-driver native).",
        )


def _build(jar: Path, jars_dir: Path, java: Path, announce: Callable[[str], None]) -> None:
    """Compiles into a temporary directory beside `jar`, then moves the finished jar to its place."""
    with tempfile.TemporaryDirectory(prefix=".bridge-", dir=jar.parent) as work:
        announce("Compiling the Mesos bridge with Spark's own Scala compiler (once per Spark, about 10 s)…")
        classes = Path(work) / "classes"
        classes.mkdir()
        _compile(classes, jars_dir, java)
        finished = Path(work) / "bridge.jar"
        _pack(classes, finished)
        finished.replace(jar)


def _compile(classes: Path, jars_dir: Path, java: Path) -> None:
    def path_of(names: tuple[str, ...]) -> str:
        return os.pathsep.join(map(str, _jars(jars_dir, names)))

    compiler = [str(java), *_JAVA_OPTIONS, "-cp", path_of(_COMPILER_JARS), "scala.tools.nsc.Main"]
    libraries = path_of(_NEEDED_JARS + _PARTS)
    options = ["-nowarn", "-encoding", "UTF-8", "-classpath", libraries, "-d", str(classes)]
    try:
        # subprocess.run kills the compiler when Ctrl-C or anything else interrupts it.
        done = subprocess.run(
            [*compiler, *options, *map(str, _sources())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise BridgeError(
            f"The Mesos bridge cannot be compiled: {java} does not start ({error.strerror or error})",
            hint="Set JAVA_HOME to a Java that this Spark supports: 8, 11 or 17.",
        ) from error
    if done.returncode != 0 or not any(classes.rglob("*.class")):
        last = "\n".join(done.stdout.strip().splitlines()[-_LAST_LINES:])
        raise BridgeError(
            f"The Mesos bridge does not compile with the Spark of {jars_dir} "
            f"(exit code {done.returncode}):\n{last}",
            hint=_compiler_advice(jars_dir, java),
        )


def _compiler_advice(jars_dir: Path, java: Path) -> str:
    if any(jar.name.startswith("scala-compiler-2.11.") for jar in _jars(jars_dir, ("scala-compiler",))):
        # It finds the classes of Java 9 and newer only through Java's own compiler, which a runtime lacks.
        return (
            "The Scala compiler of Spark 2.4 needs Java 8, or the JDK (not only the runtime) of a newer one. "
            f"{java} was used. Set JAVA_HOME to a Java 8, which Spark 2.4 itself needs, too."
        )
    return (
        f"It is made for Spark 2.4 to 3.5 on Java 8, 11 or 17; {java} was used. "
        "Use such a Spark and Java, or libmesos (--mesos-driver native)."
    )


def _pack(classes: Path, jar: Path) -> None:
    """Writes a jar that depends on nothing but its classes: sorted, with fixed dates and modes."""
    entries = {
        "META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\nImplementation-Title: sparkmesos bridge\r\n\r\n"
    }
    for file in sorted(classes.rglob("*.class")):
        entries[file.relative_to(classes).as_posix()] = file.read_bytes()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Holds a lock file, waiting for whoever has it; where a file system has no locks, everybody compiles."""
    with lock.open("w") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

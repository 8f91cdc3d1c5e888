"""Compiles the bridge to Mesos with the user's own Spark, once, into a cache.

The bridge is Scala source in this package. Every Spark brings a Scala compiler in its `jars`, which runs on a
plain Java runtime, so the bridge always fits the Spark that it is loaded into, and no binary is shipped. Its
jars tell which of the two kinds it takes (`kinds.py`, `recipes.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from sparkmesos_core.bridge.kinds import BridgeKind
from sparkmesos_core.bridge.recipes import COMPILER_JARS, Recipe, recipe_for, select_jars
from sparkmesos_core.errors import BridgeError
from sparkmesos_core.spark.core_jar import Release, find_core_jar

# Raised when the jar would differ although sources and jars do not, say by other compiler options.
_FORMAT = 2
# The program runs for seconds: the quick compiler of the JVM and the simplest collector halve its time.
_JAVA_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xshare:auto",
    "-XX:-UsePerfData",  # a file in /tmp, which a killed program would leave there
)
_LAST_LINES = 15


def bridge_key(recipe: Recipe, jars: Mapping[str, int]) -> str:
    """What a compiled bridge depends on in 20 hex digits: its sources, name and size of each jar it needs."""
    digest = hashlib.sha256(
        f"format {_FORMAT} {recipe.kind.value} {sorted(recipe.services.items())}\n".encode()
    )
    for name, source in recipe.sources().items():
        text = source.read_bytes()
        digest.update(f"{name} {len(text)}\n".encode() + text)
    # The others make no difference, and an archive of this very Spark may lack some.
    for name in sorted(set(select_jars(jars, recipe.used))):
        digest.update(f"{name} {jars[name]}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:20]


def jar_sizes(jars_dir: Path) -> dict[str, int]:
    """The jars in a directory with their sizes in bytes, but for links that lead nowhere, as for Java."""
    jars = (path for path in jars_dir.glob("*.jar") if path.is_file())
    return {jar.name: jar.stat().st_size for jar in jars}


def ensure_bridge(jars_dir: Path, java: Path, cache_dir: Path, announce: Callable[[str], None]) -> Path:
    """The bridge for a Spark, from the cache or compiled into it.

    `jars_dir` is Spark's `jars` directory, `java` the java program to compile with, `announce` gets one line
    if there is something to wait for. Safe when several processes come at once: one compiles, others wait.
    Raises BridgeError when this Spark has no Mesos support, no compiler or not all the jars, when compiling
    fails, and when the cache cannot be written.
    """
    recipe = _recipe_for_directory(jars_dir)
    jar = _cached(recipe, jar_sizes(jars_dir), cache_dir)
    return _ensure(jar, lambda: _build(recipe, jar, jars_dir, str(jars_dir), java, announce))


def ensure_packed_bridge(
    jars: Mapping[str, int],
    place: str,
    unpack: Callable[[Collection[str]], Path],
    java: Callable[[], Path],
    cache_dir: Path,
    announce: Callable[[str], None],
) -> Path:
    """The bridge for a Spark whose jars are in an archive: the one that `ensure_bridge` has for it unpacked.

    `jars` are the names and sizes of all its jars, `place` says where they are, for messages. Only if it has
    to be compiled, `java` is asked for a program, and `unpack` for a directory with the jars that it is given
    the names of. Raises what these raise, and BridgeError as `ensure_bridge` does.
    """
    recipe = recipe_for(jars, place)
    jar = _cached(recipe, jars, cache_dir)

    def build() -> None:
        program = java()
        _build(recipe, jar, unpack(select_jars(jars, recipe.used)), place, program, announce)

    return _ensure(jar, build)


def _ensure(jar: Path, build: Callable[[], None]) -> Path:
    """Has a jar of the cache built if it is not there; by one process, whoever else comes waits."""
    if jar.is_file():
        return jar
    try:
        jar.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(jar.with_suffix(".lock")):
            if not jar.is_file():
                build()
    except OSError as error:
        raise BridgeError(
            f"The Mesos bridge cannot be written to {jar.parent}: {error.strerror or error}",
            hint="Make this directory writable, or set SPARKMESOS_CACHE_DIR to another one.",
        ) from error
    return jar


def bridge_path(jars_dir: Path, cache_dir: Path) -> Path:
    """Where `ensure_bridge` has the bridge for a Spark, whether it is there yet or not.

    Raises BridgeError when this Spark has no Mesos support, no compiler or not all the jars.
    """
    return _cached(_recipe_for_directory(jars_dir), jar_sizes(jars_dir), cache_dir)


def write_bridge(output: Path, jars_dir: Path, java: Path, announce: Callable[[str], None]) -> Path:
    """Compiles the bridge for a Spark into the file `output`, which may exist, and returns its path.

    Arguments and errors are those of `ensure_bridge`; the directory of `output` must exist.
    """
    recipe = _recipe_for_directory(jars_dir)
    try:
        _build(recipe, output, jars_dir, str(jars_dir), java, announce)
    except OSError as error:
        raise BridgeError(
            f"The Mesos bridge cannot be written to {output}: {error.strerror or error}",
            hint="Name a file in a directory that exists and is writable.",
        ) from error
    return output


def _cached(recipe: Recipe, jars: Mapping[str, int], cache_dir: Path) -> Path:
    return cache_dir / f"bridge-{bridge_key(recipe, jars)}.jar"


def _recipe_for_directory(jars_dir: Path) -> Recipe:
    if not jars_dir.is_dir():
        raise BridgeError(
            f"There is no directory {jars_dir} with Spark's jars",
            hint="Set SPARK_HOME to a Spark 3.3 to 4.3, or install pyspark 3.5.",
        )
    return recipe_for(jar_sizes(jars_dir), str(jars_dir))


def _build(
    recipe: Recipe, jar: Path, jars_dir: Path, place: str, java: Path, announce: Callable[[str], None]
) -> None:
    """Compiles into a temporary directory beside `jar`, then moves the finished jar to its place.

    `place` is what messages call `jars_dir`.
    """
    with tempfile.TemporaryDirectory(prefix=".bridge-", dir=jar.parent) as work:
        announce("Compiling the Mesos bridge with Spark's own Scala compiler (once per Spark, about 10 s)…")
        classes = Path(work) / "classes"
        classes.mkdir()
        _compile(recipe, classes, jars_dir, place, java)
        finished = Path(work) / "bridge.jar"
        _pack(classes, recipe.services, _named(jar_sizes(jars_dir)), finished)
        finished.replace(jar)


def _compile(recipe: Recipe, classes: Path, jars_dir: Path, place: str, java: Path) -> None:
    jars = jar_sizes(jars_dir)

    def path_of(names: tuple[str, ...]) -> str:
        return os.pathsep.join(str(jars_dir / jar) for jar in select_jars(jars, names))

    compiler = [str(java), *_JAVA_OPTIONS, "-cp", path_of(COMPILER_JARS), "scala.tools.nsc.Main"]
    libraries = path_of(recipe.libraries)
    options = ["-nowarn", "-encoding", "UTF-8", "-classpath", libraries, "-d", str(classes)]
    try:
        # subprocess.run kills the compiler when Ctrl-C or anything else interrupts it.
        done = subprocess.run(
            [*compiler, *options, *map(str, recipe.sources().values())],
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
            hint=f"Set JAVA_HOME to a Java that this Spark supports: {recipe.kind.javas(_release(jars))}.",
        ) from error
    if done.returncode != 0 or not any(classes.rglob("*.class")):
        spark = _named(jars)
        last = "\n".join(done.stdout.strip().splitlines()[-_LAST_LINES:])
        raise BridgeError(
            f"The Mesos bridge does not compile with the {spark} of {place}; "
            f"the compiler says (exit code {done.returncode}):\n{last}",
            hint=_compiler_advice(recipe.kind, spark, jars, java),
        )


def _compiler_advice(kind: BridgeKind, spark: str, jars: Collection[str], java: Path) -> str:
    if any(jar.startswith("scala-compiler-2.11.") for jar in jars):
        # It finds the classes of Java 9 and newer only through Java's own compiler, which a runtime lacks.
        return (
            "The Scala compiler of Spark 2.4 needs Java 8, or the JDK (not only the runtime) of a newer one. "
            f"{java} was used. Set JAVA_HOME to a Java 8, which Spark 2.4 itself needs, too."
        )
    made_for = (
        f"It is made for {kind.sparks}, and {spark} runs on {kind.javas(_release(jars))}; {java} was used."
    )
    if kind is BridgeKind.DRIVER:
        return f"{made_for} Use such a Spark and Java, or libmesos (--mesos-driver native)."
    return (
        f"{made_for} Use such a Spark and Java. A newer Spark may have moved internals that the bridge "
        "needs: look for a newer sparkmesos."
    )


def _release(jars: Collection[str]) -> Release | None:
    core = find_core_jar(jars)
    return core.release if core else None


def _named(jars: Collection[str]) -> str:
    """The Spark that has these jars, for messages."""
    core = find_core_jar(jars)
    return f"Spark {core.version}" if core else "Spark"


def _pack(classes: Path, services: Mapping[str, Collection[str]], spark: str, jar: Path) -> None:
    """Writes a jar that depends on nothing but what is in it, and says which Spark it was compiled for.

    It is sorted, with fixed dates and modes.
    """
    manifest = f"Implementation-Title: sparkmesos bridge\r\nImplementation-Version: {spark}\r\n"
    entries = {"META-INF/MANIFEST.MF": f"Manifest-Version: 1.0\r\n{manifest}\r\n".encode()}
    for service in sorted(services):
        entries[f"META-INF/services/{service}"] = "".join(f"{name}\n" for name in services[service]).encode()
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

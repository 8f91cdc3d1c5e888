"""A JVM with the bridge and the Scala classes of this folder, which measures what it is asked to."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sparkmesos_core.bridge.compile import ensure_bridge
from sparkmesos_core.directories import cache_directory
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import Java

_SOURCES = Path(__file__).parent / "scala"
_LIBRARIES = ("jackson-*", "mesos-*", "scala-library-*", "spark-core_*", "spark-common-utils_*")


def bridge_jar(spark: SparkHome, java: Java) -> Path:
    """The bridge for this Spark, compiled if it is not cached yet. Raises BridgeError."""
    folder = cache_directory(os.environ) / "bridge"
    return ensure_bridge(spark.jars, java.executable, folder, lambda line: print(line, file=sys.stderr))


def compile_classes(spark: SparkHome, java: Java, classes: Path) -> None:
    """Compiles the Scala classes of this folder with Spark's own compiler."""
    libraries = [bridge_jar(spark, java), *(jar for name in _LIBRARIES for jar in spark.jars.glob(name))]
    compile_scala(spark, java, sorted(_SOURCES.glob("*.scala")), libraries, classes)


def compile_scala(
    spark: SparkHome, java: Java, sources: Sequence[Path], libraries: Sequence[Path], classes: Path
) -> None:
    """Compiles sources into the folder `classes` with Spark's own compiler."""
    subprocess.run(
        [
            *(str(java.executable), "-XX:TieredStopAtLevel=1"),
            *("-cp", os.pathsep.join(map(str, spark.jars.glob("scala-[clr]*.jar")))),
            *("scala.tools.nsc.Main", "-nowarn", "-classpath", os.pathsep.join(map(str, libraries))),
            *("-d", str(classes), *map(str, sources)),
        ],
        check=True,
    )


class DriverJvm:
    """The running JVM."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, *words: object) -> Any:
        """Asks for one measurement and returns the answer. RuntimeError if the JVM has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):  # a line of some library's
                return json.loads(line)
        raise RuntimeError(f"the JVM has ended instead of answering to {words[0]}")


@contextlib.contextmanager
def driver_jvm(spark: SparkHome, java: Java, classes: Path) -> Iterator[DriverJvm]:
    """The JVM for the length of the block; `classes` is what `compile_classes` has filled."""
    path = [str(classes), str(bridge_jar(spark, java)), f"{spark.jars}/*"]
    with subprocess.Popen(
        [str(java.executable), "-cp", os.pathsep.join(path), "org.sparkmesos.benchmarks.Drivers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield DriverJvm(process)
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)
        finally:
            process.kill()

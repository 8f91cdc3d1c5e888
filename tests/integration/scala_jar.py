"""Applications in Scala, compiled by the compiler that comes with the Spark that is to run them."""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from pathlib import Path

from tests.integration.short_lived_jvm import JVM
from tests.integration.spark_under_test import SparkUnderTest


def make_scala_jar(source: Path, jar: Path, spark: SparkUnderTest) -> None:
    """Writes a JAR with the classes of one source file. Raises CalledProcessError if it does not compile."""
    with tempfile.TemporaryDirectory() as classes:
        compiler = [
            *(str(spark.java.executable), *JVM.split()),
            *("-cp", f"{spark.home.jars}/*", "scala.tools.nsc.Main"),
            *("-usejavacp", "-nowarn", "-encoding", "UTF-8"),
        ]
        subprocess.run([*compiler, "-d", classes, str(source)], check=True, timeout=120)
        with zipfile.ZipFile(jar, "w") as archive:
            for path in sorted(Path(classes).rglob("*.class")):
                archive.write(path, path.relative_to(classes))

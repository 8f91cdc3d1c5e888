"""Applications in Scala, compiled by the Spark that they are for."""

from __future__ import annotations

import zipfile
from pathlib import Path

from benchmarks.driver_jvm import compile_scala
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import Java

_SOURCES = Path(__file__).parent / "scala"


def application_jar(name: str, spark: SparkHome, java: Java, folder: Path) -> Path:
    """The jar of what is in the folder `name` of `scala/`; it is written into `folder`."""
    classes = folder / f"{name}-{spark.version}"
    classes.mkdir()
    sources = sorted((_SOURCES / name).glob("*.scala"))
    compile_scala(spark, java, sources, sorted(spark.jars.glob("*.jar")), classes)
    path = classes.with_name(f"{classes.name}.jar")
    with zipfile.ZipFile(path, "w") as jar:
        for file in classes.rglob("*.class"):
            jar.write(file, file.relative_to(classes))
    return path

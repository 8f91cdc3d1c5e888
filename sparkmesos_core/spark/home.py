"""Finding Spark and reading what kind of Spark it is from its files, without starting it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import util as importlib_util
from pathlib import Path

from sparkmesos_core.bridge.kinds import BridgeKind, bridge_kind
from sparkmesos_core.errors import SparkNotFoundError
from sparkmesos_core.spark.core_jar import Release, find_core_jar, release_of

OFFICIAL_RELEASE = "Use an official release of Spark: unpack it, and point SPARK_HOME or --spark-home to it."
"""What to do where a Spark comes without something that official releases have."""
_INSTALL_HINT = "Install one that can run on Mesos with: pip install 'pyspark>=3.5.9,<3.6'"


@dataclass(frozen=True)
class SparkHome:
    """A Spark installation: an unpacked release or a pip-installed pyspark."""

    path: Path
    version: str
    """As in the name of the core jar: `3.5.9`."""
    scala_version: str
    """The binary version of Scala: `2.12`."""
    has_mesos: bool
    """Whether Spark's own Mesos module is inside, which no Spark 4 has."""
    origin: str
    """Where the user told us of it, for messages."""

    @property
    def jars(self) -> Path:
        """The folder of Spark's jars."""
        return self.path / "jars"

    @property
    def release(self) -> Release:
        """The first two numbers of the version; (0, 0) for a version without two."""
        return release_of(self.version) or (0, 0)

    @property
    def bridge_kind(self) -> BridgeKind | None:
        """What speaks to Mesos over HTTP in it; None if there is nothing for this Spark."""
        return bridge_kind(self.release, has_mesos=self.has_mesos)

    def program(self, name: str) -> Path:
        """The path of a program in `bin/`. Raises SparkNotFoundError if it is not there or cannot be run."""
        path = self.path / "bin" / name
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise SparkNotFoundError(
                f"{self.path} ({self.origin}) has no bin/{name} that can be run",
                hint="The installation is incomplete: install it again.",
            )
        return path


def find_spark(explicit: Path | None, environment: Mapping[str, str]) -> SparkHome:
    """The Spark to use: `explicit` (option --spark-home), else SPARK_HOME, else the installed pyspark.

    Raises SparkNotFoundError if there is none, or the one that was asked for is not a Spark.
    """
    if explicit is not None:
        return read_spark(explicit, "--spark-home")
    if value := environment.get("SPARK_HOME"):
        return read_spark(Path(value), "SPARK_HOME")
    # find_spec looks at the file system only: importing pyspark would take most of a second.
    spec = importlib_util.find_spec("pyspark")
    if spec is not None and spec.origin is not None:
        return read_spark(Path(spec.origin).parent, "the installed pyspark")
    raise SparkNotFoundError(
        "No Spark found: --spark-home and SPARK_HOME are not set, and pyspark is not installed",
        hint=f"{_INSTALL_HINT}; or set SPARK_HOME to an unpacked Spark.",
    )


def read_spark(path: Path, origin: str) -> SparkHome:
    """What is installed in `path`. Raises SparkNotFoundError if that is not a Spark."""
    path = path.expanduser().absolute()
    core = find_core_jar(jar.name for jar in (path / "jars").glob("spark-core_*.jar"))
    if core is None:
        problem = "is not a Spark (it has no jars/spark-core_*.jar)" if path.is_dir() else "does not exist"
        raise SparkNotFoundError(
            f"{path} ({origin}) {problem}",
            hint=f"Point it to the top folder of an unpacked Spark. {_INSTALL_HINT}",
        )
    return SparkHome(
        path=path,
        version=core.version,
        scala_version=core.scala_version,
        has_mesos=any((path / "jars").glob("spark-mesos_*.jar")),
        origin=origin,
    )


def require_mesos(spark: SparkHome) -> None:
    """Raises SparkNotFoundError if this Spark cannot run on Mesos, saying why.

    A Spark 4 can, without a module of its own: the bridge is its backend.
    """
    if spark.has_mesos or spark.bridge_kind is BridgeKind.BACKEND:
        return
    raise SparkNotFoundError(
        f"Spark {spark.version} in {spark.path} ({spark.origin}) was built without Mesos "
        "(it has no jars/spark-mesos_*.jar)",
        hint="Use an official release, or build it with the profile -Pmesos. " + _INSTALL_HINT,
    )

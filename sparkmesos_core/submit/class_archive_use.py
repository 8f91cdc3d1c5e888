"""Whether the archive of Spark's classes can be used by a driver, and by its executors.

What this decides is pure, but for `conf_names` and `java_opts`. An archive that does not fit does no harm:
the JVM goes on without. What is kept away here is what would change what an application finds, or make the
JVM talk.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from sparkmesos_core.bridge.class_archive import ClassArchive

PROPERTY = "spark.mesos.executor.classArchive"
"""Where executors have one on their agents, for our backend."""

_SUBMIT_OPTIONS = "SPARK_SUBMIT_OPTS"
_OF_EVERY_JVM = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
# With these a JVM has another archive or none, takes its classes from elsewhere, or changes them.
_AGAINST = (
    "-Xshare",
    "SharedArchive",
    "SharedClassList",
    "ArchiveClassesAtExit",
    "DumpLoadedClassList",
    "AOTCache",
    "AOTMode",
    "-Xbootclasspath",
    "-agentlib",
    "-agentpath",
    "-javaagent",
    "--limit-modules",
    "--patch-module",
    "--upgrade-module-path",
    "java.system.class.loader",
)
_ELSEWHERE = (
    "spark.executor.uri",
    "spark.home",
    "spark.mesos.executor.home",
    "spark.mesos.executor.docker.image",
)
"""Properties by which executors have another Spark than the driver, or none of this machine's files."""


def driver_can(configuration: Mapping[str, str], environment: Mapping[str, str], of_conf: str = "") -> bool:
    """Whether the driver's JVM can take an archive: what the user puts on its class path keeps its place.

    `of_conf` are the options of all its JVMs that Spark's launcher reads, `java_opts`.
    """
    variables = [environment.get(name, "") for name in (_SUBMIT_OPTIONS, *_OF_EVERY_JVM)]
    return _can("driver", configuration, (*variables, of_conf))


def executors_can(
    configuration: Mapping[str, str], environment: Mapping[str, str], *, is_local: bool
) -> bool:
    """Whether executors can take the driver's archive. `is_local`: the agents are on this machine."""
    elsewhere = [configuration.get(name, "") for name in _ELSEWHERE] + [
        environment.get("SPARK_EXECUTOR_URI", "")
    ]
    if not is_local or PROPERTY in configuration or any(map(str.strip, elsewhere)):
        return False
    variables = [configuration.get(f"spark.executorEnv.{name}", "") for name in _OF_EVERY_JVM]
    if configuration.get("spark.executorEnv.JAVA_HOME"):
        return False
    return _can("executor", configuration, variables)


def driver_options(archive: ClassArchive, theirs: str) -> str:
    """SPARK_SUBMIT_OPTS for a driver that takes the archive; `theirs` are behind, where they win."""
    return " ".join(filter(None, (*archive.java_options, theirs)))


def hides_conf(names: Collection[str], folders: Iterable[Path]) -> bool:
    """Whether a file of these `conf` folders would not be found any more: there is one in Spark's jars.

    `names` are those at the top of the jars, which are in front of `conf` with the archive.
    """
    return any(name in names for folder in folders for name in conf_names(folder))


def conf_names(folder: Path) -> list[str]:
    """The names in a `conf` folder; none if there is no such folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - which is for names
    except OSError:
        return []


def java_opts(folders: Iterable[Path]) -> str:
    """The options of JVMs in `conf` folders: `AbstractCommandBuilder.buildJavaCommand` reads `java-opts`."""
    read = []
    for folder in folders:
        with contextlib.suppress(OSError):
            read.append((folder / "java-opts").read_text(encoding="utf-8", errors="replace"))
    return "\n".join(read)


def _can(role: str, configuration: Mapping[str, str], variables: Iterable[str]) -> bool:
    if configuration.get(f"spark.{role}.extraClassPath", "").strip():
        return False
    options = [
        configuration.get(f"spark.{role}.{name}", "") for name in ("defaultJavaOptions", "extraJavaOptions")
    ]
    return not any(word in text for text in (*options, *variables) for word in _AGAINST)

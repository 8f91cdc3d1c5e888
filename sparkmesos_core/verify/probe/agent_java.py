"""The Java and the Spark that a probe's task has found on its agent, and whether they fit."""

from __future__ import annotations

import re

from sparkmesos_core.spark.core_jar import release_of
from sparkmesos_core.spark.java_releases import usable_java
from sparkmesos_core.verify.probe.grouped_verdict import Wrong
from sparkmesos_core.verify.probe.result import TriedAgent

_VERSION = re.compile(r'version "(?P<first>\d+)(?:\.(?P<second>\d+))?')
_SANDBOX = re.compile(r"/frameworks/[^/]+/executors/|^/mnt/mesos/sandbox(/|$)")
"""A path inside one, as agents lay them out, and as containers see it (`--sandbox_directory`)."""
_JAR = re.compile(r"spark-(?:core_[\d.]+-|assembly-)(?P<version>\d[\w.-]*?)(?:-hadoop.*)?\.jar")


def spark_version(agent: TriedAgent) -> str | None:
    """By the name of its core jar; None if the task has not told one."""
    match = _JAR.fullmatch(agent.said("spark.jar"))
    return match["version"] if match is not None else None


def wrong_java(agent: TriedAgent) -> Wrong | None:
    """What keeps Spark there from running on the Java that it would take; None if nothing does."""
    if agent.report is None or "java" not in agent.report:
        return None
    java = place(agent, agent.said("java"))
    if not java:
        return Wrong(
            "no Java is found: JAVA_HOME is not set for tasks, and no java is on their PATH",
            f"{_INSTALL_JAVA}, or set spark.executorEnv.JAVA_HOME to where they have one.",
            "spark.executorEnv.JAVA_HOME",
        )
    if agent.said("java.runs") == "no":
        return Wrong(
            f"{java} does not run",
            f"Correct JAVA_HOME (spark.executorEnv.JAVA_HOME, or the agent's), or {_INSTALL_JAVA.lower()}.",
            "spark.executorEnv.JAVA_HOME",
        )
    version, major = spark_version(agent), java_version(agent)
    if version is None or major is None:
        return None
    lowest, highest = usable_java(release_of(version) or (0, 0))
    if lowest <= major <= highest:
        return None
    fits = f"Java {lowest}" + (f" to {highest}" if highest > lowest else "")
    return Wrong(
        f"{java} is Java {major}, but Spark {version} needs {fits}",
        f"Install {fits} on these agents and set spark.executorEnv.JAVA_HOME to it.",
        "spark.executorEnv.JAVA_HOME",
    )


_INSTALL_JAVA = "Install a Java on these agents"


def place(agent: TriedAgent, path: str) -> str:
    """A path on an agent, in words that are the same on all of them: each sandbox has a path of its own."""
    folder = agent.said("folder").rstrip("/")
    if not _SANDBOX.search(folder) or not f"{path}/".startswith(f"{folder}/"):
        return path
    inside = path[len(folder) :].strip("/")
    return f"{inside} of the archive" if inside else "the archive"


def java_version(agent: TriedAgent) -> int | None:
    """The major version; up to Java 8 it is the second number."""
    for line in agent.report.lines("java.says") if agent.report is not None else ():
        if match := _VERSION.search(line):
            first, second = int(match["first"]), match["second"]
            return int(second) if first == 1 and second is not None else first
    return None

"""The pure code of the backend for Spark 4, and its shuffle service, in a JVM that answers questions (tests/scala/Harness.scala)."""

from __future__ import annotations

import json
import os
import select
import subprocess
from pathlib import Path
from typing import IO, Any

from sparkmesos_core.bridge.recipes import COMPILER_JARS, select_jars

SOURCES = Path(__file__).parents[2] / "scala"
"""Scala sources of tests. What is called …Commands.scala has commands."""
_JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-XX:-UsePerfData", "-Xmx512m")
_PATIENCE = 120.0  # seconds for the compiler, and for one answer
Json = Any


class RefusedSettingsError(Exception):
    """The backend does not take some properties; the text is what it says of them."""


def compile_harness(classes: Path, spark_home: Path, bridge: Path, java: Path) -> None:
    """Compiles the sources of tests against a bridge, with the compiler of that Spark."""
    jars = spark_home / "jars"
    names = [jar.name for jar in jars.iterdir()]
    compiler = os.pathsep.join(str(jars / jar) for jar in select_jars(names, COMPILER_JARS))
    libraries = os.pathsep.join([str(bridge), str(jars / "*")])
    classes.mkdir()
    done = subprocess.run(
        [str(java), *_JVM, "-cp", compiler, "scala.tools.nsc.Main", "-nowarn", "-encoding", "UTF-8",
         "-classpath", libraries, "-d", str(classes), *map(str, _sources())],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class Harness:
    """The JVM. It serves one test after the other, and keeps nothing between questions."""

    def __init__(self, classes: Path, spark_home: Path, bridge: Path, java: Path, log: IO[bytes]) -> None:
        path = os.pathsep.join([str(classes), str(bridge), str(spark_home / "jars" / "*")])
        objects = [source.stem for source in _sources() if source.stem.endswith("Commands")]
        self._process = subprocess.Popen(
            [str(java), *_JVM, "-cp", path, "org.sparkmesos.harness.Harness", *objects],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={"LC_ALL": "C.UTF-8"},  # nothing of ours: what pure code needs it is told
        )

    def ask(self, command: str, argument: Json) -> Json:
        """The result of a command. Raises RefusedSettingsError if the backend does not take the properties in it."""
        question = json.dumps({"command": command, "argument": argument})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question.encode() + b"\n")
        self._process.stdin.flush()
        # One answer follows one question, so that nothing is left in Python's buffer that select would not see.
        assert select.select([self._process.stdout], [], [], _PATIENCE)[0], f"no answer to {question[:500]}"
        answer = json.loads(self._process.stdout.readline())
        if "refused" in answer:
            raise RefusedSettingsError(answer["refused"])
        assert "failed" not in answer, f"{question[:2000]}\n{answer['failed']}"
        return answer["result"]

    def close(self) -> None:
        """Ends the JVM."""
        with self._process:
            self._process.kill()


def _sources() -> list[Path]:
    return sorted(SOURCES.glob("*.scala"))

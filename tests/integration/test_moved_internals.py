"""A Spark that has moved something which the bridge needs of its internals: told in a sentence, wherever it comes up."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from sparkmesos_core.bridge.compile import ensure_bridge, write_bridge
from sparkmesos_core.errors import BridgeError
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of

pytestmark = pytest.mark.slow

GONE = "org/apache/spark/launcher/LauncherBackend"
"""A class of Spark's core that nothing needs before the backend is made."""


@pytest.fixture(scope="module")
def spark_under_test() -> SparkUnderTest:
    return spark_of(SPARK_4)


@pytest.fixture(scope="module")
def later_spark(spark_under_test: SparkUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a Spark that calls itself 4.9.0, and lacks a class."""
    real = spark_under_test.home.path
    home = tmp_path_factory.mktemp("later") / "spark"
    (home / "jars").mkdir(parents=True)
    for entry in real.iterdir():
        if entry.name != "jars":
            (home / entry.name).symlink_to(entry)
    for jar in (real / "jars").iterdir():
        if not jar.name.startswith("spark-core_"):
            (home / "jars" / jar.name).symlink_to(jar)
    (core,) = (real / "jars").glob("spark-core_*.jar")
    changed = home / "jars" / core.name.replace(SPARK_4, "4.9.0")
    with zipfile.ZipFile(core) as whole, zipfile.ZipFile(changed, "w") as rest:
        for name in whole.namelist():
            if name != f"{GONE}.class":
                rest.writestr(name, whole.read(name))
    return home


def test_a_bridge_that_does_not_compile(
    later_spark: Path, spark_under_test: SparkUnderTest, tmp_path: Path
) -> None:
    with pytest.raises(BridgeError) as told:
        write_bridge(
            tmp_path / "bridge.jar", later_spark / "jars", spark_under_test.java.executable, lambda line: None
        )
    assert "does not compile with the Spark 4.9.0 of" in told.value.message
    assert "SparkInternals.scala" in told.value.message
    assert "LauncherBackend" in told.value.message  # in the words of the compiler of the day
    assert told.value.hint is not None
    assert "It is made for Spark 4.0 to 4.3" in told.value.hint
    assert "look for a newer sparkmesos" in told.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_bridge_that_was_compiled_for_another_spark(
    later_spark: Path, spark_under_test: SparkUnderTest, cache_dir: Path, tmp_path: Path
) -> None:
    java = spark_under_test.java
    bridge = ensure_bridge(spark_under_test.home.jars, java.executable, cache_dir, print)
    (tmp_path / "app.py").write_text("from pyspark import SparkContext\nSparkContext()\n", encoding="utf-8")
    done = subprocess.run(
        [later_spark / "bin" / "spark-submit", "--driver-class-path", bridge, "--master", "spark+mesos://127.0.0.1:1",
         "--conf", "spark.ui.enabled=false", "app.py"],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **spark_under_test.environment, "SPARK_HOME": str(later_spark)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-4000:]
    (said,) = {
        line for line in done.stderr.splitlines() if "py4j.protocol" not in line and ": The bridge" in line
    }
    assert f"The bridge to Mesos (file:{bridge}) was compiled for Spark {SPARK_4}, and this is Spark" in said
    assert f"which lacks what it needs: java.lang.NoClassDefFoundError: {GONE}" in said
    assert "look for a newer sparkmesos" in said

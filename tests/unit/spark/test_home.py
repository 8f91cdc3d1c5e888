from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.bridge.kinds import BridgeKind
from sparkmesos_core.errors import SparkNotFoundError
from sparkmesos_core.spark.home import find_spark, read_spark, require_mesos


def test_reads_version_and_scala_from_the_core_jar(make_spark) -> None:
    spark = read_spark(make_spark("3.5.9", "2.13"), "SPARK_HOME")
    assert (spark.version, spark.scala_version, spark.has_mesos) == ("3.5.9", "2.13", True)
    assert spark.release == (3, 5)
    assert spark.bridge_kind is BridgeKind.DRIVER


@pytest.mark.parametrize("version", ["3.4.0-SNAPSHOT", "2.4.8", "3.3.2-amzn-0"])
def test_reads_versions_of_vendors(make_spark, version: str) -> None:
    assert read_spark(make_spark(version), "SPARK_HOME").version == version


def test_the_option_beats_the_variable(make_spark) -> None:
    first, second = make_spark("3.5.1", name="first"), make_spark("3.4.4", name="second")
    assert find_spark(first, {"SPARK_HOME": str(second)}).version == "3.5.1"
    assert find_spark(None, {"SPARK_HOME": str(second)}).version == "3.4.4"


def test_finds_the_installed_pyspark() -> None:
    spark = find_spark(None, {})
    assert spark.origin == "the installed pyspark"
    assert spark.release == (3, 5)
    require_mesos(spark)


def test_no_spark_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)
    with pytest.raises(SparkNotFoundError, match="No Spark found") as caught:
        find_spark(None, {})
    assert "pip install 'pyspark>=3.5.9,<3.6'" in caught.value.hint


def test_a_folder_that_is_no_spark(tmp_path: Path) -> None:
    with pytest.raises(SparkNotFoundError, match=r"\(SPARK_HOME\) is not a Spark"):
        find_spark(None, {"SPARK_HOME": str(tmp_path)})
    with pytest.raises(SparkNotFoundError, match="does not exist"):
        find_spark(tmp_path / "nope", {})


def test_spark_4_needs_no_mesos_of_its_own(make_spark) -> None:
    spark = read_spark(make_spark("4.0.1", "2.13", mesos=False), "SPARK_HOME")
    require_mesos(spark)
    assert spark.bridge_kind is BridgeKind.BACKEND


def test_a_spark_built_without_mesos(make_spark) -> None:
    spark = read_spark(make_spark("3.5.9", mesos=False), "SPARK_HOME")
    assert spark.bridge_kind is None
    with pytest.raises(SparkNotFoundError, match="built without Mesos") as caught:
        require_mesos(spark)
    assert "-Pmesos" in caught.value.hint


def test_a_missing_program(make_spark) -> None:
    path = make_spark()
    (path / "bin" / "spark-submit").unlink()
    with pytest.raises(SparkNotFoundError, match="no bin/spark-submit"):
        read_spark(path, "SPARK_HOME").program("spark-submit")
    (path / "bin" / "spark-submit").touch(mode=0o644)
    with pytest.raises(SparkNotFoundError, match="that can be run"):
        read_spark(path, "SPARK_HOME").program("spark-submit")

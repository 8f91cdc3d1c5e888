"""What a configuration means to a shuffle service of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sparkmesos_core.conf.java_properties import parse_properties
from sparkmesos_core.conf.precedence import daemon_configuration
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.daemon_configuration import DaemonConfiguration
from sparkmesos_core.errors import SparkNotFoundError, UsageError
from sparkmesos_core.shuffle_service.on_this_machine.settings import (
    ServiceSettings,
    make_settings,
    without_spark_properties,
)
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import Java


@pytest.fixture
def spark(tmp_path: Path) -> SparkHome:
    program = tmp_path / "spark" / "bin" / "spark-class"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    return SparkHome(tmp_path / "spark", "3.5.9", "2.12", has_mesos=True, origin="SPARK_HOME")


def settings(
    spark: SparkHome,
    variables: Mapping[str, str],
    *,
    conf: Sequence[tuple[str, str]] = (),
    file: Sequence[tuple[str, str]] = (),
) -> ServiceSettings:
    env = SparkEnv(variables)
    configuration = daemon_configuration(
        Reader.SHUFFLE_SERVICE,
        conf=[Setting(key, value, Origin(Source.CONF, "--conf")) for key, value in conf],
        file=[Setting(key, value, Origin(Source.FILE, "f", line=1)) for key, value in file],
        env=env,
    )
    return make_settings(
        DaemonConfiguration(spark, env, configuration, None), spark, Java(Path("/java"), 17, "JAVA_HOME")
    )


def test_defaults(spark: SparkHome) -> None:
    made = settings(spark, {"HOME": "/home/me"})
    assert (made.port, made.authenticates, made.conf_dir) == (7337, False, None)
    assert made.spark_class == spark.path / "bin" / "spark-class"
    assert made.properties == {}
    assert made.variables == {
        "HOME": "/home/me",
        "SPARK_HOME": str(spark.path),
        "JAVA_HOME": "/java",
        "SPARK_ENV_LOADED": "1",
    }


def test_what_java_gets_is_not_on_its_command_line(spark: SparkHome) -> None:
    """Options of a JVM can be seen by everybody, and would win over --conf."""
    made = settings(
        spark,
        {
            "SPARK_DAEMON_JAVA_OPTS": "-Xss4m -Dspark.authenticate.secret=hush '-Dgreeting=good day'",
            "SPARK_SHUFFLE_OPTS": "-Dspark.shuffle.service.port=7400 -Dspark.authenticate=true",
            "SPARK_LOCAL_DIRS": "/scratch",
            "SPARK_LOCAL_HOSTNAME": "agent-1",
        },
        conf=[("spark.shuffle.service.port", "7500")],
        file=[("spark.authenticate", "false"), ("spark.network.timeout", "60s")],
    )
    assert (made.host, made.port, made.authenticates) == ("agent-1", 7500, True)
    assert made.variables["SPARK_DAEMON_JAVA_OPTS"] == '-Xss4m "-Dgreeting=good day"'
    assert made.variables["SPARK_SHUFFLE_OPTS"] == ""
    assert made.variables["SPARK_LOCAL_DIRS"] == "/scratch"
    assert made.properties == {
        "spark.shuffle.service.port": "7500",
        "spark.authenticate": "true",
        "spark.authenticate.secret": "hush",
        "spark.network.timeout": "60s",
    }
    assert "hush" not in repr(made)


def test_options_without_properties_of_spark_stay_as_they_are() -> None:
    text = r"""-Da='x y'  -Db="\\" """
    assert without_spark_properties(text) == text


def test_the_file_says_what_was_meant(spark: SparkHome) -> None:
    values = [("spark.a", "x = y: z"), ("spark.b", r"C:\new"), ("spark.c", "#ü\n!"), ("spark.d", "")]
    text = settings(spark, {}, conf=values).properties_text()
    assert [(one.key, one.value.strip()) for one in parse_properties(text, "f")] == values


@pytest.mark.parametrize("key", ["spark.a b", "spark.a=b", "spark.a\nspark.b"])
def test_no_name_of_a_property(spark: SparkHome, key: str) -> None:
    with pytest.raises(UsageError, match="is no name of a property"):
        settings(spark, {}, conf=[(key, "1")]).properties_text()


def test_a_spark_that_cannot(spark: SparkHome) -> None:
    with pytest.raises(SparkNotFoundError, match="was built without Mesos"):
        settings(SparkHome(spark.path, "3.5.9", "2.12", has_mesos=False, origin="SPARK_HOME"), {})
    (spark.path / "bin" / "spark-class").unlink()
    with pytest.raises(SparkNotFoundError, match="has no bin/spark-class"):
        settings(spark, {})


@pytest.mark.parametrize(("text", "mebibytes"), [("", 1024), ("200m", 200), ("2G", 2048), ("4194304", 4)])
def test_heap(spark: SparkHome, text: str, mebibytes: int) -> None:
    assert settings(spark, {"SPARK_DAEMON_MEMORY": text}).heap == mebibytes

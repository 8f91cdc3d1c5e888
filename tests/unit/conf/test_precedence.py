from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.conf.precedence import (
    daemon_configuration,
    submit_configuration,
    submitted_properties,
)
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.errors import UsageError

KEY = "spark.executor.memory"
OPTION = Setting(KEY, "option", Origin(Source.OPTION, "--executor-memory"))
CONF = Setting(KEY, "conf", Origin(Source.CONF, "--conf"))
OWN = Setting(KEY, "own", Origin(Source.SPARKMESOS, "SPARKMESOS_X"))
FILE = Setting(KEY, "file", Origin(Source.FILE, "some.conf", 1))
VARIABLE = Setting(KEY, "variable", Origin(Source.VARIABLE, "SPARK_EXECUTOR_MEMORY"))
JAVA = Setting(KEY, "java", Origin(Source.JAVA_OPTIONS, "SPARK_SUBMIT_OPTS"))
LATE = Setting(KEY, "late", Origin(Source.VARIABLE, "SPARK_MEM"))


def of_variables(**variables: str) -> SparkEnv:
    return SparkEnv(variables)


def test_each_place_of_a_submission_wins_over_all_below() -> None:
    env = of_variables(
        SPARK_EXECUTOR_MEMORY="variable", SPARK_SUBMIT_OPTS=f"-D{KEY}=java -Dother=1", SPARK_MEM="late"
    )
    configuration = submit_configuration(options=[OPTION], conf=[CONF], own=[OWN], file=[FILE], env=env)
    assert configuration.setting(KEY) == OPTION
    assert configuration.overridden(KEY) == (CONF, OWN, FILE, VARIABLE, JAVA, LATE)


def test_each_place_of_a_daemon_wins_over_all_below() -> None:
    key = "spark.mesos.principal"
    env = of_variables(SPARK_DAEMON_JAVA_OPTS=f"'-D{key}=java'", SPARK_MESOS_PRINCIPAL="late")
    configuration = daemon_configuration(
        Reader.DISPATCHER,
        options=[Setting(key, "option", OPTION.origin)],
        conf=[Setting(key, "conf", CONF.origin)],
        own=[Setting(key, "own", OWN.origin)],
        file=[Setting(key, "file", FILE.origin)],
        env=env,
    )
    values = [configuration[key], *(setting.value for setting in configuration.overridden(key))]
    assert values == ["option", "conf", "java", "own", "file", "late"]


def test_what_a_dispatcher_does_not_read() -> None:
    env = of_variables(
        MASTER="x", SPARK_DRIVER_MEMORY="1g", SPARK_EXECUTOR_URI="x", SPARK_SUBMIT_OPTS="-Dspark.a=1",
        SPARK_SHUFFLE_OPTS="-Dspark.b=1",
    )  # fmt: skip
    assert dict(daemon_configuration(Reader.DISPATCHER, env=env)) == {}


def test_a_shuffle_service_reads_its_own_options_last() -> None:
    env = of_variables(
        SPARK_DAEMON_JAVA_OPTS="-Dspark.a=1 -Dspark.b=1 -Dspark.b=2", SPARK_SHUFFLE_OPTS="-Dspark.a=3"
    )
    configuration = daemon_configuration(Reader.SHUFFLE_SERVICE, env=env)
    assert dict(configuration) == {"spark.a": "3", "spark.b": "2"}
    assert str(configuration.setting("spark.a").origin) == "SPARK_SHUFFLE_OPTS"  # type: ignore[union-attr]


def test_how_recovery_is_switched_on() -> None:
    """As Spark's documentation has it."""
    options = "-Dspark.deploy.recoveryMode=ZOOKEEPER -Dspark.deploy.zookeeper.url=a:2181,b:2181/spark"
    script = Path("/conf/spark-env.sh")
    env = SparkEnv({"SPARK_DAEMON_JAVA_OPTS": options}, script, frozenset({"SPARK_DAEMON_JAVA_OPTS"}))
    configuration = daemon_configuration(Reader.DISPATCHER, env=env)
    assert configuration["spark.deploy.zookeeper.url"] == "a:2181,b:2181/spark"
    setting = configuration.setting("spark.deploy.recoveryMode")
    assert setting == Setting(
        "spark.deploy.recoveryMode",
        "ZOOKEEPER",
        Origin(Source.JAVA_OPTIONS, "SPARK_DAEMON_JAVA_OPTS", script=str(script)),
    )
    assert str(setting.origin) == "SPARK_DAEMON_JAVA_OPTS (set by /conf/spark-env.sh)"


def test_options_that_cannot_be_split_name_their_variable() -> None:
    with pytest.raises(UsageError, match="SPARK_SUBMIT_OPTS cannot be split") as caught:
        submit_configuration(env=of_variables(SPARK_SUBMIT_OPTS="-Dspark.mesos.secret=hunter2 -Dspark.a='1"))
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "options",
    [
        "-Dspark.shuffle.service.port 7447",
        "-Xss4m -Dspark.shuffle.service.port '7447' -Dspark.authenticate=true",
    ],
)
def test_a_blank_in_the_place_of_the_sign_is_named(options: str) -> None:
    with pytest.raises(UsageError) as caught:
        daemon_configuration(Reader.SHUFFLE_SERVICE, env=of_variables(SPARK_SHUFFLE_OPTS=options))
    assert caught.value.message == (
        "SPARK_SHUFFLE_OPTS has a blank behind -Dspark.shuffle.service.port, where = belongs"
    )
    assert caught.value.hint == "Write -Dspark.shuffle.service.port=VALUE."


def test_options_that_take_a_word_of_their_own_stand() -> None:
    options = "-Dspark.a -Dspark.b= -cp /classes -Dspark.c @more -Dspark.d=1 -Dother x -Dspark.e"
    configuration = daemon_configuration(Reader.SHUFFLE_SERVICE, env=of_variables(SPARK_SHUFFLE_OPTS=options))
    assert dict(configuration) == {f"spark.{name}": "1" if name == "d" else "" for name in "abcde"}


def test_local_dirs_win_over_their_property() -> None:
    conf = Setting("spark.local.dir", "/property", CONF.origin)
    configuration = submit_configuration(conf=[conf], env=of_variables(SPARK_LOCAL_DIRS="/variable"))
    assert configuration["spark.local.dir"] == "/variable"
    assert submitted_properties(configuration) == {"spark.local.dir": "/property"}


def test_an_empty_variable_is_set_as_it_is_for_spark() -> None:
    assert submit_configuration(env=of_variables(MASTER=""))["spark.master"] == ""


@pytest.mark.parametrize(
    ("variable", "key", "submitted"),
    [
        ("MASTER", "spark.master", True),
        ("DEPLOY_MODE", "spark.submit.deployMode", True),
        ("SPARK_DRIVER_MEMORY", "spark.driver.memory", True),
        ("SPARK_EXECUTOR_CORES", "spark.executor.cores", True),
        ("SPARK_EXECUTOR_URI", "spark.executor.uri", False),
        ("SPARK_MESOS_PRINCIPAL", "spark.mesos.principal", False),
        ("SPARK_MESOS_PRINCIPAL_FILE", "spark.mesos.principal.file", False),
        ("SPARK_MESOS_SECRET", "spark.mesos.secret", False),
        ("SPARK_MESOS_SECRET_FILE", "spark.mesos.secret.file", False),
        ("PYSPARK_PYTHON", "spark.pyspark.python", False),
    ],
)
def test_variables_that_stand_for_properties(variable: str, key: str, submitted: bool) -> None:
    configuration = submit_configuration(env=of_variables(**{variable: "x"}))
    assert configuration[key] == "x"
    assert submitted_properties(configuration) == ({key: "x"} if submitted else {})


def test_a_late_variable_is_weaker_than_a_system_property() -> None:
    env = of_variables(SPARK_SUBMIT_OPTS="-Dspark.executor.uri=java", SPARK_EXECUTOR_URI="variable")
    assert submit_configuration(env=env)["spark.executor.uri"] == "java"

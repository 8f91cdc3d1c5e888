"""The same call by others: nothing is lost, and no secret is told."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.spark_variables import VARIABLES
from sparkmesos_core.deployment.program_call import GivenOption, program_call
from sparkmesos_core.errors import UsageError

WORDS = ("start-dispatcher", "--foreground")


def _call(*given: GivenOption, here: bool = True, environment: dict[str, str] | None = None, **more):
    return program_call(WORDS, given, environment or {}, on_this_machine=here, **more)


def test_options_are_words() -> None:
    call = _call(
        GivenOption("--master", "mesos://zk://z1:2181/mesos", "SPARKMESOS_MASTER"),
        GivenOption("--conf", "spark.a=b c"),
        GivenOption("--on-mesos", None),
    )
    assert call.words == (
        *WORDS,
        "--master",
        "mesos://zk://z1:2181/mesos",
        "--conf",
        "spark.a=b c",
        "--on-mesos",
    )
    assert (call.variables, call.hidden) == ({}, {})


@pytest.mark.parametrize(
    ("option", "value", "variable"),
    [
        ("--zk", "ops:hunter2@z1:2181", "SPARKMESOS_DISPATCHER_ZK"),
        ("--master", "mesos://zk://ops:hunter2@z1:2181/mesos", "SPARKMESOS_MASTER"),
        ("--bridge-uri", "https://s3/b.jar?X-Amz-Signature=hunter2", "SPARKMESOS_DISPATCHER_BRIDGE_URI"),
    ],
)
def test_what_holds_a_password_is_a_variable(option: str, value: str, variable: str) -> None:
    call = _call(GivenOption(option, value, variable))
    # What is to be set, and what was given.
    assert call.hidden == {variable: option}
    assert "hunter2" not in repr(call)
    from_variable = GivenOption(option, value, variable, from_variable=True)
    assert _call(from_variable).hidden == {variable: variable}
    # Somebody sets it anyhow.
    assert _call(GivenOption(option, value, variable), handed_over={variable}).hidden == {}


@pytest.mark.parametrize(
    "value",
    [
        "spark.mesos.secret=hunter2",
        "spark.authenticate.secret=hunter2",
        "spark.deploy.zookeeper.url=ops:hunter2@z1:2181",
        "spark.mesos.dispatcher.driverDefault.x=-Da.password=hunter2",
    ],
)
def test_secret_properties_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match=value.partition("=")[0]) as caught:
        _call(GivenOption("--conf", value))
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert "--properties-file" in caught.value.hint


def test_every_variable_that_daemons_read_goes_along() -> None:
    read = {one.name for one in VARIABLES if one.readers & {Reader.DISPATCHER, Reader.SHUFFLE_SERVICE}}
    assert len(read) > 10
    # About this call alone, or for libmesos, which our daemons do without.
    read -= {"SPARK_ENV_LOADED", "SPARK_PRINT_LAUNCH_COMMAND"}
    read -= {"MESOS_NATIVE_JAVA_LIBRARY", "MESOS_NATIVE_LIBRARY"}
    call = _call(environment=dict.fromkeys(read, "x"))
    assert {*call.variables, *call.hidden} == read


def test_the_environment_goes_along() -> None:
    environment = {
        "SPARK_HOME": "/opt/spark",
        "SPARK_USER": "spark",
        "SPARK_MESOS_SECRET": "hunter2",
        "SPARK_SHUFFLE_OPTS": "-Dspark.authenticate.secret=hunter2",
        "HOME": "/root",
        "SPARK_LOG_DIR": "",
    }
    here = _call(environment=environment)
    assert here.variables == {"SPARK_HOME": "/opt/spark", "SPARK_USER": "spark"}
    assert list(here.hidden) == ["SPARK_MESOS_SECRET", "SPARK_SHUFFLE_OPTS"]
    assert here.hidden["SPARK_MESOS_SECRET"] == "SPARK_MESOS_SECRET"
    # Where agents have Spark is the same wherever that is asked.
    archive = {"SPARK_EXECUTOR_URI": "http://files/spark.tgz", "HADOOP_USER_NAME": "etl"}
    assert _call(environment=archive, here=False).variables == archive
    # Where Spark is here says nothing of another machine.
    there = _call(environment=environment, here=False, handed_over={"SPARK_MESOS_SECRET"})
    assert there.variables == {"SPARK_USER": "spark"}
    assert list(there.hidden) == ["SPARK_SHUFFLE_OPTS"]

"""The variables of a driver's task."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.launch.driver_secrets import driver_secrets
from sparkmesos_core.dispatcher.launch.environment import driver_variables
from tests.driver_shell import submission, task_info, variables

AGENT = "http://agent1.mesos.example:5051"


def found(agent_url: str = AGENT, **changed: Any) -> dict[str, str]:
    wanted = submission(**changed)
    made = driver_variables(wanted, "fw-1", agent_url, driver_secrets(wanted.properties))
    return variables({"command": {"environment": {"variables": made}}})


def test_what_every_driver_has() -> None:
    assert found() == {"LANG": "C.UTF-8", "SPARK_SUBMIT_OPTS": "-Dspark.mesos.driver.frameworkId=fw-1"}


def test_the_clients_variables_win_and_come_once() -> None:
    got = found(
        properties={
            "spark.mesos.driverEnv.BOTH": "conf",
            "spark.mesos.driverEnv.FOO": "bar baz",
            "spark.mesos.driverEnv.": "x",
        },
        environment={"BOTH": "env", "MESOS_X": "y"},
    )
    assert (got["BOTH"], got["FOO"], got["MESOS_X"]) == ("env", "bar baz", "y")
    assert "" not in got


@pytest.mark.parametrize(
    "changed",
    [
        {"environment": {"SPARK_SUBMIT_OPTS": "-Da=1"}},
        {"properties": {"spark.mesos.driverEnv.SPARK_SUBMIT_OPTS": "-Da=1"}},
    ],
)
def test_options_are_kept(changed: Any) -> None:
    assert found(**changed)["SPARK_SUBMIT_OPTS"] == "-Da=1 -Dspark.mesos.driver.frameworkId=fw-1"


def test_the_clients_machine_is_not_the_agents() -> None:
    got = found(
        environment={"SPARK_LOCAL_IP": "10.0.0.5", "MESOS_NATIVE_JAVA_LIBRARY": "/mine", "SPARK_USER": "etl"}
    )
    assert "SPARK_LOCAL_IP" not in got
    assert "MESOS_NATIVE_JAVA_LIBRARY" not in got
    assert got["SPARK_USER"] == "etl"
    meant = {"spark.mesos.driverEnv.SPARK_LOCAL_IP": "10.0.0.6"}
    assert found(properties=meant)["SPARK_LOCAL_IP"] == "10.0.0.6"


@pytest.mark.parametrize("name", ["LC_ALL", "LC_CTYPE", "LANG"])
def test_a_locale_that_was_chosen(name: str) -> None:
    got = found(properties={f"spark.mesos.driverEnv.{name}": "de_DE.UTF-8"})
    assert {key: value for key, value in got.items() if key.startswith("L")} == {name: "de_DE.UTF-8"}


@pytest.mark.parametrize("url", ["http://127.0.0.1:5051", "http://localhost:5051", "http://[::1]:5051"])
def test_an_agent_on_loopback(url: str) -> None:
    assert found(url)["SPARK_LOCAL_IP"] == "127.0.0.1"
    for key in ("spark.driver.host", "spark.driver.bindAddress"):
        assert "SPARK_LOCAL_IP" not in found(url, properties={key: "x"})
    assert found(url, properties={"spark.mesos.driverEnv.SPARK_LOCAL_IP": ""})["SPARK_LOCAL_IP"] == ""


def test_no_agents_url() -> None:
    assert "SPARK_LOCAL_IP" not in found("")


def test_secrets_have_a_type_that_agents_do_not_show() -> None:
    wanted = submission(
        properties={
            "spark.mesos.driverEnv.AWS_SECRET_ACCESS_KEY": "s3cret",
            "spark.mesos.driverEnv.URL": "ftp://u:s3cret@h/",
        },
        environment={"SPARK_SUBMIT_OPTS": "-Djavax.net.ssl.keyStorePassword=s3cret"},
    )
    made = driver_variables(wanted, "fw-1", AGENT, ())
    assert {variable["name"] for variable in made if variable.get("type") == "SECRET"} == {
        "AWS_SECRET_ACCESS_KEY", "URL", "SPARK_SUBMIT_OPTS",
    }  # fmt: skip
    assert "s3cret" not in str(made)


def test_declared_secrets_win() -> None:
    declared = {
        "spark.mesos.driver.secret.names": "/a/one,/a/two",
        "spark.mesos.driver.secret.envkeys": "ONE,TWO",
        "spark.mesos.driverEnv.ONE": "no",
    }
    made = driver_variables(submission(properties=declared), "fw-1", AGENT, driver_secrets(declared))
    [one] = [variable for variable in made if variable["name"] == "ONE"]
    reference = {"type": "REFERENCE", "reference": {"name": "/a/one"}}
    assert one == {"name": "ONE", "type": "SECRET", "secret": reference}


def test_the_docker_containerizer_takes_values_only() -> None:
    """It would set variables of the type SECRET empty; those by reference it cannot know at all."""
    docker = {
        "spark.mesos.executor.docker.image": "spark:3.5.9",
        "spark.mesos.driverEnv.MY_PASSWORD": "s3cret",
        "spark.mesos.driver.secret.values": "other",
        "spark.mesos.driver.secret.envkeys": "OTHER",
        "spark.ui.password": "third",
    }
    made = task_info(submission(properties=docker))["command"]["environment"]["variables"]
    assert not [variable for variable in made if variable.get("type") == "SECRET"]
    values = {variable["name"]: variable["value"] for variable in made}
    assert (values["MY_PASSWORD"], values["OTHER"]) == ("s3cret", "other")
    assert values["SPARKMESOS_SECRET_PROPERTIES"].split()[-2:] == ["spark.ui.password", "third"]
    made = task_info(submission(properties={**docker, "spark.mesos.containerizer": "mesos"}))
    assert not [word for word in ("s3cret", "other", "third") if f"'{word}'" in str(made)]

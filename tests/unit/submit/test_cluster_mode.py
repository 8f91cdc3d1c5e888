from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkmesos_core.client_configuration import ClientConfiguration, read_client_configuration
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.errors import MasterUrlError, UsageError
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.submit.cluster_mode import (
    ASSUMED_SPARK_VERSION,
    dispatcher_of,
    printable_request,
    request_for,
)

MASTER = "mesos://10.0.0.1:7077"
APP = "http://repo.example/app.py"


@pytest.fixture(autouse=True)
def no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where only sparkmesos is installed: cluster mode has no need of Spark."""
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)


def client(*arguments: str, master: str = MASTER, **environment: str) -> ClientConfiguration:
    line = ["--master", master, "--deploy-mode", "cluster", *arguments]
    return read_client_configuration(SubmitArguments.parse(line), spark_home=None, environment=environment)


def requested(*arguments: str, **environment: str) -> CreateSubmissionRequest:
    return request_for(client(*arguments, **environment), Path("/home/me"), 1_795_335_169_998)


def test_the_request_without_any_spark() -> None:
    request = requested("--name", "x", "--conf", "spark.cores.max=4", APP, "a b", "")
    assert request.app_resource == APP
    assert request.app_args == ("a b", "")
    assert request.client_spark_version == ASSUMED_SPARK_VERSION
    assert request.spark_properties["spark.app.name"] == "x"
    assert request.spark_properties["spark.cores.max"] == "4"
    assert request.spark_properties["spark.app.submitTime"] == "1795335169998"


def test_the_version_of_the_spark_that_is_there(make_spark) -> None:
    assert requested(APP, SPARK_HOME=str(make_spark("3.4.4"))).client_spark_version == "3.4.4"


def test_options_that_spark_ignores_become_properties() -> None:
    properties = requested("--executor-cores", "2", "--num-executors", "3", APP).spark_properties
    assert (properties["spark.executor.cores"], properties["spark.cores.max"]) == ("2", "6")


@pytest.mark.parametrize(
    ("arguments", "said", "url"),
    [
        (["app.py"], "The application is a path on this machine, where the agents cannot see it: app.py", "file:///home/me/app.py"),
        (["/opt/a b.jar"], "agents cannot see it: /opt/a b.jar", "file:///opt/a%20b.jar"),
        (["--jars", "http://h/a.jar, b.jar", APP], "What --jars names is a path .*: b.jar", "file:///home/me/b.jar"),
        (["--files", "x.txt#y", APP], "What --files names is a path", "file:///home/me/x.txt."),
        (["--py-files", "/x.zip", APP], "What --py-files names is a path", "file:///x.zip"),
        (["--archives", "local:/a.tgz,a.tgz#env", APP], "What --archives names is a path", "file:///home/me/a.tgz"),
        (["--conf", "spark.jars=a.jar", APP], r"What spark\.jars \(--conf\) names is a path", "file:///home/me/a.jar"),
    ],
)  # fmt: skip
def test_what_agents_cannot_see(arguments: list[str], said: str, url: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        requested(*arguments)
    assert url in caught.value.hint


@pytest.mark.parametrize(
    "uri",
    ["file:///opt/app.py", "local:/opt/app.py", "hdfs://h/app.py", "s3a://bucket/app.py", "ftp://h/app.py"],
)
def test_uris_pass_as_they_are(uri: str) -> None:
    assert requested(uri).app_resource == uri
    assert requested("--files", uri, APP).spark_properties["spark.files"] == uri


def test_a_property_whose_conf_was_forgotten_is_not_shown() -> None:
    with pytest.raises(UsageError, match=r"agents cannot see it: spark\.mesos\.secret=\*\*\*") as caught:
        requested("spark.mesos.secret=hunter2", APP)
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([APP, "a\r"], "carriage return"),
        ([APP, "\udcff"], "not valid UTF-8"),
        (["http://h/a.jar"], "main class"),
    ],
)
def test_what_cannot_run_there(arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        requested(*arguments)


def test_an_example_of_this_machine_cannot_run_there() -> None:
    line = ["run-example", "--master", MASTER, "--deploy-mode", "cluster", "SparkPi"]
    made = read_client_configuration(SubmitArguments.parse(line), spark_home=None, environment={})
    with pytest.raises(UsageError, match="cannot run in cluster mode"):
        request_for(made, Path("/home/me"), 0)


@pytest.mark.parametrize(
    ("master", "said"),
    [
        ("mesos://zk://h:2181/mesos", "names Mesos masters"),
        ("embedded", "has no dispatcher"),
        ("mesos://h1,", "an empty host"),
        ("spark://h:7077", "standalone"),
    ],
)
def test_a_master_that_is_no_dispatcher(master: str, said: str) -> None:
    with pytest.raises(MasterUrlError, match=said):
        dispatcher_of(client(APP, master=master).configuration)


def test_no_dispatcher() -> None:
    configuration = read_client_configuration(
        SubmitArguments.parse(["--status", "x"]), spark_home=None, environment={}
    ).configuration
    with pytest.raises(UsageError, match="No dispatcher given"):
        dispatcher_of(configuration)


def test_the_default_port_is_the_dispatchers() -> None:
    assert dispatcher_of(client(APP, master="mesos://h").configuration).spark_url == "mesos://h:7077"


def test_no_application() -> None:
    with pytest.raises(UsageError, match="No application given"):
        requested("--name", "x")


def test_what_is_shown_holds_no_secret() -> None:
    shown = printable_request(
        CreateSubmissionRequest(
            "http://me:hunter2@h/app.py",
            "",
            ("--password", "hunter2", "ä"),
            {"spark.mesos.secret": "hunter2", "spark.x": "é"},
            {"AWS_SECRET_ACCESS_KEY": "hunter2", "SPARK_USER": "me"},
            "3.5.9",
        )
    )
    content = json.loads(shown)
    assert "hunter2" not in shown
    assert content["sparkProperties"] == {"spark.mesos.secret": "***", "spark.x": "é"}
    assert content["environmentVariables"] == {"AWS_SECRET_ACCESS_KEY": "***", "SPARK_USER": "me"}
    assert content["appArgs"] == ["--password", "***", "ä"]

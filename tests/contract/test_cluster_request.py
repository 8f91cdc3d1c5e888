"""Our submission requests against those that the JVM spark-submit 3.5.9 was recorded to make of the same arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.conf.java_properties import read_properties_file
from sparkmesos_core.conf.precedence import submit_configuration
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.errors import MasterUrlError, UsageError
from sparkmesos_core.spark.argument_checks import check_values
from sparkmesos_core.spark.arguments import Action, SubmitArguments
from sparkmesos_core.spark.cluster_request import DIFFERENCES, cluster_request, reason_not_sent

RECORDINGS = Path(__file__).parent / "recordings" / "spark-3.5.9-rest"
RECORDED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(RECORDINGS.glob("client-*.json"))
}
WITH_ARGUMENTS = {name: content for name, content in RECORDED.items() if "spark_submit_args" in content}

# The recorder's project folder, and a properties file that its requests show the content of.
PROJECT = "/srv/dist/project"
FILES = ("app.py", "app.R", "lib.jar", "dep.py", "data.txt", "arc.tgz")
PROPERTIES = """\
# comment
spark.mesos.constraints  zone:us-east-1a
spark.mesos.executor.docker.image = spark:3.5.9
spark.mesos.driverEnv.FOO: a b=c
spark.cont one \\
    two
spark.trailing blank   \n\
spark.executor.memory 4g
not.spark 1
"""
ASKS_ABOUT_A_DRIVER = {name: c for name, c in WITH_ARGUMENTS.items() if "-kill" in name or "-status" in name}
# Neither spark-submit nor we send anything: what is wrong, as our message puts it.
REFUSED = {
    "client-driver-cores-decimal": "spark.driver.cores, set by --driver-cores: Driver cores '1.0'",
    "client-no-class": "The main class of http://repo.mesos.example/app.jar is not known",
    "client-no-resource": "No application given",
    "client-zk-master": "a zk:// URL names Mesos masters",
}
# spark-submit sends nothing, but we do.
SENT_BY_US_ONLY = {
    "client-rest-not-enabled": "rest-enabled",
    "client-python-hdfs-pyfiles": "remote-files",
    "client-two-dispatchers": "several-dispatchers",
}
UNREACHABLE = {"client-connection-refused"}
CREATED = sorted(
    set(WITH_ARGUMENTS) - set(ASKS_ABOUT_A_DRIVER) - set(REFUSED) - set(SENT_BY_US_ONLY) - UNREACHABLE
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in FILES:
        (folder / name).touch()
    (folder / "app.conf").write_text(PROPERTIES)
    return folder


def our_request(recording: dict[str, Any], project: Path) -> CreateSubmissionRequest:
    arguments = SubmitArguments.parse(recording["spark_submit_args"])
    options, conf = arguments.settings()
    given = arguments.values.get("--properties-file")
    env = SparkEnv(recording["environment"])
    configuration = submit_configuration(
        options=options,
        conf=conf,
        file=read_properties_file(project / given) if given is not None else (),
        env=env,
    )
    check_values(arguments, configuration)
    return cluster_request(
        arguments,
        configuration,
        env.variables,
        spark_version="3.5.9",
        directory=project,
        now_ms=1795334125746,
    )


@pytest.mark.parametrize("name", CREATED)
def test_requests_are_those_of_spark(name: str, project: Path) -> None:
    recording = WITH_ARGUMENTS[name]
    recorded = recording["exchanges"][0]["request"]["body"]
    ours = json.loads(json.dumps(our_request(recording, project).to_json()).replace(str(project), PROJECT))
    properties = recorded["sparkProperties"]
    assert properties.pop("spark.app.submitTime").isdigit()
    assert ours["sparkProperties"].pop("spark.app.submitTime") == "1795334125746"
    if "SPARK_EXECUTOR_CORES" in recording["environment"]:  # the difference "ignored-options"
        assert "spark.executor.cores" not in properties
        properties["spark.executor.cores"] = recording["environment"]["SPARK_EXECUTOR_CORES"]
    if name == "client-odd-arguments":  # the difference "argument-bytes"
        properties["spark.mesos.driverEnv.LC_ALL"] = "C.UTF-8"
    held_back = {variable for variable in recorded["environmentVariables"] if reason_not_sent(variable)}
    assert held_back <= {
        "SPARK_SCALA_VERSION",
        "SPARK_BEELINE_OPTS",
        "SPARK_LOCAL_IP",
        "MESOS_NATIVE_JAVA_LIBRARY",
    }
    for variable in held_back:
        del recorded["environmentVariables"][variable]
    assert ours == recorded


@pytest.mark.parametrize("name", ["client-wire-create", "client-wire-create-full"])
def test_whole_requests_on_the_wire_have_the_keys_of_ours(name: str, project: Path) -> None:
    recorded = RECORDED[name]["exchanges"][0]["request"]["body"]
    ours = our_request(WITH_ARGUMENTS["client-jar-resources"], project).to_json()
    assert list(ours) == list(recorded)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_spark_refuses_is_refused(name: str, project: Path) -> None:
    recording = WITH_ARGUMENTS[name]
    assert (recording["exit_status"], recording["requests_seen"]) == (1, 0)
    with pytest.raises(UsageError) as caught:
        our_request(recording, project)
    assert REFUSED[name] in caught.value.message
    assert caught.value.hint
    if name == "client-zk-master":
        assert isinstance(caught.value, MasterUrlError)


@pytest.mark.parametrize("name", sorted(SENT_BY_US_ONLY))
def test_what_spark_refuses_without_need_is_sent(name: str, project: Path) -> None:
    recording = WITH_ARGUMENTS[name]
    assert (recording["exit_status"], recording["requests_seen"]) == (1, 0)
    assert SENT_BY_US_ONLY[name] in {difference.id for difference in DIFFERENCES}
    properties = our_request(recording, project).spark_properties
    if name == "client-python-hdfs-pyfiles":
        assert properties["spark.submit.pyFiles"] == "hdfs:///libs/dep.zip"
    assert properties["spark.submit.deployMode"] == "cluster"


@pytest.mark.parametrize("name", sorted(ASKS_ABOUT_A_DRIVER))
def test_questions_about_a_driver(name: str) -> None:
    recording = WITH_ARGUMENTS[name]
    arguments = SubmitArguments.parse(recording["spark_submit_args"])
    assert arguments.action is (Action.KILL if "-kill" in name else Action.STATUS)
    path = recording["exchanges"][0]["request"]["path"]
    word = arguments.action.value
    assert path == f"/v1/submissions/{word}/{arguments.values['--' + word]}"


def test_every_recording_of_the_client_is_looked_at() -> None:
    assert len(CREATED) >= 20
    assert {name for name in RECORDED if name not in WITH_ARGUMENTS} == {
        "client-wire-create",
        "client-wire-create-full",
        "client-wire-kill",
        "client-wire-status",
    }

"""What is said of a submission that Spark's own dispatcher has accepted."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.submit.sparks_dispatcher import defects

APP = "http://repo.example/app.py"
IMAGE = "spark.mesos.executor.docker.image"
PYTHON = "spark.submit.pyFiles"


def request(properties: Mapping[str, str] | None = None, *arguments: str) -> CreateSubmissionRequest:
    return CreateSubmissionRequest(APP, "", arguments, properties or {}, {}, "3.5.9")


@pytest.mark.parametrize("version", ["3.2.0", "3.5.9", "3.5", "4.0.0-SNAPSHOT"])
def test_from_3_2_on_no_driver_starts_and_nothing_else_matters(version: str) -> None:
    (found,) = defects(version, request({"spark.mesos.secret": "topsecret"}, ""))
    assert found.severity is Severity.WARNING
    assert f"of Spark {version}, whose drivers end at once" in found.message
    assert "--driver-cores 1.0" in found.message
    assert "start-dispatcher" in found.hint


@pytest.mark.parametrize("version", ["3.0.0", "3.0.3"])
def test_3_0_without_python_files(version: str) -> None:
    (found,) = defects(version, request({PYTHON: ""}))
    assert "--py-files" in found.message
    assert defects(version, request({PYTHON: "http://h/a.py"})) == []


@pytest.mark.parametrize("version", ["2.4.8", "3.1.2", "2.0.2"])
def test_nothing_to_say_of_a_plain_submission(version: str) -> None:
    plain = {"spark.app.name": "app", PYTHON: "", "spark.jars": APP, "spark.cores.max": "2"}
    assert defects(version, request(plain, "10", "a=b,c", "/x/y.csv")) == []


@pytest.mark.parametrize(
    ("version", "properties", "arguments", "part"),
    [
        ("3.1.2", {"spark.mesos.secret": "topsecret"}, (), "puts spark.mesos.secret on the command line"),
        ("3.1.2", {}, ("a\nb",), "does not quote"),
        ("3.1.2", {}, ("",), "drops empty ones"),
        ("3.1.2", {}, ("'quoted'",), "does not quote"),
        ("2.4.8", {}, ("a b",), "does not quote"),
        ("3.1.2", {IMAGE: "spark", PYTHON: "http://h/a.py"}, (), "in an image"),
        ("3.1.2", {"spark.jars": f"http://h/a.jar,{APP}"}, (), "--jars"),
    ],
)
def test_what_goes_wrong(
    version: str, properties: Mapping[str, str], arguments: tuple[str, ...], part: str
) -> None:
    (found,) = defects(version, request(properties, *arguments))
    assert part in found.message
    assert version in found.message
    assert "topsecret" not in found.message + found.hint


def test_what_is_fine_in_one_version_and_not_in_the_other() -> None:
    assert defects("3.1.2", request({}, "a b", "$x", "it's")) == []
    assert defects("2.3.4", request({IMAGE: "spark", PYTHON: "http://h/a.py"})) == []


def test_our_own_token_is_no_secret_of_the_user() -> None:
    assert defects("3.1.2", request({"spark.mesos.dispatcher.token": "x"})) == []


@pytest.mark.parametrize("version", ["", "odd", "3"])
def test_a_version_that_is_none(version: str) -> None:
    assert defects(version, request({}, "")) == []

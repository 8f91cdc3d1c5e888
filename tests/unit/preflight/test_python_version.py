from __future__ import annotations

import io
import json
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.master import HostPort
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.python_version import (
    Chosen,
    check_python_version,
    driver_program,
    executors_program,
)
from sparkmesos_core.quoting import quoted
from tests.http_stub import Answer, http_stub
from tests.unit.preflight.clusters import agent, cluster

FAR = 60.0
ELSEWHERE = cluster(agent())
PYTHON, DRIVER_PYTHON = "spark.pyspark.python", "spark.pyspark.driver.python"


def findings(
    configuration: Mapping[str, str], environment: Mapping[str, str], facts: ClusterFacts | None = ELSEWHERE
) -> list[Finding]:
    return check_python_version(configuration, facts, environment, deadline=time.monotonic() + FAR)


def python(folder: Path, version: str) -> str:
    """A stand-in for a Python of a version."""
    folder.mkdir(exist_ok=True)
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return str(path)


@contextmanager
def agents_here(work_dir: Path, **variables: str) -> Iterator[ClusterFacts]:
    """A cluster on loopback, with an agent whose executors get these variables."""
    flags = {"work_dir": str(work_dir), "executor_environment_variables": json.dumps(variables)}
    with http_stub({"/flags": Answer(200, json.dumps({"flags": flags}).encode())}) as stub:
        here = replace(agent(), host=stub.address.host, port=stub.address.port)
        yield replace(cluster(here), master=HostPort("127.0.0.1", 5050))


def test_who_chooses_the_drivers_python() -> None:
    properties = {DRIVER_PYTHON: "a", PYTHON: "b"}
    variables = {"PYSPARK_DRIVER_PYTHON": "c", "PYSPARK_PYTHON": "d"}
    assert driver_program(properties, variables) == Chosen("a", DRIVER_PYTHON)
    assert driver_program({PYTHON: "b"}, variables) == Chosen("b", PYTHON)
    assert driver_program({}, variables) == Chosen("c", "PYSPARK_DRIVER_PYTHON")
    assert driver_program({}, {"PYSPARK_PYTHON": "d"}) == Chosen("d", "PYSPARK_PYTHON")
    assert driver_program({}, {}) == Chosen("python3", "")


def test_who_chooses_that_of_executors() -> None:
    variables = {"PYSPARK_DRIVER_PYTHON": "c", "PYSPARK_PYTHON": "d"}
    assert executors_program({DRIVER_PYTHON: "a", PYTHON: "b"}, variables) == Chosen("b", PYTHON)
    assert executors_program({DRIVER_PYTHON: "a"}, variables) == Chosen("d", "PYSPARK_PYTHON")
    assert executors_program({}, {"PYSPARK_DRIVER_PYTHON": "c"}) == Chosen("python3", "")


def test_variables_that_stand_for_properties_are_weaker_than_they() -> None:
    variables = {"PYSPARK_DRIVER_PYTHON": "c"}
    variable = Setting(DRIVER_PYTHON, "c", Origin(Source.VARIABLE, "PYSPARK_DRIVER_PYTHON"))
    conf = Setting(PYTHON, "b", Origin(Source.CONF, "--conf"))
    assert driver_program(Configuration(([conf], [variable])), variables) == Chosen("b", PYTHON)
    assert driver_program(Configuration(([variable],)), variables) == Chosen("c", "PYSPARK_DRIVER_PYTHON")


def test_names_that_tell_versions() -> None:
    configuration = {DRIVER_PYTHON: "python3.11", PYTHON: "/opt/bin/python3.9"}
    (finding,) = findings(configuration, {})
    assert (finding.id, finding.severity, finding.key) == ("python-version", Severity.WARNING, PYTHON)
    assert finding.message.startswith(
        "The driver runs Python 3.11 (python3.11), executors 3.9 (spark.pyspark.python, '/opt/bin/python3.9')"
    )
    assert findings({**configuration, PYTHON: "python3.11"}, {}) == []
    (finding,) = findings({}, {"PYSPARK_DRIVER_PYTHON": "python3.11", "PYSPARK_PYTHON": "python3.10"})
    assert finding.key == ""
    # Both are the same program then.
    assert findings({PYTHON: "python3.9"}, {}) == []


def test_the_drivers_python_is_asked(tmp_path: Path) -> None:
    named = ".".join(map(str, sys.version_info[:2]))
    environment = {"PYSPARK_DRIVER_PYTHON": sys.executable, "PYSPARK_PYTHON": f"python{named}"}
    assert findings({}, environment) == []
    environment = {
        "PYSPARK_DRIVER_PYTHON": "python3",
        "PYSPARK_PYTHON": "python3.9",
        "PATH": f"{tmp_path}/bin:/bin",
    }
    python(tmp_path / "bin", "3.8")
    (finding,) = findings({}, environment)
    assert finding.message.startswith("The driver runs Python 3.8 (python3), executors 3.9")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PYSPARK_DRIVER_PYTHON": "python3.11"},
        {"PYSPARK_DRIVER_PYTHON": "python3.11", "PYSPARK_PYTHON": "/opt/python/bin/python"},
        {"PYSPARK_DRIVER_PYTHON": "jupyter", "PYSPARK_PYTHON": "python3.11"},
        {"PYSPARK_DRIVER_PYTHON": "/no/such/python", "PYSPARK_PYTHON": "python3.11"},
        {"PYSPARK_DRIVER_PYTHON": "python3.11", "PYSPARK_PYTHON": "/opt/bin/wrapper"},
    ],
)
def test_what_cannot_be_known(environment: dict[str, str]) -> None:
    for facts in (ELSEWHERE, None, cluster()):
        assert findings({}, environment, facts) == []


def test_agents_on_this_machine(tmp_path: Path) -> None:
    program = python(tmp_path / "bin", "3.8")
    environment = {"PYSPARK_DRIVER_PYTHON": "python3.11"}
    with agents_here(tmp_path, PATH=f"{tmp_path}/bin:/bin") as facts:
        # By the agent's PATH, by a path, and by the PATH that executors are given.
        (finding,) = findings({}, environment, facts)
        assert "executors 3.8 (python3)" in finding.message
        (finding,) = findings({}, {**environment, "PYSPARK_PYTHON": program}, facts)
        assert f"executors 3.8 (PYSPARK_PYTHON, {quoted(program)})" in finding.message
        python(tmp_path / "other", "3.11")
        assert findings({"spark.executorEnv.PATH": f"{tmp_path}/other"}, environment, facts) == []
        assert findings({}, {"PYSPARK_DRIVER_PYTHON": "python3.8"}, facts) == []


def test_containers_have_a_python_of_their_own(tmp_path: Path) -> None:
    python(tmp_path / "bin", "3.8")
    environment = {"PYSPARK_DRIVER_PYTHON": "python3.11"}
    with agents_here(tmp_path, PATH=f"{tmp_path}/bin") as facts:
        assert findings({"spark.mesos.executor.docker.image": "spark"}, environment, facts) == []
    with agents_here(tmp_path / "not-here", PATH=f"{tmp_path}/bin") as facts:
        assert findings({}, environment, facts) == []


def test_not_all_agents_are_on_this_machine(tmp_path: Path) -> None:
    python(tmp_path / "bin", "3.8")
    with agents_here(tmp_path, PATH=f"{tmp_path}/bin") as facts:
        both = replace(facts, agents=(*facts.agents, agent()))
        assert findings({}, {"PYSPARK_DRIVER_PYTHON": "python3.11"}, both) == []


def test_an_environment_that_is_taken_along(tmp_path: Path) -> None:
    archive = tmp_path / "env.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.addfile(tarfile.TarInfo("bin/python3.9"), io.BytesIO())
    environment = {"PYSPARK_DRIVER_PYTHON": "python3.11", "PYSPARK_PYTHON": "./environment/bin/python"}
    for location in (str(archive), f"file://{archive}", f"file:{archive}"):
        (finding,) = findings({"spark.archives": f"/other.zip,{location}#environment"}, environment)
        assert "executors 3.9 (PYSPARK_PYTHON, './environment/bin/python')" in finding.message
    # Without a name the folder is called as the archive is.
    named = {**environment, "PYSPARK_PYTHON": "env.tar.gz/bin/python"}
    assert len(findings({"spark.archives": str(archive)}, named)) == 1
    for archives in ("", f"{archive}#other", f"{tmp_path}/no.zip#environment", "hdfs://h/e.zip#environment"):
        assert findings({"spark.archives": archives}, environment) == []

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.master import HostPort
from sparkmesos_core.preflight import executor_uri
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.executor_uri import check_executor_uri
from sparkmesos_core.preflight.name_lookup import Lookup
from tests.http_stub import Answer, HttpStub, http_stub
from tests.unit.preflight.archives import RELEASE, tar
from tests.unit.preflight.clusters import agent, cluster

FAR = 60.0
NAME = "spark-3.5.9-bin-hadoop3.tgz"
ELSEWHERE = cluster(agent(hostname="agent1"))


def findings(
    uri: str | None, facts: ClusterFacts | None = None, *, variable: str = "", **properties: str
) -> list[Finding]:
    configuration = {f"spark.{name.replace('_', '.')}": value for name, value in properties.items()}
    if uri is not None:
        configuration["spark.executor.uri"] = uri
    environment = {"SPARK_EXECUTOR_URI": variable} if variable else {}
    return check_executor_uri(configuration, facts, environment, deadline=time.monotonic() + FAR)


def only(uri: str | None, facts: ClusterFacts | None = None, *, variable: str = "") -> Finding:
    (found,) = findings(uri, facts, variable=variable)
    return found


@pytest.fixture
def dist() -> Iterator[HttpStub]:
    """A server of archives, good ones and others."""
    content = {
        NAME: tar(*RELEASE),
        "other.tgz": tar(*RELEASE),
        "spark-3.5.9-bin.tgz": tar("spark-3.5.9-bin2/", "spark-3.5.9-bin2/RELEASE"),
        "data.tgz": tar("things/", "things/a"),
        "large.tgz": tar("things/a", "things/b", size=2_000_000),
        "page.tgz": b"<html>Log in</html>",
        "text.tgz": b"text",
        "noop.py": b"#!/usr/bin/env python3\nprint()\n",
        "version": b'{"version": "1.12.0"}',
        "login?to=spark.tgz": b"<html>Log in</html>",
        "page.zip": b"<html>Log in</html>",
        "empty.tgz": tar("empty/", "empty/sbin/"),
        "spark.zip": b"PK",
    }
    with http_stub({f"/{name}": Answer(206, body) for name, body in content.items()}) as stub:
        yield stub


def agents_here(stub: HttpStub) -> ClusterFacts:
    """A cluster on loopback whose agent is the stub."""
    here = replace(agent(), host=stub.address.host, port=stub.address.port)
    return replace(cluster(here), master=HostPort("127.0.0.1", 5050))


def flags(work_dir: Path | str) -> dict[str, Answer]:
    return {"/flags": Answer(200, json.dumps({"flags": {"work_dir": str(work_dir)}}).encode())}


def test_an_archive_that_agents_can_use(dist: HttpStub) -> None:
    assert findings(f"http://{dist.address}/{NAME}") == []
    assert findings(None, variable=f"http://{dist.address}/{NAME}") == []
    assert len(dist.requests) == 2


@pytest.mark.parametrize("uri", [None, "", " "])
def test_no_archive_at_all(uri: str | None) -> None:
    assert findings(uri) == []


def test_the_property_comes_before_the_variable(dist: HttpStub) -> None:
    assert findings(f"http://{dist.address}/{NAME}", variable=f"http://{dist.address}/no.tgz") == []


def test_an_archive_that_is_not_there(dist: HttpStub) -> None:
    uri = f"http://{dist.address}/no.tgz"
    for finding in (only(uri), only(None, variable=uri)):
        assert (finding.id, finding.severity) == ("executor-uri-unfetchable", Severity.ERROR)
        assert finding.message == f"The executors' archive {uri} answers 404 Not Found"
        assert finding.key == "spark.executor.uri"


def test_a_server_that_is_ill() -> None:
    with http_stub(lambda path: Answer(503)) as stub:
        assert only(f"http://{stub.address}/{NAME}").severity is Severity.WARNING


def test_secrets_of_a_url_are_not_told(dist: HttpStub) -> None:
    assert "mine" not in only(f"http://me:mine@{dist.address}/no.tgz").message


def test_spark_in_another_folder(dist: HttpStub) -> None:
    finding = only(f"http://{dist.address}/other.tgz")
    assert (finding.id, finding.severity) == ("executor-uri-top-folder", Severity.ERROR)
    assert finding.message.endswith(
        "/other.tgz holds Spark in the folder 'spark-3.5.9-bin-hadoop3', and executors run `cd other*`"
    )
    assert finding.hint.startswith("Call the archive spark-3.5.9-bin-hadoop3.tgz.")


def test_a_folder_behind_the_archive(dist: HttpStub) -> None:
    uri = f"http://{dist.address}/spark-3.5.9-bin.tgz"
    finding = only(uri)
    assert (finding.id, finding.severity) == ("executor-uri-top-folder", Severity.ERROR)
    assert "and its folder 'spark-3.5.9-bin2' both match `cd " in finding.message
    assert finding.message.endswith("which executors run: the archive comes first, and is no folder")
    assert findings(uri, mesos_fetcherCache_enable="true") == []


def test_an_archive_without_spark(dist: HttpStub) -> None:
    finding = only(f"http://{dist.address}/empty.tgz")
    assert (finding.id, finding.severity) == ("executor-uri-top-folder", Severity.ERROR)
    assert finding.message.endswith(
        "holds the folder 'empty' for `cd empty*`, which executors run, but no Spark"
    )


def test_an_archive_of_something_else(dist: HttpStub) -> None:
    finding = only(f"http://{dist.address}/data.tgz")
    assert finding.severity is Severity.ERROR
    assert finding.message.endswith("holds no folder for `cd data*`, which executors run, but 'things'")
    finding = only(f"http://{dist.address}/large.tgz")
    assert finding.severity is Severity.WARNING  # what comes later is not known


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("page.tgz", "a web page"),
        ("text.tgz", "no archive that agents can unpack"),
        # That they are not unpacked, whatever they are, is said by a rule of the configuration.
        ("noop.py", "no archive that agents can unpack"),
        ("version", "no archive that agents can unpack"),
        ("login?to=spark.tgz", "a web page"),
        ("page.zip", "a web page"),
    ],
)
def test_no_archive(dist: HttpStub, name: str, what: str) -> None:
    finding = only(f"http://{dist.address}/{name}")
    assert (finding.id, finding.severity) == ("executor-uri-no-archive", Severity.ERROR)
    assert finding.message.endswith(f"/{name} is {what}")


def test_what_is_no_archive_beside_one_that_may_hold_spark(dist: HttpStub) -> None:
    for uris, severity in (("http://h/a.py,http://h/spark.tgz ", Severity.WARNING), ("/a", Severity.ERROR)):
        for name in ("noop.py", "empty.tgz", "data.tgz"):
            (finding,) = findings(f"http://{dist.address}/{name}", mesos_uris=uris)
            assert finding.severity is severity
        # Here the fetcher fails, and the task with it.
        (finding,) = findings(f"http://{dist.address}/text.tgz", mesos_uris=uris)
        assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("spark.zip", b"PK"),
        ("spark.zip", b"#!/bin/sh\nPK"),
        ("spark.gz", b"\x1f\x8b"),
        (f"{NAME}?signature=x", tar(*RELEASE)),
        ("spark", tar("other/a")),
        ("spark-3", b"PK"),
        (".tgz", tar(*RELEASE)),
    ],
)
def test_of_what_is_not_unpacked_by_tar_only_whether_it_is_an_archive(name: str, content: bytes) -> None:
    # That it is not unpacked is said by a rule of the configuration.
    with http_stub(lambda path: Answer(206, content)) as stub:
        assert findings(f"http://{stub.address}/{name}") == []
    with http_stub({}) as stub:
        assert only(f"http://{stub.address}/{name}").id == "executor-uri-unfetchable"


@pytest.mark.parametrize(
    ("hostname", "here", "severity"),
    [
        ("agent1.example", {}, Severity.WARNING),
        ("agent1.example", {"agent1.example": Lookup(("192.0.2.11",))}, Severity.ERROR),
        ("192.0.2.11", {}, Severity.ERROR),
    ],
    ids=["it knows no agent either", "it knows the agent", "nothing is known of their names"],
)
def test_a_server_whose_name_this_machine_does_not_know(
    monkeypatch: pytest.MonkeyPatch, hostname: str, here: dict[str, Lookup], severity: Severity
) -> None:
    """Its name servers may be others than those of agents, who then know names that it does not."""
    monkeypatch.setattr(
        executor_uri, "look_up", lambda names, _: {name: here.get(name, Lookup(())) for name in names}
    )
    finding = only(f"http://{'x' * 64}.example/{NAME}", cluster(agent(hostname=hostname)))
    assert (finding.id, finding.severity) == ("executor-uri-unfetchable", severity)
    assert "cannot be resolved" in finding.message


def test_a_server_on_the_loopback_of_this_machine(dist: HttpStub) -> None:
    finding = only(f"http://{dist.address}/{NAME}", ELSEWHERE)
    assert (finding.id, finding.severity) == ("executor-uri-on-loopback", Severity.WARNING)
    assert "other machines ('agent1') look for it on theirs" in finding.message
    assert dist.requests == []


def test_a_file_of_agents_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(tar(*RELEASE))
    (tmp_path / "other.tgz").write_bytes(tar(*RELEASE))
    with http_stub(flags(tmp_path)) as stub:
        facts = agents_here(stub)
        assert findings(str(tmp_path / NAME), facts) == []
        assert only(f"file://{tmp_path}/other.tgz", facts).id == "executor-uri-top-folder"
        finding = only(f"file://{tmp_path}/no.tgz", facts)
        assert (finding.id, finding.severity) == ("executor-uri-unfetchable", Severity.ERROR)
        assert finding.message == f"The executors' archive file://{tmp_path}/no.tgz does not exist"


def test_a_file_of_agents_with_files_of_their_own(tmp_path: Path) -> None:
    uri = f"file://{tmp_path}/no.tgz"
    assert findings(uri, ELSEWHERE) == []
    assert findings(uri, None) == []
    assert findings(uri, cluster()) == []
    # On this machine, but in a container, or nobody knows.
    for answers in (flags("/no/such/folder"), {}, {"/flags": Answer(401)}):
        with http_stub(answers) as stub:
            assert findings(uri, agents_here(stub)) == []


def test_what_cannot_be_known(tmp_path: Path) -> None:
    for uri in ("ftp://dist.example/spark.tgz", "gs://bucket/spark.tgz", "hdfs:///spark.tgz"):
        assert findings(uri, ELSEWHERE) == []

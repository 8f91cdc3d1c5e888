"""What is said about shuffle services, history servers and event logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.preflight.shuffle_reading import ShuffleServices
from sparkmesos_core.spark.shuffle_service import ServiceKind
from sparkmesos_core.verify.check import Verdict
from sparkmesos_core.verify.checks import services as checks
from sparkmesos_core.verify.checks.services import (
    judge_authentication,
    judge_history_version,
    judge_kinds,
    judge_ports,
    local_folder,
)

MESOS, OTHER = ServiceKind.MESOS, ServiceKind.OTHER_SPARK
SASL, FOREIGN = ServiceKind.AUTHENTICATING, ServiceKind.FOREIGN
SPARK, SILENT_KIND = ServiceKind.SPARK, ServiceKind.SILENT
REFUSED, SILENT = "refuses the connection", "does not answer"


def services(
    *, kinds: dict[str, ServiceKind] | None = None, closed: dict[str, str] | None = None,
    unknown: tuple[str, ...] = (), hosts: int | None = None,
) -> ShuffleServices:  # fmt: skip
    kinds, closed = kinds or {}, closed or {}
    return ShuffleServices(7337, kinds, closed, unknown, hosts or len(kinds) + len(closed) + len(unknown))


def ports(found: ShuffleServices, *, cluster_mode: bool) -> Verdict:
    return judge_ports(found, cluster_mode=cluster_mode, start="`start`", without="do without it")


def kinds_of(found: ShuffleServices) -> Verdict:
    return judge_kinds(found, start="`start`")


def test_open_everywhere() -> None:
    verdict = ports(services(kinds={"a": MESOS, "b": SASL}), cluster_mode=False)
    assert (verdict.seen, verdict.problems) == ("port 7337 is open on 2 of 2 hosts", ())


def test_closed_somewhere() -> None:
    found = services(kinds={"a": MESOS}, closed={"b": REFUSED, "c": SILENT, "d": REFUSED, "e": REFUSED})
    verdict = ports(found, cluster_mode=True)
    (problem,) = verdict.problems
    assert verdict.seen == "port 7337 is open on 1 of 5 hosts"
    assert problem.severity is Severity.ERROR
    assert "of b, c, d and 1 more" in problem.message
    assert problem.details[1] == "c:7337 does not answer"
    assert "Where nothing answers (c), open the port in the firewall." in problem.hint
    assert (
        "Start Spark's shuffle service there (`start`) with spark.shuffle.service.port=7337." in problem.hint
    )
    assert "Or set" not in problem.hint


def test_closed_everywhere() -> None:
    (problem,) = ports(services(closed={"a": REFUSED}), cluster_mode=False).problems
    assert problem.hint.endswith(
        " Or set spark.shuffle.service.port to the port that it has, or do without it."
    )


def test_a_firewall_may_be_between_us_and_the_agents_alone() -> None:
    found = services(closed={"a": SILENT, "b": SILENT})
    assert ports(found, cluster_mode=True).problems[0].severity is Severity.WARNING
    assert ports(found, cluster_mode=False).problems[0].severity is Severity.ERROR


def test_what_was_not_asked_is_told() -> None:
    verdict = ports(services(kinds={"a": MESOS}, unknown=("b",), hosts=900), cluster_mode=False)
    assert verdict.problems == ()  # names are for another check
    assert verdict.seen == (
        "port 7337 is open on 1 of 1 host (2 of 900 were asked); 1 host without an address here"
    )


def test_kinds() -> None:
    verdict = kinds_of(services(kinds={"a": MESOS, "b": OTHER, "c": FOREIGN, "d": SASL}))
    assert [problem.severity for problem in verdict.problems] == [Severity.ERROR, Severity.WARNING]
    assert "of c is no shuffle service" in verdict.problems[0].message
    assert "of b is not the one for Mesos" in verdict.problems[1].message
    assert kinds_of(services(kinds={"a": MESOS, "d": SASL})).problems == ()
    assert not kinds_of(services(closed={"a": REFUSED})).applies


def test_one_that_hangs() -> None:
    (problem,) = kinds_of(services(kinds={"a": MESOS, "b": SILENT_KIND})).problems
    assert problem.severity is Severity.WARNING
    assert problem.message == "What listens at port 7337 of b takes the connection, but does not answer"


def test_only_of_one_it_is_known_whether_it_is_for_mesos() -> None:
    verdict = kinds_of(services(kinds={"a": MESOS, "b": SPARK, "c": SPARK}))
    assert verdict.problems == ()
    assert verdict.seen.startswith(
        "Spark's shuffle service for Mesos on 1 host; a shuffle service of Spark on 2 hosts (whether"
    )


def test_authentication() -> None:
    mixed = services(kinds={"a": MESOS, "b": SASL})
    (problem,) = judge_authentication(mixed, authenticates=False).problems
    assert "of b wants authentication" in problem.message
    (problem,) = judge_authentication(mixed, authenticates=True).problems
    assert "of a knows nothing of it" in problem.message
    assert judge_authentication(services(kinds={"b": SASL}), authenticates=True).problems == ()
    assert judge_authentication(services(kinds={"a": MESOS, "b": SPARK}), authenticates=False).problems == ()
    (problem,) = judge_authentication(services(kinds={"a": SPARK}), authenticates=True).problems
    assert "of a knows nothing of it" in problem.message
    assert not judge_authentication(services(kinds={"a": FOREIGN}), authenticates=True).applies


@pytest.mark.parametrize(
    ("server", "client", "is_told"),
    [
        ("3.5.9", "3.5.1", False),
        ("3.5.0", "3.5.9", False),
        ("3.4.4", "3.5.9", True),
        ("2.4.8", "3.0.0", True),
        ("4.0.0", "3.5.9", False),
        ("3.10.0", "3.9.0", False),
        ("odd", "3.5.9", False),
    ],
)
def test_history_versions(server: str, client: str, is_told: bool) -> None:
    assert bool(judge_history_version(server, client).problems) is is_told


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/tmp/spark-events", "/tmp/spark-events"),
        ("file:/logs/a%20b", "/logs/a b"),
        ("file:///logs", "/logs"),
        ("file://localhost/logs", "/logs"),
        ("hdfs://namenode/logs", None),
        ("s3a://bucket/logs", None),
        ("file://host/logs", None),
    ],
)
def test_local_folders(uri: str, path: str | None) -> None:
    assert local_folder(uri) == (None if path is None else Path(path))


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks._problem_with(tmp_path) is None
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    assert checks._problem_with(tmp_path) == "cannot be written by this user"

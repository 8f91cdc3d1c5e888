"""What is said about what masters demand, and are asked for."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.verify.checks.master_terms import (
    judge_certificate,
    judge_libmesos_credentials,
    judge_version,
    numbers,
    requirements,
)
from sparkmesos_core.verify.facts.master_answers import Certificate

LEADER = Leader(HostPort("10.0.0.1", 5050), version="1.11.0")


def of_version(version: str | None) -> Leader:
    return Leader(LEADER.address, version=version)


# Versions


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("1.12.0", (1, 12, 0)),
        ("1.4.0-rc5", (1, 4, 0)),
        ("1.11.0-2.0.1", (1, 11, 0)),  # Clusterd
        ("0.28", (0, 28, 0)),
        ("1.x", (1, 0, 0)),
        ("master", None),
        ("", None),
    ],
)
def test_version_numbers(text: str, parsed: tuple[int, ...] | None) -> None:
    assert numbers(text) == parsed


def versions(
    *keys: str, libmesos: bool = True, dispatcher: bool = False, spark: tuple[int, int] | None = None
) -> list[tuple[tuple[int, ...], str]]:
    wanted = requirements(keys, libmesos=libmesos, dispatcher=dispatcher, spark=spark)
    return [(requirement.version, requirement.severity.value) for requirement in wanted]


def test_what_is_required() -> None:
    assert versions() == [((0, 21), "warning")]
    assert versions(spark=(2, 3)) == [((0, 21), "warning")]
    assert versions(spark=(2, 4)) == [((1, 0), "warning")]
    assert versions(libmesos=False, spark=(2, 0)) == [((1, 0), "error")]
    assert versions(dispatcher=True)[1] == ((1, 0), "error")
    assert versions("spark.mesos.driver.secret.names")[1] == ((1, 3), "error")
    assert versions("spark.mesos.executor.secret.values")[1] == ((1, 3), "error")
    assert versions("spark.mesos.executor.docker.image")[1] == ((0, 20, 1), "error")


def test_old_masters() -> None:
    bridge = requirements((), libmesos=False, dispatcher=False, spark=(3, 5))
    assert judge_version(of_version("1.0.0"), bridge).problems == ()
    assert judge_version(of_version(None), bridge).seen == "http://10.0.0.1:5050 does not tell its version"
    assert judge_version(of_version("devel"), bridge).problems == ()
    (problem,) = judge_version(of_version("0.28.3"), bridge).problems
    assert problem.severity is Severity.ERROR
    assert "--mesos-driver native" in problem.hint

    documented = requirements(
        ("spark.mesos.driver.secret.names",), libmesos=True, dispatcher=False, spark=(3, 5)
    )
    (problem,) = judge_version(of_version("0.28.3"), documented).problems
    assert problem.severity is Severity.ERROR
    assert problem.message.endswith("is too old for Spark 3.5 by its documentation (1.0), secrets (1.3)")
    assert problem.hint == "Upgrade Mesos to 1.3 or newer, the masters first."
    (problem,) = judge_version(of_version("0.28.3"), documented[:1]).problems
    assert problem.severity is Severity.WARNING


# Credentials and certificates


def test_credentials_for_libmesos() -> None:
    bare = {"authenticators": "crammd5", "authenticate_frameworks": "false"}
    strict = {**bare, "authenticate_frameworks": "true", "credentials": "/etc/mesos/credentials"}
    assert judge_libmesos_credentials(bare, None, LEADER) is None
    assert judge_libmesos_credentials(strict, "spark", LEADER) is None
    assert judge_libmesos_credentials({}, "spark", LEADER) is None
    wanted = judge_libmesos_credentials(strict, None, LEADER)
    assert wanted is not None
    assert "registers only frameworks that authenticate" in wanted.message
    refused = judge_libmesos_credentials(bare, "spark", LEADER)
    assert refused is not None
    assert "refuses whoever shows some through libmesos" in refused.message
    assert refused.key == "spark.mesos.secret"


def test_certificates() -> None:
    assert judge_certificate(LEADER, None, 0).problems == ()
    day = 86400
    assert judge_certificate(LEADER, Certificate(-300 * day, 15 * day), 0).problems == ()
    (problem,) = judge_certificate(LEADER, Certificate(-300 * day, 1.5 * day), 0).problems
    assert problem.message == "The certificate of http://10.0.0.1:5050 is good for 1 more day"
    # Of a week, renewed by a program when a third of it is left.
    assert judge_certificate(LEADER, Certificate(-5 * day, 2 * day), 0).problems == ()
    assert judge_certificate(LEADER, Certificate(-6 * day, 1 * day), 0).problems

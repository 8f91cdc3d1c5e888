"""All checks together: on stand-ins for masters, and on a cluster of its own in tests/integration."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.preflight import preflight as module
from sparkmesos_core.preflight.cluster_reading import MasterAccess
from sparkmesos_core.preflight.preflight import preflight
from tests.http_stub import Answer, http_stub

ORIGIN = Origin(Source.FILE, "spark-defaults.conf", 3)
CHECKS = ("check_executor_uri", "check_driver_host", "check_agent_names", "check_python_version")
SLAVES = {
    "slaves": [
        {
            "id": "m-S0",
            "hostname": "127.0.0.1",
            "pid": "slave(1)@127.0.0.1:5051",
            "attributes": {},
            "resources": {"cpus": 2.0, "mem": 2048.0},
        }
    ]
}


def answer(content: Any) -> Answer:
    return Answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


ANSWERS = {"/slaves": answer(SLAVES), "/flags": answer({"flags": {"roles": "etl"}})}


def configuration(**properties: str) -> Configuration:
    return Configuration(
        [[Setting(f"spark.{name.replace('_', '.')}", value, ORIGIN) for name, value in properties.items()]]
    )


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[..., list[Finding]]]:
    """What the checks that look at more than the master do, by their names: nothing, unless a test says so."""
    done: dict[str, Callable[..., list[Finding]]] = {}
    for name in CHECKS:
        monkeypatch.setattr(
            module,
            name,
            lambda *given, name=name, **more: done.get(name, lambda *_, **__: [])(*given, **more),
        )
    return done


def found(*, answers: Any = None, **more: Any) -> list[Finding]:
    wanted = more.pop("configuration", configuration())
    with http_stub(ANSWERS if answers is None else answers) as master:
        return preflight(
            wanted,
            {"SPARK_LOCAL_IP": "127.0.0.1"},
            MasterAccess(f"http://{master.address}"),
            **{"timeout": 60, **more},
        )


@pytest.mark.usefixtures("others")
def test_nothing_is_wrong() -> None:
    assert found() == []


def test_the_worst_first_each_with_the_place_that_sets_it(others: Any) -> None:
    others["check_driver_host"] = lambda *_, **__: [
        Finding("host", Severity.WARNING, "no", "", "spark.driver.host")
    ]
    wanted = configuration(driver_host="h", mesos_role="spark", executor_cores="9")
    findings = found(configuration=wanted)
    assert [one.id for one in findings] == ["role-refused", "no-fitting-agent", "host"]
    assert [one.origin for one in findings] == [ORIGIN] * 3
    # What Spark does without being told is set nowhere.
    assert found(answers={**ANSWERS, "/slaves": answer({"slaves": []})})[0].origin is None


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("origin", "name"),
    [
        (Origin(Source.OPTION, "--executor-cores"), "--executor-cores"),
        (Origin(Source.CONF, "--conf"), "spark.executor.cores"),
        (Origin(Source.OPTION, "--dynamic-allocation"), "spark.executor.cores"),
        (ORIGIN, "spark.executor.cores"),
    ],
)
def test_the_hint_names_what_was_typed(origin: Origin, name: str) -> None:
    wanted = Configuration([[Setting("spark.executor.cores", "9", origin)]])
    (finding,) = found(configuration=wanted)
    assert (finding.origin, finding.hint) == (origin, f"Lower {name}, or add a larger agent.")


@pytest.mark.parametrize("runs_python", [True, False])
def test_what_the_checks_are_given(others: Any, runs_python: bool) -> None:
    seen: dict[str, Any] = {}
    for name in CHECKS:
        others[name] = lambda *given, name=name, **more: seen.update({name: (given, more)}) or []
    wanted = configuration(executor_cores="1")
    began = time.monotonic()
    assert found(configuration=wanted, runs_python=runs_python) == []
    assert set(seen) == set(CHECKS[:4] if runs_python else CHECKS[:3])
    for given, more in seen.values():
        conf, facts, environment = given
        assert conf is wanted
        assert [agent.hostname for agent in facts.agents] == ["127.0.0.1"]
        assert environment == {"SPARK_LOCAL_IP": "127.0.0.1"}
        assert began < more["deadline"] < time.monotonic() + 60


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    "slaves", [Answer(401, b"401 Unauthorized."), Answer(500, b""), answer({"slaves": 1})]
)
def test_a_master_that_tells_nothing(slaves: Answer, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is found, and only who asks for it hears why."""
    with caplog.at_level(logging.INFO):
        assert (
            found(answers={**ANSWERS, "/slaves": slaves}, configuration=configuration(executor_cores="9"))
            == []
        )
    assert "what agents there are is not known" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.usefixtures("others")
def test_reading_that_fails_as_nobody_expects(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(module, "read_cluster_facts", fail)
    with caplog.at_level(logging.INFO):
        assert found(configuration=configuration(executor_cores="9")) == []
    assert "what agents there are is not known" in caplog.text
    assert "too deep" in caplog.text


def test_the_others_do_without_the_master(others: Any) -> None:
    wrong = Finding("wrong", Severity.ERROR, "no")
    others["check_executor_uri"] = lambda _, facts, *__, **___: [wrong] if facts is None else []
    assert found(answers={}) == [wrong]


def test_a_check_that_fails_is_no_reason_not_to_start(others: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any, **__: Any) -> list[Finding]:
        raise RuntimeError("a fault of ours")

    others["check_driver_host"] = fail
    with caplog.at_level(logging.INFO):
        assert found(configuration=configuration(executor_cores="many")) == []
    assert "the check of the driver's host failed: a fault of ours" in caplog.text
    assert "the check of the size of agents failed: 'many' is not a whole number" in caplog.text


def test_who_is_late_is_named_and_left_behind(others: Any) -> None:
    go = threading.Event()
    others["check_agent_names"] = lambda *_, **__: go.wait(60) and []
    try:
        (late,) = found(timeout=3.0)
    finally:
        go.set()
    assert (late.id, late.severity) == ("preflight-incomplete", Severity.WARNING)
    assert late.message == "The preflight has left out the names of agents: no answer in time, of 3 s in all"


def test_a_master_that_is_late_is_told_as_well(others: Any) -> None:
    """It is not that the agents were looked at, and found to be fine."""
    go = threading.Event()
    others["check_driver_host"] = lambda *_, **__: go.wait(60) and []

    def slow(path: str) -> Answer:
        if path == "/slaves":
            go.wait(60)
        return ANSWERS[path]

    with http_stub(slow) as master:
        try:
            (late,) = preflight(
                configuration(executor_cores="9"), {}, MasterAccess(f"http://{master.address}"), timeout=0.5
            )
        finally:
            go.set()
    assert (late.id, late.severity) == ("preflight-incomplete", Severity.WARNING)
    assert late.message == (
        "The preflight has left out the agents and the driver's host: no answer in time, of 0.5 s in all"
    )

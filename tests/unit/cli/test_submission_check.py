from __future__ import annotations

from typing import Any

import pytest

from cli.submission_check import is_sound, shows_no_error, untold
from cli.terminal import Terminal
from sparkmesos_core import configuration_check
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Source

LOOPBACK = Finding("driver-on-loopback", Severity.WARNING, "the driver is on loopback")
ON_CLUSTER = Finding("driver-host-on-loopback", Severity.ERROR, "executors do not find it")
OTHER = Finding("other", Severity.WARNING, "something else")
FAULT = Finding("fault", Severity.ERROR, "it cannot run")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    findings = [OTHER, LOOPBACK]
    monkeypatch.setattr(configuration_check, "check_submission", lambda *_, **__: findings)
    return findings


def test_what_the_preflight_tells_better_is_told_once(
    found: list[Finding], capsys: pytest.CaptureFixture[str]
) -> None:
    client: Any = None
    held_back: list[Finding] = []
    assert is_sound(Terminal(), client, held_back=held_back)
    assert capsys.readouterr().err == "warning: something else\n"
    assert held_back == [LOOPBACK]
    assert untold(held_back, [ON_CLUSTER]) == []
    assert untold(held_back, [OTHER]) == [LOOPBACK]


def test_which_of_many_settings_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    key = "spark.mesos.constraints"
    conf, option, file = (
        Origin(Source.CONF, "--conf"),
        Origin(Source.OPTION, "--executor-memory"),
        Origin(Source.FILE, "/etc/spark-defaults.conf", 3),
    )
    findings = [
        Finding("a", Severity.ERROR, "no agent meets it", key=key, origin=conf),
        Finding("b", Severity.ERROR, f"{key} is odd", key=key, origin=conf),
        Finding("c", Severity.WARNING, "no agent is so large", key="spark.executor.memory", origin=option),
        Finding("d", Severity.WARNING, "no agent meets it", key=key, origin=file),
        Finding("e", Severity.WARNING, "no agent is there", key=key),
    ]
    assert not shows_no_error(Terminal(), findings)
    assert capsys.readouterr().err.splitlines() == [
        f"error: --conf {key}: no agent meets it",
        f"error: --conf: {key} is odd",
        "warning: --executor-memory: no agent is so large",
        "warning: /etc/spark-defaults.conf:3: no agent meets it",
        "warning: no agent is there",
    ]


@pytest.mark.parametrize("has_preflight", [True, False])
def test_without_a_preflight_all_is_told_at_once(
    found: list[Finding], capsys: pytest.CaptureFixture[str], has_preflight: bool
) -> None:
    client: Any = None
    held_back: list[Finding] = []
    if has_preflight:
        found.append(FAULT)  # it does not get so far
    assert is_sound(Terminal(), client, held_back=held_back if has_preflight else None) is not has_preflight
    assert "warning: the driver is on loopback\n" in capsys.readouterr().err
    assert held_back == []

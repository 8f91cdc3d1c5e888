"""The unit: what it says of its program, and that nothing gets out of its line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkmesos_core.deployment.systemd_unit import SystemdUnit
from sparkmesos_core.errors import UsageError
from tests.unit.deployment.unit_reader import command, values, words

UNIT = SystemdUnit(
    name="sparkmesos-dispatcher.service",
    description="Dispatcher, 100% Spark",
    program="/opt/spark mesos/bin/sparkmesos",
    arguments=("start-dispatcher", "--foreground", "--conf", "spark.x=$HOME %h \"q\" 'a'\nb"),
    user="ops",
    variables={"SPARK_CONF_DIR": "/etc/spark conf", "A": "$B"},
)


def test_it_says_what_runs_as_whom() -> None:
    text = UNIT.text()
    (line,) = values(text, "ExecStart")
    assert command(line) == [UNIT.program, *UNIT.arguments]
    assert values(text, "User") == ["ops"]
    assert values(text, "Description") == ["Dispatcher, 100%% Spark"]
    assert [words(one) for one in values(text, "Environment")] == [
        ["A=$B"],
        ["SPARK_CONF_DIR=/etc/spark conf"],
    ]


def test_it_is_started_again_unless_that_is_of_no_use() -> None:
    text = UNIT.text()
    # A JVM that others ended with SIGTERM ended well, and is missed all the same.
    assert values(text, "Restart") == ["always"]
    assert values(text, "RestartPreventExitStatus") == ["2"]
    # So says a program of ours that is stopped while it is just starting.
    assert values(text, "SuccessExitStatus") == ["130"]
    assert values(text, "KillMode") == ["mixed"]
    assert values(text, "TimeoutStopSec") == ["45"]


def test_what_was_told_to_end_stays_ended() -> None:
    assert values(replace(UNIT, may_end=True).text(), "Restart") == ["on-failure"]


def test_secrets_make_the_environment_file_necessary() -> None:
    assert values(UNIT.text(), "EnvironmentFile") == ["-/etc/sparkmesos/sparkmesos-dispatcher.env"]
    hidden = replace(UNIT, hidden={"SPARKMESOS_DISPATCHER_ZK": "--zk"})
    assert values(hidden.text(), "EnvironmentFile") == ["/etc/sparkmesos/sparkmesos-dispatcher.env"]


@pytest.mark.parametrize("path", ["/tmp", "/data/spark", "/home/spark", "/etcetera"])
def test_folders_that_nobody_protects_need_nothing(path: str) -> None:
    assert values(replace(UNIT, written=(path,)).text(), "ReadWritePaths") == []


@pytest.mark.parametrize("path", ["/usr/spark/tmp", "/etc", "/boot/x y"])
def test_folders_that_are_protected_are_opened(path: str) -> None:
    text = replace(UNIT, written=("/tmp", path)).text()
    assert [word for one in values(text, "ReadWritePaths") for word in words(one.removeprefix("-"))] == [path]


def test_what_it_does_not_need_is_closed() -> None:
    text = UNIT.text()
    # ReadWritePaths makes exceptions of that.
    assert values(text, "ProtectSystem") == ["full"]
    assert values(text, "NoNewPrivileges") == ["yes"]


def test_files_of_executors_stay_reachable() -> None:
    text = UNIT.text()
    for key in ("PrivateTmp", "ProtectHome", "DynamicUser", "PrivateUsers", "MemoryDenyWriteExecute"):
        assert not values(text, key)


def test_no_line_can_be_smuggled_in() -> None:
    with pytest.raises(UsageError):
        replace(UNIT, user="ops\nExecStartPre=/bin/false").text()
    injected = replace(UNIT, arguments=("a\nExecStartPre=/bin/false",)).text()
    assert not values(injected, "ExecStartPre")

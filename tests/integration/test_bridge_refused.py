"""Real Spark and a master that refuses it: the operator reads why, and the application ends within seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.bridge.conftest import ScriptedMaster, Stream

pytestmark = pytest.mark.slow

Answer = tuple[int, dict[str, str], str]


@pytest.fixture
def master() -> Iterator[ScriptedMaster]:
    scripted = ScriptedMaster()
    pages = {"/roles": '{"roles": []}', "/version": '{"version": "1.12.0"}'}
    scripted.on_get = lambda path: (200, {}, pages[path]) if path in pages else (404, {}, "")
    yield scripted
    scripted.stop()


def error(message: str) -> dict[str, Any]:
    return {"type": "ERROR", "error": {"message": message}}


@pytest.mark.parametrize(
    ("answer", "event", "conf", "said"),
    [
        pytest.param(
            (401, {"WWW-Authenticate": 'Basic realm="mesos-master-scheduler"'}, "401 Unauthorized."),
            None,
            {"spark.mesos.principal": "spark", "spark.mesos.secret": "hunter2"},
            ["refuses the credentials of principal 'spark' (401): check spark.mesos.principal"],
            id="wrong credentials",
        ),
        pytest.param(
            None,
            error("Framework has been removed"),
            {"spark.mesos.driver.frameworkId": "F-1"},
            ["Framework has been removed", "An operator has torn the framework down"],
            id="removed framework id",
        ),
        pytest.param(
            None,
            # Not a malformed one, which `submit` itself refuses.
            error("Roles {ghost} are not present in the master's --roles"),
            {"spark.mesos.role": "ghost"},
            ["Roles {ghost} are not present", "Check spark.mesos.role."],
            id="unknown role",
        ),
    ],
)
def test_the_operator_reads_why(
    answer: Answer | None,
    event: dict[str, Any] | None,
    conf: dict[str, str],
    said: list[str],
    commands,
    scala_application: Path,
    master: ScriptedMaster,
) -> None:
    master.on_subscribe = lambda call, headers: answer
    if event is not None:
        master.on_stream = lambda stream: refuse(stream, event)
    settings = [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    run = commands.run(
        *("submit", "--master", f"mesos://{master.address}", *settings),
        *("--class", "Sum", str(scala_application), "10"),
    )
    assert run.returncode == 1, run.stderr
    told = [line for line in run.stderr.splitlines() if line.startswith("sparkmesos: ")]
    for one in said:
        assert any(one in line for line in told), run.stderr
    assert "hunter2" not in run.stderr
    assert commands.wait_for_no_process(20) == []


def refuse(stream: Stream, event: dict[str, Any]) -> None:
    stream.emit(event)
    stream.close()


def test_a_master_that_is_too_old(commands, master: ScriptedMaster) -> None:
    """`submit` says so before anything starts."""
    pages = {"/roles": '{"roles": []}', "/version": '{"version": "0.28.3"}'}
    master.on_get = lambda path: (200, {}, pages[path])
    run = commands.run("submit", "--master", f"mesos://{master.address}", "app.py")
    assert run.returncode == 1
    assert "mesos:// over HTTP needs Mesos 1.0 or newer" in run.stderr
    assert "0.28.3" in run.stderr

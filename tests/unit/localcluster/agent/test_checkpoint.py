from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.agent import checkpoint
from sparkmesos_core.localcluster.agent.checkpoint import Checkpoint
from sparkmesos_core.localcluster.agent.executor import Executor, Task

Json = dict[str, Any]
FRAMEWORK: Json = {"id": {"value": "F"}, "name": "f", "user": "u", "checkpoint": True}


def executor_of(files: Checkpoint, executor_id: str = "e", container_id: str = "c") -> Executor:
    return Executor(
        framework_id="F",
        info={"executor_id": {"value": executor_id}, "name": "x"},
        role="r",
        container_id=container_id,
        sandbox=files.sandbox("S0", "F", executor_id, container_id),
        is_command=False,
        checkpoint=True,
    )


def task_of(task_id: str) -> Task:
    return Task("F", {"name": "t", "task_id": {"value": task_id}}, "r", "e")


def status(task_id: str, state: str, uuid: str) -> Json:
    return {"task_id": {"value": task_id}, "state": state, "uuid": uuid}


@pytest.fixture
def files(tmp_path: Path) -> Checkpoint:
    result = Checkpoint(tmp_path)
    result.agent("S0", {"resources": "cpus:1", "attributes": ""})
    result.framework("S0", FRAMEWORK)
    executor = executor_of(result)
    result.executor("S0", executor)
    result.forked("S0", executor, 17)
    for task_id in ("1", "2", "3"):
        result.task("S0", executor, task_of(task_id))
    result.update("S0", executor, "1", status("1", "TASK_RUNNING", "a"))
    result.update("S0", executor, "1", status("1", "TASK_FINISHED", "b"))
    result.acknowledgement("S0", executor, "1", "a")
    result.update("S0", executor, "2", status("2", "TASK_FAILED", "c"))
    result.acknowledgement("S0", executor, "2", "c")
    return result


def test_everything_comes_back(files: Checkpoint, tmp_path: Path) -> None:
    found = Checkpoint(tmp_path).recover()
    assert found is not None
    assert (found.agent_id, found.agent) == ("S0", {"resources": "cpus:1", "attributes": ""})
    assert found.frameworks == [FRAMEWORK]
    [left] = found.executors
    executor = left.executor
    assert (executor.executor_id, executor.role, executor.container_id) == ("e", "r", "c")
    assert executor.sandbox == tmp_path / "slaves/S0/frameworks/F/executors/e/runs/c"
    assert executor.checkpoint
    assert not executor.is_command
    assert list(executor.launched) == ["3"]
    assert list(executor.terminated) == ["1"]
    assert [task.task_id for task in executor.completed] == ["2"]
    first = left.tasks[0]
    assert (first.task.state, first.task.sent) == ("TASK_FINISHED", 1)
    assert first.unacknowledged == [status("1", "TASK_FINISHED", "b")]


def test_what_has_ended_or_never_began_does_not(files: Checkpoint, tmp_path: Path) -> None:
    files.completed("S0", executor_of(files))
    files.executor("S0", executor_of(files, "never-started"))
    found = Checkpoint(tmp_path).recover()
    assert found is not None
    assert found.executors == []
    assert found.frameworks == []


def test_the_latest_run_of_an_executor_counts(files: Checkpoint, tmp_path: Path) -> None:
    again = executor_of(files, container_id="d")
    files.executor("S0", again)
    files.forked("S0", again, None)
    found = Checkpoint(tmp_path).recover()
    assert found is not None
    assert [(e.executor.container_id, e.tasks) for e in found.executors] == [("d", [])]


def test_what_was_being_written_at_the_crash_is_left_out(files: Checkpoint, tmp_path: Path) -> None:
    tasks = tmp_path / "meta/slaves/S0/frameworks/F/executors/e/runs/c/tasks"
    with (tasks / "3/task.updates").open("a") as log:
        log.write(json.dumps({"update": status("3", "TASK_RUNNING", "x")}) + '\n{"upd')
    (tasks / "4").mkdir()
    (tasks / "4/task.info").write_text("{")
    found = Checkpoint(tmp_path).recover()
    assert found is not None
    states = {t.task.task_id: t.task.state for t in found.executors[0].tasks}
    assert states == {"1": "TASK_FINISHED", "2": "TASK_FAILED", "3": "TASK_RUNNING"}
    files.update("S0", found.executors[0].executor, "3", status("3", "TASK_FINISHED", "y"))
    found = Checkpoint(tmp_path).recover()
    assert found is not None
    [task] = [t.task for t in found.executors[0].tasks if t.task.task_id == "3"]
    assert task.state == "TASK_FINISHED", "what comes after half a line is not lost with it"


def test_others_cannot_read_it(files: Checkpoint, tmp_path: Path) -> None:
    for path in (tmp_path / "meta").rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path


def test_an_agent_that_was_shut_down_is_not_taken_over(files: Checkpoint, tmp_path: Path) -> None:
    files.forget_agent()
    assert Checkpoint(tmp_path).recover() is None
    assert Checkpoint(tmp_path / "empty").recover() is None


def test_nor_is_one_of_a_process_that_has_ended(
    files: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_this_process", lambda: {"pid": 1, "started": 2.0})
    assert Checkpoint(tmp_path).recover() is None


def test_what_does_not_fit_on_the_disk_leaves_no_half_a_line(
    files: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[: len(data) - 5])

    executor = executor_of(files)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        files.update("S0", executor, "3", status("3", "TASK_RUNNING", "d"))
    monkeypatch.undo()
    files.update("S0", executor, "3", status("3", "TASK_FAILED", "e"))
    found = Checkpoint(tmp_path).recover()
    assert found is not None
    third = found.executors[0].tasks[2]
    assert third.unacknowledged == [status("3", "TASK_FAILED", "e")]

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.driver_sandboxes import (
    DriverSandboxes,
    ExecutorTask,
    Sandbox,
    agent_url,
    executor_tasks,
    told_sandbox,
)
from sparkmesos_core.dispatcher.messages import DriverStatus
from sparkmesos_core.errors import DispatcherError, MesosError
from tests.contract.replay import load

ID = "driver-20260101000000-0001"
TOLD = {
    "taskId": f"{ID}-retry-1",
    "agentId": "S0",
    "agentUrl": "http://10.0.0.1:5051",
    "driverFrameworkId": f"f-0001-{ID}-retry-1",
}


def nobody(_url: str) -> Any:
    raise AssertionError("no agent is to be asked")


def test_ours_tells_where_a_driver_is() -> None:
    status = DriverStatus(ID, "RUNNING", "", TOLD)
    wanted = Sandbox("http://10.0.0.1:5051", "f-0001", f"{ID}-retry-1")
    assert told_sandbox(status) == wanted
    assert DriverSandboxes(nobody).of_driver(status) == wanted


@pytest.mark.parametrize("missing", ["agentUrl", "taskId"])
def test_what_is_missing_is_not_made_up(missing: str) -> None:
    fields = {name: value for name, value in TOLD.items() if name != missing}
    assert told_sandbox(DriverStatus(ID, "RUNNING", "", fields)) is None


def test_a_driver_that_was_never_launched_has_none() -> None:
    assert DriverSandboxes(nobody).of_driver(DriverStatus(ID, "QUEUED")) is None


class FakeMaster:
    base_url = "https://master:5050"

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __enter__(self) -> FakeMaster:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_json(self, path: str) -> Any:
        self.asked.append(path)
        return self.answers[path]


def of_jvm(agent: str) -> DriverStatus:
    text = f'task_id {{\n  value: "{ID}"\n}}\nstate: TASK_RUNNING\nslave_id {{\n  value: "{agent}"\n}}\n'
    return DriverStatus(ID, "RUNNING", text)


def test_of_sparks_own_the_master_knows_the_agent() -> None:
    """By what a real master answers."""
    body = load("master-GET_slaves")["exchanges"][0]["response"]["body"]
    agent = body["slaves"][0]
    master: Any = FakeMaster({"/slaves": body})
    sandboxes = DriverSandboxes(nobody, lambda: master)
    wanted = Sandbox(f"https://{agent['pid'].partition('@')[2]}", None, ID)
    assert [sandboxes.of_driver(of_jvm(agent["id"])) for _ in range(3)] == [wanted] * 3
    assert master.asked == ["/slaves"], "which is asked once"


def test_without_a_master_nobody_knows() -> None:
    with pytest.raises(DispatcherError, match="where the driver's agent is") as caught:
        DriverSandboxes(nobody).of_driver(of_jvm("S0"))
    assert "--master" in caught.value.hint


@pytest.mark.parametrize("answer", [{}, {"slaves": None}, {"slaves": [7, {"id": "S0"}]}, {"slaves": []}])
def test_an_agent_that_is_gone(answer: dict[str, Any]) -> None:
    with pytest.raises(MesosError, match="S0 is not registered"):
        agent_url(answer, "S0")


STATE = {
    "slaves": [{"id": "S0", "pid": "slave(1)@10.0.0.1:5051"}],
    "frameworks": [
        {"id": "f-0001", "tasks": [{"id": ID, "executor_id": "", "slave_id": "S0", "state": "TASK_RUNNING"}]},
        {
            "id": f"f-0001-{ID}",
            "tasks": [{"id": "1", "executor_id": "", "slave_id": "S0", "state": "TASK_RUNNING"}],
            "completed_tasks": [{"id": "0", "executor_id": "", "slave_id": "S9", "state": "TASK_FAILED"}],
        },
        {"id": f"f-0001-{ID}-retry-1", "tasks": [{"id": "7", "slave_id": "S0", "state": "TASK_RUNNING"}]},
    ],
    "completed_frameworks": [
        {
            "id": f"f-0001-{ID}-0001",
            "completed_tasks": [
                {"id": "2", "executor_id": "S0/2", "slave_id": "S0", "state": "TASK_FINISHED"}
            ],
        },
    ],
}


def test_executors_are_those_of_the_drivers_own_frameworks() -> None:
    assert list(executor_tasks(STATE, ID)) == [
        ExecutorTask(f"f-0001-{ID}-0001", "S0/2", "S0", "TASK_FINISHED"),
        ExecutorTask(f"f-0001-{ID}", "0", "S9", "TASK_FAILED"),
        ExecutorTask(f"f-0001-{ID}", "1", "S0", "TASK_RUNNING"),
    ]


def test_the_sandbox_of_an_executor() -> None:
    sandboxes = DriverSandboxes(nobody, lambda: FakeMaster({"/state": STATE}))  # type: ignore[arg-type, return-value]
    assert sandboxes.of_executor(DriverStatus(ID, "RUNNING"), "1") == Sandbox(
        "https://10.0.0.1:5051", f"f-0001-{ID}", "1"
    )
    with pytest.raises(MesosError, match="S9 is not registered"):
        sandboxes.of_executor(DriverStatus(ID, "RUNNING"), "0")


def test_an_executor_that_there_is_not() -> None:
    sandboxes = DriverSandboxes(nobody, lambda: FakeMaster({"/state": STATE}))  # type: ignore[arg-type, return-value]
    with pytest.raises(MesosError, match="no executor 9") as caught:
        sandboxes.of_executor(DriverStatus(ID, "RUNNING"), "9")
    assert caught.value.hint == "It has 0, 1, S0/2."
    with pytest.raises(MesosError) as caught:
        sandboxes.of_executor(DriverStatus("driver-2", "RUNNING"), "0")
    assert "no executor yet" in caught.value.hint

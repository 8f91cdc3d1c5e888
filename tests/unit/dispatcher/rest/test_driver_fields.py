"""What is told of a driver beyond what Spark tells."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.drivers.driver import Driver, Launch, Outcome, State
from sparkmesos_core.dispatcher.drivers.obstacle import Cause, Obstacle
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.messages import DriverStatus
from sparkmesos_core.dispatcher.rest.driver_fields import driver_fields, driver_message
from sparkmesos_core.dispatcher.rest.status_text import java_double_text, status_text
from sparkmesos_core.durable_framework.task_status import TaskStatus
from sparkmesos_core.mesos.constraints import UnmetConstraint
from sparkmesos_core.redaction import REDACTED

ID = "driver-20261122080234-0001"
SUBMISSION = Submission("http://h/a.py", "", (), {}, {}, "app", 1.0, 1024, 1408)
LAUNCH = Launch(f"{ID}-retry-1", "agent-S0", "a1", "http://a1:5051", f"5e0a-0001-{ID}-retry-1", 1795332155.25)
FAILED = TaskStatus(
    LAUNCH.task_id,
    "TASK_FAILED",
    "agent-S0",
    "Command exited with status 3",
    "REASON_X",
    "SOURCE_EXECUTOR",
    1795332160.5,
)
ENDED = Driver(
    ID, 1, SUBMISSION, 1795332154.0, State.FINISHED, launch=LAUNCH, launches=2, status=FAILED, retries=1,
    outcome=Outcome.FAILED, finished_at=1795332160.75,
)  # fmt: skip


def test_an_ended_driver() -> None:
    fields = {key: value for key, value in driver_fields(ENDED).items() if value is not None}
    assert fields == {
        "name": "app",
        "appResource": "http://h/a.py",
        "cores": 1.0,
        "heap": 1024,
        "memory": 1408,
        "queue": "default",
        "priority": 0.0,
        "supervise": False,
        "retries": 1,
        "launches": 2,
        "outcome": "failed",
        "killRequested": False,
        "submittedAt": "2026-11-22T07:22:34.000Z",
        "launchedAt": "2026-11-22T07:22:35.250Z",
        "statusAt": "2026-11-22T07:22:40.500Z",
        "finishedAt": "2026-11-22T07:22:40.750Z",
        "taskId": f"{ID}-retry-1",
        "agentId": "agent-S0",
        "agentHost": "a1",
        "agentUrl": "http://a1:5051",
        "driverFrameworkId": f"5e0a-0001-{ID}-retry-1",
        "sandboxUrl": (
            f"http://a1:5051/files/browse?path=/frameworks/5e0a-0001/executors/{ID}-retry-1/runs/latest"
        ),
        "workerId": "agent-S0",
        "workerHostPort": "a1:5051",
        "mesosState": "TASK_FAILED",
        "mesosMessage": "Command exited with status 3",
        "mesosReason": "REASON_X",
        "mesosSource": "SOURCE_EXECUTOR",
        "statusTaskId": f"{ID}-retry-1",
        "exitStatus": 3,
    }


def test_one_that_waits_in_the_queue() -> None:
    fields = driver_fields(Driver(ID, 1, SUBMISSION, 1.0), 5)
    assert fields["queuePosition"] == 5
    assert "taskId" not in fields
    assert "mesosState" not in fields
    assert driver_message(Driver(ID, 1, SUBMISSION, 1.0)) is None


def test_what_one_waits_for() -> None:
    waiting = Driver(ID, 1, SUBMISSION, 1.0)
    large = Obstacle(
        Cause.CORES_AND_MEMORY, "needs more", "Ask for less.", 3, largest_cores=2.0, largest_memory=512.5
    )
    assert driver_fields(waiting, 1, large)["waitsFor"] == {
        "cause": "cores and memory",
        "message": "needs more",
        "hint": "Ask for less.",
        "agents": 3,
        "largestCores": 2.0,
        "largestMemory": 512.5,
    }
    unmet = (UnmetConstraint("rack:r1", ("r2",)), UnmetConstraint("gpu:", ()))
    odd = Obstacle(Cause.CONSTRAINTS, "none meets password=hunter2-hunter2", agents=0, unmet=unmet)
    assert driver_fields(waiting, 1, odd)["waitsFor"] == {
        "cause": "constraints",
        "message": f"none meets password={REDACTED}",
        "agents": 0,
        "unmetConstraints": [
            {"constraint": "rack:r1", "offered": ["r2"]},
            {"constraint": "gpu:", "offered": []},
        ],
    }
    assert driver_fields(waiting)["waitsFor"] is None


def test_when_a_retry_comes_is_told_of_those_that_wait_for_one() -> None:
    waiting = replace(ENDED, state=State.RETRYING, outcome=None, finished_at=None, next_retry_at=1795332164.0)
    assert driver_fields(waiting)["nextRetryAt"] == "2026-11-22T07:22:44.000Z"
    assert driver_fields(replace(waiting, state=State.LAUNCHED))["nextRetryAt"] is None


@pytest.mark.parametrize("state", [State.LAUNCHED, State.QUEUED])
def test_what_was_said_of_the_task_before_is_not_said_of_the_next(state: State) -> None:
    """A client that finds TASK_FAILED in the message of a running driver would take it for its end."""
    again = replace(
        ENDED, state=state, outcome=None, finished_at=None, launch=replace(LAUNCH, task_id=f"{ID}-retry-2")
    )
    assert driver_message(again) is None
    assert driver_fields(again).get("exitStatus") is None
    assert driver_fields(again)["statusTaskId"] == f"{ID}-retry-1", "of which what Mesos said is still told"
    retrying = replace(again, state=State.RETRYING, launch=LAUNCH)
    assert "TASK_FAILED" in str(driver_message(retrying))
    assert driver_fields(retrying)["exitStatus"] == 3


@pytest.mark.parametrize(
    ("message", "status", "signal"),
    [
        ("Command exited with status 0", 0, None),
        ("Command terminated with signal Killed", None, "Killed"),
        ("Container terminated", None, None),
        ("", None, None),
    ],
)
def test_how_a_process_ended(message: str, status: int | None, signal: str | None) -> None:
    fields = driver_fields(replace(ENDED, status=replace(FAILED, message=message)))
    assert (fields["exitStatus"], fields["exitSignal"]) == (status, signal)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [(Outcome.KILLED, "killed"), (Outcome.FAILED, "failed"), (Outcome.LOST, "lost")],
)
def test_one_that_ended_without_a_task_says_so_to_clients_that_read_the_message(
    outcome: Outcome, word: str
) -> None:
    ended = Driver(ID, 1, SUBMISSION, 1.0, State.FINISHED, outcome=outcome, detail='no "Spark"')
    told = DriverStatus(ID, "FINISHED", driver_message(ended) or "")
    assert told.outcome.value == word
    assert told.task_message == 'no "Spark"'


def test_nothing_that_is_told_holds_a_secret() -> None:
    secret = "hunter2-hunter2"
    submission = replace(
        SUBMISSION,
        app_resource=f"https://h/a.py?X-Amz-Signature={secret}",
        name=f"password={secret}",
        properties={"spark.mesos.secret": secret},
        environment={"TOKEN": secret},
        app_args=(secret,),
    )
    status = replace(FAILED, message=f"Failed to fetch http://u:{secret}@h/x")
    driver = replace(ENDED, submission=submission, status=status, detail=f"s3://k:{secret}@b")
    assert secret not in repr(driver_fields(driver))
    assert secret not in str(driver_message(driver))


@pytest.mark.parametrize("timestamp", [float("inf"), 1e300, -1e300, float("nan")])
def test_a_clock_may_say_anything(timestamp: float) -> None:
    assert driver_fields(replace(ENDED, status=replace(FAILED, timestamp=timestamp)))["statusAt"] is None
    assert status_text(replace(FAILED, timestamp=timestamp))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1795334558.3900304, "1.7953345583900304E9"),
        (1795334560.0, "1.79533456E9"),
        (1e7, "1.0E7"),
        (9999999.0, "9999999.0"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (-1.5e10, "-1.5E10"),
        (0.0, "0.0"),
    ],
)
def test_doubles_as_java_writes_them(number: float, text: str) -> None:
    assert java_double_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_what_they_were(number: float) -> None:
    assert float(java_double_text(number)) == number


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_messages_are_read_back_by_our_client(message: str) -> None:
    text = status_text(replace(FAILED, message=message))
    assert DriverStatus(ID, "FINISHED", text).task_state == "TASK_FAILED"

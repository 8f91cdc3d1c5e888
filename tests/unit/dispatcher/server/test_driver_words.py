"""How states of drivers are said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkmesos_core.dispatcher.drivers.driver import Driver, Outcome, State
from sparkmesos_core.dispatcher.server.driver_words import (
    current_status,
    duration_text,
    memory_text,
    wording_of,
)
from tests.sample_drivers import ended, launched, said, sample_driver

QUEUED = sample_driver(1, 100.0)
LAUNCHED = launched(QUEUED, 110.0)
RUNNING = said(LAUNCHED, "TASK_RUNNING")
FAILED = said(
    LAUNCHED, "TASK_FAILED", "Command exited with status 1", reason="REASON_COMMAND_EXECUTOR_FAILED"
)


@pytest.mark.parametrize(
    ("driver", "word", "look"),
    [
        (QUEUED, "queued", "plain"),
        (LAUNCHED, "launching", "run"),
        (said(LAUNCHED, "TASK_STAGING"), "starting", "run"),
        (said(LAUNCHED, "TASK_STARTING"), "starting", "run"),
        (RUNNING, "running", "run"),
        (said(LAUNCHED, "TASK_UNREACHABLE"), "unreachable", "bad"),
        (replace(RUNNING, kill_requested=True), "being killed", "plain"),
        (replace(FAILED, state=State.RETRYING), "waits to be retried", "bad"),
        (ended(RUNNING, Outcome.SUCCEEDED, 200.0), "succeeded", "good"),
        (ended(FAILED, Outcome.FAILED, 200.0), "failed", "bad"),
        (ended(RUNNING, Outcome.KILLED, 200.0), "killed", "plain"),
        (ended(RUNNING, Outcome.LOST, 200.0), "lost", "bad"),
    ],
)
def test_words(driver: Driver, word: str, look: str) -> None:
    wording = wording_of(driver)
    assert (wording.word, wording.look) == (word, look)


def test_explanations_are_the_best_words_there_are() -> None:
    assert wording_of(ended(FAILED, Outcome.FAILED, 1.0)).explanation == "Command exited with status 1"
    own = ended(FAILED, Outcome.FAILED, 1.0, "Retried 3 times")
    assert wording_of(own).explanation == "Retried 3 times. Command exited with status 1"
    same = ended(FAILED, Outcome.FAILED, 1.0, "Command exited with status 1")
    assert wording_of(same).explanation == "Command exited with status 1"
    wordless = said(LAUNCHED, "TASK_LOST", reason="REASON_AGENT_REMOVED")
    assert wording_of(ended(wordless, Outcome.LOST, 1.0)).explanation == "agent removed"
    assert wording_of(ended(QUEUED, Outcome.KILLED, 1.0)).explanation == ""


def test_no_explanation_holds_a_secret() -> None:
    leaky = said(LAUNCHED, "TASK_FAILED", "Failed to fetch https://u:hunter2@h/x?X-Amz-Signature=hunter2")
    for driver in (leaky, ended(leaky, Outcome.FAILED, 1.0, "see https://u:hunter2@h")):
        assert "hunter2" not in wording_of(driver).explanation
        assert wording_of(driver).explanation


def test_what_was_said_of_an_earlier_launch_is_not_said_of_this_one() -> None:
    assert FAILED.launch is not None
    again = replace(FAILED, launch=replace(FAILED.launch, task_id=f"{FAILED.id}-retry-1"))
    assert current_status(again) is None
    assert wording_of(again).word == "launching"
    assert current_status(FAILED) is FAILED.status
    assert current_status(QUEUED) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5.0, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (600, "10 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (18180, "5 h 3 min"),
        (86400, "1 d"),
        (1051200, "12 d 4 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("mebibytes", "text"), [(384, "384 MiB"), (1024, "1 GiB"), (1408, "1.4 GiB"), (102400, "100 GiB")]
)
def test_memory(mebibytes: int, text: str) -> None:
    assert memory_text(mebibytes) == text

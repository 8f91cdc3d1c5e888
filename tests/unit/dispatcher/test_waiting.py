from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparkmesos_core.dispatcher.client import RefusedError
from sparkmesos_core.dispatcher.messages import DriverStatus, Outcome
from sparkmesos_core.dispatcher.waiting import LONGEST_PAUSE, Watch, description, wait_for_end
from sparkmesos_core.errors import DispatcherError, SparkMesosError, TimedOutError, UnreachableError

ID = "driver-20260101000000-0001"
GONE = UnreachableError("The dispatcher refuses the connection")


def status(state: str, task: str = "", said: str = "", **fields: object) -> DriverStatus:
    text = f'task_id {{ value: "{ID}" }} state: {task} message: "{said}"' if task else ""
    return DriverStatus(ID, state, text, {"driverState": state, **fields})


QUEUED, RUNNING = status("QUEUED"), status("RUNNING", "TASK_RUNNING")
FINISHED = status("FINISHED", "TASK_FINISHED", "Command exited with status 0")
NOT_FOUND = status("NOT_FOUND")


class Story:
    """A dispatcher that tells a story, in a time of its own that passes while somebody sleeps."""

    def __init__(self, *answers: DriverStatus | SparkMesosError) -> None:
        self._answers: Iterator[DriverStatus | SparkMesosError] = iter(answers)
        self.last = answers[-1]
        self.now = 1000.0
        self.pauses: list[float] = []
        self.told: list[str] = []

    def status(self, submission_id: str) -> DriverStatus:
        assert submission_id == ID
        answer = next(self._answers, self.last)
        if isinstance(answer, SparkMesosError):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.pauses.append(seconds)
        self.now += seconds

    def wait(self, **options: float) -> DriverStatus:
        return wait_for_end(
            self,
            ID,
            tell=self.told.append,
            clock=lambda: self.now,
            sleep=self.sleep,
            **options,  # type: ignore[arg-type]
        )


def test_each_change_is_told_once() -> None:
    story = Story(QUEUED, QUEUED, RUNNING, RUNNING, RUNNING, FINISHED)
    assert story.wait() is FINISHED
    assert story.told == [
        "queued",
        "running: TASK_RUNNING",
        "succeeded: TASK_FINISHED, Command exited with status 0",
    ]


def test_questions_get_rarer_until_something_changes() -> None:
    story = Story(*[QUEUED] * 20, RUNNING, RUNNING, FINISHED)
    story.wait()
    assert story.pauses[:20] == sorted(story.pauses[:20])
    assert max(story.pauses) == story.pauses[19] == LONGEST_PAUSE
    assert story.pauses[20] == story.pauses[0] < 1


def test_who_watches_the_output_may_ask_more_often() -> None:
    story = Story(*[RUNNING] * 20, FINISHED)
    story.wait(longest_pause=0.5)
    assert max(story.pauses) == 0.5


def test_a_dispatcher_that_is_away_for_a_while() -> None:
    story = Story(RUNNING, GONE, GONE, GONE, RUNNING, FINISHED)
    assert story.wait(patience=600) is FINISHED
    assert story.told[1] == "The dispatcher refuses the connection; asking again for up to 600 s"
    assert [line.partition(":")[0] for line in story.told[2:]] == ["running", "succeeded"]


def test_that_it_is_away_can_be_told_apart() -> None:
    story = Story(RUNNING, GONE, FINISHED)
    warnings: list[str] = []
    wait_for_end(story, ID, tell=story.told.append, warn=warnings.append, sleep=story.sleep)
    assert [line.partition(":")[0] for line in story.told] == ["running", "succeeded"]
    assert warnings == ["The dispatcher refuses the connection; asking again for up to 600 s"]


def test_a_dispatcher_that_is_away_for_good() -> None:
    story = Story(RUNNING, GONE)
    with pytest.raises(UnreachableError, match="refuses the connection"):
        story.wait(patience=60)
    assert 1060 <= story.now < 1060 + 3 * LONGEST_PAUSE


def test_patience_is_for_one_absence() -> None:
    turns: list[DriverStatus | SparkMesosError] = [GONE, RUNNING]
    story = Story(*turns * 100, FINISHED)
    assert story.wait(patience=1) is FINISHED


def test_one_that_cannot_serve_is_waited_for_as_well() -> None:
    story = Story(DispatcherError("cannot serve at the moment"), FINISHED)
    assert story.wait() is FINISHED


def test_one_that_fails_is_asked_again_and_one_that_refuses_is_not() -> None:
    def refusal(status: int) -> RefusedError:
        return RefusedError("refused", hint="", status=status)

    assert Story(refusal(500), FINISHED).wait() is FINISHED
    story = Story(RUNNING, refusal(401), FINISHED)
    with pytest.raises(RefusedError):
        story.wait()
    assert story.told == ["running: TASK_RUNNING"]


def test_a_driver_that_is_not_known_may_be_so_in_a_moment() -> None:
    story = Story(QUEUED, NOT_FOUND, NOT_FOUND, QUEUED, FINISHED)
    assert story.wait() is FINISHED


def test_a_driver_that_was_forgotten() -> None:
    story = Story(RUNNING, NOT_FOUND)
    with pytest.raises(DispatcherError, match="knows no driver") as caught:
        story.wait()
    assert "restarted without ZooKeeper" in caught.value.hint
    assert story.now < 1000 + 20


def test_an_id_that_was_never_seen() -> None:
    story = Story(NOT_FOUND)
    assert story.wait(is_known=False) is NOT_FOUND
    assert (story.pauses, story.told) == ([], [])


def test_an_id_that_somebody_typed_and_that_is_known_may_be_forgotten_later() -> None:
    story = Story(GONE, RUNNING, NOT_FOUND)
    with pytest.raises(DispatcherError, match="any more"):
        story.wait(is_known=False)


def test_the_time_is_over() -> None:
    story = Story(RUNNING)
    with pytest.raises(TimedOutError, match="has not ended within 7 s"):
        story.wait(timeout=7)
    assert story.now == pytest.approx(1007)


def test_the_time_is_over_while_nobody_answers() -> None:
    with pytest.raises(TimedOutError):
        Story(GONE).wait(timeout=7)


def test_a_driver_that_ends_at_the_last_moment_has_ended() -> None:
    story = Story(FINISHED)
    assert story.wait(timeout=1e-9) is FINISHED


def test_everybody_who_listens_gets_each_status() -> None:
    story = Story(QUEUED, GONE, RUNNING, FINISHED)
    seen: list[DriverStatus] = []
    wait_for_end(story, ID, tell=story.told.append, meanwhile=seen.append, sleep=story.sleep)
    assert seen == [QUEUED, RUNNING, FINISHED]


def test_the_last_output_comes_before_the_end_is_told() -> None:
    story = Story(RUNNING, FINISHED)

    def print_output(status: DriverStatus) -> None:
        story.told.append(f"output while {status.driver_state}")

    wait_for_end(story, ID, tell=story.told.append, meanwhile=print_output, sleep=story.sleep)
    assert [line.partition(":")[0] for line in story.told] == [
        "running",
        "output while RUNNING",
        "output while FINISHED",
        "succeeded",
    ]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (QUEUED, "queued"),
        (status("RETRYING", "TASK_FAILED", "it broke"), "retrying: TASK_FAILED, it broke"),
        (
            status("FINISHED", outcome="failed", detail="no agent can take it"),
            "failed: no agent can take it",
        ),
        (
            status(
                "FINISHED",
                outcome="lost",
                mesosState="TASK_LOST",
                mesosMessage="Slave a\nremoved",
                mesosReason="REASON_SLAVE_REMOVED",
                statusTaskId=ID,
                taskId=ID,
            ),
            "lost: TASK_LOST, Slave a removed, REASON_SLAVE_REMOVED",
        ),
        # Launched again: what is known is about the launch before.
        (status("RUNNING", mesosState="TASK_FAILED", statusTaskId=ID, taskId=f"{ID}-retry-1"), "running"),
    ],
)
def test_descriptions(told: DriverStatus, text: str) -> None:
    assert description(told) == text


def test_a_watch_does_nothing_itself() -> None:
    watch = Watch(ID, patience=5)
    assert watch.answered(QUEUED, 0) == "queued"
    assert watch.failed(GONE, 1)
    assert watch.failed(GONE, 5.9) == ""
    with pytest.raises(UnreachableError):
        watch.failed(GONE, 6)
    assert not Outcome.RUNNING.has_ended


LACKS_CORES = status(
    "QUEUED",
    waitsFor={
        "cause": "cores",
        "message": "needs 9 cores, and the largest offer had 2",
        "hint": "Ask for 2.",
    },
)
NO_OFFER = status("QUEUED", waitsFor={"cause": "offers", "message": "waits for an offer"})
AWAY = status("QUEUED", mesosProblem="m1 refuses", waitsFor={"cause": "mesos", "message": "waits for Mesos"})


def seconds(count: float, *answers: DriverStatus) -> list[DriverStatus]:
    """These answers, again and again for at least so many seconds of questions with 0.5 s between them."""
    return list(answers) * int(count / 0.5 / len(answers) + 1)


def test_what_keeps_a_driver_from_being_launched_is_told_once_and_if_it_lasts() -> None:
    story = Story(QUEUED, NO_OFFER, NO_OFFER, *seconds(120, LACKS_CORES), RUNNING, FINISHED)
    story.wait(longest_pause=0.5)
    assert story.told == [
        "queued",
        "queued: needs 9 cores, and the largest offer had 2. Ask for 2.",
        "running: TASK_RUNNING",
        "succeeded: TASK_FINISHED, Command exited with status 0",
    ]


def test_what_passes_quickly_is_not_told() -> None:
    story = Story(QUEUED, LACKS_CORES, NO_OFFER, RUNNING, FINISHED)
    story.wait(longest_pause=0.5)
    assert len(story.told) == 3


def test_another_cause_is_told_at_once_and_other_numbers_are_now_and_then() -> None:
    others = [
        status("QUEUED", waitsFor={"cause": "cores", "message": f"needs {number} cores"}) for number in (3, 4)
    ]
    story = Story(QUEUED, *seconds(10, NO_OFFER), *seconds(150, *others), RUNNING, FINISHED)
    story.wait(longest_pause=0.5)
    between = story.told[1:-2]
    assert between[:2] == ["queued: waits for an offer", "queued: needs 3 cores"]
    assert 2 <= len(between[2:]) <= 3


def test_one_that_waits_again_after_it_ran_is_told_of_again() -> None:
    story = Story(*seconds(10, LACKS_CORES), RUNNING, *seconds(10, LACKS_CORES), RUNNING, FINISHED)
    story.wait(longest_pause=0.5)
    assert sum("9 cores" in line for line in story.told) == 2


def test_that_mesos_is_away_is_a_warning_and_so_is_what_is_in_the_way() -> None:
    story = Story(*seconds(30, AWAY), *seconds(10, LACKS_CORES), RUNNING, FINISHED)
    warnings: list[str] = []
    wait_for_end(
        story, ID, tell=lambda _: None, warn=warnings.append, longest_pause=0.5,
        clock=lambda: story.now, sleep=story.sleep,
    )  # fmt: skip
    assert warnings == [
        "the dispatcher is not in touch with Mesos now: m1 refuses",
        "the dispatcher is in touch with Mesos again",
        "queued: needs 9 cores, and the largest offer had 2. Ask for 2.",
    ]


def test_a_change_of_masters_that_is_quick_is_not_told() -> None:
    story = Story(RUNNING, *[status("RUNNING", "TASK_RUNNING", mesosProblem="gone")] * 3, RUNNING, FINISHED)
    story.wait(longest_pause=0.5)
    assert len(story.told) == 2


def test_fields_that_are_none_of_ours_are_no_obstacle() -> None:
    strange: tuple[object, ...] = ({"message": 7}, [], None, 1)
    for odd in strange:
        told = status("QUEUED", waitsFor=odd, mesosProblem=odd)
        assert (told.waits_for, told.cause, told.mesos_problem) == ("", "", "")

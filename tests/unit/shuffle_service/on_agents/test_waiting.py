"""Waiting for a service on every agent, with a clock that only moves when it is waited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from sparkmesos_core.errors import DaemonError, SparkMesosError, UnreachableError
from sparkmesos_core.shuffle_service.on_agents.client import NoneHereError, NotNowError, NotThereError
from sparkmesos_core.shuffle_service.on_agents.status import ServicesStatus
from sparkmesos_core.shuffle_service.on_agents.waiting import IncompleteError, wait_until_complete
from tests.unit.shuffle_service.on_agents.test_status import report, status

DONE = status(report(), report("b"))
HALF = status(report(), report("b", state="starting", answers=False, message="Spark is fetched"))


@dataclass
class Play:
    """Answers in this order, the last one for ever."""

    answers: Sequence[ServicesStatus | SparkMesosError]
    costs: float = 0.0
    """Seconds that a question takes."""
    now: float = 100.0
    asked: int = 0
    told: list[ServicesStatus] = field(default_factory=list)

    def read(self) -> ServicesStatus:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        self.now += self.costs
        if isinstance(answer, SparkMesosError):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def wait(self, timeout: float) -> ServicesStatus:
        return wait_until_complete(
            self.read, timeout, self.told.append, sleep=self.sleep, clock=lambda: self.now
        )


def test_it_returns_with_the_first_that_is_complete() -> None:
    play = Play([HALF, HALF, DONE])
    assert play.wait(10) is DONE
    assert (play.asked, play.now, play.told) == (3, 102, [HALF, HALF, DONE])


def test_it_asks_once_at_least_and_not_after_its_time() -> None:
    assert Play([DONE]).wait(0) is DONE
    for timeout, asked in ((0.0, 1), (2.5, 4)):
        play = Play([HALF])
        with pytest.raises(IncompleteError) as raised:
            play.wait(timeout)
        assert (play.asked, play.now) == (asked, 100 + timeout)
        assert raised.value.exit_code == 6
        assert raised.value.status is HALF
        assert raised.value.message == (
            f"Not every agent has a shuffle service that answers after {timeout:g} s:\n"
            "  b: starting; Spark is fetched"
        )
    slow = Play([HALF], costs=9.0)
    with pytest.raises(IncompleteError):
        slow.wait(5)
    assert slow.asked == 1


def test_processes_that_take_each_others_place() -> None:
    play = Play([NotNowError("x does not lead"), HALF, NotThereError("x"), NoneHereError(1), DONE])
    assert play.wait(10) is DONE
    gone = Play([HALF, UnreachableError("x closed the connection")])
    with pytest.raises(IncompleteError) as raised:
        gone.wait(3)
    assert raised.value.status is HALF
    assert raised.value.message.endswith("it is not known how they are now: x closed the connection")
    assert "if it has ended" in raised.value.hint
    none = Play([NotNowError("nobody leads")])
    with pytest.raises(IncompleteError, match="nobody leads") as never:
        none.wait(3)
    assert never.value.status is None


@pytest.mark.parametrize(
    "error", [NoneHereError(1), NotThereError("x"), UnreachableError("x"), DaemonError("it wants a token")]
)
def test_what_waiting_does_not_mend(error: SparkMesosError) -> None:
    play = Play([error, DONE])
    with pytest.raises(type(error)):
        play.wait(10)
    assert play.now == 100
    later = Play([HALF, DaemonError("it wants a token")])
    with pytest.raises(DaemonError):
        later.wait(10)


def test_what_follows_a_stop_that_is_being_finished_is_waited_for() -> None:
    play = Play([status(report(), stopping=True, begins_anew=True), HALF, DONE])
    assert play.wait(10) is DONE
    with pytest.raises(IncompleteError, match="all services are being stopped, as was begun before"):
        Play([status(report(), stopping=True, begins_anew=True)]).wait(1)


def test_services_that_are_being_stopped() -> None:
    play = Play([status(report(), stopping=True)])
    with pytest.raises(DaemonError, match="All services are being stopped"):
        play.wait(10)
    assert play.now == 100


def test_of_many_agents_a_few_are_named() -> None:
    play = Play([status(*(report(f"h{number:04}", answers=False, found="x") for number in range(5000)))])
    with pytest.raises(IncompleteError) as raised:
        play.wait(0)
    lines = raised.value.message.splitlines()
    assert len(lines) == 22
    assert lines[1] == "  h0000: running; x"
    assert lines[-1] == "  and 4980 more"

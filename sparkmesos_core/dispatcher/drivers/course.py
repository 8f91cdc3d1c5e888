"""What becomes of launched drivers: they end, wait for another launch, are queued again, or come back."""

from __future__ import annotations

from dataclasses import replace

from sparkmesos_core.dispatcher.drivers.driver import Driver, Outcome, State
from sparkmesos_core.dispatcher.drivers.ledger import Ledger
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.drivers.supervision import (
    LOST_STATES,
    Verdict,
    given_up,
    has_begun,
    has_ended,
    has_retries,
    judge,
    next_wait,
    outcome_of,
)
from sparkmesos_core.durable_framework.task_status import TaskStatus


class Course:
    """Takes drivers from state to state in a ledger. Times (`now`) are seconds since 1970."""

    def __init__(self, drivers: Ledger, limits: Limits) -> None:
        self._drivers = drivers
        self._longest_wait = limits.longest_wait

    def heard(self, driver: Driver, status: TaskStatus, now: float) -> bool:
        """Take in a status of the driver's current task, or of its last one; whether that is to be killed."""
        last = driver.status if driver.status and driver.status.task_id == status.task_id else None
        if last is not None and not status.container_id:
            status = replace(status, container_id=last.container_id)
        if driver.state is not State.LAUNCHED:
            if last is None:
                return False
            if last.state == status.state and status.uuid and not last.uuid:
                # What a master answered already, now in the words of the agent, such as the exit status.
                self._drivers.change(driver, status=status)
                return False
            if last.state not in LOST_STATES or status.state in LOST_STATES:
                return False
            if driver.kill_requested and not has_ended(status):
                return True
            returned = self._returned(driver, status)
            if returned is None:
                return False
            driver = returned
        # Answers to reconciliation say little else than what is known already.
        if last is None or last.state != status.state or status.uuid not in ("", last.uuid):
            driver = self._noted(driver, status)
        return self._follow(judge(driver, status), driver, status, now)

    def finish(self, driver: Driver, outcome: Outcome, now: float, *, detail: str = "") -> None:
        """End a driver for good."""
        self._drivers.change(
            driver, state=State.FINISHED, outcome=outcome, detail=detail, finished_at=now, next_retry_at=None
        )
        self._drivers.trim()

    def lose_launched(self, now: float) -> None:
        """The tasks of all launched drivers are gone with their framework."""
        for driver in self._drivers.launched():
            if driver.kill_requested:
                self.finish(driver, Outcome.KILLED, now)
            elif has_retries(driver):
                self._retry(driver, now)
            else:
                detail = "Mesos removed the dispatcher's framework, and the driver with it"
                self.finish(driver, Outcome.LOST, now, detail=detail)

    def _returned(self, driver: Driver, status: TaskStatus) -> Driver | None:
        """A task that was thought lost is not: its driver, launched again in the ledger alone.

        Mesos says TASK_LOST of all tasks of an agent that cannot be reached, and what has become of each when
        the agent comes back. None if that changes nothing.
        """
        if driver.outcome is Outcome.KILLED:
            return None
        waiting = driver.state is State.RETRYING
        if waiting and has_ended(status) and judge(driver, status) is Verdict.RETRY:
            # It has failed, and is to be launched again already.
            self._drivers.change(driver, status=status)
            return None
        return self._drivers.change(
            driver,
            state=State.LAUNCHED,
            retries=driver.retries - waiting,
            next_retry_at=None,
            outcome=None,
            detail="",
            finished_at=None,
        )

    def _noted(self, driver: Driver, status: TaskStatus) -> Driver:
        launch = driver.launch
        if launch is not None and has_begun(status) and not launch.started:
            launch = replace(launch, started=True)
        return self._drivers.change(driver, status=status, launch=launch)

    def _follow(self, verdict: Verdict, driver: Driver, status: TaskStatus, now: float) -> bool:
        """Do what was found to be right; whether the task is to be killed."""
        if verdict is Verdict.GOES_ON:
            return driver.kill_requested and status.state != "TASK_KILLING"
        if verdict is Verdict.RETRY:
            self._retry(driver, now)
        elif verdict is Verdict.ENDS:
            self.finish(driver, outcome_of(driver, status), now, detail=given_up(driver, status))
        else:
            self._drivers.change(driver, state=State.QUEUED)
        return False

    def _retry(self, driver: Driver, now: float) -> None:
        wait = next_wait(driver, self._longest_wait)
        retries = driver.retries + 1
        self._drivers.change(
            driver, state=State.RETRYING, retries=retries, wait=wait, next_retry_at=now + wait
        )

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.book import DOUBT
from sparkmesos_core.dispatcher.drivers.driver import Outcome, State
from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    Decline,
    Forget,
    KillTask,
    LaunchTasks,
    Reconcile,
    Revive,
    Save,
    SaveFramework,
    Suppress,
)
from sparkmesos_core.errors import UsageError
from tests.unit.dispatcher.drivers.play import FRAMEWORK, Play, build, offer, submission

# --- submissions


def test_a_submission_is_written_before_anything_else_and_asks_for_offers() -> None:
    play = Play()
    driver_id = play.submit()
    assert driver_id == "driver-20260131120000-0001"
    assert [type(action) for action in play.actions] == [Save, Revive]
    driver = play.driver(driver_id)
    assert driver.state is State.QUEUED
    assert driver.submitted_at == play.now
    assert play.book.queue_position(driver_id) == 1


def test_ids_differ_in_the_same_second_and_after_a_restart() -> None:
    play = Play(retained=0)
    first, second = play.submit(), play.submit()
    assert (first[-4:], second[-4:]) == ("0001", "0002")
    play.kill(second)
    assert list(play.disk) == [first]
    play.restart()
    assert play.submit() == "driver-20260131120000-0003"


def test_a_token_finds_the_driver_again_also_after_a_restart() -> None:
    play = Play()
    driver_id = play.submit(token="t1")
    for _ in range(2):
        created, actions = play.book.submit(submission(), "t1", play.now)
        assert created.repeated
        assert created.driver == play.driver(driver_id)
        assert actions == []
        play.restart()
    created, _ = play.book.submit(submission(), "t2", play.now)
    assert not created.repeated


def test_without_a_token_every_submission_is_another_driver() -> None:
    play = Play()
    assert play.submit() != play.submit()


def test_the_queue_has_a_limit_only_if_one_is_set() -> None:
    play = Play(max_queued=2)
    play.submit()
    play.submit()
    created, actions = play.book.submit(submission(), "", play.now)
    assert created.driver is None
    assert created.refusal == (
        "Already reached maximum submission size: 2 drivers wait to be launched, "
        "and spark.mesos.maxQueuedDrivers is 2"
    )
    assert actions == []
    play.offer()
    play.submit()
    assert len(play.book.drivers()) == 3


def test_larger_priorities_go_first_and_equals_in_order_of_acceptance() -> None:
    play = Play()
    queues = {"ROUTINE": 1.0, "default": 0.0, "EXCEPTIONAL": 3.0, "URGENT": 2.0, "LOWER": -1.0}
    ids = {
        name: play.submit(name, queue=name, priority=priority, cores=0.5) for name, priority in queues.items()
    }
    again = play.submit("URGENT 2", queue="URGENT", priority=2.0, cores=0.5)
    order = [ids["EXCEPTIONAL"], ids["URGENT"], again, ids["ROUTINE"], ids["default"], ids["LOWER"]]
    assert [play.book.queue_position(id_) for id_ in order] == [1, 2, 3, 4, 5, 6]
    assert play.offer() == order
    assert play.book.queue_position(again) is None
    assert play.book.queue_position("driver-unknown") is None


# --- launches


def test_a_launch_is_written_before_mesos_knows_of_it() -> None:
    play = Play()
    driver_id = play.submit()
    play.offer(offer("o7"))
    save, launch, suppress = play.actions
    assert isinstance(save, Save)
    assert isinstance(launch, LaunchTasks)
    assert suppress == Suppress()
    assert (launch.offer_id, launch.refuse_seconds) == ("o7", 120.0)
    (task,) = launch.tasks
    assert task["task_id"] == {"value": driver_id}
    assert task["data"] == f"{FRAMEWORK}-{driver_id}"
    driver = play.driver(driver_id)
    assert driver.state is State.LAUNCHED
    assert driver.launch is not None
    assert driver.launch.agent_id == "agent-S0"
    assert driver.launch.agent_url == "http://agent-S0.mesos.example:5051"
    assert not driver.launch.started


def test_offers_that_nobody_uses_are_declined_in_one_call() -> None:
    play = Play(refuse_seconds=30.0)
    driver_id = play.submit(cores=4)
    launched = play.offer(offer("small", cpus=1), offer("fits"), offer("too late"))
    assert launched == [driver_id]
    assert play.of(Decline) == [Decline(["small", "too late"], 30.0)]


def test_several_drivers_share_an_offer_until_it_is_used_up() -> None:
    play = Play()
    ids = [play.submit(cores=1.5, memory=1000) for _ in range(4)]
    launched = play.offer(offer("a", cpus=4), offer("b", cpus=1.5, mem=1000))
    assert launched == ids[:3]
    assert [launch.offer_id for launch in play.of(LaunchTasks)] == ["a", "b"]
    assert play.of(Suppress) == []
    assert play.book.queue_position(ids[3]) == 1


def test_one_that_does_not_fit_keeps_nobody_behind_it_waiting() -> None:
    play = Play()
    play.submit(cores=100)
    second = play.submit()
    assert play.offer() == [second]


def test_constraints_of_the_driver_are_met() -> None:
    play = Play()
    zone = {"name": "zone", "type": "TEXT", "text": {"value": "b"}}
    wanted = play.submit(properties={"spark.mesos.driver.constraints": "zone:b"})
    other = play.submit(properties={"spark.mesos.constraints": "zone:none"})
    assert play.offer(offer("a")) == [other]
    assert play.offer(offer("b", attributes=[zone])) == [wanted]


def test_constraints_that_cannot_be_read_end_only_their_driver() -> None:
    play = Play()
    bad = play.submit(properties={"spark.mesos.driver.constraints": "zone"})
    good = play.submit()
    assert play.offer() == [good]
    assert play.driver(bad).outcome is Outcome.FAILED
    assert "'zone' is not a constraint" in play.driver(bad).detail


def test_sizes_that_cannot_be_counted_end_only_their_driver() -> None:
    """No such driver is accepted, but one may be in a store."""
    play = Play()
    bad = play.submit(cores=1e308)
    good = play.submit()
    assert play.offer() == [good]
    assert play.driver(bad).outcome is Outcome.FAILED
    assert "OverflowError" in play.driver(bad).detail


def test_a_driver_whose_task_cannot_be_made_fails_and_the_next_gets_the_offer() -> None:
    def maker(driver: object, *rest: object) -> object:
        name = driver.submission.name  # type: ignore[attr-defined]
        if name == "no home":
            raise UsageError("No Spark home")
        if name == "fault":
            raise ZeroDivisionError("hunter2")
        return build(driver, *rest)  # type: ignore[arg-type]

    play = Play(maker=maker)
    no_home, fault, good = play.submit("no home"), play.submit("fault"), play.submit()
    assert play.offer(offer(cpus=1)) == [good]
    assert play.driver(no_home).outcome is Outcome.FAILED
    assert play.driver(no_home).detail == "No Spark home"
    assert play.driver(no_home).launch is None
    assert "ZeroDivisionError" in play.driver(fault).detail
    assert "hunter2" not in play.driver(fault).detail


def test_max_drivers_limits_those_that_are_launched() -> None:
    play = Play(max_drivers=2)
    first, second, third = (play.submit(cores=0.5) for _ in range(3))
    assert play.offer() == [first, second]
    assert play.of(Suppress) == [Suppress()]
    assert play.offer() == []
    assert play.of(Decline) == [Decline(["o1"], 120.0)]
    play.now += 1
    play.update(first, "TASK_FINISHED")
    assert play.of(Revive) == [Revive()]
    assert play.offer() == [third]


def test_no_drivers_at_all() -> None:
    play = Play(max_drivers=0)
    play.submit()
    assert play.offer() == []
    assert play.of(Revive) == []


# --- the ends of drivers


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("TASK_FINISHED", Outcome.SUCCEEDED),
        ("TASK_FAILED", Outcome.FAILED),
        ("TASK_ERROR", Outcome.FAILED),
        ("TASK_KILLED", Outcome.KILLED),
        ("TASK_LOST", Outcome.LOST),
        ("TASK_GONE_BY_OPERATOR", Outcome.LOST),
        ("TASK_UNREACHABLE", Outcome.LOST),
    ],
)
def test_outcomes(state: str, outcome: Outcome) -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_RUNNING")
    assert play.driver(driver_id).outcome is None
    play.now += 60
    play.update(driver_id, state, "REASON_X", "in words", source="SOURCE_EXECUTOR")
    driver = play.driver(driver_id)
    assert (driver.state, driver.outcome, driver.finished_at) == (State.FINISHED, outcome, play.now)
    assert driver.status is not None
    assert (driver.status.state, driver.status.message) == (state, "in words")


def test_an_update_is_acknowledged_after_it_is_written_and_only_if_mesos_waits_for_it() -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_RUNNING")
    assert [type(action) for action in play.actions] == [Save, Acknowledge]
    assert play.of(Acknowledge) == [Acknowledge(driver_id, "agent-S0", "uuid1==")]
    play.reconciled(driver_id, "TASK_RUNNING")
    assert play.actions == []


def test_updates_of_unknown_tasks_are_acknowledged_and_the_tasks_killed() -> None:
    """They are of drivers that were lost and forgotten: nobody would ever hear of them."""
    play = Play()
    play.update("driver-20200101000000-0001", "TASK_RUNNING")
    assert [type(action) for action in play.actions] == [KillTask, Acknowledge]
    play.update("driver-20200101000000-0001", "TASK_KILLED")
    assert [type(action) for action in play.actions] == [Acknowledge]
    play.reconciled("driver-20200101000000-0001", "TASK_LOST")
    assert play.actions == []


def test_a_lost_driver_that_is_forgotten_and_comes_back_is_killed() -> None:
    play = Play()
    driver_id = lost(play)
    play.do(play.book.clear(play.now)[1])
    came_back(play, driver_id)
    assert play.actions == [KillTask(driver_id, "agent-S0")]
    assert play.book.driver(driver_id) is None


def test_the_container_stays_known() -> None:
    play = Play()
    driver_id = play.launch()
    status = {
        "task_id": {"value": driver_id},
        "state": "TASK_STARTING",
        "container_status": {"container_id": {"value": "c1"}},
    }
    play.do(play.book.updated(status, play.now))
    play.update(driver_id, "TASK_RUNNING")
    driver = play.driver(driver_id)
    assert driver.status is not None
    assert driver.status.container_id == "c1"


def test_the_history_drops_a_tenth_at_once() -> None:
    play = Play(retained=20)
    ids = [play.submit() for _ in range(23)]
    for driver_id in ids[:20]:
        play.kill(driver_id)
    assert play.of(Forget) == []
    play.kill(ids[20])
    assert play.of(Forget) == [Forget(ids[0]), Forget(ids[1])]
    assert list(play.disk) == ids[2:]
    assert play.book.driver(ids[0]) is None
    play.kill(ids[21])
    assert play.of(Forget) == []


def test_a_forgotten_token_is_free_again() -> None:
    play = Play(retained=0)
    play.kill(play.submit(token="t"))
    created, _ = play.book.submit(submission(), "t", play.now)
    assert not created.repeated


def test_a_smaller_history_after_a_restart() -> None:
    play = Play()
    ids = [play.submit() for _ in range(5)]
    for driver_id in reversed(ids):
        play.now += 1
        play.kill(driver_id)
    play.limits = type(play.limits)(retained=2)
    play.restart()
    assert sorted(play.disk) == ids[:2]


def test_clear_forgets_what_has_ended() -> None:
    play = Play()
    ended, alive = play.submit(), play.submit()
    play.kill(ended)
    count, actions = play.book.clear(play.now)
    play.do(actions)
    assert count == 1
    assert list(play.disk) == [alive]
    assert [driver.id for driver in play.book.drivers()] == [alive]


# --- supervision


def test_supervised_drivers_are_launched_again_with_twice_the_pause_each_time() -> None:
    play = Play(longest_wait=5.0)
    driver_id = play.launch(supervise=True)
    task = driver_id
    for number, wait in enumerate([1, 2, 4, 5, 5], 1):
        play.update(task, "TASK_RUNNING")
        play.update(task, "TASK_FAILED", message="Command exited with status 1")
        driver = play.driver(driver_id)
        assert driver.state is State.RETRYING
        assert (driver.retries, driver.wait, driver.next_retry_at) == (number, wait, play.now + wait)
        assert play.of(Revive) == []
        assert Revive() not in play.pass_time(wait - 0.01)
        assert play.offer() == []
        assert play.pass_time(0.01) == [Revive()]
        (task,) = play.offer()
        assert task == f"{driver_id}-retry-{number}"
        launch = play.driver(driver_id).launch
        assert launch is not None
        assert launch.framework_id == f"{FRAMEWORK}-{task}"
    play.update(task, "TASK_FINISHED")
    assert play.driver(driver_id).outcome is Outcome.SUCCEEDED
    assert play.driver(driver_id).launches == 6


@pytest.mark.parametrize("state", ["TASK_LOST", "TASK_GONE_BY_OPERATOR", "TASK_UNREACHABLE"])
def test_supervised_drivers_survive_their_agent(state: str) -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.update(driver_id, "TASK_RUNNING")
    play.update(driver_id, state, "REASON_AGENT_REMOVED", source="SOURCE_MASTER")
    assert play.driver(driver_id).state is State.RETRYING


@pytest.mark.parametrize("state", ["TASK_FINISHED", "TASK_KILLED", "TASK_ERROR"])
def test_what_is_not_tried_again(state: str) -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.update(driver_id, state)
    assert play.driver(driver_id).state is State.FINISHED


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_limit_of_retries(limit: int) -> None:
    play = Play()
    driver_id = task = play.launch(supervise=True, max_retries=limit)
    for _ in range(limit):
        play.update(task, "TASK_FAILED")
        play.pass_time(10)
        (task,) = play.offer()
    play.update(task, "TASK_FAILED")
    driver = play.driver(driver_id)
    assert (driver.outcome, driver.retries) == (Outcome.FAILED, limit)
    times = {0: "0 times", 1: "once", 2: "2 times"}[limit]
    assert driver.detail == f"Launched again {times} after a failure, and no more is allowed"


def test_no_pause_at_all() -> None:
    play = Play(longest_wait=0.0)
    driver_id = play.launch(supervise=True)
    play.now += 1
    play.update(driver_id, "TASK_FAILED")
    assert play.of(Revive) == [Revive()]
    assert play.offer() == [f"{driver_id}-retry-1"]


def test_retries_go_before_the_queue_and_wait_for_room_like_it() -> None:
    play = Play(max_drivers=1)
    supervised = play.launch(supervise=True)
    waiting = play.submit(priority=5.0)
    play.update(supervised, "TASK_FAILED")
    assert play.offer() == [waiting]
    play.pass_time(10)
    assert play.of(Revive) == []
    assert play.offer() == []
    other = play.submit(priority=9.0)
    play.update(waiting, "TASK_FINISHED")
    assert play.offer() == [f"{supervised}-retry-1"]
    play.update(f"{supervised}-retry-1", "TASK_FINISHED")
    assert play.offer() == [other]


@pytest.mark.parametrize("reason", ["REASON_AGENT_DRAINING", "REASON_SLAVE_DRAINING"])
@pytest.mark.parametrize("state", ["TASK_KILLED", "TASK_GONE_BY_OPERATOR"])
def test_a_drained_agent_costs_a_supervised_driver_nothing(reason: str, state: str) -> None:
    play = Play()
    driver_id = play.launch(supervise=True, max_retries=0)
    play.update(driver_id, "TASK_RUNNING")
    play.now += 1
    play.update(driver_id, state, reason)
    driver = play.driver(driver_id)
    assert (driver.state, driver.retries, driver.wait) == (State.QUEUED, 0, 0.0)
    assert play.of(Revive) == [Revive()]
    assert play.offer() == [f"{driver_id}-retry-1"]


def test_a_drained_agent_ends_one_that_may_run_only_once() -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_RUNNING")
    play.update(driver_id, "TASK_KILLED", "REASON_AGENT_DRAINING")
    assert play.driver(driver_id).outcome is Outcome.KILLED


def test_an_outdated_update_changes_nothing() -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.update(driver_id, "TASK_LOST", "REASON_AGENT_REMOVED", source="SOURCE_MASTER")
    play.pass_time(10)
    assert play.offer(offer("o2", agent="agent-S1")) == [f"{driver_id}-retry-1"]
    before = play.driver(driver_id)
    play.update(driver_id, "TASK_FAILED")
    assert play.driver(driver_id) == before
    assert [type(action) for action in play.actions] == [Acknowledge]


def test_an_old_task_that_comes_back_beside_the_new_one_is_killed() -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.update(driver_id, "TASK_LOST", "REASON_AGENT_REMOVED", source="SOURCE_MASTER")
    play.pass_time(10)
    play.offer(offer("o2", agent="agent-S1"))
    before = play.driver(driver_id)
    play.update(driver_id, "TASK_RUNNING", "REASON_AGENT_REREGISTERED", source="SOURCE_MASTER")
    assert play.actions == [KillTask(driver_id, "agent-S0")]
    assert play.driver(driver_id) == before


# --- what never ran, and what comes back


NEVER_RAN = [
    ("TASK_LOST", "REASON_INVALID_OFFERS", "Task launched with invalid offers: Offer O1 is no longer valid"),
    ("TASK_LOST", "REASON_RECONCILIATION", "Reconciliation: Task is unknown to the agent"),
    ("TASK_LOST", "REASON_RECONCILIATION", "Reconciliation: task unknown to the agent"),
    ("TASK_LOST", "REASON_AGENT_DISCONNECTED", "Agent disconnected"),
    ("TASK_LOST", "REASON_SLAVE_REMOVED", "Agent removed"),
    ("TASK_DROPPED", "REASON_INVALID_OFFERS", ""),
]


@pytest.mark.parametrize("supervise", [False, True])
@pytest.mark.parametrize(("state", "reason", "message"), NEVER_RAN)
def test_a_launch_that_reached_no_agent_is_no_failure(
    state: str, reason: str, message: str, supervise: bool
) -> None:
    play = Play()
    driver_id = play.launch(supervise=supervise)
    later = play.submit()
    play.now += 1
    play.update(driver_id, state, reason, message, source="SOURCE_MASTER")
    driver = play.driver(driver_id)
    assert (driver.state, driver.retries) == (State.QUEUED, 0)
    assert play.book.queue_position(driver_id) == 1
    assert play.offer() == [f"{driver_id}-retry-1", later]


@pytest.mark.parametrize("reason", ["GC_ERROR", "AGENT_DRAINING", "AGENT_RESTARTED", "RESOURCES_UNKNOWN"])
def test_a_launch_that_the_agent_dropped_is_no_failure(reason: str) -> None:
    play = Play()
    driver_id = play.launch()
    play.reconciled(driver_id, "TASK_STAGING")
    play.update(driver_id, "TASK_LOST", f"REASON_{reason}", source="SOURCE_AGENT", acknowledged=True)
    assert play.driver(driver_id).state is State.QUEUED


def dropped(play: Play, task: str, agent: str = "agent-S0") -> None:
    play.update(task, "TASK_LOST", "REASON_AGENT_DRAINING", source="SOURCE_AGENT", agent=agent)


def test_an_agent_that_drops_a_driver_rests_longer_each_time_and_others_get_it() -> None:
    play = Play(longest_wait=3)
    driver_id = play.launch()
    dropped(play, driver_id)
    pauses = []
    for number in range(1, 5):
        begin = play.now
        play.pass_time(0.3)
        assert play.offer() == []
        assert play.of(Decline), "the offer is given back, whoever else may have one"
        while not [action for action in play.pass_time(0.1) if isinstance(action, Revive)]:
            assert play.now < begin + 10
        pauses.append(round(play.now - begin))
        assert play.offer() == [f"{driver_id}-retry-{number}"]
        play.now += 1
        dropped(play, f"{driver_id}-retry-{number}")
    assert pauses == [1, 2, 3, 3]
    assert play.offer(offer("o2", agent="agent-S1")) == [f"{driver_id}-retry-5"]


def test_what_an_agent_drops_together_counts_once() -> None:
    play = Play()
    tasks = [play.submit() for _ in range(3)]
    assert play.offer() == tasks
    for task in tasks:
        play.now += 0.4
        dropped(play, task)
    play.now += 0.3
    assert len(play.offer()) == 3


def test_an_agent_is_not_shunned_for_what_is_long_past() -> None:
    play = Play(longest_wait=4)
    for _ in range(3):
        task = play.launch()
        dropped(play, task)
        play.pass_time(1.1)
        assert play.offer() == [f"{task}-retry-1"]
        play.update(f"{task}-retry-1", "TASK_FINISHED")
        play.pass_time(60)


def test_an_agent_is_not_shunned_for_ever_if_the_clock_is_set_back() -> None:
    play = Play()
    dropped(play, play.launch())
    play.now -= 3600
    assert len(play.offer()) == 1


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("REASON_AGENT_REMOVED", "health check timed out"),
        ("REASON_AGENT_DISCONNECTED", "Agent agent1.mesos.example disconnected"),
        ("REASON_RECONCILIATION", "Reconciliation: Task is unreachable"),
        ("REASON_RECONCILIATION", "Reconciliation: Task is unknown"),
    ],
)
def test_a_launch_that_may_have_run_is_not_repeated(reason: str, message: str) -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_LOST", reason, message, source="SOURCE_MASTER")
    assert play.driver(driver_id).outcome is Outcome.LOST


def test_a_driver_that_did_run_is_not_repeated_because_its_agent_forgot_it() -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_STARTING")
    play.reconciled(driver_id, "TASK_LOST", "Reconciliation: Task is unknown to the agent")
    assert play.driver(driver_id).outcome is Outcome.LOST


def lost(play: Play, **fields: Any) -> str:
    driver_id = play.launch(**fields)
    play.update(driver_id, "TASK_RUNNING")
    play.update(driver_id, "TASK_LOST", "REASON_AGENT_REMOVED", "gone", source="SOURCE_MASTER")
    return driver_id


def came_back(play: Play, driver_id: str, state: str = "TASK_RUNNING") -> None:
    play.update(driver_id, state, "REASON_AGENT_REREGISTERED", source="SOURCE_MASTER")


def test_a_lost_driver_that_comes_back_goes_on() -> None:
    play = Play()
    driver_id = lost(play)
    assert play.driver(driver_id).outcome is Outcome.LOST
    came_back(play, driver_id)
    driver = play.driver(driver_id)
    assert (driver.state, driver.outcome, driver.finished_at) == (State.LAUNCHED, None, None)
    assert play.of(LaunchTasks) == []
    assert play.book.counts[State.FINISHED] == 0
    play.update(driver_id, "TASK_FINISHED")
    assert play.driver(driver_id).outcome is Outcome.SUCCEEDED


def test_a_lost_driver_that_had_ended_meanwhile_gets_its_true_outcome() -> None:
    play = Play()
    driver_id = lost(play)
    play.update(driver_id, "TASK_FINISHED")
    assert play.driver(driver_id).outcome is Outcome.SUCCEEDED
    assert play.book.counts == {State.QUEUED: 0, State.LAUNCHED: 0, State.RETRYING: 0, State.FINISHED: 1}


def test_one_that_was_to_be_tried_again_and_comes_back_is_not() -> None:
    play = Play()
    driver_id = lost(play, supervise=True)
    came_back(play, driver_id)
    driver = play.driver(driver_id)
    assert (driver.state, driver.retries, driver.next_retry_at) == (State.LAUNCHED, 0, None)
    play.pass_time(10)
    assert play.offer() == []


def test_one_that_is_to_be_tried_again_and_failed_in_truth_is_not_counted_twice() -> None:
    play = Play()
    driver_id = lost(play, supervise=True)
    due = play.driver(driver_id).next_retry_at
    play.update(driver_id, "TASK_FAILED")
    driver = play.driver(driver_id)
    assert (driver.state, driver.retries, driver.next_retry_at) == (State.RETRYING, 1, due)
    assert driver.status is not None
    assert driver.status.state == "TASK_FAILED"


def test_one_that_is_to_be_tried_again_and_succeeded_in_truth_is_done() -> None:
    play = Play()
    driver_id = lost(play, supervise=True)
    play.update(driver_id, "TASK_FINISHED")
    assert play.driver(driver_id).outcome is Outcome.SUCCEEDED


def test_a_lost_driver_that_is_asked_for_again_stays_lost() -> None:
    play = Play()
    driver_id = lost(play)
    before = play.driver(driver_id)
    play.reconciled(driver_id, "TASK_LOST", "Reconciliation: Task is unreachable")
    assert play.driver(driver_id) == before
    assert play.actions == []


def test_a_driver_that_has_ended_does_not_come_back() -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_FAILED")
    before = play.driver(driver_id)
    play.update(driver_id, "TASK_RUNNING")
    assert play.driver(driver_id) == before
    assert [type(action) for action in play.actions] == [Acknowledge]


@pytest.mark.parametrize("supervise", [False, True])
def test_the_words_of_the_agent_replace_those_of_a_master_that_was_asked(supervise: bool) -> None:
    play = Play()
    driver_id = play.launch(supervise=supervise)
    play.reconciled(driver_id, "TASK_FAILED")
    before = play.driver(driver_id)
    play.update(driver_id, "TASK_FAILED", message="Command exited with status 7")
    driver = play.driver(driver_id)
    assert driver.status is not None
    assert driver.status.message == "Command exited with status 7"
    assert (driver.state, driver.retries, driver.finished_at) == (
        before.state,
        before.retries,
        before.finished_at,
    )


# --- kills


def test_kill_of_a_queued_driver() -> None:
    play = Play()
    driver_id = play.submit()
    answer = play.kill(driver_id)
    assert (answer.success, answer.message) == (True, "Removed driver while it's still pending")
    assert play.driver(driver_id).outcome is Outcome.KILLED
    assert play.of(Suppress) == [Suppress()]
    assert play.offer() == []


def test_kill_of_a_driver_that_is_to_be_tried_again() -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.update(driver_id, "TASK_FAILED")
    answer = play.kill(driver_id)
    assert (answer.success, answer.message) == (True, "Removed driver while it's being retried")
    assert play.driver(driver_id).outcome is Outcome.KILLED
    assert play.driver(driver_id).detail == "It was killed on request while it was being retried"
    play.pass_time(100)
    assert play.offer() == []


@pytest.mark.parametrize("end", ["TASK_KILLED", "TASK_FAILED", "TASK_LOST", "TASK_ERROR"])
@pytest.mark.parametrize("supervise", [False, True])
def test_kill_of_a_running_driver(end: str, supervise: bool) -> None:
    play = Play()
    driver_id = play.launch(supervise=supervise)
    play.update(driver_id, "TASK_RUNNING")
    answer = play.kill(driver_id)
    assert (answer.success, answer.message) == (True, "Killing running driver")
    assert play.of(KillTask) == [KillTask(driver_id, "agent-S0")]
    assert play.driver(driver_id).state is State.LAUNCHED
    assert play.driver(driver_id).kill_requested
    play.update(driver_id, end)
    assert play.driver(driver_id).outcome is Outcome.KILLED


def test_a_driver_that_is_quicker_than_its_kill_has_succeeded() -> None:
    play = Play()
    driver_id = play.launch()
    play.kill(driver_id)
    play.update(driver_id, "TASK_FINISHED")
    assert play.driver(driver_id).outcome is Outcome.SUCCEEDED


def test_kill_of_a_launch_that_mesos_does_not_know() -> None:
    play = Play()
    driver_id = play.launch()
    play.kill(driver_id)
    play.reconciled(driver_id, "TASK_LOST", "Reconciliation: Task is unknown to the agent")
    assert play.driver(driver_id).outcome is Outcome.KILLED


def test_a_kill_is_made_again_as_long_as_the_driver_runs() -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_STARTING")
    play.kill(driver_id)
    play.update(driver_id, "TASK_RUNNING")
    assert play.of(KillTask) == [KillTask(driver_id, "agent-S0")]
    play.update(driver_id, "TASK_KILLING")
    assert play.of(KillTask) == []
    play.kill(driver_id)
    assert play.actions == [KillTask(driver_id, "agent-S0")]
    assert Reconcile({driver_id: "agent-S0"}) in play.pass_time(DOUBT)


def test_a_kill_without_a_subscription_is_made_when_there_is_one() -> None:
    play = Play()
    driver_id = play.launch()
    play.disconnect()
    play.kill(driver_id)
    assert [type(action) for action in play.actions] == [Save]
    play.restart()
    play.subscribe()
    assert play.of(KillTask) == [KillTask(driver_id, "agent-S0")]


def test_kills_that_come_too_late_or_are_of_nobody() -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_FINISHED")
    answer = play.kill(driver_id)
    assert (answer.success, answer.message) == (False, "Driver already terminated")
    answer = play.kill("driver-x")
    assert (answer.success, answer.message) == (False, "Cannot find driver")
    assert play.actions == []


def test_a_lost_driver_that_was_killed_is_killed_when_it_comes_back() -> None:
    play = Play()
    driver_id = lost(play)
    assert not play.kill(driver_id).success
    play.restart()
    play.subscribe()
    came_back(play, driver_id)
    assert play.of(KillTask) == [KillTask(driver_id, "agent-S0")]
    assert play.driver(driver_id).state is State.FINISHED
    play.update(driver_id, "TASK_KILLED")
    assert play.driver(driver_id).outcome is Outcome.KILLED


def test_a_driver_that_was_lost_while_it_was_killed_stays_killed() -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_RUNNING")
    play.kill(driver_id)
    play.update(driver_id, "TASK_LOST", "REASON_AGENT_REMOVED", source="SOURCE_MASTER")
    came_back(play, driver_id)
    assert play.of(KillTask) == [KillTask(driver_id, "agent-S0")]
    play.update(driver_id, "TASK_KILLED")
    assert play.driver(driver_id).outcome is Outcome.KILLED


def test_kill_all() -> None:
    play = Play()
    running = play.launch()
    retrying = play.submit(supervise=True)
    play.offer()
    play.update(retrying, "TASK_FAILED")
    ended = play.launch()
    play.update(ended, "TASK_FINISHED")
    queued = play.submit()
    answers, actions = play.book.kill_all(play.now)
    play.do(actions)
    assert [answer.driver_id for answer in answers] == [running, retrying, queued]
    assert all(answer.success for answer in answers)
    assert play.of(KillTask) == [KillTask(running, "agent-S0")]
    assert play.driver(retrying).outcome is play.driver(queued).outcome is Outcome.KILLED
    assert play.driver(ended).outcome is Outcome.SUCCEEDED


# --- subscriptions


def test_the_framework_id_is_written_once() -> None:
    play = Play(subscribe=False)
    play.subscribe()
    assert play.of(SaveFramework) == [SaveFramework(FRAMEWORK)]
    play.disconnect()
    play.subscribe()
    assert play.of(SaveFramework) == []
    play.restart()
    assert play.book.framework_id == FRAMEWORK


def test_every_subscription_asks_for_what_is_launched_and_for_everything_else() -> None:
    play = Play()
    driver_id = play.launch()
    play.disconnect()
    play.subscribe()
    assert play.actions == [Reconcile({driver_id: "agent-S0"}), Reconcile({}), Suppress()]


def test_what_may_come_back_is_asked_for_too() -> None:
    play = Play()
    ended, retrying = lost(play), lost(play, supervise=True)
    play.restart()
    play.subscribe()
    assert play.of(Reconcile)[0] == Reconcile({ended: "agent-S0", retrying: "agent-S0"})
    play.reconciled(ended, "TASK_RUNNING")
    assert play.driver(ended).state is State.LAUNCHED


def test_reconciliation_comes_periodically() -> None:
    play = Play(reconcile_seconds=900.0)
    driver_id = play.launch()
    play.update(driver_id, "TASK_RUNNING")
    assert play.pass_time(899) == []
    assert play.pass_time(1) == [Reconcile({driver_id: "agent-S0"}), Reconcile({})]
    assert play.pass_time(899) == []


def test_a_launch_of_which_nothing_is_heard_is_asked_for() -> None:
    play = Play()
    driver_id = play.launch()
    assert play.pass_time(DOUBT - 0.1) == []
    assert play.pass_time(0.1) == [Reconcile({driver_id: "agent-S0"})]
    assert play.pass_time(60) == []


def test_a_crash_between_the_disk_and_mesos_launches_again() -> None:
    play = Play()
    driver_id = play.launch()
    play.restart()
    play.subscribe()
    assert play.of(Reconcile) == [Reconcile({driver_id: "agent-S0"}), Reconcile({})]
    play.reconciled(driver_id, "TASK_LOST", "Reconciliation: Task is unknown to the agent")
    assert play.offer() == [f"{driver_id}-retry-1"]


def test_queue_retries_and_history_survive_a_restart() -> None:
    play = Play()
    retrying = play.launch(supervise=True)
    play.update(retrying, "TASK_FAILED")
    killed = play.submit()
    play.kill(killed)
    queued, urgent = play.submit(), play.submit(priority=1.0)
    before = play.book.drivers()
    play.restart()
    assert play.actions == []
    assert play.book.drivers() == before
    assert play.book.queue_position(urgent) == 1
    assert play.book.queue_position(queued) == 2
    play.subscribe()
    assert play.of(Revive) == [Revive()]
    play.pass_time(1)
    assert play.offer() == [f"{retrying}-retry-1", urgent, queued]


def test_a_removed_framework_takes_its_drivers_with_it() -> None:
    play = Play()
    plain = play.submit()
    supervised = play.submit(supervise=True)
    killed = play.submit()
    assert len(play.offer()) == 3
    play.kill(killed)
    queued = play.submit()
    play.do(play.book.framework_removed(play.now))
    assert play.of(SaveFramework) == [SaveFramework(None)]
    assert play.book.framework_id is None
    assert play.driver(plain).outcome is Outcome.LOST
    assert play.driver(plain).detail == "Mesos removed the dispatcher's framework, and the driver with it"
    assert play.driver(killed).outcome is Outcome.KILLED
    assert play.driver(supervised).state is State.RETRYING
    play.subscribe("5e0a-0002")
    assert play.disk_framework == "5e0a-0002"
    play.pass_time(10)
    assert play.offer() == [f"{supervised}-retry-1", queued]
    launch = play.driver(queued).launch
    assert launch is not None
    assert launch.framework_id == f"5e0a-0002-{queued}"


def test_another_framework_id_than_the_one_that_was_asked_for() -> None:
    play = Play()
    driver_id = play.launch()
    play.disconnect()
    play.subscribe("5e0a-0099")
    assert play.driver(driver_id).outcome is Outcome.LOST
    assert play.disk_framework == "5e0a-0099"


def test_without_a_subscription_nothing_is_called_and_nothing_is_due() -> None:
    play = Play(subscribe=False)
    driver_id = play.submit()
    assert [type(action) for action in play.actions] == [Save]
    assert play.book.next_due is None
    assert play.offer() == []
    assert play.actions == []
    play.subscribe()
    assert play.of(Revive) == [Revive()]
    assert play.offer() == [driver_id]


def test_a_clock_that_was_set_back_between_two_runs_keeps_nobody_waiting() -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.update(driver_id, "TASK_FAILED")
    play.now -= 86400
    play.restart()
    play.subscribe()
    play.pass_time(1)
    assert play.offer() == [f"{driver_id}-retry-1"]

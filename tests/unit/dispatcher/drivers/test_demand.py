from __future__ import annotations

from sparkmesos_core.durable_framework.actions import Decline, Revive, Suppress
from sparkmesos_core.durable_framework.demand import PAUSE, Demand
from tests.unit.dispatcher.drivers.play import Play, offer


def test_an_idle_dispatcher_wants_no_offers_and_says_so_once() -> None:
    play = Play()
    assert play.of(Suppress) == [Suppress()]
    play.offer()
    assert play.actions == [Decline(["o1"], 120.0)]
    play.disconnect()
    assert play.actions == []
    play.subscribe()
    assert play.of(Suppress) == [Suppress()]


def test_a_burst_of_submissions_is_not_a_burst_of_calls() -> None:
    play = Play()
    calls = 0
    for _ in range(1000):
        play.submit(cores=100)
        calls += len(play.of(Revive))
        play.offer()
        calls += len(play.of(Revive))
        calls += play.pass_time(0.001).count(Revive())
    assert 4 <= calls <= 6


def test_the_last_of_a_burst_is_not_forgotten() -> None:
    play = Play()
    play.submit(cores=100)
    play.offer()
    driver_id = play.submit()
    assert play.of(Revive) == []
    assert play.pass_time(PAUSE) == [Revive()]
    assert play.offer() == [driver_id]


def test_while_offers_are_on_their_way_nobody_asks_for_them_again() -> None:
    play = Play()
    play.submit()
    assert play.of(Revive) == [Revive()]
    play.now += 1
    play.submit()
    assert play.of(Revive) == []


def test_a_new_driver_lifts_the_filters_of_what_was_of_no_use_to_others() -> None:
    play = Play()
    play.submit(cores=100)
    play.offer()
    assert play.pass_time(60) == []
    driver_id = play.submit()
    assert play.of(Revive) == [Revive()]
    assert play.offer() == [driver_id]


def test_without_any_offer_it_is_asked_for_again() -> None:
    play = Play(refuse_seconds=120.0)
    play.submit()
    assert play.pass_time(119) == []
    assert play.pass_time(1) == [Revive()]
    assert play.pass_time(119) == []
    play.offer(offer(cpus=0.5))
    assert play.pass_time(119) == []
    assert play.pass_time(1) == [Revive()]


def test_a_retry_that_is_due_asks_for_offers_then_and_not_before() -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.now += 5
    play.update(driver_id, "TASK_FAILED")
    assert play.book.next_due == play.now + 1
    assert play.pass_time(0.9) == []
    assert play.pass_time(0.2) == [Revive()]


def test_a_kill_of_the_last_one_that_waits_ends_the_wish_for_offers() -> None:
    play = Play()
    play.kill(play.submit())
    assert play.of(Suppress) == [Suppress()]


def test_a_clock_that_is_set_back_delays_nothing() -> None:
    demand = Demand(repeat=120.0)
    demand.subscribed()
    assert demand.calls(wanted=True, now=1_000_000.0) == [Revive()]
    demand.offered(1_000_000.0)
    demand.wish()
    assert demand.calls(wanted=True, now=5.0) == [Revive()]


def test_nothing_is_told_without_a_subscription() -> None:
    demand = Demand(repeat=120.0)
    assert demand.calls(wanted=True, now=1.0) == []
    assert demand.next_due is None
    demand.subscribed()
    assert demand.calls(wanted=True, now=2.0) == [Revive()]

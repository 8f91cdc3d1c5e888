"""What the book says of drivers that wait: what the offers lacked."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers import seen_offers
from sparkmesos_core.dispatcher.drivers.driver import State
from sparkmesos_core.dispatcher.drivers.matching import CONSTRAINTS, OpenOffer
from sparkmesos_core.dispatcher.drivers.obstacle import Cause, Obstacle
from sparkmesos_core.dispatcher.drivers.seen_offers import SeenOffers
from sparkmesos_core.mesos.constraints import UnmetConstraint
from tests.unit.dispatcher.drivers.play import Play, offer, scalar


def text(name: str, value: str) -> dict[str, Any]:
    """A v1 Attribute."""
    return {"name": name, "type": "TEXT", "text": {"value": value}}


def wanting(constraints: str) -> dict[str, Any]:
    return {"properties": {CONSTRAINTS: constraints}}


def obstacle(play: Play, driver_id: str) -> Obstacle:
    found = play.book.obstacle(driver_id, play.now)
    assert found is not None
    return found


def test_before_anything_was_offered() -> None:
    play = Play()
    waiting = obstacle(play, play.submit())
    assert (waiting.cause, waiting.agents) == (Cause.OFFERS, 0)
    assert waiting.message == "waits for an offer, and Mesos has made none yet"
    assert "role" in waiting.hint


def test_too_many_cores() -> None:
    play = Play()
    driver_id = play.submit(cores=100)
    play.offer(offer("o1", cpus=2), offer("o2", cpus=1.5, mem=9000, agent="agent-S1"))
    waiting = obstacle(play, driver_id)
    assert waiting == Obstacle(
        Cause.CORES,
        "needs 100 cores, and the largest offer had 2 (last offers of 2 agents)",
        "No agent has offered that much so far: ask for fewer with --driver-cores, or add a larger agent.",
        agents=2,
        largest_cores=2.0,
        largest_memory=9000.0,
    )


def test_too_much_memory() -> None:
    play = Play()
    driver_id = play.submit(cores=1, memory=10_000)
    play.offer(offer(mem=8192.5))
    waiting = obstacle(play, driver_id)
    assert waiting.cause is Cause.MEMORY
    assert waiting.message == (
        "needs 10000 MiB of memory, and the largest offer had 8192.5 (last offers of 1 agent)"
    )
    assert "overhead" in waiting.hint


def test_too_much_of_both() -> None:
    play = Play()
    driver_id = play.submit(cores=9, memory=10_000)
    play.offer()
    waiting = obstacle(play, driver_id)
    assert waiting.cause is Cause.CORES_AND_MEMORY
    assert "needs 9 cores and 10000 MiB of memory, and the largest offers had 4 cores, 8192 MiB" in (
        waiting.message
    )


def test_enough_of_each_but_not_in_one_offer() -> None:
    play = Play()
    driver_id = play.submit(cores=1, memory=4000)
    play.offer(offer("o1", cpus=8, mem=1000), offer("o2", cpus=0.5, mem=9000, agent="agent-S1"))
    waiting = obstacle(play, driver_id)
    assert waiting.cause is Cause.CORES_AND_MEMORY
    assert waiting.message.startswith("needs 1 core and 4000 MiB of memory, and no offer had both")


def test_what_an_agent_offered_once_may_be_free_again() -> None:
    play = Play()
    play.submit("small", cores=9)
    play.offer(offer(cpus=8))
    driver_id = play.submit(cores=6)
    play.offer(offer(cpus=2))
    waiting = obstacle(play, driver_id)
    assert waiting.message == "needs 6 cores, and the largest offer had 2 (last offers of 1 agent)"
    assert waiting.hint.startswith("An agent has offered that much before")


def test_resources_that_a_task_can_lose_are_none() -> None:
    play = Play()
    driver_id = play.submit()
    play.offer(offer(resources=[scalar("cpus", 8, revocable={}), scalar("mem", 8000)]))
    assert obstacle(play, driver_id).message.startswith("needs 1 core, and the largest offer had 0")


def test_a_constraint_that_no_agent_meets() -> None:
    play = Play()
    driver_id = play.submit(**wanting("rack:r9"))
    play.offer(
        offer("o1", attributes=[text("rack", "r2")]),
        offer("o2", agent="agent-S1", attributes=[text("rack", "r1")]),
        offer("o3", agent="agent-S2"),
    )
    waiting = obstacle(play, driver_id)
    assert waiting.cause is Cause.CONSTRAINTS
    assert waiting.message == (
        "none of 3 agents that made offers meets the constraint rack:r9 (rack is r1 or r2)"
    )
    assert waiting.unmet == (UnmetConstraint("rack:r9", ("r1", "r2")),)
    assert waiting.largest_cores is None


def test_constraints_of_which_nobody_has_the_attributes() -> None:
    play = Play()
    driver_id = play.submit(**wanting("gpu:;rack:r1,r2;zone:a"))
    play.offer(offer(attributes=[text("rack", "r1")]))
    waiting = obstacle(play, driver_id)
    assert waiting.message == (
        "the only agent that made offers does not meet the constraints gpu: (none has gpu), zone:a (none has zone)"
    )
    assert [one.constraint for one in waiting.unmet] == ["gpu:", "zone:a"]


def test_constraints_that_different_agents_meet() -> None:
    play = Play()
    driver_id = play.submit(**wanting("rack:r1;os:b"))
    play.offer(
        offer("o1", attributes=[text("rack", "r1"), text("os", "a")]),
        offer("o2", agent="agent-S1", attributes=[text("rack", "r2"), text("os", "b")]),
    )
    waiting = obstacle(play, driver_id)
    assert waiting.message == (
        "none of 2 agents that made offers meets all of the constraints rack:r1;os:b at once"
    )
    assert waiting.unmet == ()


def test_only_agents_that_meet_the_constraints_count() -> None:
    play = Play()
    driver_id = play.submit(cores=8, **wanting("rack:r1"))
    play.offer(
        offer("o1", cpus=2, attributes=[text("rack", "r1")]),
        offer("o2", cpus=16, agent="agent-S1", attributes=[text("rack", "r2")]),
    )
    waiting = obstacle(play, driver_id)
    assert (waiting.cause, waiting.agents, waiting.largest_cores) == (Cause.CORES, 1, 2.0)
    assert waiting.message.endswith("(last offers of 1 agent with the attributes that it wants)")


def test_values_of_attributes_are_few_and_short() -> None:
    play = Play()
    driver_id = play.submit(**wanting(f"host:{'y' * 500}"))
    play.offer(
        *(
            offer(f"o{number}", agent=f"S{number}", attributes=[text("host", f"h{number}{'x' * 500}")])
            for number in range(20)
        )
    )
    waiting = obstacle(play, driver_id)
    assert len(waiting.unmet[0].offered) == 5
    assert len(waiting.message) < 600


def test_what_others_took() -> None:
    play = Play()
    play.submit("first", cores=3)
    driver_id = play.submit("second", cores=2)
    play.offer(offer(cpus=4))
    waiting = obstacle(play, driver_id)
    assert waiting.cause is Cause.OTHER_DRIVERS
    assert waiting.message == "the offers that are large enough went to other drivers"
    assert (waiting.largest_cores, waiting.agents) == (4.0, 1)


def test_an_agent_that_had_room_before_the_driver_came() -> None:
    play = Play()
    play.submit("large", cores=100)
    play.offer()
    waiting = obstacle(play, play.submit("small"))
    assert waiting.cause is Cause.OFFERS
    assert waiting.message == ("waits for an offer: agent-S0.mesos.example had room when it made one last")


def test_agents_that_have_a_rest() -> None:
    play = Play()
    driver_id = play.launch()
    play.update(driver_id, "TASK_LOST", "REASON_GC_ERROR", "Could not launch", source="SOURCE_AGENT")
    assert play.driver(driver_id).state is State.QUEUED
    assert play.offer(offer("o2")) == []
    waiting = obstacle(play, driver_id)
    assert waiting.cause is Cause.AGENTS
    assert play.offer(offer("o3", agent="agent-S1")) == [f"{driver_id}-retry-1"]


def test_an_agent_that_is_being_drained() -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.update(driver_id, "TASK_RUNNING")
    play.update(driver_id, "TASK_KILLED", "REASON_AGENT_DRAINING", source="SOURCE_AGENT")
    assert play.driver(driver_id).state is State.QUEUED
    play.offer(offer("o2", cpus=0.5))
    assert obstacle(play, driver_id).message == (
        "is to be launched elsewhere, as its agent is being drained; "
        "needs 1 core, and the largest offer had 0.5 (last offers of 1 agent)"
    )


def test_the_limit_of_launched_drivers() -> None:
    play = Play(max_drivers=1)
    launched = play.launch()
    driver_id = play.submit(cores=100)
    waiting = obstacle(play, driver_id)
    assert waiting.cause is Cause.MAX_DRIVERS
    assert waiting.message == "waits until a driver ends: 1 is launched"
    assert "spark.mesos.maxDrivers" in waiting.hint
    assert play.book.obstacle(launched, play.now) is None


def test_without_mesos_nothing_else_counts() -> None:
    play = Play(max_drivers=1)
    driver_id = play.submit()
    play.disconnect()
    assert obstacle(play, driver_id).cause is Cause.MESOS
    play.subscribe()
    assert obstacle(play, driver_id).cause is Cause.OFFERS


def test_a_new_subscription_forgets_what_was_offered_before() -> None:
    play = Play()
    driver_id = play.submit(cores=100)
    play.offer()
    play.disconnect()
    play.subscribe()
    assert obstacle(play, driver_id).cause is Cause.OFFERS


def test_a_driver_waits_for_nothing_but_its_time_before_it_is_due() -> None:
    play = Play()
    driver_id = play.launch(supervise=True)
    play.update(driver_id, "TASK_FAILED")
    assert play.driver(driver_id).state is State.RETRYING
    assert play.book.obstacle(driver_id, play.now) is None
    play.pass_time(1.0)
    play.offer(offer("o2", cpus=0.1))
    assert obstacle(play, driver_id).cause is Cause.CORES


def test_of_no_driver_and_ended_ones_there_is_nothing_to_say() -> None:
    play = Play()
    driver_id = play.submit()
    play.kill(driver_id)
    assert play.book.obstacle(driver_id, play.now) is None
    assert play.book.obstacle("driver-unknown", play.now) is None


def test_agents_are_forgotten_when_there_are_too_many() -> None:
    play = Play()
    driver_id = play.submit(cores=50)
    seen = SeenOffers()
    seen.note([OpenOffer(offer("large", cpus=40, agent="S-old"))])
    for number in range(seen_offers.MOST_AGENTS):
        seen.note([OpenOffer(offer(f"o{number}", agent=f"S{number}"))])
    waiting = seen.obstacle(play.driver(driver_id))
    assert waiting is not None
    assert (waiting.agents, waiting.largest_cores) == (seen_offers.MOST_AGENTS, 4.0)


@pytest.mark.parametrize("cores", [1, 4, 5])
@pytest.mark.parametrize("memory", [500, 8192, 8193])
def test_what_is_said_to_lack_is_what_is_missing(cores: int, memory: int) -> None:
    play = Play()
    driver_id = play.submit(cores=cores, memory=memory)
    launched = play.offer(offer("o1", cpus=4, mem=8192))
    cause = {(4, 8193): Cause.MEMORY, (5, 8192): Cause.CORES}.get((max(cores, 4), max(memory, 8192)))
    if (cores, memory) == (5, 8193):
        cause = Cause.CORES_AND_MEMORY
    found = play.book.obstacle(driver_id, play.now)
    assert (found.cause if found else None) == cause
    assert bool(launched) == (cause is None)
    if cause is not None:
        assert play.offer(offer("o2", cpus=cores, mem=memory)) == [driver_id]

"""Random histories of a framework of shuffle services, against a model of Mesos."""

from __future__ import annotations

import json

import pytest

from sparkmesos_core.shuffle_service.on_agents.record import Phase
from tests.unit.shuffle_service.on_agents.mesos_model import World

HISTORIES = 2000
_PARTS = 8


@pytest.mark.parametrize("part", range(_PARTS))
def test_every_agent_that_fits_is_covered_once_whatever_happened(part: int) -> None:
    launches = covered = 0
    for seed in range(part, HISTORIES, _PARTS):
        world = World(seed)
        for _ in range(120):
            world.step()
        world.heal()
        _assert_covered(world, seed)
        launches += world.launches
        covered += len(world.book.services())
    assert launches > covered > 0, "the histories are eventful enough to tell something"


@pytest.mark.parametrize("part", range(2))
def test_services_whose_records_are_lost_are_adopted_whatever_happened(part: int) -> None:
    adopted = 0
    for seed in range(part, HISTORIES // 4, 2):
        world = World(200_000 + seed)
        for _ in range(80):
            world.step()
        running = world.lose_records()
        world.heal()
        _assert_covered(world, seed)
        current = {service.task_id for service in world.book.services()}
        gone = {agent.id for agent in world.agents.values() if agent.standing == "gone"}
        assert gone or running <= current, (seed, running - current)
        adopted += len(running & current)
    assert adopted > 100, "many are adopted, or this proves nothing"


@pytest.mark.parametrize("part", range(2))
def test_nothing_is_left_after_a_stop_whatever_happened(part: int) -> None:
    for seed in range(part, HISTORIES // 4, 2):
        world = World(100_000 + seed)
        for _ in range(80):
            world.step()
        world.happened("stop")
        for _ in range(40):
            world.step()
        world.healed = True
        if world.book.stops == 0:  # The store failed when it was to be written: whoever asked was told so.
            world.happened("stop")
        world.heal()
        assert world.book.stopped, seed
        assert world.framework is None, seed
        assert (world.book.framework_id, world.disk_framework) == (None, None), seed
        assert list(world.disk) == ["stops"], seed
        assert json.loads(world.disk["stops"])["under_way"] is False
        living = [task for agent in world.agents.values() if agent.connected for task in agent.tasks.values()]
        assert not [task for task in living if task.lives], seed
        # Whoever starts one anew, gets one.
        world.stops_noted = world.book.stops
        world.book = world.new_book()
        world.heal()
        _assert_covered(world, seed)


def _assert_covered(world: World, seed: int) -> None:
    hosts: set[str] = set()
    for agent in world.agents.values():
        living = [task for task in agent.tasks.values() if task.lives]
        reachable = agent.connected and agent.standing == "registered"
        record = world.book.service(agent.id)
        if reachable and living:
            assert record is not None, seed
            assert (record.task_id, record.phase) == (living[0].id, Phase.RUNNING), seed
            hosts.add(agent.host)
    for agent in world.agents.values():
        if agent.connected and agent.standing == "registered" and agent.fits:
            assert agent.host in hosts, (seed, agent, world.book.uncovered(world.now))
            if world.book.service(agent.id) is None:
                causes = {one.agent_id: one.cause.value for one in world.book.uncovered(world.now)}
                assert causes[agent.id] == "host", (seed, causes)

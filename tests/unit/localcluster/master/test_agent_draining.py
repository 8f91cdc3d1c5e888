"""Agents that are deactivated, drained and reactivated: offers, tasks, and what is shown of them."""

from __future__ import annotations

import pytest

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master import maintenance, master_json, operator_api
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.registry import Draining
from sparkmesos_core.localcluster.messages import Drain, ShutdownAgent
from tests.unit.localcluster.master.master_play import Json, Play


def shown(play: Play) -> Json:
    (slave,) = master_json.slaves(play.state)["slaves"]
    assert isinstance(slave, dict)
    return slave


def end_of_task(play: Play, framework: str) -> None:
    uuid = play.report(framework, "t1", "TASK_KILLED")
    play.call(calls.Acknowledge(framework, "M-S0", "t1", uuid))
    play.later(0)


def test_nothing_is_offered_of_a_deactivated_agent_until_it_is_reactivated() -> None:
    play = Play()
    framework = play.running_task()
    play.actions = play.state.deactivate_agent("M-S0")
    assert play.kinds() == ["RESCIND"]
    play.later(5)
    assert play.kinds() == []
    assert play.state.frameworks[framework].tasks["t1"].state == "TASK_RUNNING"
    assert (shown(play)["active"], shown(play)["deactivated"]) == (False, True)
    assert "drain_info" not in shown(play)
    metrics = master_json.master_metrics(play.state, play.now)
    assert [metrics[f"master/slaves_{name}"] for name in ("active", "inactive", "connected", "disconnected")] == [
        0, 1, 1, 0,
    ]  # fmt: skip
    play.actions = play.state.reactivate_agent("M-S0", play.now)
    assert play.kinds() == ["OFFERS"]
    assert (shown(play)["active"], shown(play)["deactivated"]) == (True, False)


def test_a_drained_agent_has_no_tasks() -> None:
    play = Play()
    framework = play.running_task()
    began = play.now
    play.actions = play.state.drain_agent("M-S0", 3.0, began)
    assert play.kinds() == ["RESCIND"]
    assert play.told() == [Drain(3.0)]
    config = {"mark_gone": False, "max_grace_period": {"nanoseconds": 3_000_000_000}}
    assert shown(play)["drain_info"] == {"state": "DRAINING", "config": config}
    assert shown(play)["estimated_drain_start_time_seconds"] == began
    with pytest.raises(CallRefused, match="still in the DRAINING state"):
        play.state.reactivate_agent("M-S0", play.now)
    end_of_task(play, framework)
    assert shown(play)["drain_info"]["state"] == "DRAINED"
    (agent,) = operator_api.agents(play.state)["agents"]
    assert (agent["active"], agent["deactivated"], agent["drain_info"]["state"]) == (False, True, "DRAINED")
    assert agent["estimated_drain_start_time"]["nanoseconds"] == int(began) * 10**9
    play.later(5)
    assert play.kinds() == []
    play.actions = play.state.reactivate_agent("M-S0", play.now)
    assert play.kinds() == ["OFFERS"]
    assert not {"drain_info", "estimated_drain_start_time_seconds"} & shown(play).keys()


def test_a_draining_agent_can_be_hurried() -> None:
    play = Play()
    framework = play.running_task()
    play.state.drain_agent("M-S0", 600.0, play.now)
    play.later(7)
    play.actions = play.state.drain_agent("M-S0", 1.0, play.now)
    assert play.told() == [Drain(1.0)]
    assert shown(play)["estimated_drain_start_time_seconds"] == play.now
    end_of_task(play, framework)
    assert shown(play)["drain_info"]["state"] == "DRAINED"
    play.state.drain_agent("M-S0", None, play.now)
    assert shown(play)["drain_info"] == {"state": "DRAINED", "config": {"mark_gone": False}}


def test_an_agent_that_was_away_while_it_was_drained_is_told_again() -> None:
    """It may have been started again, and has forgotten."""
    play = Play()
    play.running_task(checkpoint=True)
    play.state.drain_agent("M-S0", None, play.now)
    play.vanish()
    play.come_back(tasks=[play.running()])
    assert Drain() in play.told()


def test_an_agent_without_tasks_is_drained_at_once() -> None:
    play = Play()
    play.state.drain_agent("M-S0", None, play.now)
    assert shown(play)["drain_info"] == {"state": "DRAINED", "config": {"mark_gone": False}}


def test_an_agent_that_is_away_is_drained_when_it_comes_back() -> None:
    play = Play()
    play.running_task(checkpoint=True)
    play.vanish()
    play.actions = play.state.drain_agent("M-S0", None, play.now)
    assert play.told() == []
    play.come_back(tasks=[play.running()])
    assert Drain() in play.told()


def test_an_unreachable_agent_can_be_drained() -> None:
    play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=1)
    play.running_task(checkpoint=True)
    running = play.running()
    play.vanish()
    play.later(2)
    assert "M-S0" in play.registry.unreachable
    play.state.drain_agent("M-S0", None, play.now)
    play.come_back(tasks=[running])
    assert Drain() in play.told()
    assert not play.offers()
    assert "estimated_drain_start_time_seconds" not in shown(play)


def test_an_agent_that_is_away_is_reactivated_for_when_it_is_back() -> None:
    play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=1)
    play.state.deactivate_agent("M-S0")
    play.vanish()
    play.later(2)
    with pytest.raises(CallRefused, match="Agent removed") as refused:
        play.state.reactivate_agent("M-S0", play.now)
    assert refused.value.status == 409
    play.come_back()
    assert shown(play)["active"]


def test_it_outlives_the_master() -> None:
    play = Play()
    play.state.drain_agent("M-S0", None, play.now)
    play.fail_over()
    play.come_back()
    play.subscribe()
    play.later(5)
    assert not play.offers()
    assert shown(play)["deactivated"]
    assert shown(play)["drain_info"]["state"] == "DRAINED"
    assert "estimated_drain_start_time_seconds" not in shown(play)


def test_a_gone_agent_is_neither_deactivated_nor_anything_else() -> None:
    play = Play()
    play.state.drain_agent("M-S0", None, play.now)
    play.state.mark_agent_gone("M-S0", play.now)
    assert play.registry.deactivated == {}
    with pytest.raises(CallRefused, match="Unknown agent"):
        play.state.deactivate_agent("M-S0")
    with pytest.raises(CallRefused, match="Unknown agent"):
        play.state.drain_agent("M-S0", None, play.now)
    with pytest.raises(CallRefused, match="not deactivated"):
        play.state.reactivate_agent("M-S0", play.now)


def test_an_active_agent_cannot_be_reactivated() -> None:
    play = Play()
    with pytest.raises(CallRefused, match="not deactivated"):
        play.state.reactivate_agent("M-S0", play.now)


def test_a_deactivated_agent_can_be_drained_and_stays_so_when_it_is_deactivated_again() -> None:
    play = Play()
    play.running_task()
    play.state.deactivate_agent("M-S0")
    play.state.drain_agent("M-S0", None, play.now)
    play.state.deactivate_agent("M-S0")
    assert play.registry.deactivated["M-S0"] == Draining()


def test_what_is_scheduled_for_maintenance_is_not_drained() -> None:
    play = Play()
    unavailability = {"start": {"nanoseconds": 0}}
    machines = [{"hostname": "AGENT1", "ip": "127.0.0.1"}]
    schedule = {"windows": [{"machine_ids": machines, "unavailability": unavailability}]}
    maintenance.update_schedule(play.state, schedule, play.now)
    said = r"Agent M-S0 is part of a maintenance schedule under Machine agent1 \(127.0.0.1\)"
    with pytest.raises(CallRefused, match=said):
        play.state.drain_agent("M-S0", None, play.now)
    assert play.registry.deactivated == {}


class TestMarkedGone:
    """Agents that never come back when they are drained."""

    def test_when_its_last_task_has_ended(self) -> None:
        play = Play()
        framework = play.running_task()
        play.actions = play.state.drain_agent("M-S0", 3.0, play.now, mark_gone=True)
        assert play.told() == [Drain(3.0, mark_gone=True)]
        config = {"mark_gone": True, "max_grace_period": {"nanoseconds": 3_000_000_000}}
        assert shown(play)["drain_info"] == {"state": "DRAINING", "config": config}
        uuid = play.report(framework, "t1", "TASK_KILLED")
        assert list(play.state.agents) == ["M-S0"], "it is not acknowledged yet"
        play.call(calls.Acknowledge(framework, "M-S0", "t1", uuid))
        play.later(0)
        assert play.told() == [ShutdownAgent("Agent has been marked gone")]
        assert play.kinds() == ["FAILURE"]
        assert (play.state.agents, list(play.registry.gone), play.registry.deactivated) == ({}, ["M-S0"], {})
        play.come_back()
        assert play.told() == [ShutdownAgent("Agent has been marked gone")]

    def test_at_once_if_it_has_none(self) -> None:
        play = Play()
        play.subscribe()
        play.actions = play.state.drain_agent("M-S0", None, play.now, mark_gone=True)
        assert play.told() == [Drain(mark_gone=True), ShutdownAgent("Agent has been marked gone")]
        assert play.kinds() == ["RESCIND", "FAILURE"]
        assert list(play.registry.gone) == ["M-S0"]

    def test_when_it_comes_back_without_any(self) -> None:
        play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=1)
        play.vanish()
        play.later(2)
        play.state.drain_agent("M-S0", None, play.now, mark_gone=True)
        play.come_back()
        assert list(play.registry.gone) == ["M-S0"]
        assert play.state.agents == {}
        play.subscribe()
        assert play.offers() == []

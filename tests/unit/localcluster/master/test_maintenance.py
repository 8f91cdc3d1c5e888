"""Maintenance of machines: the schedule, what frameworks are asked and told, and machines that are down."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master import maintenance
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.machines import schedule_json
from sparkmesos_core.localcluster.master.scheduler_call_parsing import parse_call
from sparkmesos_core.localcluster.messages import ShutdownAgent
from tests.unit.localcluster.master.master_play import Json, Play, description

WINDOW: Json = {"start": {"nanoseconds": 2_000 * 10**9}, "duration": {"nanoseconds": 3600 * 10**9}}
LATER: Json = {"start": {"nanoseconds": 9_000 * 10**9}}


def machine(host: str = "agent1") -> Json:
    return {"hostname": host, "ip": "127.0.0.1"}


def schedule(unavailability: Json = WINDOW, *hosts: str) -> Json:
    ids = [machine(host) for host in hosts or ("agent1",)]
    return {"windows": [{"machine_ids": ids, "unavailability": unavailability}]}


def plan(play: Play, told: Json) -> None:
    play.actions = maintenance.update_schedule(play.state, told, play.now)


def asked(play: Play) -> list[Json]:
    return [
        one
        for event in play.events("s")
        if event["type"] == "INVERSE_OFFERS"
        for one in event["inverse_offers"]["inverse_offers"]
    ]


def two_agents(**options: Any) -> tuple[Play, str]:
    """A framework with a task on the first of two agents, and nothing but offers of the other."""
    play = Play(**options)
    play.register("cpus:4;mem:4096", host="agent2")
    return play, play.running_task()


class TestAsking:
    def test_offers_tell_of_it_and_whoever_is_there_is_asked(self) -> None:
        play, framework = two_agents()
        plan(play, schedule())
        assert play.kinds() == ["RESCIND", "OFFERS", "INVERSE_OFFERS"]
        (one,) = asked(play)
        assert one["agent_id"] == {"value": "M-S0"}
        assert one["framework_id"] == {"value": framework}
        assert one["unavailability"] == WINDOW
        assert one["url"]["address"]["hostname"] == "agent1"
        (offer,) = play.offers()
        assert (offer["agent_id"], offer["unavailability"]) == ({"value": "M-S0"}, WINDOW)
        play.later(5)
        assert asked(play) == [], "it has not answered yet"

    def test_who_has_nothing_there_is_not_asked(self) -> None:
        play = Play()
        play.subscribe(suppressed_roles=("*",))
        plan(play, schedule())
        assert play.kinds() == []

    @pytest.mark.parametrize("accepts", [True, False])
    def test_an_answer_is_shown_and_holds_for_its_time(self, accepts: bool) -> None:
        play, framework = two_agents()
        plan(play, schedule())
        (one,) = asked(play)
        play.call(calls.AnswerInverse(framework, (one["id"]["value"],), accepts, 60.0))
        answer = {
            "status": "ACCEPT" if accepts else "DECLINE",
            "framework_id": {"value": framework},
            "timestamp": {"nanoseconds": int(play.now * 1e9)},
        }
        shown = {"draining_machines": [{"id": machine(), "statuses": [answer]}]}
        assert maintenance.status_json(play.state) == shown
        play.later(55)
        assert asked(play) == []
        play.later(10)
        assert len(asked(play)) == 1
        assert play.state.frameworks[framework].tasks["t1"].state == "TASK_RUNNING"

    def test_an_answer_holds_to_the_moment(self) -> None:
        """Unlike that to an offer, which lasts until after the next allocation at least."""
        play, framework = two_agents(allocation_interval=10.0)
        plan(play, schedule())
        (one,) = asked(play)
        play.call(calls.AnswerInverse(framework, (one["id"]["value"],), True, 2.0))
        play.later(10)
        assert len(asked(play)) == 1

    def test_who_revives_is_asked_again_at_once(self) -> None:
        play, framework = two_agents()
        plan(play, schedule())
        (one,) = asked(play)
        play.call(calls.AnswerInverse(framework, (one["id"]["value"],), True, 600.0))
        play.call(calls.Revive(framework, ("another",)))
        (again,) = asked(play)
        assert again["id"] != one["id"]
        play.call(calls.Revive(framework, ()))
        assert asked(play) == [], "it has not answered yet"

    def test_who_does_not_answer_in_time_is_asked_again(self) -> None:
        play, _ = two_agents(offer_timeout=5.0)
        plan(play, schedule())
        (one,) = asked(play)
        play.later(4.5)
        assert asked(play) == []
        play.later(3)
        (taken_back,) = (e for e in play.events("s") if e["type"] == "RESCIND_INVERSE_OFFER")
        assert taken_back["rescind_inverse_offer"] == {"inverse_offer_id": one["id"]}
        assert len(asked(play)) == 1

    def test_an_answer_in_time_is_not_taken_back(self) -> None:
        play, framework = two_agents(offer_timeout=5.0)
        plan(play, schedule())
        (one,) = asked(play)
        play.call(calls.AnswerInverse(framework, (one["id"]["value"],), True, 600.0))
        play.later(10)
        assert "RESCIND_INVERSE_OFFER" not in play.kinds()

    def test_of_an_agent_that_was_lost_in_between_it_is_asked_again(self) -> None:
        play = Play(agent_ping_timeout=1, max_agent_ping_timeouts=1)
        framework = play.running_task(checkpoint=True)
        plan(play, schedule())
        (one,) = asked(play)
        play.call(calls.AnswerInverse(framework, (one["id"]["value"],), True, 600.0))
        running = play.running()
        play.vanish()
        play.later(2)
        assert play.state.frameworks[framework].inverse_filters == {}
        play.come_back(tasks=[running])
        play.later(1)
        assert len(asked(play)) == 1

    def test_of_an_agent_that_was_deactivated_meanwhile_nobody_is_asked_until_it_is_scheduled_again(
        self,
    ) -> None:
        """As with Mesos, whose allocator believes that it has asked."""
        play, _ = two_agents()
        play.state.deactivate_agent("M-S0")
        plan(play, schedule())
        play.later(2)
        play.actions = play.state.reactivate_agent("M-S0", play.now)
        play.later(5)
        assert asked(play) == []
        plan(play, schedule())
        assert len(asked(play)) == 1

    def test_answers_to_what_was_not_asked_do_nothing(self) -> None:
        play, framework = two_agents()
        plan(play, schedule())
        play.call(calls.AnswerInverse(framework, ("M-O99",), True, 60.0))
        assert maintenance.status_json(play.state) == {"draining_machines": [{"id": machine()}]}

    def test_who_comes_back_is_asked_again(self) -> None:
        play, framework = two_agents()
        plan(play, schedule())
        play.state.stream_closed("s", play.now)
        play.subscribe("s", framework)
        play.later(1)
        assert len([e for e in play.heard if e["type"] == "INVERSE_OFFERS"]) == 2


class TestSchedule:
    def test_another_time_is_another_question(self) -> None:
        play, framework = two_agents()
        plan(play, schedule())
        (one,) = asked(play)
        play.call(calls.AnswerInverse(framework, (one["id"]["value"],), True, 600.0))
        plan(play, schedule(LATER))
        assert [one["unavailability"] for one in asked(play)] == [LATER]
        assert maintenance.status_json(play.state) == {"draining_machines": [{"id": machine()}]}

    def test_a_cancelled_window_is_taken_back(self) -> None:
        play, _ = two_agents()
        plan(play, schedule())
        (one,) = asked(play)
        plan(play, {})
        assert play.kinds() == ["RESCIND", "RESCIND_INVERSE_OFFER", "OFFERS"]
        (taken_back,) = (e for e in play.events("s") if e["type"] == "RESCIND_INVERSE_OFFER")
        assert taken_back["rescind_inverse_offer"] == {"inverse_offer_id": one["id"]}
        assert "unavailability" not in play.offers()[0]
        assert maintenance.status_json(play.state) == {}
        assert schedule_json(play.registry.machines) == {}
        play.later(5)
        assert asked(play) == []

    def test_it_outlives_the_master(self) -> None:
        play, framework = two_agents()
        told = schedule(WINDOW, "agent1", "agent9")
        plan(play, told)
        running = play.running()
        play.fail_over()
        assert schedule_json(play.registry.machines) == told
        play.come_back(
            frameworks=[{"id": {"value": framework}, "user": "root", "name": "test"}], tasks=[running]
        )
        play.subscribe("s", framework)
        play.later(1)
        assert [e["type"] for e in play.heard].count("INVERSE_OFFERS") == 2

    def test_windows_are_shown_as_they_are(self) -> None:
        play = Play()
        told = {"windows": [*schedule()["windows"], *schedule(LATER, "agent2", "agent3")["windows"]]}
        plan(play, told)
        assert schedule_json(play.registry.machines) == told
        told = {"windows": [*schedule()["windows"], *schedule(WINDOW, "agent2")["windows"]]}
        plan(play, told)
        assert schedule_json(play.registry.machines) == told, "windows of the same time stay apart"

    @pytest.mark.parametrize(
        ("told", "said"),
        [
            ([], "schedule is not an object"),
            ({"windows": {}}, "windows is not an array"),
            ({"windows": [{"machine_ids": [], "unavailability": WINDOW}]}, "window is empty"),
            ({"windows": [{"machine_ids": [{}], "unavailability": WINDOW}]}, "Both 'hostname' and 'ip'"),
            ({"windows": [{"machine_ids": [{"ip": "x"}], "unavailability": WINDOW}]}, "parse the IP: x"),
            ({"windows": [{"machine_ids": [{"hostname": 1}], "unavailability": WINDOW}]}, "is not a string"),
            ({"windows": [{"machine_ids": [machine()]}]}, "unavailability is not an object"),
            (
                {"windows": [{"machine_ids": [machine()], "unavailability": {"start": {}}}]},
                "not a whole number",
            ),
            (schedule({**WINDOW, "duration": {"nanoseconds": -1}}), "'duration' is negative"),
            (schedule(WINDOW, "agent1", "AGENT1"), "appears more than once in the schedule"),
        ],
    )
    def test_what_is_none_is_refused_and_changes_nothing(self, told: Json, said: str) -> None:
        play = Play()
        plan(play, schedule(LATER))
        with pytest.raises(CallRefused, match=said):
            maintenance.update_schedule(play.state, told, play.now)
        assert schedule_json(play.registry.machines) == schedule(LATER)


class TestDown:
    def test_its_agents_end_and_come_back_when_it_is_up(self) -> None:
        play, framework = two_agents()
        plan(play, schedule())
        play.actions = maintenance.bring_down(play.state, [machine()], play.now)
        assert ShutdownAgent("Operator initiated 'Machine DOWN'") in play.told()
        assert play.kinds() == ["UPDATE", "RESCIND", "RESCIND_INVERSE_OFFER", "FAILURE"]
        assert list(play.state.agents) == ["M-S1"]
        assert play.state.frameworks[framework].completed_tasks[0].state == "TASK_LOST"
        assert maintenance.status_json(play.state) == {"down_machines": [machine()]}

        _, play.actions = play.state.register_agent(description(), play.now)
        assert play.told() == [ShutdownAgent("Machine is `DOWN`")]
        play.come_back("M-S0")
        assert play.told() == [ShutdownAgent("Machine is `DOWN`")]
        assert list(play.state.agents) == ["M-S1"]

        play.actions = maintenance.bring_up(play.state, [machine()])
        assert maintenance.status_json(play.state) == {}
        agent_id = play.register("cpus:4;mem:4096", host="agent1")
        assert any(offer["agent_id"] == {"value": agent_id} for offer in play.offers())
        assert all("unavailability" not in offer for offer in play.offers())

    def test_only_what_is_scheduled_goes_down_and_only_what_is_down_comes_up(self) -> None:
        play = Play()
        with pytest.raises(CallRefused, match="is not part of a maintenance schedule"):
            maintenance.bring_down(play.state, [machine()], play.now)
        with pytest.raises(CallRefused, match="List of machines is empty"):
            maintenance.bring_down(play.state, [], play.now)
        plan(play, schedule())
        with pytest.raises(CallRefused, match="not in DOWN mode and cannot be brought up"):
            maintenance.bring_up(play.state, [machine()])
        with pytest.raises(CallRefused, match="appears more than once"):
            maintenance.bring_down(play.state, [machine(), machine("Agent1")], play.now)
        maintenance.bring_down(play.state, [machine()], play.now)
        with pytest.raises(CallRefused, match="not in DRAINING mode and cannot be brought down"):
            maintenance.bring_down(play.state, [machine()], play.now)
        with pytest.raises(CallRefused, match="is deactivated and cannot be removed from the schedule"):
            maintenance.update_schedule(play.state, {}, play.now)
        plan(play, schedule(LATER))
        assert maintenance.status_json(play.state) == {"down_machines": [machine()]}


def test_the_calls_of_frameworks() -> None:
    head = {"framework_id": {"value": "F"}}
    ids = {"inverse_offer_ids": [{"value": "I1"}], "filters": {"refuse_seconds": 90}}
    accept = {**head, "type": "ACCEPT_INVERSE_OFFERS", "accept_inverse_offers": ids}
    decline = {**head, "type": "DECLINE_INVERSE_OFFERS", "decline_inverse_offers": ids}
    assert parse_call(accept) == calls.AnswerInverse("F", ("I1",), True, 90.0)
    assert parse_call(decline) == calls.AnswerInverse("F", ("I1",), False, 90.0)

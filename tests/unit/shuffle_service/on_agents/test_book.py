from __future__ import annotations

import json
from typing import Any

import pytest

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    Action,
    Decline,
    Forget,
    KillTask,
    LaunchTasks,
    Reconcile,
    Revive,
    Save,
    SaveFramework,
    Teardown,
)
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.store.store import Stored
from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.resources import Ranges
from sparkmesos_core.shuffle_service.on_agents.book import ServiceBook
from sparkmesos_core.shuffle_service.on_agents.limits import ServiceLimits
from sparkmesos_core.shuffle_service.on_agents.placement import Cause, Need
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Home, Phase, Stops, entry_from_json

NOW = 1_800_000_000.0
LIMITS = ServiceLimits()
NEED = Need.of(0.5, 1408, 7337)
ELSEWHERE = Ranges(((31000, 32000),))
WITH_PORT = Ranges(((7000, 8000),))


class Play:
    """A book, the disk, and a clock."""

    def __init__(self, need: Need = NEED, *, subscribed: bool = True, stops_seen: int = 0) -> None:
        self.need = need
        self.stops_seen = stops_seen
        self.only_to_stop = False
        self.master = ""
        self.now = NOW
        self.disk: dict[str, str] = {}
        self.framework: str | None = None
        self.ports: Ranges | None = ELSEWHERE
        self.problem: Exception | None = None
        self.restart()
        if subscribed:
            self.subscribe()

    def restart(self) -> list[Action]:
        self.book = ServiceBook(
            self.need,
            self.build,
            lambda _: self.ports,
            stops_seen=self.stops_seen,
            only_to_stop=self.only_to_stop,
            master=self.master,
        )
        entries = tuple(entry_from_json(json.loads(text)) for text in self.disk.values())
        return self.do("recover", Stored(entries, self.framework, 1))

    def build(self, task_id: str, offer: Offer, resources: Any) -> dict[str, Any]:
        if self.problem is not None:
            raise self.problem
        return {"task_id": {"value": task_id}, "resources": list(resources)}

    def do(self, method: str, *arguments: Any) -> list[Action]:
        actions: list[Action] = getattr(self.book, method)(*arguments, self.now)
        for one in actions:
            if isinstance(one, Save):
                self.disk[one.record.id] = json.dumps(one.record.to_json())
            elif isinstance(one, Forget):
                del self.disk[one.record_id]
            elif isinstance(one, SaveFramework):
                self.framework = one.framework_id
        return actions

    def subscribe(self, framework: str = "f1") -> list[Action]:
        return self.do("subscribed", framework)

    def offer(self, *offers: Offer) -> list[Action]:
        return self.do("offers", list(offers))

    def tell(self, task_id: str, state: str, agent: str = "x-S1", **fields: Any) -> list[Action]:
        status = {"task_id": {"value": task_id}, "agent_id": {"value": agent}, "state": state, **fields}
        return self.do("updated", status)

    def wait(self, seconds: float) -> list[Action]:
        self.now += seconds
        return self.do("tick")

    def stopped(self) -> bool:
        return self.book.stopped

    def stop_under_way(self) -> bool:
        return self.book.stop_under_way

    def ends_for_good(self) -> bool:
        return self.book.ends_for_good

    def launched(self, agent: str = "x-S1", host: str = "host1") -> str:
        """The id of a task that was launched on an agent."""
        actions = self.offer(offer(agent, host, id=f"o{self.now}"))
        (launch,) = (one for one in actions if isinstance(one, LaunchTasks))
        return str(launch.tasks[0]["task_id"]["value"])

    def running(self) -> str:
        task = self.launched()
        self.tell(task, "TASK_RUNNING", uuid="u")
        return task

    def service(self, agent: str = "x-S1") -> AgentService:
        found = self.book.service(agent)
        assert found is not None
        kept = entry_from_json(json.loads(self.disk[agent]))
        assert kept == found, "the disk knows what the book knows"
        return found

    def cause(self, agent: str = "x-S1") -> Cause:
        (found,) = (one for one in self.book.uncovered(self.now) if one.agent_id == agent)
        return found.cause

    def message(self) -> str:
        (found,) = self.book.uncovered(self.now)
        return found.message


def offer(
    agent: str = "x-S1",
    host: str = "host1",
    *,
    id: str = "o1",
    cpus: float = 4.0,
    mem: float = 8192.0,
    ports: tuple[int, int] = (31000, 32000),
    rack: str = "",
) -> Offer:
    ranges = {"range": [{"begin": ports[0], "end": ports[1]}]}
    resources = (
        {"name": "ports", "type": "RANGES", "ranges": ranges, "role": "*"},
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": mem}},
    )
    attributes = ({"name": "rack", "type": "TEXT", "text": {"value": rack}},) if rack else ()
    return Offer(id, agent, host, f"http://{host}:5051", resources, attributes)


def declined(actions: list[Action]) -> dict[str, float]:
    return {
        offer_id: one.refuse_seconds
        for one in actions
        if isinstance(one, Decline)
        for offer_id in one.offer_ids
    }


# --- launches


def test_a_launch_is_written_before_mesos_is_told() -> None:
    play = Play()
    save, launch = play.offer(offer())[:2]
    assert isinstance(save, Save)
    assert save.record.id == "x-S1"
    assert isinstance(launch, LaunchTasks)
    assert launch.refuse_seconds == LIMITS.refuse_seconds
    assert launch.tasks[0]["task_id"] == {"value": "shuffle-service-1-1"}
    taken = {one["name"]: one["scalar"]["value"] for one in launch.tasks[0]["resources"]}
    assert taken == {"cpus": 0.5, "mem": 1408.0}
    service = play.service()
    assert (service.phase, service.host, service.agent_url) == (
        Phase.LAUNCHED,
        "host1",
        "http://host1:5051",
    )
    assert not service.port_reserved
    assert play.book.uncovered(play.now) == []


def test_the_port_is_taken_of_an_offer_that_has_it() -> None:
    play = Play()
    launch = play.offer(offer(ports=(7000, 8000)))[1]
    assert isinstance(launch, LaunchTasks)
    assert launch.tasks[0]["resources"][0] == {
        "name": "ports",
        "type": "RANGES",
        "ranges": {"range": [{"begin": 7337, "end": 7337}]},
        "role": "*",
    }
    assert play.service().port_reserved


def test_an_agent_whose_port_somebody_else_has_waits() -> None:
    play = Play()
    play.ports = WITH_PORT
    assert declined(play.offer(offer(ports=(7000, 7336)))) == {"o1": LIMITS.refuse_seconds}
    assert play.cause() is Cause.PORT
    assert "port 7337" in play.message()


def test_an_agent_whose_ports_are_unknown_is_looked_at_again_soon() -> None:
    play = Play()
    play.ports = None
    assert declined(play.offer(offer())) == {"o1": 1.0}
    assert play.cause() is Cause.PORT_UNKNOWN


def test_constraints() -> None:
    play = Play(Need.of(0.5, 1408, 7337, parse_constraints("rack:r1,r2")))
    actions = play.offer(offer("x-S1", "h1", id="o1", rack="r9"), offer("x-S2", "h2", id="o2", rack="r2"))
    assert declined(actions) == {"o1": LIMITS.refuse_seconds}
    assert play.service("x-S2").phase is Phase.LAUNCHED
    assert play.cause("x-S1") is Cause.CONSTRAINTS
    assert "rack is r9" in play.message()


@pytest.mark.parametrize(
    ("cpus", "mem", "message"),
    [
        (0.4, 8192, "it offered only 0.4 of 0.5 cores"),
        (4, 1000, "it offered only 1000 of 1408 MiB of memory"),
        (0, 0, "it offered only 0 of 0.5 cores and 0 of 1408 MiB of memory"),
    ],
)
def test_too_little_room(cpus: float, mem: float, message: str) -> None:
    play = Play()
    play.offer(offer(cpus=cpus, mem=mem))
    assert play.cause() is Cause.RESOURCES
    assert play.message() == message


def test_a_covered_agent_gets_no_other() -> None:
    play = Play()
    play.running()
    assert declined(play.offer(offer(id="o2"))) == {"o2": LIMITS.refuse_seconds}


def test_one_per_host_while_it_can_be_reached() -> None:
    play = Play()
    task = play.running()
    assert declined(play.offer(offer("x-S2", id="o2"))) == {"o2": LIMITS.refuse_seconds}
    assert play.cause("x-S2") is Cause.HOST
    actions = play.tell(task, "TASK_UNREACHABLE")
    assert any(isinstance(one, Revive) for one in [*actions, *play.wait(1)])
    play.offer(offer("x-S2", id="o3"))
    assert play.service("x-S2").phase is Phase.LAUNCHED


def test_a_task_that_cannot_be_made_is_told() -> None:
    play = Play()
    play.problem = UsageError("no", hint="yes")
    assert declined(play.offer(offer())) == {"o1": LIMITS.refuse_seconds}
    assert play.cause() is Cause.TASK
    assert play.message() == "no task could be made: no"
    assert play.disk == {}


def test_nothing_is_launched_without_a_subscription() -> None:
    play = Play(subscribed=False)
    assert play.offer(offer()) == []


# --- ends


def test_the_back_off_doubles_up_to_five_minutes() -> None:
    play = Play()
    for expected in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        task = play.running()
        play.tell(task, "TASK_FAILED", message="exit 1", reason="REASON_COMMAND_EXECUTOR_FAILED", uuid="u")
        service = play.service()
        assert (service.phase, service.not_before) == (Phase.WAITING, play.now + expected)
        refused = declined(play.offer(offer(id="early")))
        assert refused == {"early": max(1.0, min(LIMITS.refuse_seconds, expected))}
        assert any(isinstance(one, Revive) for one in play.wait(expected))
    assert play.service().failures == 11
    assert play.message().startswith("it ended, 11 times in a row (TASK_FAILED: exit 1); ")
    ending = play.service().last_ending
    assert ending is not None
    assert (ending.state, ending.message) == ("TASK_FAILED", "exit 1")


def test_the_back_off_survives_a_restart() -> None:
    play = Play()
    for wait in (1, 2, 4):
        play.tell(play.running(), "TASK_FAILED")
        play.wait(wait)
    play.tell(play.running(), "TASK_FAILED")
    play.restart()
    play.subscribe()
    assert play.cause() is Cause.BACK_OFF
    assert play.service().failures == 4
    assert set(declined(play.offer(offer()))) == {"o1"}
    play.wait(8)
    play.running()


def test_failures_are_forgiven_after_ten_minutes() -> None:
    play = Play()
    play.tell(play.running(), "TASK_FAILED")
    play.wait(1)
    task = play.running()
    assert play.service().failures == 1
    play.wait(599)
    assert play.service().failures == 1
    play.wait(1)
    assert play.service().failures == 0
    play.tell(task, "TASK_FAILED")
    assert play.service().wait == 1


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("TASK_DROPPED", "REASON_INVALID_OFFERS"),
        ("TASK_GONE", "REASON_RECONCILIATION"),
        ("TASK_LOST", "REASON_SLAVE_DISCONNECTED"),
    ],
)
def test_a_launch_that_came_to_nothing_is_no_failure(state: str, reason: str) -> None:
    play = Play()
    play.tell(play.launched(), state, reason=reason, source="SOURCE_MASTER")
    assert play.service().phase is Phase.WAITING
    assert (play.service().failures, play.service().wait) == (0, 1.0)


def test_an_agent_that_drops_what_it_is_given_is_backed_off() -> None:
    play = Play()
    for failures in (1, 2, 3):
        play.tell(play.launched(), "TASK_DROPPED", source="SOURCE_AGENT", reason="REASON_AGENT_DRAINING")
        assert play.service().failures == failures
        play.wait(play.service().wait)


def test_an_end_that_is_told_twice_counts_once() -> None:
    play = Play()
    task = play.running()
    play.tell(task, "TASK_FAILED", uuid="u")
    assert play.tell(task, "TASK_FAILED", uuid="u") == [Acknowledge(task, "x-S1", "u")]
    assert play.tell(task, "TASK_RUNNING") == [], "told late"
    assert (play.service().failures, play.service().phase) == (1, Phase.WAITING)


def test_a_clock_that_is_set_back_does_not_keep_anybody_waiting() -> None:
    play = Play()
    play.tell(play.running(), "TASK_FAILED")
    play.wait(-5000)
    play.wait(1)
    play.launched()


# --- agents that go, and come back


def test_an_agent_out_of_reach_keeps_its_service() -> None:
    play = Play()
    task = play.running()
    play.tell(task, "TASK_UNREACHABLE")
    assert play.service().phase is Phase.UNREACHABLE
    actions = play.offer(offer(id="o2"))
    assert declined(actions) == {"o2": LIMITS.refuse_seconds}
    assert Reconcile({task: "x-S1"}) in actions
    play.tell(task, "TASK_RUNNING")
    assert (play.service().phase, play.service().failures) == (Phase.RUNNING, 0)


def test_an_agent_that_is_gone_for_good_is_forgotten() -> None:
    play = Play()
    actions = play.tell(play.running(), "TASK_GONE_BY_OPERATOR", uuid="u")
    assert actions[0] == Forget("x-S1")
    assert play.book.services() == []


def test_what_may_come_back_is_asked_for_before_another_is_launched() -> None:
    play = Play()
    task = play.running()
    play.tell(task, "TASK_UNKNOWN")
    play.wait(5)
    assert play.cause() is Cause.UNCERTAIN
    actions = play.offer(offer(id="o2"))
    assert declined(actions) == {"o2": 1.0}
    assert Reconcile({task: "x-S1"}) in actions
    play.tell(task, "TASK_UNKNOWN")
    assert set(declined(play.offer(offer(id="o3")))) == {"o3"}, "that answer was under way before"
    play.tell(task, "TASK_GONE", reason="REASON_RECONCILIATION")
    assert play.launched() == "shuffle-service-1-2"


def test_it_comes_back_after_all() -> None:
    play = Play()
    task = play.running()
    play.tell(task, "TASK_UNKNOWN")
    play.tell(task, "TASK_RUNNING")
    assert play.service().phase is Phase.RUNNING
    assert set(declined(play.offer(offer(id="o2")))) == {"o2"}


def test_an_agent_that_makes_no_offers_any_more_is_forgotten() -> None:
    play = Play()
    play.tell(play.running(), "TASK_FAILED")
    play.wait(1 + LIMITS.forget_seconds)
    assert play.disk == {}


def test_an_unknown_task_is_adopted_where_there_is_no_other() -> None:
    play = Play()
    play.offer(offer(cpus=0))
    play.tell("shuffle-service-9-4", "TASK_RUNNING")
    assert (play.service().task_id, play.service().host) == ("shuffle-service-9-4", "host1")
    play.tell("shuffle-service-9-4", "TASK_FAILED")
    play.wait(1)
    assert play.launched() == "shuffle-service-1-1"


def test_where_an_adopted_service_is_counts_before_another_is_launched() -> None:
    play = Play()
    play.tell("shuffle-service-9-4", "TASK_RUNNING")
    assert play.service().host == "", "nobody has told"
    play.offer(offer("x-S2", id="o2"), offer("x-S1", id="o1"))
    assert (play.service().host, play.service().agent_url) == ("host1", "http://host1:5051")
    assert play.cause("x-S2") is Cause.HOST


def test_a_second_task_on_an_agent_is_killed_until_it_is_gone() -> None:
    play = Play()
    task = play.running()
    kill = KillTask("old", "x-S1")
    assert kill in play.tell("old", "TASK_RUNNING")
    assert kill in play.wait(10)
    play.tell("old", "TASK_KILLED", uuid="u")
    assert kill not in play.wait(10)
    assert (play.service().task_id, play.service().phase) == (task, Phase.RUNNING)


# --- what Mesos is asked


def test_a_subscription_asks_for_all_that_may_live() -> None:
    play = Play()
    task = play.running()
    play.do("disconnected")
    assert play.subscribe()[:2] == [Reconcile({task: "x-S1"}), Reconcile({})]
    actions = play.wait(LIMITS.reconcile_seconds)
    assert [one for one in actions if isinstance(one, Reconcile)] == [
        Reconcile({task: "x-S1"}),
        Reconcile({}),
    ]


def test_a_launch_that_nobody_speaks_of_is_asked_for_again_and_again() -> None:
    play = Play()
    task = play.launched()
    play.restart()
    play.subscribe()
    for _ in range(3):
        assert play.book.next_due == play.now + 10
        assert play.wait(10) == [Reconcile({task: "x-S1"})]
    assert set(declined(play.offer(offer(id="o2")))) == {"o2"}
    play.tell(task, "TASK_STAGING")
    assert Reconcile({task: "x-S1"}) not in play.wait(10)


def test_a_framework_that_was_removed_begins_anew() -> None:
    play = Play()
    play.running()
    actions = play.do("framework_removed")
    assert actions == [Forget("x-S1"), SaveFramework(None)]
    assert SaveFramework("f2") in play.subscribe("f2")
    assert play.launched() == "shuffle-service-2-1"
    assert play.service().framework_id == "f2"


# --- stops


def test_a_stop_ends_the_services_and_then_the_framework_and_all_that_is_kept_of_it() -> None:
    play = Play()
    task = play.running()
    save, kill = play.do("stop")
    assert save == Save(Stops(number=2, count=1, under_way=True))
    assert kill == KillTask(task, "x-S1")
    assert play.stop_under_way()
    assert not play.stopped()
    assert set(declined(play.offer(offer("x-S2", "h2")))) == {"o1"}
    # So no other framework gets what the service has before it has ended.
    *_, acknowledge, teardown = play.tell(task, "TASK_KILLED", uuid="u1")
    assert acknowledge == Acknowledge(task, "x-S1", "u1")
    assert teardown == Teardown()
    assert play.wait(10) == [Teardown()]
    play.do("framework_removed")
    assert play.stopped()
    assert list(play.disk) == ["stops"]
    assert play.framework is None


def test_a_stop_waits_for_all_services_that_can_be_reached() -> None:
    play = Play()
    first, second = play.launched(), play.launched("x-S2", "h2")
    third = play.launched("x-S3", "h3")
    play.tell(third, "TASK_UNREACHABLE", "x-S3")
    kills = play.do("stop")[1:]
    assert kills == [KillTask(first, "x-S1"), KillTask(second, "x-S2")]
    assert Teardown() not in play.tell(first, "TASK_GONE")
    assert play.tell(second, "TASK_FAILED", "x-S2")[-1] == Teardown()


def test_a_stop_does_not_wait_for_ever() -> None:
    play = Play()
    task = play.running()
    play.do("stop")
    for _ in range(4):
        assert play.wait(2) == [KillTask(task, "x-S1")]
    assert play.wait(2) == [Teardown()]


def test_a_stop_goes_on_after_a_restart() -> None:
    play = Play()
    task = play.running()
    play.do("stop")
    play.restart()
    assert not play.stopped()
    assert play.subscribe() == [KillTask(task, "x-S1")]
    assert play.tell(task, "TASK_KILLED")[-1] == Teardown()
    play.do("framework_removed")
    assert play.stopped()


def interrupted_stop() -> Play:
    """A stop whose process was killed, as the next process finds it."""
    play = Play()
    play.do("stop")
    play.stops_seen = play.book.stops
    return play


def test_who_is_only_there_to_stop_ends_with_the_stop_that_was_under_way() -> None:
    play = interrupted_stop()
    play.only_to_stop = True
    play.restart()
    assert play.ends_for_good()
    assert play.subscribe() == [Teardown()]
    play.do("framework_removed")
    assert play.stopped()
    assert play.book.ends, "no other framework follows"


def test_who_is_only_there_to_stop_does_not_take_an_earlier_stop_for_it() -> None:
    play = Play()
    play.do("stop")
    play.do("framework_removed")
    play.stops_seen = play.book.stops
    play.restart()
    play.subscribe("f2")
    play.only_to_stop = True
    play.restart()
    assert not play.stopped()
    play.do("stop")
    assert play.ends_for_good()


def test_a_stop_that_was_under_way_is_followed_by_another_framework_unless_it_is_asked_for_again() -> None:
    play = interrupted_stop()
    play.restart()
    assert play.stop_under_way()
    assert not play.ends_for_good()
    play.subscribe()
    assert play.do("stop")
    assert play.ends_for_good()
    play.do("framework_removed")
    assert play.stopped()

    play = interrupted_stop()
    play.restart()
    play.subscribe()
    play.do("framework_removed")
    assert not play.book.ends


def test_a_stop_without_a_framework_is_done_at_once() -> None:
    play = Play(subscribed=False)
    play.do("stop")
    assert play.stopped()
    assert play.subscribe()[-1] == Teardown(), "a subscription was under way"


def test_one_that_was_started_after_a_stop_launches_and_one_that_stood_by_does_not() -> None:
    play = Play()
    play.do("stop")
    play.do("framework_removed")
    play.restart()
    assert play.stopped()
    play.stops_seen = play.book.stops
    play.restart()
    assert not play.stopped()
    play.subscribe("f2")
    play.launched()


# --- the master


def test_the_master_is_kept_as_long_as_there_is_a_framework() -> None:
    play = Play(subscribed=False)
    play.master = "mesos://m1:5050"
    play.restart()
    assert play.book.home == ""
    assert play.subscribe()[0] == Save(Home(number=1, master="mesos://m1:5050"))
    assert play.subscribe()[0] == Reconcile({})
    play.running()
    play.master = "mesos://zk://z:2181/mesos"
    play.restart()
    assert play.book.home == "mesos://m1:5050"
    play.subscribe()
    play.restart()
    assert play.book.home == "mesos://zk://z:2181/mesos"
    play.do("framework_removed")
    assert play.book.home == ""
    assert play.disk == {}


# --- records


def test_records_go_through_json() -> None:
    play = Play()
    play.tell(play.running(), "TASK_FAILED", message="ü")
    play.service()
    stops = Stops(number=3, count=2, under_way=True)
    assert entry_from_json(json.loads(json.dumps(stops.to_json()))) == stops


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "a record of version 2"),
        ({"kind": "other"}, "an unknown kind"),
        ({"phase": "NONE"}, "'NONE' is not a valid Phase"),
    ],
)
def test_a_record_of_another_kind_is_refused(change: dict[str, Any], message: str) -> None:
    play = Play()
    play.launched()
    with pytest.raises(ValueError, match=message):
        entry_from_json({**json.loads(play.disk["x-S1"]), **change})

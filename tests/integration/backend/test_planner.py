"""What the planner does with offers, case by case. That it answers as Spark 3.5.9 did: test_planner_recordings.py."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.integration.backend.stories import declined, launched, offer, ports, reasons, scalar, tell

Json = dict[str, Any]

pytestmark = pytest.mark.slow

ONE_CORE = {"spark.executor.cores": "1"}
DYNAMIC = {"spark.dynamicAllocation.enabled": "true", **ONE_CORE}
WAITING = {**DYNAMIC, "spark.locality.wait": "3s"}
LOCAL_TASKS = {"localTasks": {"0": {"agent1.mesos.example": 4}}}
MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture
def story(harness):
    """Tells a story, each event at its moment, or else when the one before it was."""

    def story(properties: dict[str, str], *events: Json, profiles=()) -> list[Json]:
        at, timed = 0, []
        for event in events:
            at = event.get("at", at)
            timed.append({**event, "at": at})
        return tell(harness, timed, properties, profiles)

    return story


def offers(*made: Json, at: int | None = None) -> Json:
    return {"offers": list(made)} | ({} if at is None else {"at": at})


def ids(step: Json) -> dict[str, list[str]]:
    return {name: [one["id"] for one in executors] for name, executors in launched(step).items()}


def test_an_executor_takes_what_the_offer_has_where_nobody_says_how_much(story):
    (step,) = story({}, offers(offer(1, scalar("cpus", 3.9), scalar("mem", 5000))))
    (executor,) = launched(step)["O1"]
    assert executor["cores"] == 3
    assert executor["resources"] == [scalar("cpus", 3), scalar("mem", 1408)]


def test_executors_are_spread_over_offers(story):
    small = offer(3, scalar("cpus", 1), scalar("mem", 1408), agent=3)
    (step,) = story({**ONE_CORE, "spark.cores.max": "6"}, offers(offer(1), offer(2, agent=2), small))
    assert ids(step) == {"O1": ["0", "3", "5"], "O2": ["1", "4"], "O3": ["2"]}


def test_memory_limits_how_many_fit(story):
    (step,) = story(ONE_CORE, offers(offer(1, scalar("cpus", 8), scalar("mem", 3 * 1408))))
    assert ids(step) == {"O1": ["0", "1", "2"]}


def test_a_resource_is_taken_piece_by_piece_as_it_was_offered(story):
    """Unreserved, static and dynamic reservations in the order of the offer, each echoed with all that it came with."""
    dynamic: Json = {
        "reservation": {"principal": "ops", "labels": {"labels": [{"key": "team", "value": "a"}]}}
    }
    allocated: Json = {"allocation_info": {"role": "spark"}}
    resources = [
        scalar("cpus", 0.5, **allocated),
        scalar("cpus", 1.2, "spark", **allocated),
        scalar("mem", 1000, "spark", **dynamic, **allocated),
        scalar("cpus", 4, "spark", **dynamic, **allocated),
        scalar("mem", 2000, **allocated),
    ]
    (step,) = story({"spark.executor.cores": "2"}, offers(offer(1, *resources)))
    (executor, second) = launched(step)["O1"]
    assert executor["resources"] == [
        scalar("cpus", 0.5, **allocated),
        scalar("cpus", 1.2, "spark", **allocated),
        scalar("cpus", 0.3, "spark", **dynamic, **allocated),
        scalar("mem", 1000, "spark", **dynamic, **allocated),
        scalar("mem", 408, **allocated),
    ]
    assert second["resources"] == [
        scalar("cpus", 2, "spark", **dynamic, **allocated),
        scalar("mem", 1408, **allocated),
    ]


def test_amounts_of_three_decimals_add_up(story):
    tenths = [scalar("cpus", 0.1, f"r{number}") for number in range(10)]
    (step,) = story(ONE_CORE, offers(offer(1, *tenths, scalar("mem", 1408))))
    assert [one["scalar"]["value"] for one in launched(step)["O1"][0]["resources"]] == [0.1] * 10 + [1408]


def test_a_fixed_port_makes_it_one_executor_per_host(story):
    conf = {**ONE_CORE, "spark.blockManager.port": "31005"}
    reserved = ports((31000, 31004), (31005, 31010), role="spark", reservation={"principal": "ops"})
    many = [scalar("cpus", 4), scalar("mem", 9000)]
    (step,) = story(
        conf,
        offers(
            offer(1, *many, ports((30000, 30005)), reserved), offer(2, *many, ports((31000, 31004)), agent=1)
        ),
    )
    (executor,) = launched(step)["O1"]
    assert executor["resources"][2:] == [
        ports((31005, 31005), role="spark", reservation={"principal": "ops"})
    ]
    assert executor["ports"] == [31005]
    assert reasons(step)["O2"] == "it does not have the port 31005 (spark.blockManager.port)"


def test_gpus_go_to_who_finds_them(story):
    gpus = [scalar("cpus", 4), scalar("mem", 9000), scalar("gpus", 2)]
    conf = {**ONE_CORE, "spark.mesos.gpus.max": "3", "spark.cores.max": "4"}
    (step,) = story(conf, offers(offer(1, *gpus), offer(2, *gpus, agent=1)))
    assert {one["id"]: one["gpus"] for found in launched(step).values() for one in found} == {
        "0": 2,
        "1": 1,
        "2": 0,
        "3": 0,
    }
    assert launched(step)["O1"][0]["resources"][-1] == scalar("gpus", 2)


def test_who_needs_gpus_takes_just_those_and_others_leave_them(story):
    gpus = [scalar("cpus", 2), scalar("mem", 9000), scalar("gpus", 2)]
    conf = {**DYNAMIC, "spark.mesos.gpus.max": "4"}
    events = (
        {"wanted": {"0": 1, "1": 4}},
        offers(offer(1, *gpus), offer(2, agent=1), offer(3, *gpus, agent=2)),
    )
    _, step = story(conf, *events, profiles=[{"id": 1, "asked": {"gpu": 1, "cores": 1}}])
    found = {
        (name, one["profile"]["id"], one["gpus"])
        for name, several in launched(step).items()
        for one in several
    }
    assert found == {("O1", 0, 0), ("O1", 1, 1), ("O3", 1, 1)}
    assert (
        reasons(step)["O2"]
        == "all executors that are wanted are launched; an executor needs 1 GPU, and it has 0"
    )


def test_who_needs_gpus_has_no_use_for_offers_beyond_the_maximum(story):
    gpus = [scalar("cpus", 2), scalar("mem", 9000), scalar("gpus", 2)]
    conf = {"spark.mesos.gpus.max": "3", "spark.executor.resource.gpu.amount": "2"}
    (step,) = story(conf, offers(offer(1, *gpus), offer(2, *gpus, agent=1)))
    assert {name: [one["gpus"] for one in several] for name, several in launched(step).items()} == {"O1": [2]}
    assert reasons(step) == {"O2": "an executor needs 2 GPUs, and spark.mesos.gpus.max leaves 1"}


def test_cores_that_make_no_executor_count_as_reached(story):
    """As Spark, which rounds spark.cores.max down to a multiple of spark.executor.cores."""
    conf = {"spark.cores.max": "5", "spark.executor.cores": "2", "spark.mesos.rejectOfferDuration": "50s"}
    (step,) = story(
        conf,
        offers(offer(1), offer(2, agent=1)),
    )
    assert ids(step) == {"O1": ["0"], "O2": ["1"]}
    assert step["wants"] is False
    *_, step = story(conf, offers(offer(1), offer(2, agent=1)), offers(offer(3)))
    assert declined(step) == {"O3": 50}
    assert reasons(step) == {"O3": "spark.cores.max is reached"}


def test_an_executor_that_no_task_would_fit_in_is_not_launched(story):
    conf = {"spark.task.cpus": "2"}
    (step,) = story(conf, offers(offer(1, scalar("cpus", 1.9), scalar("mem", 8000)), offer(2, agent=1)))
    assert set(launched(step)) == {"O2"}
    assert reasons(step) == {"O1": "an executor needs 2 cpus, and it has 1"}
    (step,) = story(
        {**conf, "spark.mesos.extra.cores": "1"}, offers(offer(1, scalar("cpus", 1.9), scalar("mem", 8000)))
    )
    assert launched(step)["O1"][0]["cores"] == 1


def test_an_executor_on_its_way_out_holds_its_cores(story):
    conf = {**ONE_CORE, "spark.cores.max": "1"}
    steps = story(
        conf,
        offers(offer(1)),
        {"running": "0"},
        {"ending": "0"},
        offers(offer(2)),
        {"ended": "0"},
        offers(offer(3)),
    )
    assert declined(steps[3]) == {"O2": 120}
    assert [step["cores"] for step in steps] == [1, 1, 1, 1, 0, 1]
    assert [step["wants"] for step in steps] == [False, False, False, False, True, False]
    assert ids(steps[5]) == {"O3": ["1"]}


def test_the_state_of_an_executor(story):
    steps = story(ONE_CORE | {"spark.cores.max": "1"}, offers(offer(1), at=5), {"running": "0", "at": 6}, {"ending": "0", "at": 7},
                  {"running": "0", "at": 8}, {"ending": "0", "at": 9}, {"running": "7"}, {"ended": "7", "isFailure": True})  # fmt: skip
    seen = [
        (step["books"]["executors"]["0"]["state"], step["books"]["executors"]["0"]["since"]) for step in steps
    ]
    assert seen == [("Launching", 5), ("Running", 6), *[("Ending", 7)] * 5]
    assert steps[-1]["books"]["failures"] == {}


def test_spark_says_how_many_it_wants(story):
    first, _, second, third, _, fourth = story(
        DYNAMIC,
        offers(offer(1)),
        {"wanted": {"0": 2}},
        offers(offer(2)),
        offers(offer(3, attributes=[])),
        {"wanted": {"0": 0}},
        offers(offer(4)),
    )
    assert declined(first) == {"O1": None}
    assert ids(second) == {"O2": ["0", "1"]}
    assert declined(third) == {"O3": None}
    assert reasons(third) == {"O3": "all executors that are wanted are there"}
    assert [step["wants"] for step in (first, second, third)] == [False] * 3
    assert declined(fourth) == {"O4": None}


def test_who_ends_is_replaced_while_it_ends(story):
    *_, step = story(
        DYNAMIC, {"wanted": {"0": 1}}, offers(offer(1)), {"ending": "0"}, offers(offer(2)), offers(offer(3))
    )
    assert declined(step) == {"O3": None}
    assert set(step["books"]["executors"]) == {"0", "1"}


def test_profiles_are_served_in_their_order(story):
    own = [{"id": 1, "asked": {"cores": 2, "memory": 2048}}, {"id": 2, "asked": {"cores": 3, "memory": 512}}]
    conf = {**DYNAMIC, "spark.cores.max": "7"}
    _, step, rest = story(
        conf,
        {"wanted": {"2": 5, "1": 1, "0": 2, "9": 1}},
        offers(offer(1), offer(2, agent=1)),
        offers(offer(3)),
        profiles=own,
    )
    placed = {
        one["id"]: (name, one["profile"]["id"]) for name, several in launched(step).items() for one in several
    }
    assert placed == {"0": ("O1", 0), "1": ("O2", 0), "2": ("O1", 1), "3": ("O2", 2)}
    assert declined(rest) == {"O3": 120}


def test_without_a_wish_of_sparks_only_the_default_profile_is_served(story):
    (step,) = story(ONE_CORE, offers(offer(1)), profiles=[{"id": 1, "asked": {}}])
    assert {one["profile"]["id"] for one in launched(step)["O1"]} == {0}


class TestLocality:
    """`spark.locality.wait`, as `satisfiesLocality` of Spark 3.5 has it."""

    def test_hosts_without_data_are_refused_for_a_while(self, story):
        _, _, first, second, third = story(
            WAITING,
            {"wanted": {"0": 3}, "at": 0},
            LOCAL_TASKS,
            offers(offer(1), offer(2, agent=1), at=1000),
            offers(offer(3), at=4000),
            offers(offer(4), at=4001),
        )
        assert ids(first) == {"O2": ["0"]}  # and no second one there: others may have use for what is left
        assert reasons(first) == {"O1": "hosts with data for waiting tasks are preferred for a while"}
        assert declined(second) == {"O3": None}
        assert ids(third) == {"O4": ["1", "2"]}

    def test_a_new_wish_begins_the_wait_anew(self, story):
        *_, step = story(
            WAITING,
            {"wanted": {"0": 1}, "at": 0},
            LOCAL_TASKS,
            offers(offer(1), at=0),
            {"wanted": {"0": 2}, "at": 2000},
            offers(offer(2), at=5000),
        )
        assert declined(step) == {"O2": None}

    def test_the_wait_begins_when_something_is_missing(self, story):
        *_, step = story(
            WAITING,
            {"wanted": {"0": 1}, "at": 0},
            LOCAL_TASKS,
            offers(offer(1, agent=1), at=0),
            offers(offer(2, agent=1), at=10_000),
            {"ended": "0", "isFailure": False},
            {"localTasks": {"0": {"agent2.mesos.example": 1}}},
            offers(offer(3, agent=1), at=20_000),
        )
        assert declined(step) == {"O3": None}

    def test_without_dynamic_allocation_nobody_waits(self, story):
        *_, step = story(
            {**WAITING, "spark.dynamicAllocation.enabled": "false"}, LOCAL_TASKS, offers(offer(1))
        )
        assert set(launched(step)) == {"O1"}


class TestAgents:
    """Agents where executors fail, and those that are to be left."""

    def fail(self, story, *events: Json, **more: str) -> list[Json]:
        conf = {**ONE_CORE, "spark.cores.max": "1", **more}
        return story(conf, *events)

    def test_after_two_failures_an_agent_gets_no_more(self, story):
        *_, step = self.fail(
            story,
            offers(offer(1), at=0),
            {"ended": "0", "isFailure": True},
            offers(offer(2)),
            {"ended": "1", "isFailure": True},
            offers(offer(3), offer(4, agent=1)),
        )
        assert ids(step) == {"O4": ["2"]}
        *_, step = self.fail(
            story,
            offers(offer(1), at=0),
            {"ended": "0", "isFailure": True},
            offers(offer(2)),
            {"ended": "1", "isFailure": True},
            offers(offer(3)),
        )
        assert reasons(step) == {"O3": "2 executors failed on its agent; is Spark installed there?"}
        assert declined(step) == {"O3": None}

    def test_failures_are_forgotten_in_time(self, story):
        steps = self.fail(
            story,
            offers(offer(1), at=0),
            {"ended": "0", "isFailure": True, "at": MINUTE},
            offers(offer(2), at=2 * MINUTE),
            {"ended": "1", "isFailure": True, "at": 3 * MINUTE},
            offers(offer(3), at=MINUTE + HOUR - 1),
            offers(offer(4), at=MINUTE + HOUR),
            {"ended": "2", "isFailure": True, "at": MINUTE + HOUR},
            offers(offer(5), at=MINUTE + HOUR),
            offers(offer(6), at=3 * MINUTE + HOUR),
        )
        assert [set(launched(step)) for step in steps if "answers" in step] == [
            {"O1"},
            {"O2"},
            set(),
            {"O4"},
            set(),
            {"O6"},
        ]

    @pytest.mark.parametrize(("most", "runs"), [("0", 5), ("1", 1), ("3", 3)])
    def test_how_many_failures_is_a_setting(self, story, most, runs):
        events = [
            event
            for number in range(5)
            for event in (offers(offer(number), at=number), {"ended": str(number), "isFailure": True})
        ]
        steps = self.fail(story, *events, **{"spark.mesos.executor.agentFailures.max": most})
        assert sum(bool(launched(step)) for step in steps if "answers" in step) == runs

    def test_who_was_ended_on_purpose_does_not_count(self, story):
        numbers = count()
        events = [
            event
            for _ in range(4)
            for event in (
                offers(offer(next(numbers))),
                {"ended": str(next(numbers) // 2), "isFailure": False},
            )
        ]
        steps = self.fail(story, *events)
        assert all(launched(step) for step in steps if "answers" in step)

    def test_an_agent_that_is_to_be_left_gets_none(self, story):
        leave = {"draining": "S0", "isDraining": True}
        _, first, _, second = self.fail(
            story, leave, offers(offer(1)), {**leave, "isDraining": False}, offers(offer(2))
        )
        assert reasons(first) == {"O1": "its agent is to be left"}
        assert set(launched(second)) == {"O2"}


@pytest.mark.parametrize(
    ("constraints", "attribute", "holds"),
    [
        (
            "open:3",
            {"type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}, {"begin": 3, "end": 5}]}},
            True,
        ),
        (
            "open:5000,7500,8300",
            {"type": "RANGES", "ranges": {"range": [{"begin": 7000, "end": 8000}]}},
            True,
        ),
        ("open:6000", {"type": "RANGES", "ranges": {"range": [{"begin": 7000, "end": 8000}]}}, False),
        ("open:8002", {"type": "RANGES", "ranges": {"range": [{"begin": 7000, "end": 8000}]}}, False),
        ("open:a", {"type": "RANGES", "ranges": {"range": [{"begin": 7000, "end": 8000}]}}, False),
        ("open:2", {"type": "SCALAR", "scalar": {"value": 3}}, True),
        ("open:3", {"type": "SCALAR", "scalar": {"value": 3}}, True),
        ("open:4", {"type": "SCALAR", "scalar": {"value": 3}}, False),
        ("open:x,2", {"type": "SCALAR", "scalar": {"value": 3}}, True),
        ("open:1a,1c", {"type": "SET", "set": {"item": ["1a", "1b", "1c"]}}, True),
        ("open:1a,1d", {"type": "SET", "set": {"item": ["1a", "1b", "1c"]}}, False),
        ("open:a,b", {"type": "TEXT", "text": {"value": "b"}}, True),
        ("open:a", {"type": "TEXT", "text": {"value": "b"}}, False),
        ("open:", {"type": "TEXT", "text": {"value": "b"}}, True),
        ("other:", {"type": "TEXT", "text": {"value": "b"}}, False),
    ],
)
def test_constraints(story, constraints, attribute, holds):
    there = offer(1, attributes=[{"name": "open", **attribute}])
    (step,) = story(
        {"spark.mesos.constraints": constraints, "spark.mesos.rejectOfferDuration": "9s"}, offers(there)
    )
    assert (set(launched(step)) == {"O1"}) == holds
    if not holds:
        assert declined(step) == {"O1": 9}
        assert reasons(step)["O1"].startswith("it does not meet the constraint ")


def test_an_offer_with_next_to_nothing_in_it_is_answered(story):
    (step,) = story(
        {}, {"offers": [{"id": {"value": "O1"}, "resources": [{"name": "cpus", "type": "NEW"}, {}]}]}
    )
    assert declined(step) == {"O1": None}
    assert reasons(step) == {"O1": "an executor needs 1 cpu, and it has 0"}

"""What follows from what Mesos, Spark and executors say, as the backend decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.backend.stories import offer, scalar

if TYPE_CHECKING:
    from tests.integration.backend.harness import Harness

Json = dict[str, Any]
TWO_OF_ONE = {"spark.cores.max": "2", "spark.executor.cores": "1"}
DYNAMIC = {"spark.dynamicAllocation.enabled": "true", "spark.executor.cores": "1"}


def tell(harness: Harness, *events: Json, properties: Json | None = None, **more: Any) -> list[Json]:
    """What followed from each event; they come a second after one another."""
    timed = [{"at": number * 1000, **event} for number, event in enumerate(events)]
    told: list[Json] = harness.ask("roster", {"events": timed, "properties": properties or {}, **more})
    return told


def offers(*those: Json, **more: Any) -> Json:
    return {"offers": {"offers": list(those)}, **more}


def update(
    task: str, state: str, agent: str | None = "S0", uuid: str | None = "dXVpZA==", **more: Any
) -> Json:
    status: Json = {"task_id": {"value": task}, "state": f"TASK_{state}", **more}
    if agent is not None:
        status["agent_id"] = {"value": agent}
    return {"update": status if uuid is None else {**status, "uuid": uuid}}


def kinds(step: Json) -> list[str]:
    return [effect[0] for effect in step["effects"]]


def named(step: Json, kind: str) -> list[list[Any]]:
    return [effect[1:] for effect in step["effects"] if effect[0] == kind]


FILLED = (offers(offer(1, agent=0), offer(2, agent=1)), {"knocks": "0"}, {"knocks": "1"})
"""Two executors, on an agent each, which have registered."""


class TestOffers:
    def test_no_more_are_wanted_once_all_cores_are_had(self, harness: Harness) -> None:
        first, second = tell(harness, offers(offer(1)), offers(offer(2)), properties=TWO_OF_ONE)
        assert kinds(first) == ["launch", "suppress"]
        assert (first["executors"], first["cores"]) == ({"0": "Launching", "1": "Launching"}, 2)
        assert second["effects"] == [["decline", "O2", 120.0, second["effects"][0][3]]]

    def test_they_are_wanted_for_ever_without_a_limit(self, harness: Harness) -> None:
        (step,) = tell(harness, offers(offer(1)))
        assert kinds(step) == ["launch"]

    def test_dynamic_allocation_asks_for_them_when_executors_are_missing(self, harness: Harness) -> None:
        steps = tell(
            harness,
            offers(offer(1)),
            {"wanted": {"0": 2}},
            offers(offer(2)),
            {"wanted": {"0": 1}},
            {"wanted": {"0": 3}},
            properties=DYNAMIC,
        )
        assert [kinds(step) for step in steps] == [
            ["decline", "suppress"],
            ["revive"],
            ["launch", "suppress"],
            [],
            ["revive"],
        ]

    def test_hosts_that_spark_excludes_get_nothing(self, harness: Harness) -> None:
        (step,) = tell(harness, offers(offer(1), excluded=["agent0.mesos.example"]))
        assert kinds(step) == ["decline"]
        assert "spark.excludeOnFailure" in step["effects"][0][3]

    def test_profiles_get_executors_of_their_own(self, harness: Harness) -> None:
        profiles = [{"id": 1, "asked": {"cores": 2, "memory": 2048}, "taskCpus": 1}]
        wanted, launched = tell(
            harness,
            {"wanted": {"0": 1, "1": 1}},
            offers(offer(1), offer(2, agent=1)),
            properties=DYNAMIC,
            profiles=profiles,
        )
        assert kinds(wanted) == ["revive"]
        assert (launched["profiles"], launched["cores"]) == ({"0": 0, "1": 1}, 3)


class TestUpdates:
    def test_each_that_can_be_is_acknowledged_behind_what_follows_from_it(self, harness: Harness) -> None:
        steps = tell(
            harness,
            *FILLED,
            update("0", "RUNNING"),
            update("1", "RUNNING", agent="S1", uuid=None),
            update("0", "FAILED", message="Command exited with status 1"),
            update("0", "FAILED", message="Command exited with status 1"),
            properties=TWO_OF_ONE,
        )
        running, silent, failed, again = steps[3:]
        assert running["effects"] == [["acknowledge", "0", "S0", "dXVpZA=="]]
        assert (running["executors"]["0"], silent["executors"]["1"]) == ("Running", "Running")
        assert silent["effects"] == []
        assert kinds(failed) == ["remove", "revive", "acknowledge"]
        assert again["effects"] == [["acknowledge", "0", "S0", "dXVpZA=="]]

    def test_the_end_of_an_executor_is_told_once_and_makes_room(self, harness: Harness) -> None:
        *_, failed, offered = tell(
            harness,
            *FILLED,
            update("0", "FAILED", message="Command exited with status 1"),
            offers(offer(3)),
            properties=TWO_OF_ONE,
        )
        ((executor, loss),) = named(failed, "remove")
        assert (executor, loss["exitCode"], loss["byApplication"]) == ("0", 1, True)
        assert (failed["cores"], offered["executors"]) == (1, {"1": "Launching", "2": "Launching"})

    def test_a_task_that_was_given_up_is_ended_when_it_comes_back(self, harness: Harness) -> None:
        *_, lost, back, killing, gone = tell(
            harness,
            *FILLED,
            update("0", "LOST", reason="REASON_AGENT_REMOVED"),
            update("0", "RUNNING", reason="REASON_AGENT_REREGISTERED"),
            update("0", "KILLING"),
            update("0", "KILLED"),
            properties=TWO_OF_ONE,
        )
        assert named(lost, "remove")[0][1]["byApplication"] is False
        assert back["effects"] == [["kill", "0", "S0"], ["acknowledge", "0", "S0", "dXVpZA=="]]
        assert [kinds(killing), kinds(gone)] == [["acknowledge"], ["acknowledge"]]
        assert gone["cores"] == 1

    def test_an_earlier_driver_s_executors_are_ended(self, harness: Harness) -> None:
        """One that had the same framework id, so that Mesos still knows them."""
        properties = {**TWO_OF_ONE, "spark.mesos.driver.frameworkId": "F"}
        subscribed, found, _, other = tell(
            harness,
            {"subscribed": False},
            update("7", "RUNNING", agent="S9"),
            offers(offer(1)),
            update("0", "FAILED", agent="S9"),
            properties=properties,
        )
        assert subscribed["effects"] == [["reconcile all"]]
        assert kinds(found) == ["kill", "acknowledge"]
        assert (kinds(other), other["cores"]) == (["acknowledge"], 2)

    def test_a_new_framework_has_nothing_to_ask_about(self, harness: Harness) -> None:
        (step,) = tell(harness, {"subscribed": False})
        assert step["effects"] == []

    def test_an_agent_that_fails_to_start_executors_gets_no_more(self, harness: Harness) -> None:
        failed = {"reason": "REASON_CONTAINER_LAUNCH_FAILED", "message": "Failed to fetch all URIs"}
        steps = tell(
            harness,
            offers(offer(1)),
            update("0", "FAILED", **failed),
            update("1", "FAILED", **failed),
            offers(offer(2)),
            {"at": 3_700_000, **offers(offer(3))},
            properties=TWO_OF_ONE,
        )
        assert steps[2]["failures"] == {"S0": 2}
        assert kinds(steps[3]) == ["decline"]
        assert kinds(steps[4]) == ["launch", "suppress"]

    def test_an_agent_that_starts_one_has_its_failures_forgiven(self, harness: Harness) -> None:
        failed = {"reason": "REASON_CONTAINER_LAUNCH_FAILED"}
        steps = tell(
            harness,
            offers(offer(1)),
            update("0", "FAILED", **failed),
            {"knocks": "1"},
            update("1", "FAILED"),
            properties=TWO_OF_ONE,
        )
        assert [step["failures"] for step in steps[1:]] == [{"S0": 1}, {}, {}]

    def test_an_agent_does_not_answer_for_executors_that_had_started(self, harness: Harness) -> None:
        *_, first, second = tell(
            harness, *FILLED, update("0", "FAILED"), update("1", "FAILED", agent="S1"), properties=TWO_OF_ONE
        )
        assert second["failures"] == {}
        assert first["failures"] == {}


class TestConnections:
    def test_all_executors_are_asked_about_after_each_new_subscription(self, harness: Harness) -> None:
        *_, step = tell(harness, *FILLED, {"subscribed": True}, properties=TWO_OF_ONE)
        assert step["effects"] == [["suppress"], ["reconcile", ["0", "1"]]]

    def test_a_launch_that_did_not_reach_mesos_is_made_again(self, harness: Harness) -> None:
        _, lost, _ = tell(
            harness,
            offers(offer(1)),
            {"notLaunched": ["0", "1"], "isCertain": True},
            offers(offer(2)),
            properties=TWO_OF_ONE,
        )
        assert [executor for executor, _ in named(lost, "remove")] == ["0", "1"]
        assert not any(loss["byApplication"] or loss["agentFailed"] for _, loss in named(lost, "remove"))
        assert (lost["executors"], lost["isQuiet"]) == ({}, False)

    def test_a_launch_that_may_have_reached_mesos_is_asked_about(self, harness: Harness) -> None:
        _, step = tell(
            harness, offers(offer(1)), {"notLaunched": ["0", "1"], "isCertain": False}, properties=TWO_OF_ONE
        )
        assert step["effects"] == [["reconcile", ["0", "1"]]]
        assert step["cores"] == 2

    def test_who_is_cut_off_and_of_whom_mesos_says_nothing_is_given_up(self, harness: Harness) -> None:
        *_, silent, knock, again, offered, gone = tell(
            harness,
            *FILLED,
            {"silent": "0"},
            {"knocks": "0"},
            {"silent": "0"},
            offers(offer(3)),
            update("0", "FAILED"),
            properties=TWO_OF_ONE,
        )
        assert kinds(silent) == ["remove", "kill"]
        assert named(silent, "remove")[0][1]["byApplication"] is False
        assert knock["isOurs"] is False
        assert again["effects"] == []
        assert kinds(offered) == ["decline"], "it still holds its cores"
        assert kinds(gone) == ["revive", "acknowledge"], "Spark has been told already"

    def test_who_is_cut_off_and_has_ended_is_not_silent(self, harness: Harness) -> None:
        *_, step = tell(harness, *FILLED, update("0", "FAILED"), {"silent": "0"}, properties=TWO_OF_ONE)
        assert step["effects"] == []

    def test_only_our_own_executors_are_let_in(self, harness: Harness) -> None:
        _, ours, other = tell(
            harness, offers(offer(1)), {"knocks": "0"}, {"knocks": "9"}, properties=TWO_OF_ONE
        )
        assert (ours["isOurs"], other["isOurs"]) == (True, False)


class TestKills:
    def test_who_is_killed_holds_its_cores_until_it_is_gone(self, harness: Harness) -> None:
        *_, killed, offered, gone = tell(
            harness,
            *FILLED,
            {"killed": ["0", "9"]},
            offers(offer(3)),
            update("0", "KILLED"),
            properties=TWO_OF_ONE,
        )
        assert killed["effects"] == [["kill", "0", "S0"]]
        assert (kinds(offered), offered["cores"]) == (["decline"], 2)
        assert kinds(gone) == ["remove", "revive", "acknowledge"]
        assert gone["failures"] == {}

    def test_the_end_of_the_application(self, harness: Harness) -> None:
        """Spark tells those that have registered to end; Mesos ends the others, and nobody in Spark hears of it."""
        *_, over, offered, ended, knock = tell(
            harness,
            offers(offer(1)),
            {"knocks": "0"},
            {"over": True},
            offers(offer(2)),
            update("0", "FINISHED"),
            {"knocks": "1"},
            properties={"spark.cores.max": "3", "spark.executor.cores": "1"},
        )
        assert over["effects"] == [["kill", "1", "S0"], ["kill", "2", "S0"]]
        assert kinds(offered) == ["decline"]
        assert kinds(ended) == ["acknowledge"]
        assert knock["isOurs"] is False


class TestLeaving:
    WINDOW = {"start": {"nanoseconds": 10_000_000 * 1_000_000_000}}  # noqa: RUF012
    """Maintenance that begins 10,000,000 seconds after the epoch."""
    SOON = 10_000_000_000 - 60_000
    EARLY = 10_000_000_000 - 3_600_000

    def inverse(self, agent: str | None = "S0") -> Json:
        one: Json = {"id": {"value": "I1"}, "unavailability": self.WINDOW}
        return {"inverse_offers": [one if agent is None else {**one, "agent_id": {"value": agent}}]}

    def test_executors_are_decommissioned_shortly_before_maintenance(self, harness: Harness) -> None:
        small = (scalar("cpus", 1), scalar("mem", 8192))
        *_, step, offered, gone = tell(
            harness,
            offers(offer(1, *small, agent=0), offer(2, *small, agent=1)),
            {"knocks": "0"},
            {"knocks": "1"},
            {"inverse": self.inverse(), "wall": self.SOON},
            offers({**offer(3), "unavailability": self.WINDOW}, offer(4, agent=1), wall=self.SOON),
            update("0", "FINISHED"),
            properties={"spark.cores.max": "3", "spark.executor.cores": "1"},
        )
        assert kinds(step) == ["decommission", "revive", "accept inverse"]
        assert step["effects"][0][1] == ["0"]
        assert offered["executors"] == {"0": "Ending", "1": "Launching", "2": "Launching"}
        assert sorted(effect[:2] for effect in offered["effects"][:2]) == [
            ["decline", "O3"],
            ["launch", "O4"],
        ]
        assert kinds(gone) == ["remove", "revive", "acknowledge"]

    def test_long_before_it_mesos_is_told_to_ask_again(self, harness: Harness) -> None:
        *_, step = tell(
            harness, *FILLED, {"inverse": self.inverse(), "wall": self.EARLY}, properties=TWO_OF_ONE
        )
        assert step["effects"] == [["accept inverse", "I1", 3300.0]]
        assert step["draining"] == []

    def test_all_agents_may_be_asked_back(self, harness: Harness) -> None:
        *_, step = tell(
            harness, *FILLED, {"inverse": self.inverse(None), "wall": self.SOON}, properties=TWO_OF_ONE
        )
        assert sorted(executor for effect in named(step, "decommission") for executor in effect[0]) == [
            "0",
            "1",
        ]
        assert sorted(step["draining"]) == ["S0", "S1"]

    def test_an_agent_whose_maintenance_is_over_gets_executors_again(self, harness: Harness) -> None:
        steps = tell(
            harness,
            offers({**offer(1), "unavailability": self.WINDOW}, wall=self.SOON),
            offers(offer(2), wall=self.SOON),
            properties=TWO_OF_ONE,
        )
        assert [kinds(step)[0] for step in steps] == ["decline", "launch"]

    def test_a_draining_agent_is_left_by_all(self, harness: Harness) -> None:
        """Mesos ends one executor after the other; those whose turn comes later get no more tasks."""
        one = offer(1, scalar("cpus", 2), scalar("mem", 8192))
        *_, step = tell(
            harness,
            offers(one),
            {"knocks": "0"},
            {"knocks": "1"},
            update("0", "KILLING", reason="REASON_AGENT_DRAINING"),
            properties=TWO_OF_ONE,
        )
        assert kinds(step) == ["decommission", "acknowledge"]
        assert step["effects"][0][1] == ["0", "1"]
        assert step["draining"] == ["S0"]


def test_calls_have_the_bodies_that_mesos_expects(harness: Harness) -> None:
    assert harness.ask("declined", {"offer": "O1"}) == {"offer_ids": [{"value": "O1"}], "filters": {}}
    assert harness.ask("declined", {"offer": "O1", "seconds": 120})["filters"] == {"refuse_seconds": 120.0}
    assert harness.ask("reconciled", {"0": "S0"}) == {
        "tasks": [{"task_id": {"value": "0"}, "agent_id": {"value": "S0"}}]
    }
    assert harness.ask("reconciled", {}) == {"tasks": []}


@pytest.mark.parametrize(("before", "suffix"), [(0, ""), (1, "-0001"), (12, "-0012")])
def test_frameworks_of_one_driver_are_numbered(harness: Harness, before: int, suffix: str) -> None:
    assert harness.ask("framework_suffix", before) == suffix


class TestDriverLogs:
    def test_a_driver_that_is_a_mesos_task_has_links_into_its_sandbox(self, harness: Harness) -> None:
        urls = harness.ask(
            "driver_logs",
            {
                "MESOS_AGENT_ENDPOINT": "10.0.0.1:5051",
                "MESOS_FRAMEWORK_ID": "F",
                "MESOS_EXECUTOR_ID": "driver-1",
            },
        )
        base = "http://10.0.0.1:5051/files/download?path=/frameworks/F/executors/driver-1/runs/latest"
        assert urls == {"stdout": f"{base}/stdout", "stderr": f"{base}/stderr"}

    def test_variables_have_the_last_word(self, harness: Harness) -> None:
        urls = harness.ask(
            "driver_logs",
            {"SPARK_DRIVER_LOG_URL_STDOUT": "http://x/", "MESOS_AGENT_ENDPOINT": "10.0.0.1:5051"},
        )
        assert urls == {"stdout": "http://x/"}

    def test_others_have_none(self, harness: Harness) -> None:
        assert harness.ask("driver_logs", {"PATH": "/bin"}) is None

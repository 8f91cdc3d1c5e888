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


def started(executor: str) -> tuple[Json, Json]:
    """An executor registers, and is ready for tasks."""
    return {"knocks": executor}, {"launched": executor}


FILLED = (offers(offer(1, agent=0), offer(2, agent=1)), *started("0"), *started("1"))
"""Two executors, on an agent each, which are ready for tasks."""


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
        running, silent, failed, again = steps[len(FILLED) :]
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

    def test_an_earlier_driver_s_executor_with_the_number_of_one_of_ours_is_ended_too(
        self, harness: Harness
    ) -> None:
        """Offers may come before the answers about what Mesos knows."""
        properties = {**TWO_OF_ONE, "spark.mesos.driver.frameworkId": "F"}
        *_, found, ended = tell(
            harness,
            {"subscribed": False},
            offers(offer(1)),
            update("0", "RUNNING", agent="S9"),
            update("0", "KILLED", agent="S9"),
            properties=properties,
        )
        assert named(found, "kill") == [["0", "S9"]]
        assert (found["executors"], ended["executors"]) == (
            {"0": "Launching", "1": "Launching"},
            {"0": "Launching", "1": "Launching"},
        )

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
        """Not when the executor registers: only behind that it looks for a shuffle service, plugins and ports."""
        failed = {"reason": "REASON_CONTAINER_LAUNCH_FAILED"}
        steps = tell(
            harness,
            offers(offer(1)),
            update("0", "FAILED", **failed),
            {"knocks": "1"},
            {"launched": "1"},
            update("1", "FAILED"),
            properties=TWO_OF_ONE,
        )
        assert [step["failures"] for step in steps[1:]] == [{"S0": 1}, {"S0": 1}, {}, {}]

    def test_an_agent_whose_executors_end_behind_their_registration_gets_no_more(
        self, harness: Harness
    ) -> None:
        """As all do where no shuffle service answers."""
        ended = {"message": "Command exited with status 1"}
        *_, first, _, second, offered = tell(
            harness,
            offers(offer(1)),
            {"knocks": "0"},
            update("0", "FAILED", **ended),
            {"knocks": "1"},
            update("1", "FAILED", **ended),
            offers(offer(2)),
            properties=TWO_OF_ONE,
        )
        assert (first["failures"], second["failures"]) == ({"S0": 1}, {"S0": 2})
        assert kinds(offered) == ["decline"]
        ((_, loss),) = named(second, "remove")
        assert "no shuffle service" in loss["message"]

    def test_whom_spark_sends_away_for_its_host_s_sake_is_not_charged_to_the_agent(
        self, harness: Harness
    ) -> None:
        *_, ended = tell(
            harness,
            offers(offer(1)),
            {"refused": "0"},
            update("0", "FAILED", message="Command exited with status 1"),
            properties=TWO_OF_ONE,
        )
        assert ended["failures"] == {}

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

    def test_now_and_then_all_is_compared_with_what_mesos_knows(self, harness: Harness) -> None:
        first, *_, step = tell(
            harness, {"reconsidered": True}, *FILLED, {"reconsidered": True}, properties=TWO_OF_ONE
        )
        assert first["effects"] == [["reconcile all"]]
        assert step["effects"] == [["reconcile", ["0", "1"]], ["reconcile all"]]

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
            update("0", "KILLED"),
            properties=TWO_OF_ONE,
        )
        assert kinds(silent) == ["remove", "kill"]
        assert named(silent, "remove")[0][1]["byApplication"] is False
        assert knock["isOurs"] is False
        assert again["effects"] == []
        assert kinds(offered) == ["decline"], "it still holds its cores"
        assert kinds(gone) == ["revive", "acknowledge"], "Spark has been told already"

    def test_why_the_silent_one_ended_is_told_to_people_at_least(self, harness: Harness) -> None:
        """Spark cannot be told to count tasks that it has given up before."""
        *_, late = tell(
            harness,
            *FILLED,
            {"silent": "0"},
            update("0", "FAILED", message="Command exited with status 50"),
            properties=TWO_OF_ONE,
        )
        ((executor, loss),) = named(late, "late")
        assert (executor, loss["exitCode"]) == ("0", 50)
        assert named(late, "remove") == []

    def test_who_is_cut_off_and_has_ended_is_not_silent(self, harness: Harness) -> None:
        *_, step = tell(harness, *FILLED, update("0", "FAILED"), {"silent": "0"}, properties=TWO_OF_ONE)
        assert step["effects"] == []

    @pytest.mark.parametrize("how", [{"silent": "0"}, {"killed": ["0"]}])
    def test_who_was_to_end_and_still_runs_is_ended_again(self, harness: Harness, how: Json) -> None:
        """A master that was just elected takes a KILL of a task that it does not know yet, and does nothing."""
        *_, first, reconciled, killing, gone = tell(
            harness,
            *FILLED,
            how,
            update("0", "RUNNING", reason="REASON_RECONCILIATION", uuid=None),
            update("0", "KILLING"),
            update("0", "KILLED"),
            properties=TWO_OF_ONE,
        )
        assert named(first, "kill") == [["0", "S0"]]
        assert reconciled["effects"] == [["kill", "0", "S0"]]
        assert named(killing, "kill") == []
        assert gone["executors"] == {"1": "Launching"}

    def test_who_only_hands_on_what_it_has_is_left_alone(self, harness: Harness) -> None:
        *_, leaving, told = tell(
            harness, *FILLED, {"leaving": ["0"]}, update("0", "RUNNING", uuid=None), properties=TWO_OF_ONE
        )
        assert leaving["executors"] == {"0": "Ending", "1": "Launching"}
        assert told["effects"] == []

    def test_unknown_tasks_are_asked_about_until_they_have_ended(self, harness: Harness) -> None:
        *_, found, again, ended, last = tell(
            harness,
            *FILLED,
            update("7", "RUNNING", agent="S9"),
            {"subscribed": True},
            update("7", "KILLED", agent="S9"),
            {"subscribed": True},
            properties=TWO_OF_ONE,
        )
        assert named(found, "kill") == [["7", "S9"]]
        assert named(again, "reconcile") == [[["0", "1", "7"]]]
        assert (found["doomed"], ended["doomed"]) == (["7"], [])
        assert named(last, "reconcile") == [[["0", "1"]]]

    def test_whom_spark_has_dropped_and_who_does_not_end_is_ended(self, harness: Harness) -> None:
        """Executors take leave of Spark before they end; where the end hangs, nobody else would ever see to it."""
        both, one = {"compared": ["0", "1"]}, {"compared": ["1"]}
        *_, missing, back, again, dropped, later, gone = tell(
            harness,
            *FILLED,
            {"at": 100_000, **both},
            {"at": 130_000, **one},
            {"at": 160_000, **both},
            {"at": 190_000, **one},
            {"at": 250_000, **one},
            {"at": 280_000, **one},
            update("0", "KILLED"),
            properties=TWO_OF_ONE,
        )
        assert [step["effects"] for step in (missing, back, again, later)] == [[], [], [], []]
        assert kinds(dropped) == ["remove", "kill"]
        assert "has not ended" in named(dropped, "remove")[0][1]["message"]
        assert kinds(gone) == ["revive", "acknowledge"]

    def test_who_runs_and_never_registers_is_ended_and_charged_to_its_agent(self, harness: Harness) -> None:
        _, _, before, late, ended = tell(
            harness,
            offers(offer(1)),
            {"at": 5_000, **update("0", "RUNNING")},
            {"at": 604_999, "compared": []},
            {"at": 605_000, "compared": []},
            update("0", "KILLED"),
            properties=TWO_OF_ONE,
        )
        assert before["effects"] == []
        assert kinds(late) == ["remove", "kill"]
        assert named(late, "kill") == [["0", "S0"]], "1 has not even been launched yet, as Mesos says"
        assert (late["failures"], ended["failures"]) == ({"S0": 1}, {"S0": 1})
        assert named(ended, "remove") == []

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
    HOUR_LONG = {**WINDOW, "duration": {"nanoseconds": 3_600 * 1_000_000_000}}  # noqa: RUF012
    EARLY = 10_000_000_000 - 3_600_000

    def inverse(self, agent: str | None = "S0") -> Json:
        one: Json = {"id": {"value": "I1"}, "unavailability": self.WINDOW}
        return {"inverse_offers": [one if agent is None else {**one, "agent_id": {"value": agent}}]}

    def test_executors_are_decommissioned_shortly_before_maintenance(self, harness: Harness) -> None:
        small = (scalar("cpus", 1), scalar("mem", 8192))
        *_, step, left, offered, gone = tell(
            harness,
            offers(offer(1, *small, agent=0), offer(2, *small, agent=1)),
            *started("0"),
            *started("1"),
            {"inverse": self.inverse(), "wall": self.SOON},
            {"leaving": ["0"]},
            offers({**offer(3), "unavailability": self.WINDOW}, offer(4, agent=1), wall=self.SOON),
            update("0", "FINISHED"),
            properties={"spark.cores.max": "3", "spark.executor.cores": "1"},
        )
        assert kinds(step) == ["decommission", "accept inverse"]
        assert step["effects"][0][1] == ["0"]
        assert kinds(left) == ["revive"]
        assert offered["executors"] == {"0": "Ending", "1": "Launching", "2": "Launching"}
        assert sorted(effect[:2] for effect in offered["effects"][:2]) == [
            ["decline", "O3"],
            ["launch", "O4"],
        ]
        assert kinds(gone) == ["remove", "revive", "acknowledge"]

    def test_those_that_spark_does_not_decommission_stay(self, harness: Harness) -> None:
        """Without spark.decommission.enabled: what is not replaced is there still when the operator thinks again."""
        *_, step, offered = tell(
            harness,
            {"wanted": {"0": 2}},
            *FILLED,
            {"inverse": self.inverse(), "wall": self.SOON},
            offers(offer(3, agent=1)),
            properties=DYNAMIC,
        )
        assert kinds(step) == ["decommission", "accept inverse"]
        assert step["executors"] == {"0": "Launching", "1": "Launching"}
        assert kinds(offered) == ["decline"]

    def test_those_that_have_not_registered_hold_nothing_and_end(self, harness: Harness) -> None:
        *_, step, knock, offered, gone = tell(
            harness,
            {"wanted": {"0": 2}},
            offers(offer(1, agent=0), offer(2, agent=1)),
            {"inverse": self.inverse(), "wall": self.SOON},
            {"knocks": "0"},
            offers({**offer(3), "unavailability": self.WINDOW}, offer(4, agent=1), wall=self.SOON),
            update("0", "KILLED"),
            properties=DYNAMIC,
        )
        assert kinds(step) == ["kill", "revive", "accept inverse"]
        assert step["executors"] == {"0": "Ending", "1": "Launching"}
        assert knock["isOurs"] is False
        assert named(offered, "launch") == [["O4", ["2"]]]
        assert gone["failures"] == {}

    def test_who_is_asked_again_answers_and_does_nothing_else(self, harness: Harness) -> None:
        """Mesos asks again after each REVIVE: if one went with every answer, that would never end."""
        *_, first, second, third = tell(
            harness,
            {"wanted": {"0": 2}},
            offers(offer(1, agent=0), offer(2, agent=1)),
            *({"inverse": self.inverse(), "wall": self.SOON} for _ in range(3)),
            properties=DYNAMIC,
        )
        assert kinds(first) == ["kill", "revive", "accept inverse"]
        assert kinds(second) == kinds(third) == ["accept inverse"]

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

    @pytest.mark.parametrize(("passed", "is_over"), [(3_599_999, False), (3_600_000, True)])
    def test_a_window_ends_whether_or_not_its_schedule_is_cleared(
        self, passed: int, is_over: bool, harness: Harness
    ) -> None:
        wall = 10_000_000_000 + passed
        agent0 = {"id": {"value": "I1"}, "agent_id": {"value": "S0"}, "unavailability": self.HOUR_LONG}
        *_, asked, offered = tell(
            harness,
            offers(offer(1)),
            *started("0"),
            {"inverse": {"inverse_offers": [agent0]}, "wall": wall},
            offers({**offer(2), "unavailability": self.HOUR_LONG}, wall=wall),
            properties={"spark.cores.max": "8", "spark.executor.cores": "4"},
        )
        assert ("decommission" in kinds(asked)) == (not is_over)
        assert asked["effects"][-1] == ["accept inverse", "I1", 60.0]
        assert kinds(offered)[0] == ("launch" if is_over else "decline")

    def test_an_agent_whose_maintenance_is_over_gets_executors_again(self, harness: Harness) -> None:
        steps = tell(
            harness,
            offers({**offer(1), "unavailability": self.WINDOW}, wall=self.SOON),
            offers(offer(2), wall=self.SOON),
            properties=TWO_OF_ONE,
        )
        assert [kinds(step)[0] for step in steps] == ["decline", "launch"]

    @pytest.mark.proves("spark.mesos.maintenance.leadTime", mode="client")
    @pytest.mark.parametrize(
        ("property_", "until"), [("executor.decommission.gracePeriod", 90), ("maintenance.leadTime", 30)]
    )
    def test_how_long_before_it_can_be_said(self, property_: str, until: int, harness: Harness) -> None:
        properties = {
            "spark.mesos.executor.decommission.gracePeriod": "90s",
            **{f"spark.mesos.{property_}": f"{until}s"},
        }
        *_, early, late = tell(
            harness,
            *FILLED,
            {"inverse": self.inverse(), "wall": 10_000_000_000 - until * 1000 - 100_000},
            {"inverse": self.inverse(), "wall": 10_000_000_000 - until * 1000},
            properties={**TWO_OF_ONE, **properties},
        )
        assert early["effects"] == [["accept inverse", "I1", 100.0]]
        assert kinds(late) == ["decommission", "accept inverse"]

    def test_an_executor_of_an_agent_that_is_drained_is_replaced_while_it_ends(
        self, harness: Harness
    ) -> None:
        """It tells Spark itself that it goes, when Mesos sends it SIGTERM; were Spark told by us, it would end at once."""
        *_, killing, offered, gone, others = tell(
            harness,
            {"wanted": {"0": 2}},
            *FILLED,
            update("0", "KILLING", reason="REASON_AGENT_DRAINING"),
            offers(offer(3, agent=1)),
            update("0", "KILLED", reason="REASON_AGENT_DRAINING", message="Command exited with status 0"),
            offers(offer(4, agent=0)),
            properties={**DYNAMIC, "spark.cores.max": "3"},
        )
        assert kinds(killing) == ["revive", "acknowledge"]
        assert killing["executors"] == {"0": "Ending", "1": "Launching"}
        assert offered["executors"]["2"] == "Launching"
        ((executor, loss),) = named(gone, "remove")
        assert (executor, loss["byApplication"], loss["agentFailed"]) == ("0", False, False)
        assert others["draining"] == []

    def test_one_that_is_ended_on_our_behalf_makes_no_new_room_when_it_begins_to_end(
        self, harness: Harness
    ) -> None:
        *_, killing = tell(harness, *FILLED, {"killed": ["0"]}, update("0", "KILLING"), properties=TWO_OF_ONE)
        assert kinds(killing) == ["acknowledge"]


def test_calls_have_the_bodies_that_mesos_expects(harness: Harness) -> None:
    assert harness.ask("declined", {"offer": "O1"}) == {"offer_ids": [{"value": "O1"}], "filters": {}}
    assert harness.ask("declined", {"offer": "O1", "seconds": 120})["filters"] == {"refuse_seconds": 120.0}
    assert harness.ask("reconciled", {"0": "S0"}) == {
        "tasks": [{"task_id": {"value": "0"}, "agent_id": {"value": "S0"}}]
    }
    assert harness.ask("reconciled", {}) == {"tasks": []}
    of_one = {"task_id": {"value": "0"}, "agent_id": {"value": "S0"}}
    assert harness.ask("killed", {"task": "0", "agent": "S0"}) == of_one
    policy = {"kill_policy": {"grace_period": {"nanoseconds": 3_000_000_000}}}
    assert harness.ask("killed", {"task": "0", "agent": "S0", "grace": 3000}) == {**of_one, **policy}
    assert harness.ask("killed", {"task": "0", "grace": 3000}) == {"task_id": {"value": "0"}, **policy}


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


class TestDecommissionedBySpark:
    """Those that are idle, with dynamic allocation, and those whose machine told them so."""

    def test_others_take_their_place_while_they_are_on_their_way_out(self, harness: Harness) -> None:
        wanted, launched, leaving, again, replaced = tell(
            harness,
            {"wanted": {"0": 1}},
            offers(offer(1)),
            {"leaving": ["0", "unknown"]},
            {"leaving": ["0"]},
            offers(offer(2, agent=1)),
            properties=DYNAMIC,
        )
        assert (kinds(wanted), kinds(launched)) == (["revive"], ["launch", "suppress"])
        assert (leaving["effects"], leaving["executors"]) == ([["revive"]], {"0": "Ending"})
        assert again["effects"] == []
        assert kinds(replaced) == ["launch", "suppress"]
        assert replaced["executors"] == {"0": "Ending", "1": "Launching"}

    def test_nobody_does_if_fewer_are_wanted(self, harness: Harness) -> None:
        *_, leaving = tell(
            harness,
            {"wanted": {"0": 1}},
            offers(offer(1)),
            {"wanted": {"0": 0}},
            {"leaving": ["0"]},
            properties=DYNAMIC,
        )
        assert leaving["effects"] == []

    def test_their_cores_are_theirs_until_they_have_ended(self, harness: Harness) -> None:
        properties = {**DYNAMIC, "spark.cores.max": "1"}
        *_, leaving, ended = tell(
            harness,
            {"wanted": {"0": 1}},
            offers(offer(1)),
            {"knocks": "0"},
            {"leaving": ["0"]},
            update("0", "FINISHED", message="Command exited with status 0"),
            properties=properties,
        )
        assert (leaving["effects"], leaving["cores"]) == ([], 1)
        assert kinds(ended) == ["remove", "revive", "acknowledge"]


class TestAgentsThatAreGone:
    """What a shuffle service kept there is lost, too, whatever Spark was told of the executor before."""

    @pytest.mark.parametrize("is_silent", [True, False], ids=["given up", "not missed yet"])
    def test_spark_hears_of_it(self, harness: Harness, is_silent: bool) -> None:
        before = [{"silent": "0"}] if is_silent else []
        *_, lost = tell(
            harness,
            *FILLED,
            *before,
            update("0", "LOST", reason="REASON_AGENT_REMOVED", message="Agent host removed", uuid=None),
            properties=TWO_OF_ONE,
        )
        assert [effect[:2] for effect in lost["effects"] if effect[0] in ("remove", "agent lost")] == [
            *([] if is_silent else [["remove", "0"]]),
            ["agent lost", "S0"],
        ]

    @pytest.mark.parametrize(
        "end",
        [
            update("0", "FAILED", message="Command exited with status 1"),
            update("0", "LOST", reason="REASON_AGENT_RESTARTED"),
            update("0", "LOST", reason="REASON_SLAVE_DISCONNECTED"),
        ],
        ids=["the executor only", "the agent is back", "its process restarts"],
    )
    def test_not_of_one_that_is_there(self, harness: Harness, end: Json) -> None:
        *_, lost = tell(harness, *FILLED, end, properties=TWO_OF_ONE)
        assert kinds(lost)[0] == "remove"
        assert "agent lost" not in kinds(lost)

    def test_where_no_executor_runs_any_more_mesos_says_so_itself(self, harness: Harness) -> None:
        """What they have left there is lost nevertheless, and those of others are not."""
        *_, lost, again, unknown = tell(
            harness,
            *FILLED,
            {"killed": ["0"]},
            update("0", "KILLED"),
            {"agentFailed": "S0"},
            {"agentFailed": "S0"},
            {"agentFailed": "S9"},
            properties=TWO_OF_ONE,
        )
        assert [effect[:2] for effect in lost["effects"]] == [["agent lost", "S0"]]
        assert (again["effects"], unknown["effects"]) == ([], [])

    def test_executors_there_are_asked_about(self, harness: Harness) -> None:
        """A master that was elected meanwhile, and gives an agent up that never came to it, says nothing of tasks there."""
        *_, lost, ended = tell(
            harness,
            *FILLED,
            {"agentFailed": "S0"},
            update("0", "LOST", reason="REASON_RECONCILIATION", uuid=None),
            properties=TWO_OF_ONE,
        )
        assert kinds(lost) == ["agent lost", "reconcile"]
        assert kinds(ended)[0] == "remove"

    def test_late_news_of_a_loss_is_none(self, harness: Harness) -> None:
        """The agent may be back by then, with files that were written anew; but it may go away again."""
        lost = {"reason": "REASON_AGENT_REMOVED", "uuid": None}
        *_, first, _, _, late, _, again = tell(
            harness,
            offers(offer(1)),
            *started("0"),
            *started("1"),
            update("0", "LOST", **lost),
            offers(offer(2)),
            {"knocks": "2"},
            update("1", "LOST", **lost),
            {"launched": "2"},
            update("2", "LOST", **lost),
            properties=TWO_OF_ONE,
        )
        steps = (first, late, again)
        assert [("agent lost" in kinds(step)) for step in steps] == [True, False, True]
        # With its agent, Spark would forget all that the shuffle service there keeps.
        assert [loss["agentGone"] for step in steps for _, loss in named(step, "remove")] == [
            True,
            False,
            True,
        ]


class TestTasksOnExecutorsThatEnd:
    """Mesos ends all processes of a task; the executor that decommissions lives on, and reports what became of the others."""

    DECOMMISSIONS = {**DYNAMIC, "spark.decommission.enabled": "true"}  # noqa: RUF012
    DRAINED = update("0", "KILLING", reason="REASON_AGENT_DRAINING")
    SIGNALLED = {"leaving": ["0"], "hadSignal": True}  # noqa: RUF012

    def counts(self, harness: Harness, *events: Json, properties: Json | None = None) -> list[bool | None]:
        """What was said of each failure; times are in milliseconds from now on."""
        begun = [{"at": 0, **event} for event in ({"wanted": {"0": 2}}, *FILLED)]
        told: list[Json] = harness.ask(
            "roster", {"events": [*begun, *events], "properties": properties or self.DECOMMISSIONS}
        )
        return [
            step["counts"] for step, event in zip(told[len(begun) :], events, strict=True) if "since" in event
        ]

    @pytest.mark.parametrize("signal", [DRAINED, SIGNALLED], ids=["Mesos says so", "the executor does"])
    def test_who_fails_at_the_signal_is_not_charged(self, harness: Harness, signal: Json) -> None:
        assert self.counts(
            harness,
            {"at": 5_000, **signal},
            {"at": 5_001, "taskFailed": "0", "since": 5_001},
            {"at": 15_000, "taskFailed": "0", "since": 15_000},
        ) == [False, False]

    @pytest.mark.parametrize("signal", [DRAINED, SIGNALLED], ids=["Mesos says so", "the executor does"])
    def test_the_failure_may_be_heard_of_first(self, harness: Harness, signal: Json) -> None:
        assert self.counts(
            harness,
            {"at": 5_000, "taskFailed": "0", "since": 5_000},
            {"at": 5_900, **signal},
            {"at": 6_000, "taskFailed": "0", "since": 5_000},
        ) == [None, False]

    def test_the_end_of_the_executor_may_be_heard_of_before_the_failure_is_judged(
        self, harness: Harness
    ) -> None:
        assert self.counts(
            harness,
            {"at": 5_000, **self.DRAINED},
            {"at": 5_500, **update("0", "KILLED", uuid=None)},
            {"at": 5_501, "taskFailed": "0", "since": 5_001},
            {"at": 5_600, **update("1", "FAILED", agent="S1", uuid=None)},
            {"at": 5_601, "taskFailed": "1", "since": 5_001},
            {"at": 6_400, "taskFailed": "0", "since": 5_400},
        ) == [False, True, False]

    def test_who_fails_by_itself_is_charged(self, harness: Harness) -> None:
        """Where nobody ends the executor, and long behind the signal where somebody does."""
        assert self.counts(
            harness,
            {"at": 5_000, "taskFailed": "1", "since": 5_000},
            {"at": 5_500, **self.DRAINED},
            {"at": 6_000, "taskFailed": "1", "since": 5_000},
            {"at": 15_501, "taskFailed": "0", "since": 15_501},
            {"at": 15_502, "taskFailed": "7", "since": 15_502},
        ) == [None, True, True, True]

    def test_who_hands_on_what_it_has_at_our_word_got_no_signal(self, harness: Harness) -> None:
        assert self.counts(
            harness,
            {"at": 5_000, "leaving": ["0"]},
            {"at": 5_001, "taskFailed": "0", "since": 4_001},
        ) == [True]

    def test_without_decommissioning_nothing_waits(self, harness: Harness) -> None:
        """The executor ends at once, and says nothing of its tasks."""
        assert self.counts(harness, {"at": 5_000, "taskFailed": "0", "since": 5_000}, properties=DYNAMIC) == [
            True
        ]

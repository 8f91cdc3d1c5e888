"""Roles: who may have which, whose reservations are whose, and who is next."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.shares import Shares
from sparkmesos_core.mesos.resources import Resources
from tests.unit.localcluster.master.master_play import Play, amount, scalar, task

Json = dict[str, Any]

MULTI = {"type": "MULTI_ROLE"}
REFINED = {"type": "RESERVATION_REFINEMENT"}
RESERVED = "cpus:2;mem:64;cpus(spark):1;mem(spark):32"


def roles_of(offer: Json) -> list[str | None]:
    return [resource.get("role") for resource in offer["resources"]]


def test_a_legacy_role_gets_its_reservations_and_what_is_free() -> None:
    play = Play(RESERVED)
    play.subscribe(role="spark")
    (offer,) = play.offers()
    assert roles_of(offer) == ["spark", "spark", "*", "*"]
    assert "allocation_info" not in offer
    assert all("allocation_info" not in resource for resource in offer["resources"])


def test_multi_role_offers_say_for_which_role_they_are() -> None:
    play = Play(RESERVED)
    play.subscribe(roles=["spark"], capabilities=[MULTI])
    (offer,) = play.offers()
    assert offer["allocation_info"] == {"role": "spark"}
    assert {r["allocation_info"]["role"] for r in offer["resources"]} == {"spark"}


def test_refined_reservations_are_lists() -> None:
    play = Play(RESERVED)
    framework = play.subscribe(roles=["spark"], capabilities=[MULTI, REFINED])
    (offer,) = play.offers()
    assert roles_of(offer) == [None] * 4
    assert [r.get("reservations") for r in offer["resources"]] == [
        [{"type": "STATIC", "role": "spark"}],
        [{"type": "STATIC", "role": "spark"}],
        None,
        None,
    ]
    play.launch(framework, offer, {**task(), "resources": offer["resources"][:3]})
    assert len(play.told()) == 1
    assert play.state.agents["M-S0"].free == Resources.parse("mem:64")


def test_resources_may_be_named_in_either_format() -> None:
    play = Play(RESERVED)
    framework = play.subscribe(roles=["spark"], capabilities=[MULTI, REFINED])
    play.launch(framework, play.offers()[0], {**task(), "resources": [scalar("cpus", 1, role="spark")]})
    assert len(play.told()) == 1


def test_resources_allocated_to_another_role_are_not_those_of_the_offer() -> None:
    play = Play(RESERVED)
    framework = play.subscribe(roles=["spark", "other"], capabilities=[MULTI])
    offer = next(o for o in play.offers() if o["allocation_info"]["role"] == "spark")
    taken = {**offer["resources"][0], "allocation_info": {"role": "other"}}
    play.launch(framework, offer, {**task(), "resources": [taken]})
    assert "more than available" in play.statuses()[0]["message"]
    play.later(1)
    offer = next(o for o in play.offers() if o["allocation_info"]["role"] == "spark")
    play.launch(framework, offer, {**task(), "resources": [taken, offer["resources"][0]]})
    assert "several roles: other, spark" in play.statuses()[0]["message"]


def test_what_is_reserved_for_a_role_is_there_for_those_below_it() -> None:
    play = Play("cpus:2;mem:64;cpus(team):1;cpus(team/jobs):4;cpus(other):8")
    play.subscribe("a", role="team/jobs")
    assert [amount(offer, "cpus") for offer in play.offers("a")] == [7]
    play.actions = play.state.stream_closed("a", play.now)
    play.subscribe("b", role="team")
    assert [amount(offer, "cpus") for offer in play.offers("b")] == [3]


def test_what_one_role_may_not_have_is_offered_to_the_next() -> None:
    play = Play(RESERVED)
    play.subscribe(roles=["other", "spark"], capabilities=[MULTI])
    by_role = {o["allocation_info"]["role"]: amount(o, "cpus") for o in play.offers()}
    assert by_role == {"other": 2, "spark": 1}


def test_offers_of_two_roles_cannot_be_used_together() -> None:
    play = Play(RESERVED)
    framework = play.subscribe(roles=["other", "spark"], capabilities=[MULTI])
    info = {"name": "t", "agent_id": {"value": "M-S0"}, "command": {"value": "true"}, **task()}
    operation = {"type": "LAUNCH", "launch": {"task_infos": [info]}}
    ids = tuple(offer["id"]["value"] for offer in play.offers())
    play.call(calls.Accept(framework, ids, (operation,), 0))
    assert "one single role" in play.statuses()[0]["message"]


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (
            {"role": "spark", "roles": ["spark"], "capabilities": [MULTI]},
            "'FrameworkInfo.role' must not be set",
        ),
        ({"roles": ["spark"]}, "'FrameworkInfo.roles' must not be set"),
        ({"roles": ["a", "a"], "capabilities": [MULTI]}, "duplicate items"),
        ({"role": "a//b"}, "'FrameworkInfo.role' is not a valid role"),
        ({"roles": ["-a"], "capabilities": [MULTI]}, "begins with a dash"),
        ({"role": "spark", "suppressed_roles": ["x", "a"]}, "Suppressed roles { a, x } are not contained"),
        ({"failover_timeout": 1e12}, "failover_timeout (1000000000000.0) is invalid"),
    ],
)
def test_frameworks_that_may_not_subscribe(info: Json, message: str) -> None:
    play = Play()
    assert play.subscribe(**info) == ""
    assert message in play.events()[0]["error"]["message"]
    assert not play.state.frameworks


def test_the_masters_roles() -> None:
    play = Play(roles=("spark",))
    assert play.subscribe(role="other") == ""
    assert play.events()[0]["error"]["message"] == ("Roles { other } are not present in the master's --roles")
    assert play.subscribe("a", role="spark")
    assert play.subscribe("b"), "the default role needs no permission"


def test_roles_that_are_suppressed_from_the_start() -> None:
    play = Play(RESERVED)
    framework = play.subscribe(roles=["spark", "x"], capabilities=[MULTI], suppressed_roles=["spark"])
    assert [o["allocation_info"]["role"] for o in play.offers()] == ["x"]
    play.call(calls.Revive(framework, ("spark",)))
    assert [o["allocation_info"]["role"] for o in play.offers()] == ["spark"]


def test_a_scheduler_that_comes_back_may_revive_roles() -> None:
    play = Play()
    framework = play.subscribe(roles=["a"], capabilities=[MULTI])
    play.decline(play.offers()[0], 600)
    play.call(calls.Suppress(framework, ()))
    play.subscribe("new", framework, roles=["a"], capabilities=[MULTI])
    assert len(play.offers("new")) == 1


def test_a_scheduler_that_comes_back_keeps_user_and_checkpointing() -> None:
    play = Play()
    framework = play.subscribe(checkpoint=True)
    play.subscribe("new", framework, user="other")
    info = play.state.frameworks[framework].info
    assert (info["user"], info["checkpoint"]) == ("root", True)


def test_a_scheduler_that_comes_back_may_not_change_its_principal() -> None:
    play = Play()
    framework = play.subscribe(principal="spark")
    play.subscribe("new", framework, principal="other")
    assert play.events("new") == [
        {"type": "ERROR", "error": {"message": "Changing framework's principal is not allowed."}}
    ]
    assert play.events("s") == [], "whoever is there stays"


def test_filters_last_until_after_the_next_allocation() -> None:
    play = Play()
    play.subscribe()
    play.now += 0.9
    play.decline(play.offers()[0], 0.01)
    play.later(0.5)
    assert play.offers() == []
    play.later(1)
    assert len(play.offers()) == 1


# --- shares


def test_the_dominant_resource_decides() -> None:
    shares = Shares()
    shares.add_agent(Resources.parse("cpus:10;mem:1000;ports:[1-9]"))
    shares.take("a", "*", Resources.parse("cpus:1;mem:500;ports:[1-9]"))
    shares.take("b", "*", Resources.parse("cpus:4"))
    assert (shares.of_framework("a", "*"), shares.of_framework("b", "*")) == (0.5, 0.4)
    assert shares.of_framework("c", "*") == 0
    shares.give_back("a", "*", Resources.parse("cpus:1;mem:500;ports:[1-9]"))
    shares.give_back("b", "*", Resources.parse("cpus:4"))
    assert shares.is_balanced()


def test_a_role_answers_for_those_below_it() -> None:
    shares = Shares()
    shares.add_agent(Resources.parse("cpus:10"))
    shares.take("a", "team/one", Resources.parse("cpus:3"))
    shares.take("b", "team/two", Resources.parse("cpus:1"))
    shares.take("c", "other", Resources.parse("cpus:3.5"))
    roles = ["team/one", "team/two", "team", "other", "new"]
    assert sorted(roles, key=shares.of_role) == ["new", "other", "team", "team/two", "team/one"]


def test_shares_shrink_when_the_cluster_grows() -> None:
    shares = Shares()
    shares.add_agent(Resources.parse("cpus:1"))
    shares.take("a", "*", Resources.parse("cpus:1"))
    shares.add_agent(Resources.parse("cpus:3"))
    assert shares.of_framework("a", "*") == 0.25
    shares.remove_agent(Resources.parse("cpus:3"))
    assert shares.of_framework("a", "*") == 1

"""On which agents the application of --probe-spark can be expected to work."""

from __future__ import annotations

import pytest

from sparkmesos_core.verify.facts.probe import PROBE
from sparkmesos_core.verify.facts.probe_stages import SOUND
from sparkmesos_core.verify.known import UnknownFactError
from sparkmesos_core.verify.probe.result import ProbeResult, TriedAgent
from tests.unit.verify.probe.example_results import agent, failed, plan, result
from tests.unit.verify.told_facts import Told

WRONG = {
    "probe-fetch": failed(10, "Failed to fetch all URIs"),
    "probe-user": failed(10, "No such user 'spark'"),
    "probe-start": failed(10, "Memory limit exceeded"),
    "probe-layout": agent(10, layout="missing"),
    "probe-java": agent(10, java=""),
    "probe-spark-class": agent(10, **{"class": "1"}),
    "probe-driver-name": agent(10, name=""),
    "probe-driver-port": agent(10, driver="silent"),
    "probe-block-manager-port": agent(10, block_manager="refused"),
    "probe-disk": agent(10, disk_write="failed"),
}
"""By the check that tells it."""


def sound(tried: ProbeResult) -> frozenset[str]:
    with Told({PROBE: tried}) as known:
        return known[SOUND]


def test_those_on_which_the_probe_has_found_nothing_wrong() -> None:
    assert sound(result(agent(1), agent(2))) == {"S1", "S2"}
    unknown = agent(1, without=["name", "driver", "block-manager", "class", "disk.write", "python"])
    assert sound(result(unknown)) == {"S1"}, "what could not be tried is no failure"


@pytest.mark.parametrize(
    "wrong", [*WRONG.values(), agent(2, bash=""), agent(4, java_runs="no")], ids=lambda one: one.id
)
def test_not_those_on_which_it_has(wrong: TriedAgent) -> None:
    assert sound(result(wrong, agent(11))) == {"S11"}


@pytest.mark.parametrize("told_by", WRONG)
def test_that_there_are_none_is_told_by_the_check_which_all_fail(told_by: str) -> None:
    with pytest.raises(UnknownFactError) as raised:
        sound(result(WRONG[told_by]))
    assert raised.value.fact.reported_by == told_by
    assert raised.value.error.hint


def test_that_each_fails_at_something_else_is_told_by_probe_spark() -> None:
    with pytest.raises(UnknownFactError) as raised:
        sound(result(WRONG["probe-java"], agent(2, disk_write="failed")))
    assert raised.value.fact.reported_by == "probe-spark"
    assert raised.value.error.message.startswith("No application of Spark was run: each agent")


def test_that_nobody_offers_anything_is_told_by_probe_agents() -> None:
    with pytest.raises(UnknownFactError) as raised:
        sound(ProbeResult(plan(), without_offers=("agent1",)))
    assert raised.value.fact.reported_by == "probe-agents"

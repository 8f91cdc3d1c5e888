"""On which agents the application of --probe-spark can be expected to work."""

from __future__ import annotations

from sparkmesos_core.verify.facts.spark_job import passed
from tests.unit.verify.probe.example_results import agent, failed, result


def test_those_on_which_the_probe_has_found_nothing_wrong() -> None:
    assert passed(result(agent(1), agent(2))) == {"S1", "S2"}
    unknown = agent(1, without=["name", "driver", "block-manager", "class", "disk.write", "python"])
    assert passed(result(unknown)) == {"S1"}, "what could not be tried is no failure"


def test_not_those_on_which_it_has() -> None:
    wrong = [
        agent(1, layout="missing"),
        agent(2, bash=""),
        agent(3, java=""),
        agent(4, java_runs="no"),
        agent(5, **{"class": "1"}),
        agent(6, name=""),
        agent(7, driver="silent"),
        agent(8, block_manager="refused"),
        agent(9, disk_write="failed"),
        failed(10, "Failed to fetch all URIs"),
    ]
    for one in wrong:
        assert passed(result(one, agent(11))) == {"S11"}, one

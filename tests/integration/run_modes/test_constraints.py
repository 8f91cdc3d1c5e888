"""spark.mesos.constraints in client mode: attributes of every type, each met by some agents and not by others."""

from __future__ import annotations

import ast
import time
from typing import TYPE_CHECKING

import pytest

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.integration.run_modes.applications import PATIENCE, Applications, Ended
from tests.integration.run_modes.recorded_tasks import essence, recorded_tasks

if TYPE_CHECKING:
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

GOOD = {
    "os": "centos7",
    "rackid": "3",
    "tags": "{ssd,gpu,fast}",
    "zone": "us-east-1a",
    "port_range": "[7000-8000]",
}
# The agents beside the good one: each differs from it in one attribute, the one of the type that is named.
OTHERS: dict[str, dict[str, str | None]] = {
    "text": {"os": "debian12"},
    "scalar": {"rackid": "1"},
    "set": {"tags": "{ssd,fast}"},
    "existence": {"zone": None},
}
# A text is one of these, a scalar not below one of them, a set holds both, and the last one only has to be there.
CONSTRAINTS = "os:rocky9,centos7;rackid:2,9;tags:ssd,gpu;zone:"


def _agent(attributes: dict[str, str | None]) -> AgentSpec:
    text = ";".join(f"{name}:{value}" for name, value in attributes.items() if value is not None)
    return AgentSpec(cpus=2, mem=2048, attributes=text)


@pytest.fixture(scope="module")
def agents() -> tuple[AgentSpec, ...]:
    """The good one is in the middle."""
    first, second, *rest = (_agent({**GOOD, **other}) for other in OTHERS.values())
    return (first, second, _agent({**GOOD}), *rest)


@pytest.fixture(scope="module")
def good_agent(applications: Applications) -> str:
    """The id of the only agent that meets all constraints."""
    (found,) = (agent["id"] for agent in applications.agents() if _attributes(agent) == set(GOOD))
    return found


def _attributes(agent: dict[str, object]) -> set[str]:
    """The names of what is as the good agent has it."""
    attributes = agent["attributes"]
    assert isinstance(attributes, dict)
    expected = {**GOOD, "tags": "{fast, gpu, ssd}", "rackid": 3.0}
    return {name for name, value in expected.items() if attributes.get(name) == value}


class TestOneAgentMeetsThemAll:
    @pytest.fixture(scope="class")
    @classmethod
    def ended(cls, applications: Applications, good_agent: str, spark_under_test: SparkUnderTest) -> Ended:
        """It lasts until Spark 3 has declined what is left of the good agent, which Mesos offers 5 s later."""
        body = """
        agents = sc.parallelize(range(8), 8).map(lambda _: os.environ["MESOS_SLAVE_ID"]).collect()
        print(sorted(set(agents)), flush=True)
        pause()
        """
        conf = {
            "spark.mesos.constraints": CONSTRAINTS,
            "spark.cores.max": "2",
            "spark.mesos.rejectOfferDuration": "60s",
            "spark.mesos.rejectOfferDurationForUnmetConstraints": "300s",
        }
        with applications.running(body, conf) as running:
            running.wait_until_paused()
            deadline = time.monotonic() + PATIENCE
            while not spark_under_test.is_4 and good_agent not in dict(
                applications.seen(running.name).refusals
            ):
                assert time.monotonic() < deadline, "what is left of the good agent has not been declined"
                time.sleep(0.1)
            running.go()
            return running.end()

    @pytest.mark.proves("spark.mesos.constraints")
    def test_executors_are_where_all_are_met(self, ended: Ended, good_agent: str) -> None:
        """Both, although there are other agents with nothing on them."""
        assert [task["slave_id"] for task in ended.mesos.tasks] == [good_agent, good_agent]
        assert ast.literal_eval(ended.out) == [good_agent]

    @pytest.mark.proves("spark.mesos.constraints", "spark.mesos.rejectOfferDurationForUnmetConstraints")
    @pytest.mark.parametrize("kind", OTHERS)
    def test_an_agent_that_does_not_meet_one(
        self, ended: Ended, applications: Applications, kind: str
    ) -> None:
        """Its offers are declined for as long as the property says, and so it makes only one."""
        (different,) = OTHERS[kind]
        (agent,) = (one["id"] for one in applications.agents() if set(GOOD) - _attributes(one) == {different})
        assert [seconds for refused, seconds in ended.mesos.refusals if refused == agent] == [300.0]

    @pytest.mark.proves("spark.mesos.rejectOfferDuration")
    def test_what_is_left_of_the_agent(
        self, ended: Ended, good_agent: str, spark_under_test: SparkUnderTest
    ) -> None:
        """There are enough cores; for that no duration of its own is set."""
        refused = {seconds for agent, seconds in ended.mesos.refusals if agent == good_agent}
        if spark_under_test.is_4:  # which wants no more offers then, and gets hardly any
            assert refused <= {60.0}
        else:
            assert refused == {60.0}

    def test_as_recorded(self, ended: Ended, spark_under_test: SparkUnderTest) -> None:
        (recorded,) = recorded_tasks("executor-constraints", is_4=spark_under_test.is_4)
        assert [essence(info) for info in ended.mesos.task_infos][:1] == [recorded]


@pytest.mark.only_spark(3)
@pytest.mark.proves("spark.mesos.constraints", "spark.mesos.rejectOfferDuration")
def test_ranges_are_never_met(applications: Applications) -> None:
    """Spark is at fault: it looks for a single range, and Mesos offers a list of them. The operator reads where to look.

    Unless preflight is skipped, as here, the application does not even start.
    """
    ended = applications.run(
        "print(sc.parallelize(range(4), 2).sum())",
        {"spark.mesos.constraints": "port_range:7500", "spark.mesos.rejectOfferDuration": "90s"},
        options=["--no-preflight", "--start-timeout", "6"],
        expect=6,
    )
    assert "Spark has declined it for the time being" in ended.err
    assert "and check spark.mesos.constraints" in ended.err
    assert ended.mesos.tasks == []
    assert sorted(ended.mesos.refusals) == [(agent, 90.0) for agent in sorted(applications.agent_ids())]
    assert "6" not in ended.out.splitlines()


@pytest.mark.only_spark(4)
@pytest.mark.proves("spark.mesos.constraints")
def test_ranges_hold_whole_numbers(applications: Applications) -> None:
    """One of those that are asked for has to be inside; the preflight knows that, too."""
    body = "print(sc.parallelize(range(4), 2).sum())"
    ended = applications.run(body, {"spark.mesos.constraints": "port_range:9000,7500"})
    assert ended.out == "6\n"
    refused = applications.run(body, {"spark.mesos.constraints": "port_range:9000,6999"}, expect=1)
    assert refused.seen is None
    assert "port_range is [7000-8000]" in refused.err

"""What is said of frameworks, by the state of a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.verify.check import Verdict
from sparkmesos_core.verify.checks.frameworks import (
    cores_max_verdict,
    dispatcher_verdict,
    hoarding_verdict,
    inactive_verdict,
    is_application,
    spark_verdict,
)
from sparkmesos_core.verify.facts.cluster_state import AgentsState, AgentState, ClusterState, FrameworkState
from sparkmesos_core.verify.facts.dispatcher import is_dispatcher
from sparkmesos_core.verify.probe.names import FRAMEWORK as PROBE
from tests.verified import subject

MASTER = "http://192.0.2.1:5050"
NOW = 1000.0
NOTHING = Resources()


def framework(name: str = "app", **fields: Any) -> FrameworkState:
    plain = FrameworkState(
        id=f"F-{name}",
        name=name,
        roles=("*",),
        principal="",
        user="root",
        hostname="client",
        webui_url="",
        active=True,
        connected=True,
        registered_at=NOW - 10,
        used=NOTHING,
        offered=NOTHING,
    )
    return replace(plain, **fields)


def agent(total: str, free: str = "", *, active: bool = True) -> AgentState:
    facts = AgentFacts("S0", "agent1", "192.0.2.2", 5051, Resources.parse(total), (), "1.12.0", active)
    return AgentState(facts, Resources.parse(free), NOTHING)


AGENTS = AgentsState(
    (agent("cpus:8;mem:8192", "cpus:6;mem:4096"), agent("cpus:8;mem:8192", "cpus:1;mem:1024"))
)


def state(*frameworks: FrameworkState) -> ClusterState:
    return ClusterState(AGENTS, frameworks, read_at=NOW)


def configured(**properties: str) -> Configuration:
    origin = Origin(Source.CONF, "--conf")
    names = {f"spark.{name.replace('_', '.')}": value for name, value in properties.items()}
    return Configuration([[Setting(name, value, origin) for name, value in names.items()]])


@pytest.mark.parametrize(
    ("fields", "application", "dispatcher"),
    [
        ({}, False, False),
        ({"runs_executors": True}, True, False),
        ({"webui_url": "http://client:4040"}, True, False),
        ({"webui_url": "http://client:4056"}, True, False),
        ({"webui_url": "http://client:4057"}, False, False),
        ({"webui_url": "http://client:port"}, False, False),
        ({"runs_drivers": True, "webui_url": "http://client:4040"}, False, True),
        ({"name": "Spark Cluster"}, False, True),
    ],
)
def test_what_a_framework_is(fields: dict[str, Any], application: bool, dispatcher: bool) -> None:
    one = framework(**fields)
    assert (is_application(one), is_dispatcher(one)) == (application, dispatcher)


class TestApplications:
    def test_those_that_are_there(self) -> None:
        found = spark_verdict(
            state(
                *(framework(f"app {n}", runs_executors=True) for n in range(7)),
                framework("marathon"),
                framework("gone", runs_executors=True, completed=True),
            )
        )
        assert found.seen == (
            "7 applications of Spark: 'app 0', 'app 1', 'app 2', 'app 3', 'app 4' and 2 others"
        )
        assert found.problems == ()

    @pytest.mark.parametrize(
        ("fields", "waits"),
        [
            ({}, True),
            ({"registered_at": NOW - 59}, False),
            ({"tasks": {"TASK_FINISHED": 1}}, False),
            ({"used": Resources.parse("cpus:1")}, False),
            ({"active": False}, False),
        ],
    )
    def test_those_that_wait(self, fields: dict[str, Any], waits: bool) -> None:
        one = framework(**{"webui_url": "http://client:4040", "registered_at": NOW - 61, **fields})
        problems = spark_verdict(state(one)).problems
        assert bool(problems) is waits
        assert all(problem.severity is Severity.NOTE for problem in problems)


class TestDispatchers:
    def verdict(self, one: FrameworkState) -> Verdict:
        return dispatcher_verdict(state(one), subject(), MASTER)

    @pytest.mark.parametrize(("connected", "active"), [(False, False), (True, False), (False, True)])
    def test_one_that_the_master_has_lost(self, connected: bool, active: bool) -> None:
        lost = framework("Spark Cluster", connected=connected, active=active, webui_url="http://d:8081")
        (problem,) = self.verdict(lost).problems
        assert (
            "start it again on client with the options that it had, `sparkmesos start-dispatcher --master"
            " mesos://127.0.0.1:5050 …`"
        ) in problem.hint
        assert "'Spark Cluster' (http://d:8081) is registered, but not connected" in problem.message
        assert f"curl -X POST {MASTER}/teardown -d frameworkId={lost.id}" in problem.hint

    def test_one_that_is_there_or_has_been(self) -> None:
        assert self.verdict(framework("Spark Cluster")).problems == ()
        gone = framework("Spark Cluster", connected=False, active=False, completed=True)
        assert not self.verdict(gone).applies


class TestInactive:
    AWAY = framework(
        "etl", connected=False, active=False, used=Resources.parse("cpus:4;mem:1024"), failover_timeout=3600.0
    )

    def test_one_that_holds_resources(self) -> None:
        (problem,) = inactive_verdict(state(self.AWAY, framework()), AGENTS, MASTER).problems
        assert problem.message == (
            "'etl' (F-etl) is not connected, and holds 4 cores and 1024 MB (25% of the cluster) until its"
            " failover timeout of 3600 s"
        )
        assert f"curl -X POST {MASTER}/teardown -d frameworkId=F-etl" in problem.hint

    @pytest.mark.parametrize(
        "fields",
        [{"connected": True}, {"used": NOTHING}, {"completed": True}, {"name": "Spark Cluster"}],
    )
    def test_others(self, fields: dict[str, Any]) -> None:
        one = replace(self.AWAY, **fields)
        assert inactive_verdict(state(one), AGENTS, MASTER).problems == ()

    def test_many_are_not_all_listed(self) -> None:
        away = [replace(self.AWAY, id=f"F{n}") for n in range(40)]
        found = inactive_verdict(state(*away), AGENTS, MASTER)
        assert len(found.problems) == 5
        assert "40 that are not hold resources" in found.seen


class TestHoarding:
    GREEDY = framework("greedy", used=Resources.parse("cpus:12;mem:1024"))

    def test_offers_that_are_kept(self) -> None:
        keeping = framework("keeping", offered=Resources.parse("cpus:8;mem:16384"))
        found = hoarding_verdict(state(keeping), AGENTS, {keeping.id: keeping}, MASTER)
        (problem,) = found.problems
        assert problem.severity is Severity.WARNING
        assert (
            "'keeping' (F-keeping) keeps offers of 8 cores and 16384 MB (100% of the cluster)"
            in problem.message
        )
        assert "--offer_timeout" in problem.hint

    @pytest.mark.parametrize(("greedy", "poor"), [(True, False), (False, True)])
    def test_most_of_it_in_use_while_others_wait(self, greedy: bool, poor: bool) -> None:
        frameworks = (
            replace(self.GREEDY, runs_executors=greedy),
            framework("poor", webui_url="http://client:4040" if poor else ""),
        )
        (problem,) = hoarding_verdict(state(*frameworks), AGENTS, {}, MASTER).problems
        assert problem.severity is Severity.NOTE
        assert problem.message == (
            "'greedy' has 12 cores and 1024 MB (75% of the cluster), while 'poor' has nothing"
        )

    @pytest.mark.parametrize(
        "other",
        [
            framework("poor", used=Resources.parse("cpus:1"), runs_executors=True),
            framework("poor", active=False, runs_executors=True),
            framework("poor", completed=True, runs_executors=True),
            framework("Spark Cluster"),
            framework(PROBE, runs_executors=True),
            framework("chronos"),
        ],
    )
    def test_others_that_do_not_wait(self, other: FrameworkState) -> None:
        assert hoarding_verdict(state(self.GREEDY, other), AGENTS, {}, MASTER).problems == ()

    def test_nobody_and_nothing(self) -> None:
        assert hoarding_verdict(state(), AGENTS, {}, MASTER).problems == ()
        empty = ClusterState(AgentsState(()), (framework(),), read_at=NOW)
        assert hoarding_verdict(empty, empty.agents, {}, MASTER).problems == ()


class TestOwnCoresMax:
    def test_without_a_limit_among_others(self) -> None:
        found = cores_max_verdict(state(framework("marathon")), AGENTS, configured())
        (problem,) = found.problems
        assert problem.severity is Severity.NOTE
        assert "all 7 cores that are free now" in problem.message
        assert problem.key == "spark.cores.max"

    @pytest.mark.parametrize(("role", "cores"), [("*", 1), ("etl", 5), ("web", 1)])
    def test_what_is_reserved_for_others_is_not_taken(self, role: str, cores: int) -> None:
        agents = AgentsState((agent("cpus:1;cpus(etl):4", "cpus:1;cpus(etl):4"),))
        (problem,) = cores_max_verdict(
            state(framework("marathon")), agents, configured(mesos_role=role)
        ).problems
        assert f"all {cores} cores that are free now" in problem.message

    def test_where_nothing_is_free_it_would_take_nothing(self) -> None:
        full = AgentsState((agent("cpus:8;mem:8192", "mem:4096"),))
        found = cores_max_verdict(state(framework("marathon")), full, configured())
        assert (found.seen, found.problems) == ("spark.cores.max is not set, and no core is free now", ())

    @pytest.mark.parametrize(
        ("frameworks", "configuration"),
        [
            ((), configured()),
            ((framework(PROBE),), configured()),
            ((framework(connected=False),), configured()),
            ((framework(completed=True),), configured()),
            ((framework(),), configured(cores_max="4")),
            ((framework(),), configured(dynamicAllocation_enabled="true")),
            ((framework(),), configured(mesos_coarse="false")),
        ],
    )
    def test_otherwise(self, frameworks: tuple[FrameworkState, ...], configuration: Configuration) -> None:
        assert cores_max_verdict(state(*frameworks), AGENTS, configuration).problems == ()

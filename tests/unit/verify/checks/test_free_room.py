from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.verify.check import Verdict
from sparkmesos_core.verify.checks.free_room import judge_absent, judge_free, judge_quotas
from sparkmesos_core.verify.facts.application import Application
from sparkmesos_core.verify.facts.cluster_state import AgentState, FrameworkState
from sparkmesos_core.verify.facts.quotas import RoleQuota
from tests.unit.preflight.clusters import cluster
from tests.unit.verify.agent_states import application, state


def framework(name: str, used: str = "", offered: str = "", **more: Any) -> FrameworkState:
    return FrameworkState(
        id=name,
        name=name,
        roles=("*",),
        principal="",
        user="",
        hostname="",
        webui_url="",
        active=True,
        connected=True,
        registered_at=0.0,
        used=Resources.parse(used),
        offered=Resources.parse(offered),
        **more,
    )


def free(asked: Application, *agents: AgentState, frameworks: tuple[FrameworkState, ...] = ()) -> Verdict:
    return judge_free(asked, agents, cluster(*(one.facts for one in agents)), frameworks)


def test_there_is_room() -> None:
    found = free(application(), state(free="cpus:0.5;mem:100"), state(hostname="other"))
    assert found.seen == "room for 1 executor; 3.5 of 8 cores in use"
    assert found.problems == ()


def test_who_holds_what_is_missing() -> None:
    users = (
        framework("small", "cpus:0.5;mem:10"),
        framework("large", "cpus:3;mem:2000", "cpus:1;mem:20"),
        framework("gone", "cpus:9;mem:9", completed=True),
        framework("idle"),
    )
    (problem,) = free(application(), state(free="cpus:0.5;mem:100"), frameworks=users).problems
    assert problem.severity is Severity.WARNING
    assert problem.message == (
        "Beside what runs now there is no room: one executor needs 1 core and 1408 MiB of memory (384 of it "
        "overhead), and the only agent, agent1, has 0.5 cores and 100 MiB; 3.5 of 4 cores in use (most by large: 3 "
        "cores and 2000 MiB, 1 core offered)"
    )
    assert problem.details == (
        "large: 3 cores and 2000 MiB, 1 core offered",
        "small: 0.5 cores and 10 MiB",
    )


def test_what_is_offered_may_come_back() -> None:
    found = free(application(), state(free="cpus:0.5;mem:100", offered="cpus:3.5;mem:3996"))
    (note,) = found.problems
    assert note.severity is Severity.NOTE
    # Nobody uses it.
    assert found.seen == "room for 0 executors; 0 of 4 cores in use"


def test_less_than_is_needed() -> None:
    asked = application(
        executor_cores="1", dynamicAllocation_enabled="true", dynamicAllocation_minExecutors="3"
    )
    (problem,) = free(asked, state("cpus:8;mem:9000", free="cpus:2;mem:9000")).problems
    assert problem.message.startswith(
        "There is room for 2 executors now, fewer than spark.dynamicAllocation.minExecutors (3); 6 of 8 cores in use"
    )
    assert problem.hint.endswith("until then the application has fewer.")


def test_more_than_ever_fits_is_said_elsewhere() -> None:
    asked = application(
        executor_cores="1", dynamicAllocation_enabled="true", dynamicAllocation_minExecutors="99"
    )
    assert free(asked, state("cpus:8;mem:9000")).problems == ()
    assert len(free(asked, state("cpus:8;mem:9000", free="cpus:1;mem:9000")).problems) == 1


def test_that_cores_max_is_too_small_is_said_elsewhere() -> None:
    assert free(application(executor_cores="2", cores_max="1"), state()).problems == ()


def test_what_is_wanted_is_no_more_than_cores_max_allows() -> None:
    asked = application(
        executor_cores="1",
        cores_max="2",
        dynamicAllocation_enabled="true",
        dynamicAllocation_minExecutors="3",
    )
    assert free(asked, state("cpus:8;mem:9000", free="cpus:2;mem:9000")).problems == ()


def test_those_that_would_do_do_not_take_part() -> None:
    found = judge_absent([state(hostname=name, active=False).facts for name in ("a", "b")])
    (problem,) = found.problems
    assert problem.severity is Severity.WARNING
    assert problem.message.endswith("or deactivated, are a, b")
    assert problem.details == ("a", "b")


def test_what_is_reserved_for_others_is_no_room() -> None:
    agent = state("cpus:4;mem:4096;cpus(etl):4;mem(etl):4096", free="cpus(etl):4;mem(etl):4096")
    (problem,) = free(application(), agent).problems
    assert "has 0 cores and 0 MiB, without what is reserved for 'etl'" in problem.message
    assert free(application(mesos_role="etl"), agent).problems == ()


def test_no_quotas() -> None:
    found = judge_quotas(application(), (), [state()])
    assert found == Verdict("no quota limits the role *")


@pytest.mark.parametrize(
    ("role", "quota", "severity"),
    [
        ("spark", RoleQuota("spark", {"cpus": 500}), Severity.ERROR),
        ("spark", RoleQuota("spark", {"mem": 1_407_000}), Severity.ERROR),
        ("spark", RoleQuota("spark", {"cpus": 1_000, "mem": 1_408_000}), None),
        ("spark", RoleQuota("spark", {"disk": 0, "gpus": 0}), None),
        ("spark/etl", RoleQuota("spark", {"cpus": 500}), Severity.ERROR),
        ("sparkle", RoleQuota("spark", {"cpus": 500}), None),
        ("*", RoleQuota("spark", {"cpus": 500}), None),
        ("spark", RoleQuota("spark", {"cpus": 4_000}, consumed={"cpus": 3_001}), Severity.WARNING),
        ("spark", RoleQuota("spark", {"cpus": 4_000}, consumed={"cpus": 9_000}), Severity.WARNING),
        ("spark", RoleQuota("spark", {"cpus": 4_000}, consumed={"cpus": 3_000}), None),
        # A guarantee for the role itself keeps nothing from it.
        ("spark", RoleQuota("spark", guarantee={"cpus": 99_000}), None),
        # For others it does, as far as they do not have it.
        ("*", RoleQuota("spark", guarantee={"cpus": 3_500}), Severity.WARNING),
        ("*", RoleQuota("spark", guarantee={"cpus": 3_500}, consumed={"cpus": 3_000}), None),
        ("*", RoleQuota("spark", guarantee={"disk": 9_000}), None),
        ("*", RoleQuota("spark", guarantee={"cpus": 3_000}), None),
    ],
)
def test_quotas(role: str, quota: RoleQuota, severity: Severity | None) -> None:
    found = judge_quotas(application(mesos_role=role), (quota,), [state()])
    assert [one.severity for one in found.problems] == ([] if severity is None else [severity])
    assert all(one.hint for one in found.problems)


def test_what_is_reserved_may_be_used_though_it_counts() -> None:
    quota = RoleQuota("spark", {"cpus": 4_000}, consumed={"cpus": 4_000})
    reserved = state("cpus(spark):4;mem(spark):4096")
    assert judge_quotas(application(mesos_role="spark"), (quota,), [reserved]).problems == ()
    used = state("cpus(spark):4;mem(spark):4096", free="mem(spark):4096")
    assert len(judge_quotas(application(mesos_role="spark"), (quota,), [used]).problems) == 1


def test_what_is_kept_for_others_does_not_matter_to_who_has_reservations() -> None:
    quota = RoleQuota("prod", guarantee={"cpus": 4_000})
    agent = state("cpus:4;mem:4096;cpus(spark):4;mem(spark):4096")
    assert judge_quotas(application(mesos_role="spark"), (quota,), [agent]).problems == ()
    assert len(judge_quotas(application(mesos_role="other"), (quota,), [agent]).problems) == 1


def test_how_many_executors_a_quota_leaves_room_for() -> None:
    quota = RoleQuota("spark", {"cpus": 10_000, "mem": 9_000_000, "gpus": 0}, consumed={"cpus": 3_500})
    asked = application(mesos_role="spark", executor_cores="2")
    found = judge_quotas(asked, (quota,), [state(), state("cpus(spark):1;mem(spark):1")])
    assert found.seen == (
        "role spark: 10 cores, 9000 MiB and 0 gpus at most, 7.5 cores and 9001 MiB left, enough for 3 executors"
    )
    without = RoleQuota("spark", {"disk": 5_000})
    assert judge_quotas(asked, (without,), [state()]).seen == "role spark: 5 MiB of disk at most"


def test_reservations_of_roles_within_that_of_the_quota() -> None:
    quota = RoleQuota("team", {"cpus": 4_000}, consumed={"cpus": 4_000})
    agent = state("cpus(team/etl):4;mem:4096")
    assert judge_quotas(application(mesos_role="team/etl"), (quota,), [agent]).problems == ()
    # What is reserved for others within it is theirs, and what is for those above it does not count.
    assert len(judge_quotas(application(mesos_role="team/web"), (quota,), [agent]).problems) == 1
    within = RoleQuota("team/etl", {"cpus": 4_000}, consumed={"cpus": 4_000})
    above = state("cpus(team):4;mem:4096")
    assert len(judge_quotas(application(mesos_role="team/etl"), (within,), [above]).problems) == 1


def test_quotas_of_others_are_not_to_blame_for_a_full_cluster() -> None:
    quota = RoleQuota("prod", guarantee={"cpus": 2_000})
    full = state(free="cpus:0.5;mem:100")
    assert judge_quotas(application(), (quota,), [full]).problems == ()
    # What is offered to somebody may come back, and is kept then.
    offered = state(free="mem:4096", offered="cpus:2.5")
    (problem,) = judge_quotas(application(), (quota,), [offered]).problems
    assert problem.message.startswith("Of what is free, 2.5 cores, Mesos keeps 2 cores")
    assert judge_quotas(application(), (quota,), [state(free="mem:4096", offered="cpus:3")]).problems == ()


def test_less_than_cores_max() -> None:
    quota = RoleQuota("spark", {"cpus": 4_000, "mem": 9_000_000})
    found = judge_quotas(application(mesos_role="spark", cores_max="8"), (quota,), [state()])
    assert found.seen == "role spark: 4 cores and 9000 MiB at most, 4 cores and 9000 MiB left"
    (note,) = found.problems
    assert (note.severity, note.message) == (
        Severity.NOTE,
        "spark.cores.max is 8, and the quota of the role spark 4 cores",
    )

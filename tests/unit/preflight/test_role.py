from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.need import executor_need
from sparkmesos_core.preflight.role import check_role
from tests.unit.preflight.clusters import agent, cluster


def findings(facts: ClusterFacts, role: str | None) -> list[Finding]:
    return check_role(executor_need({} if role is None else {"spark.mesos.role": role}), facts)


@pytest.mark.parametrize(
    ("role", "roles"),
    [
        (None, None),
        (None, ["etl"]),  # the role * is always allowed
        ("*", ["etl"]),
        ("spark", None),
        ("spark", ["etl", "spark"]),
        ("team/spark", ["team/spark"]),
    ],
)
def test_roles_that_are_taken(role: str | None, roles: list[str] | None) -> None:
    assert findings(cluster(agent(), roles=roles), role) == []


def test_a_role_that_the_master_refuses() -> None:
    (found,) = findings(cluster(roles=["spark", "etl"]), "sprak")
    assert (found.id, found.severity, found.key) == ("role-refused", Severity.ERROR, "spark.mesos.role")
    assert (
        found.message == "The master at 192.0.2.1:5050 refuses the role sprak: its --roles names etl, spark"
    )
    # Those that are nested in an allowed one are not allowed with it.
    assert [one.id for one in findings(cluster(roles=["team"]), "team/jobs")] == ["role-refused"]


def test_many_roles_are_not_all_listed() -> None:
    (found,) = findings(cluster(roles=[f"r{n:02}" for n in range(40)]), "x")
    assert found.message.endswith("r08, r09, …")


def test_a_slip_in_a_role_with_reservations() -> None:
    facts = cluster(agent("cpus(Spark):1;cpus:1;mem:512"))
    (found,) = findings(facts, "spark")
    assert (found.id, found.severity) == ("role-without-reservations", Severity.WARNING)
    assert "Did you mean Spark?" in found.hint
    assert findings(facts, "Spark") == []
    assert findings(facts, "spark2") == []  # a role of its own, as far as anybody knows

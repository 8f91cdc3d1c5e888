"""What verify-cluster says of the agents of a real Mesos 1.12.0, by its recorded answers."""

from __future__ import annotations

import pytest

from sparkmesos_core.master import MesosMaster
from sparkmesos_core.verify.check import Result, Status
from sparkmesos_core.verify.checks import agents, capacity, free_room
from sparkmesos_core.verify.facts.quotas import RoleQuota, quotas_of, quotas_of_infos
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.run import run_checks
from tests.contract.recorded import Json, load
from tests.contract.recorded_master import body_of
from tests.http_stub import Answer, http_stub
from tests.verified import subject

FROM_HERE = ("agents-names", "agents-reachable")
"""What is not in the recordings: where these agents' names and ports lead from this machine."""
CHECKS = [
    check for check in (*agents.CHECKS, *capacity.CHECKS, *free_room.CHECKS) if check.id not in FROM_HERE
]
IDLE = {path: f"master-GET_{path[1:]}" for path in ("/slaves", "/state", "/flags", "/roles", "/version")}


def content(response: Json) -> Answer:
    return Answer(
        response["status"], body_of(response), {"Content-Type": response["headers"].get("Content-Type", "")}
    )


def idle() -> dict[str, Answer]:
    """The answers of a master on which nothing runs."""
    return {path: content(load(name)["exchanges"][0]["response"]) for path, name in IDLE.items()}


def busy() -> dict[str, Answer]:
    """Those of one on which a task runs."""
    exchanges = load("master-while-running")["exchanges"]
    running = {
        one["request"]["path"]: one["response"] for one in exchanges if one["request"]["method"] == "GET"
    }
    return {**idle(), **{path: content(answer) for path, answer in running.items()}}


def verdicts(answers: dict[str, Answer], *, reads_tasks: bool = True, **properties: str) -> dict[str, Result]:
    settings = {f"spark.{name.replace('_', '.')}": value for name, value in properties.items()}
    with http_stub(answers) as master:
        where = MesosMaster((master.address,))
        with Known(subject(settings, master=where), timeout=60, reads_tasks=reads_tasks) as known:
            return {result.check.id: result for result in run_checks(CHECKS, known)}


def trouble(results: dict[str, Result]) -> list[str]:
    return [name for name, one in results.items() if one.status in (Status.WARNING, Status.ERROR)]


@pytest.mark.parametrize("reads_tasks", [True, False])
def test_a_sound_cluster(reads_tasks: bool) -> None:
    found = verdicts(idle(), reads_tasks=reads_tasks)
    assert trouble(found) == []
    assert found["agents-registered"].seen == "2 agents, all take part"
    assert found["agents-versions"].seen == "Mesos 1.12.0"
    assert found["agents-role"].seen == "role *: 6 cores; 1 more reserved for others"
    assert found["agents-quota"].seen == "no quota limits the role *"
    assert found["agents-free-now"].seen == "room for 2 executors; 0 of 7 cores in use"


def test_what_fits() -> None:
    found = verdicts(idle(), executor_cores="2", executor_memory="512m")
    assert found["agents-executor-size"].seen == (
        "both agents large enough for an executor of 2 cores and 896 MiB: room for 3 executors"
    )
    in_role = verdicts(idle(), executor_cores="3", executor_memory="2g", mesos_role="spark")
    assert trouble(in_role) == []
    assert in_role["agents-role"].seen == "role spark: 7 cores, 1 of them reserved for it"
    assert in_role["agents-executor-size"].seen.startswith("both agents")


def test_what_does_not_fit() -> None:
    assert trouble(verdicts(idle(), executor_memory="4g")) == ["agents-executor-size"]
    assert trouble(verdicts(idle(), mesos_constraints="os:windows")) == ["agents-constraints"]
    assert trouble(verdicts(idle(), blockManager_port="80")) == ["agents-ports"]
    assert trouble(verdicts(idle(), mesos_role="Spark")) == ["agents-role"]
    reserved = verdicts(idle(), executor_cores="3", mesos_constraints="os:debian12")
    assert trouble(reserved) == ["agents-role"]
    assert reserved["agents-role"].problems[0].hint == "Set spark.mesos.role to spark, or add a larger agent."


def test_constraints() -> None:
    found = verdicts(idle(), mesos_constraints="rackid:2;port_range:")
    assert found["agents-constraints"].seen == "1 of 2 agents meets rackid:2;port_range:"
    assert found["agents-constraints"].problems[0].details == (
        "1 agent will do: agent1.mesos.example",
        "rackid:2 leaves out 1 agent, which has no rackid: agent2.mesos.example",
        "port_range: leaves out 1 agent, which has no port_range: agent2.mesos.example",
    )


def test_while_a_task_runs() -> None:
    found = verdicts(busy())
    assert trouble(found) == []
    assert "of 7 cores in use" in found["agents-free-now"].seen
    assert not found["agents-free-now"].seen.endswith(" 0 of 7 cores in use")


def test_quotas() -> None:
    roles = load("master-GET_roles")["exchanges"][0]["response"]["body"]
    assert quotas_of(roles) == ()
    roles["roles"][0]["quota"]["limit"] = {"cpus": 2.0}
    assert quotas_of(roles) == (
        RoleQuota("spark", {"cpus": 2_000}, {}, {"cpus": 1_000, "mem": 512_000, "ports": 10_000}),
    )
    assert quotas_of_infos(load("master-GET_quota")["exchanges"][0]["response"]["body"], roles) == ()

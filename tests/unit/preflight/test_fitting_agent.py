from __future__ import annotations

from dataclasses import replace

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.fitting_agent import check_fitting_agent
from sparkmesos_core.preflight.need import executor_need
from tests.unit.preflight.clusters import agent, cluster


def findings(facts: ClusterFacts, **properties: str) -> list[Finding]:
    configuration = {f"spark.{name.replace('_', '.')}": value for name, value in properties.items()}
    return check_fitting_agent(executor_need(configuration), facts)


def only(facts: ClusterFacts, **properties: str) -> Finding:
    (found,) = findings(facts, **properties)
    return found


@pytest.mark.parametrize(
    ("facts", "properties"),
    [
        (cluster(agent()), {}),
        # The whole agent, and an agent whose memory is just enough for 1 GiB and its overhead of 384 MiB.
        (cluster(agent()), {"executor_cores": "4", "executor_memory": "3712m"}),
        (cluster(agent("cpus:1;mem:1408")), {}),
        (cluster(agent("cpus:1.9;mem:2048")), {"executor_cores": "1"}),
        # One of many, be it the last.
        (
            cluster(agent("cpus:1;mem:512"), agent("cpus:0.5;mem:9000"), agent("cpus:8;mem:9000")),
            {"executor_cores": "8"},
        ),
        (
            cluster(agent(attributes="zone:a"), agent("cpus:1;mem:512", "zone:b"), agent(attributes="zone:b")),
            {"mesos_constraints": "zone:b"},
        ),
        (cluster(agent(attributes="ports:[1-9]")), {"mesos_constraints": "ports:"}),
        # Reservations for the role, for one above it, and for nobody, add up.
        (cluster(agent("cpus(spark):2;cpus:1;mem:1024;mem(spark):1024")), {"mesos_role": "spark", "executor_cores": "3"}),
        (cluster(agent("cpus(team):2;mem(team):2048")), {"mesos_role": "team/jobs", "executor_cores": "2"}),
        (cluster(agent()), {"blockManager_port": "31005"}),
        (cluster(agent("cpus:2;mem:2048;gpus:1"), withholds_gpu_agents=True), {"mesos_gpus_max": "1"}),
        (cluster(agent("cpus:2;mem:2048;gpus:1")), {}),
        (cluster(agent("cpus:2;mem:2048;gpus:1"), agent(), withholds_gpu_agents=True), {}),
        # More GPUs than there are keep no executor from starting, and Mesos hears nothing of extra cores.
        (cluster(agent()), {"mesos_gpus_max": "8", "mesos_extra_cores": "64"}),
        # In fine-grained mode ports do not matter, and cores may be fractions.
        (cluster(agent("cpus:1.5;mem:2048")), {"mesos_coarse": "false", "mesos_mesosExecutor_cores": "0.5"}),
        (cluster(agent("cpus:2;mem:2048")), {"mesos_coarse": "false", "blockManager_port": "7000"}),
        (cluster(agent(active=False), agent()), {}),
        (cluster(agent(), recovering=3), {}),
    ],
)  # fmt: skip
def test_an_agent_that_will_do(facts: ClusterFacts, properties: dict[str, str]) -> None:
    assert findings(facts, **properties) == []


def test_too_little_memory_everywhere() -> None:
    facts = cluster(
        agent("cpus:4;mem:4096", hostname="small"),
        agent("cpus:1;mem:5000.5", hostname="large"),
        agent("cpus:0.5;mem:5200", hostname="lacks cores, too"),
    )
    assert only(facts, executor_memory="5g") == Finding(
        "no-fitting-agent",
        Severity.ERROR,
        "One executor needs 1 core and 5632 MiB of memory (512 of it overhead), and none of 3 agents has that: "
        "the nearest, large, has 5000.5 MiB",
        "Lower spark.executor.memory, or add a larger agent.",
        "spark.executor.memory",
    )


@pytest.mark.parametrize(
    ("properties", "to_lower"),
    [
        ({"mesos_executor_memoryOverhead": "9999"}, ["spark.mesos.executor.memoryOverhead"]),
        ({"executor_memoryOverheadFactor": "9"}, ["spark.executor.memoryOverheadFactor"]),
        # What is usual would be too much as well.
        (
            {"mesos_executor_memoryOverhead": "9999", "executor_memory": "8g"},
            ["spark.executor.memory", "spark.mesos.executor.memoryOverhead"],
        ),
        ({"mesos_executor_memoryOverhead": "2000", "executor_memory": "8g"}, ["spark.executor.memory"]),
        ({"mesos_executor_memoryOverhead": "100", "executor_memory": "8g"}, ["spark.executor.memory"]),
    ],
)
def test_which_memory_is_too_much(properties: dict[str, str], to_lower: list[str]) -> None:
    found = only(cluster(agent("cpus:4;mem:4096")), **properties)
    wishes = " and ".join(f"lower {key}" for key in to_lower)
    assert found.hint == f"{wishes.capitalize()[0]}{wishes[1:]}, or add a larger agent."
    assert found.key == (to_lower[0] if len(to_lower) == 1 else "")


def test_too_few_cores_on_the_only_agent() -> None:
    found = only(cluster(agent("cpus:3.9;mem:4096")), executor_cores="4")
    assert found.message.endswith("and the only agent, agent1, has 3.9 cores")
    assert (found.key, found.hint) == (
        "spark.executor.cores",
        "Lower spark.executor.cores, or add a larger agent.",
    )


def test_less_than_a_core() -> None:
    found = only(cluster(agent("cpus:0.9;mem:4096")))
    assert "needs 1 core and 1408 MiB" in found.message
    assert (found.key, found.hint) == ("", "Add a larger agent: Spark takes whole cores, at least one.")


def test_no_agent_has_both() -> None:
    facts = cluster(agent("cpus:8;mem:1024", hostname="cores"), agent("cpus:1;mem:9000", hostname="memory"))
    found = only(facts, executor_cores="8", executor_memory="4g")
    assert (
        "the nearest, memory, has 1 core" in found.message
        or "the nearest, cores, has 1024 MiB" in found.message
    )


def test_agents_on_one_machine_are_told_apart() -> None:
    small = agent("cpus:1;mem:100", active=False)
    first, second = (replace(small, port=port, name_apart=f"agent1:{port}") for port in (5051, 5052))
    assert "the only agent, agent1:5052, has 100 MiB" in only(cluster(second)).message
    facts = cluster(first, second)
    assert "the nearest, agent1:5051, has 100 MiB" in only(facts).message
    roomy = [replace(one, resources=agent().resources) for one in facts.agents]
    assert only(cluster(*roomy)).message.endswith("are 'agent1:5051', 'agent1:5052'")


def test_everything_is_lacking() -> None:
    found = only(cluster(agent("cpus:1;mem:1024;ports:[1-9]")), executor_cores="2", blockManager_port="31000")
    assert "needs 2 cores and 1408 MiB of memory (384 of it overhead) and port 31000" in found.message
    assert found.message.endswith("has 1 core and 1024 MiB and the ports [1-9]")
    assert found.hint == (
        "Lower spark.executor.cores and lower spark.executor.memory and set spark.blockManager.port to a port "
        "that agents offer, or add a larger agent."
    )
    assert found.key == ""


@pytest.mark.parametrize(
    ("resources", "said"),
    [("cpus:2;mem:2048;ports:[31000-32000]", "the ports [31000-32000]"), ("cpus:2;mem:2048", "no ports")],
)
def test_a_port_that_is_not_offered(resources: str, said: str) -> None:
    found = only(cluster(agent(resources)), blockManager_port="7000")
    assert (found.severity, found.key) == (Severity.ERROR, "spark.blockManager.port")
    assert found.message.endswith(f"has {said}")


def test_fine_grained() -> None:
    found = only(cluster(agent("cpus:1.4;mem:2048")), mesos_coarse="false", mesos_mesosExecutor_cores="0.5")
    assert "needs 1.5 cores" in found.message
    assert found.key == "spark.mesos.mesosExecutor.cores"


def test_what_is_reserved_for_others_is_not_counted() -> None:
    facts = cluster(agent("cpus(spark):4;mem(spark):4096;cpus:1;mem:512;cpus(etl):1"))
    found = only(facts)
    assert found.message.endswith("the only agent, agent1, has 512 MiB, without what is reserved for 'spark'")
    assert found.hint == "Set spark.mesos.role to spark, or add a larger agent."
    assert (found.severity, found.key) == (Severity.ERROR, "spark.mesos.role")
    assert "without" not in only(facts, executor_memory="9g").message  # of no help


def test_gpus_that_nobody_asked_for() -> None:
    facts = cluster(agent("cpus:2;mem:2048;gpus:1"), agent("cpus:1;mem:512"), withholds_gpu_agents=True)
    found = only(facts)
    assert (found.id, found.severity, found.key) == ("gpus-unasked", Severity.ERROR, "spark.mesos.gpus.max")
    assert "agent1" in found.message


@pytest.mark.parametrize(
    ("attributes", "constraints", "said"),
    [
        (("zone:a", "zone:b"), "zone:c", "None of 2 agents meets the constraint zone:c (zone is a or b)"),
        (("zone:a",), "zone:c", "The only agent, agent1, does not meet the constraint zone:c (zone is a)"),
        (("", "zone:a"), "rack:", "None of 2 agents meets the constraint rack: (none has rack)"),
        (
            ("zone:a;os:x", "zone:b;os:y"),
            "zone:a;os:y",
            "None of 2 agents meets all of the constraints zone:a;os:y at once",
        ),
        (
            ("zone:a", "rack:3"),
            "zone:c;rack:4",
            "None of 2 agents meets the constraints zone:c (zone is a), rack:4 (rack is 3.0)",
        ),
    ],
)
def test_constraints_that_no_agent_meets(attributes: tuple[str, ...], constraints: str, said: str) -> None:
    found = only(cluster(*(agent(attributes=each) for each in attributes)), mesos_constraints=constraints)
    assert (found.id, found.severity) == ("constraints-unmet", Severity.ERROR)
    assert (found.message, found.key) == (said, "spark.mesos.constraints")
    assert found.hint == "Correct spark.mesos.constraints, or add agents with these attributes."


def test_ranges_which_spark_never_takes_for_met() -> None:
    found = only(cluster(agent(attributes="port:[7000-8000]")), mesos_constraints="port:7500")
    assert (found.id, found.severity) == ("constraint-on-ranges", Severity.ERROR)
    assert "port:7500" in found.message
    # Out of all ranges it is as any other value that is not there.
    assert (
        only(cluster(agent(attributes="port:[1-9]")), mesos_constraints="port:10").id == "constraints-unmet"
    )


def test_the_agents_that_meet_the_constraints_are_too_small() -> None:
    facts = cluster(
        agent("cpus:1;mem:1024", "zone:a", hostname="a1"),
        agent("cpus:1;mem:512", "zone:a", hostname="a2"),
        agent("cpus:64;mem:65536", "zone:b", hostname="b"),
    )
    found = only(facts, mesos_constraints="zone:a")
    assert found.message.endswith(
        "and none of 2 agents that meet spark.mesos.constraints has that: the nearest, a1, has 1024 MiB"
    )
    found = only(facts, mesos_constraints="zone:b", executor_memory="99g")
    assert "the only agent that meets spark.mesos.constraints, b, has 65536 MiB" in found.message


def test_nobody_is_there() -> None:
    found = only(cluster())
    assert (found.id, found.severity) == ("no-agent", Severity.WARNING)
    assert found.message == "No agent is registered with the master at 192.0.2.1:5050"
    found = only(cluster(recovering=2))
    assert (found.id, found.severity) == ("agents-recovering", Severity.WARNING)
    assert "2 of its predecessor's have still to come back" in found.message


def test_who_comes_back_may_do() -> None:
    found = only(cluster(agent("cpus:1;mem:512"), recovering=1))
    assert (found.id, found.severity) == ("no-fitting-agent", Severity.WARNING)
    assert found.hint.startswith(
        "1 agent has still to come back after a change of masters, and may do. Else: L"
    )
    assert only(cluster(agent(), recovering=2), mesos_constraints="zone:a").severity is Severity.WARNING


def test_only_agents_that_take_no_part_now() -> None:
    facts = cluster(*(agent(hostname=f"a{n}", active=False) for n in range(5)), agent("cpus:1;mem:100"))
    found = only(facts)
    assert (found.id, found.severity) == ("agents-inactive", Severity.WARNING)
    assert "are 'a0', 'a1', 'a2' and 2 more" in found.message

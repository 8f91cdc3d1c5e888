from __future__ import annotations

import pytest

from sparkmesos_core.verify.checks.driver_size import DriverNeed, driver_need, judge_driver
from tests.unit.preflight.clusters import agent
from tests.verified import subject


def need(**properties: str) -> DriverNeed:
    settings = {f"spark.{name.replace('_', '.')}": value for name, value in properties.items()}
    return driver_need(subject(settings).configuration)


@pytest.mark.parametrize(
    ("properties", "cpus", "memory"),
    [
        ({}, 1000, 1408),
        ({"driver_cores": "0.5", "driver_memory": "512m"}, 500, 896),
        ({"driver_memory": "8g"}, 1000, 9011),
        ({"mesos_driver_memoryOverhead": "100", "driver_memoryOverhead": "1g"}, 1000, 1124),
        ({"driver_memoryOverhead": "1g"}, 1000, 2048),
        ({"driver_memory": "1000m", "driver_memoryOverheadFactor": "0.5"}, 1000, 1500),
        # Executors are another matter.
        ({"executor_memory": "9g", "executor_cores": "9", "mesos_constraints": "a:b"}, 1000, 1408),
    ],
)
def test_what_a_driver_needs(properties: dict[str, str], cpus: int, memory: int) -> None:
    assert need(**properties) == DriverNeed(cpus, memory)


def test_it_fits() -> None:
    found = judge_driver(need(), [agent("cpus:1;mem:1408"), agent("cpus:1;mem:1407")])
    assert (found.seen, found.problems) == ("1 of 2 agents would do for a driver of 1 core and 1408 MiB", ())
    # The dispatcher's role is not known here.
    assert judge_driver(need(), [agent("cpus(etl):1;mem(ops):9000")]).problems == ()


@pytest.mark.parametrize(
    ("resources", "hint"),
    [
        (("cpus:8;mem:100", "cpus:8;mem:1000"), "Lower spark.driver.memory, or add a larger agent."),
        (("cpus:0.5;mem:9000",), "Lower spark.driver.cores, or add a larger agent."),
        (
            ("cpus:0.5;mem:100",),
            "Lower spark.driver.cores or spark.driver.memory, or add a larger agent.",
        ),
        (
            ("cpus:8;mem:100", "cpus:0.5;mem:9000"),
            "Lower spark.driver.cores or spark.driver.memory, or add a larger agent.",
        ),
    ],
)
def test_it_fits_nowhere(resources: tuple[str, ...], hint: str) -> None:
    found = judge_driver(need(), [agent(one, hostname=f"n{index}") for index, one in enumerate(resources)])
    (problem,) = found.problems
    assert problem.hint == hint
    assert problem.message.startswith(
        "The driver needs 1 core and 1408 MiB, with its overhead, and no agent has that"
    )


def test_constraints() -> None:
    agents = [agent(attributes="zone:a"), agent("cpus:64;mem:90000", "zone:b")]
    found = judge_driver(need(mesos_driver_constraints="zone:c"), agents)
    (problem,) = found.problems
    assert problem.message == (
        "No agent meets the constraint zone:c (zone is a or b), which the driver has to run on"
    )
    assert problem.key == "spark.mesos.driver.constraints"
    large = judge_driver(need(mesos_driver_constraints="zone:a", driver_memory="8g"), agents)
    assert "has 4 cores and 4096 MiB" in large.problems[0].message

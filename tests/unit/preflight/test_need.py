from __future__ import annotations

import pytest

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.resources import Ranges, Resources
from sparkmesos_core.preflight.need import ExecutorNeed, executor_need


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({}, ExecutorNeed(cpus=1000, memory=1408, overhead=384)),
        # The vectors of Spark's own suites.
        ({"spark.executor.memory": "512m"}, ExecutorNeed(1000, 896, 384)),
        ({"spark.executor.memory": "4096m"}, ExecutorNeed(1000, 4505, 409)),
        (
            {"spark.mesos.executor.memoryOverhead": "512"},
            ExecutorNeed(1000, 1536, 512, overhead_key="spark.mesos.executor.memoryOverhead", added_overhead=128),
        ),
        (
            {"spark.executor.memoryOverheadFactor": "0.5"},
            ExecutorNeed(1000, 1536, 512, overhead_key="spark.executor.memoryOverheadFactor", added_overhead=128),
        ),
        (
            {"spark.mesos.executor.memoryOverhead": "0", "spark.executor.memoryOverheadFactor": "0.5"},
            ExecutorNeed(1000, 1024, 0, overhead_key="spark.mesos.executor.memoryOverhead"),
        ),
        ({"spark.executor.cores": " 8 "}, ExecutorNeed(8000, 1408, 384)),
        ({"spark.executor.cores": "2", "spark.mesos.extra.cores": "5"}, ExecutorNeed(2000, 1408, 384)),
        # What means something elsewhere, but not on Mesos or not in this mode.
        (
            {"spark.executor.memoryOverhead": "9g", "spark.task.cpus": "1", "spark.mesos.mesosExecutor.cores": "4"},
            ExecutorNeed(1000, 1408, 384),
        ),
        (
            {"spark.blockManager.port": "7000", "spark.mesos.role": "team/spark", "spark.mesos.gpus.max": "1"},
            ExecutorNeed(1000, 1408, 384, Ranges.of([(7000, 7000)]), "team/spark", takes_gpus=True),
        ),
        (
            {"spark.mesos.constraints": "os:x;zone:"},
            ExecutorNeed(1000, 1408, 384, constraints=(Constraint("os", ("x",)), Constraint("zone"))),
        ),
        ({"spark.mesos.coarse": "FALSE"}, ExecutorNeed(2000, 1408, 384, fine_grained=True)),
        (
            {
                "spark.mesos.coarse": "false",
                "spark.mesos.mesosExecutor.cores": "0.125",
                "spark.task.cpus": "3",
                "spark.executor.cores": "64",
                "spark.blockManager.port": "7000",
            },
            ExecutorNeed(3125, 1408, 384, fine_grained=True),
        ),
    ],
)  # fmt: skip
def test_what_an_executor_needs(configuration: dict[str, str], expected: ExecutorNeed) -> None:
    assert executor_need(configuration) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spark.executor.cores", "many"),
        ("spark.executor.memory", "1.5g"),
        ("spark.mesos.constraints", "zone"),
        ("spark.mesos.coarse", "yes"),
        ("spark.mesos.role", "a b"),
    ],
)
def test_what_nobody_can_read(key: str, value: str) -> None:
    with pytest.raises(UsageError):
        executor_need({key: value})


@pytest.mark.parametrize(
    ("resources", "lacking"),
    [
        ("cpus:2;mem:1536;ports:[1-9000]", ()),
        ("cpus:1.999;mem:1536;ports:[1-9000]", ("cpus",)),
        ("cpus:2;mem:1535.999;ports:[1-9000]", ("mem",)),
        ("cpus:2;mem:1536;ports:[1-6999,7001-9000]", ("ports",)),
        ("cpus:2;mem:1536", ("ports",)),
        ("cpus(a):1;cpus:1;mem:1536;ports(a):[7000-7000]", ()),
        ("", ("cpus", "mem", "ports")),
        ("cpus:{a,b};mem:[1-9000];ports:7000", ("cpus", "mem", "ports")),
    ],
)
def test_what_is_lacking(resources: str, lacking: tuple[str, ...]) -> None:
    need = ExecutorNeed(cpus=2000, memory=1536, overhead=512, ports=Ranges.of([(7000, 7000)]))
    assert need.lacks(Resources.parse(resources)) == lacking


FOUR = (4, 3)


@pytest.mark.parametrize(
    ("configuration", "cpus", "memory"),
    [
        ({}, 1000, 1024 + 384),
        ({"spark.executor.memory": "8g"}, 1000, 8192 + 819),
        # What Spark 3 does not count on Mesos.
        ({"spark.executor.memoryOverhead": "1g"}, 1000, 2048),
        ({"spark.executor.minMemoryOverhead": "512m"}, 1000, 1536),
        ({"spark.executor.pyspark.memory": "300m"}, 1000, 1024 + 384 + 300),
        ({"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "1g"}, 1000, 2048 + 384),
        ({"spark.memory.offHeap.size": "1g"}, 1000, 1408),
        # Mesos' own goes before that of all cluster managers.
        ({"spark.executor.memoryOverhead": "1g", "spark.mesos.executor.memoryOverhead": "100"}, 1000, 1124),
        ({"spark.executor.memoryOverheadFactor": "0.5"}, 1000, 1536),
        ({"spark.executor.cores": "2"}, 2000, 1408),
        ({"spark.task.cpus": "3"}, 3000, 1408),
        ({"spark.task.cpus": "3", "spark.mesos.extra.cores": "1"}, 2000, 1408),
        ({"spark.mesos.coarse": "false", "spark.mesos.mesosExecutor.cores": "4"}, 1000, 1408),
    ],
)
def test_what_an_executor_of_spark_4_needs(configuration: dict[str, str], cpus: int, memory: int) -> None:
    need = executor_need(configuration, FOUR)
    heap = {"8g": 8192}.get(configuration.get("spark.executor.memory", ""), 1024)
    assert (need.cpus, need.memory, need.overhead) == (cpus, memory, memory - heap)
    assert not need.fine_grained


def test_the_key_to_lower() -> None:
    """The strongest property that makes the container larger than the heap and its usual share."""
    need = executor_need({"spark.executor.memoryOverhead": "1g"}, FOUR)
    assert (need.overhead_key, need.added_overhead) == ("spark.executor.memoryOverhead", 640)
    assert executor_need({}, FOUR).overhead_key == ""


@pytest.mark.parametrize(("release", "meets"), [(None, False), ((3, 5), False), (FOUR, True)])
def test_values_in_ranges(release: tuple[int, int] | None, meets: bool) -> None:
    """Spark 3 never finds them there."""
    need = executor_need({"spark.mesos.constraints": "ports:7500"}, release)
    assert (not need.unmet(parse_attributes("ports:[7000-8000]"))) is meets
    assert need.unmet(parse_attributes("ports:[1-2]"))

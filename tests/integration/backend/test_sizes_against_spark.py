"""The memory of executors is what Spark 4's other cluster managers make of the same properties and profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.spark_jvm import spark_jvm
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import spark_of

pytestmark = pytest.mark.slow

LEAST = {"10m": 10, "1g": 1024, "600": 600}
PROPERTIES: dict[str, st.SearchStrategy[str]] = {
    "spark.executor.cores": st.sampled_from(["2", "3"]),
    "spark.executor.memory": st.sampled_from(["512m", "1g", "3500m", "20g"]),
    "spark.executor.memoryOverhead": st.sampled_from(["100", "1g"]),
    "spark.executor.memoryOverheadFactor": st.sampled_from(["0.2", "0.05"]),
    "spark.executor.minMemoryOverhead": st.sampled_from(sorted(LEAST)),
    "spark.executor.pyspark.memory": st.sampled_from(["300m", "1g"]),
    "spark.memory.offHeap.enabled": st.sampled_from(["true", "false"]),
    "spark.memory.offHeap.size": st.sampled_from(["1g", "1048577", "500m"]),
}
ASKED = {
    "cores": ("cores", st.sampled_from([2, 4])),
    "memory": ("memory", st.sampled_from([700, 5000])),
    "memoryOverhead": ("memoryOverhead", st.sampled_from([50, 900])),
    "pyspark.memory": ("pysparkMemory", st.just(80)),
    "offHeap": ("offHeapMemory", st.just(90)),
}
"""Names of executor resources, and what ExecutorResourceRequests calls them."""


@pytest.fixture(scope="module")
def jvm() -> Iterator[Any]:
    spark = spark_of(SPARK_4)
    with spark_jvm(spark.home, spark.java) as classes:
        yield classes


def module(package: Any, name: str) -> Any:
    """An object of Scala."""
    return getattr(getattr(package, f"{name}$"), "MODULE$")


@given(
    st.fixed_dictionaries({}, optional=PROPERTIES),
    st.fixed_dictionaries({}, optional={name: values for name, (_, values) in ASKED.items()}),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sizes(harness, jvm, conf, asked):
    if conf.get("spark.memory.offHeap.enabled") != "true":
        asked.pop("offHeap", None)  # which Spark refuses
    elif "spark.memory.offHeap.size" not in conf:
        conf["spark.memory.offHeap.size"] = "1g"  # without which Spark refuses the whole
    found = harness.ask("settings", {"properties": conf, "profiles": [{"id": 1, "asked": asked}]})["profiles"]
    theirs = spark_sizes(jvm, conf, asked)
    if "memoryOverhead" not in asked and "spark.executor.memoryOverhead" not in conf:
        # They go by the heap of the properties, ours by that of the profile.
        factor = float(conf.get("spark.executor.memoryOverheadFactor", "0.1"))
        least = LEAST.get(conf.get("spark.executor.minMemoryOverhead", ""), 384)
        heap, total, overhead = theirs[1]
        theirs[1] = (heap, total - overhead + max(int(factor * heap), least), 0)
    assert [(one["heapMiB"], one["memoryMiB"]) for one in found] == [
        (heap, total) for heap, total, _ in theirs
    ]


def spark_sizes(jvm: Any, conf: dict[str, str], asked: dict[str, int]) -> list[tuple[int, int, int]]:
    """Heap, container and overhead, in MiB, of an executor of the default profile, and of one that asks for more."""
    profiles = module(jvm.org.apache.spark.resource, "ResourceProfile")
    config = module(jvm.org.apache.spark.internal.config, "package")
    spark_conf = jvm.SparkConf(False)
    for name, value in conf.items():
        spark_conf.set(name, value)
    requests = jvm.org.apache.spark.resource.ExecutorResourceRequests()
    for name, amount in asked.items():
        getattr(requests, ASKED[name][0])(amount if name == "cores" else f"{amount}m")
    own = jvm.org.apache.spark.resource.ResourceProfileBuilder().require(requests).build()
    nothing = module(jvm.scala.collection.immutable, "Map").empty()
    least = spark_conf.get(config.EXECUTOR_MIN_MEMORY_OVERHEAD())
    factor = spark_conf.get(config.EXECUTOR_MEMORY_OVERHEAD_FACTOR())
    profiles.clearDefaultProfile()  # it remembers that of the last properties

    def sizes(number: int, resources: Any) -> tuple[int, int, int]:
        found = profiles.getResourcesForClusterManager(
            number, resources, least, factor, spark_conf, True, nothing
        )
        return found.executorMemoryMiB(), found.totalMemMiB(), found.memoryOverheadMiB()

    return [sizes(0, nothing), sizes(1, own.executorResources())]

"""The registry says of Spark 4 what our backend really reads, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparkmesos_core.bridge.recipes import SOURCES
from sparkmesos_core.conf.properties.registered_property import Property, Reader
from sparkmesos_core.conf.properties.registry import PROPERTIES, as_in, exists_in, find_property
from tests.integration.backend.harness import Harness
from tests.integration.backend.stories import launched, offer, scalar, tell
from tests.integration.spark_releases import SPARK_4

pytestmark = pytest.mark.slow

SCALA = sorted((SOURCES / "backend").glob("*.scala"))

# What leads to everything that is looked at: some is of interest only beside something else.
EVERYTHING = {
    "spark.mesos.executor.docker.image": "example/spark",
    "spark.mesos.network.name": "net",
    "spark.memory.offHeap.enabled": "true",
}

ENTRIES = {
    "DRIVER_HOST_ADDRESS": "spark.driver.host",
    "DRIVER_PORT": "spark.driver.port",
    "EXECUTOR_HEARTBEAT_INTERVAL": "spark.executor.heartbeatInterval",
    "EXECUTOR_JAVA_OPTIONS": "spark.executor.extraJavaOptions",
    "Network.NETWORK_TIMEOUT": "spark.network.timeout",
    "SHUFFLE_SERVICE_ENABLED": "spark.shuffle.service.enabled",
    "STORAGE_BLOCKMANAGER_HEARTBEAT_TIMEOUT": "spark.storage.blockManagerHeartbeatTimeoutMs",
}
"""The entries of Spark's configuration that the backend asks for, and the names of their properties."""

BY_SPARK_4 = {
    "spark.default.parallelism": "CoarseGrainedSchedulerBackend",
    "spark.excludeOnFailure.enabled": "TaskSchedulerImpl.excludedNodes",
    "spark.executor.defaultJavaOptions": "spark.executor.extraJavaOptions, whose entry puts them in front",
    "spark.executorEnv.NAME": "SparkContext.executorEnvs",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "CoarseGrainedSchedulerBackend",
    "spark.scheduler.minRegisteredResourcesRatio": "CoarseGrainedSchedulerBackend",
    "spark.shuffle.registration.timeout": "ExternalBlockStoreClient",
    "spark.shuffle.service.port": "BlockManager.externalShuffleServicePort",
    "spark.storage.blockManagerSlaveTimeoutMs": "spark.storage.blockManagerHeartbeatTimeoutMs, whose old name it is",
}
"""What Spark's own classes read for the backend, and which."""

OF_OUR_CLIENT = {
    "spark.shuffle.io.connectionCreationTimeout",
    "spark.shuffle.io.connectionTimeout",
    "spark.network.auth.rpcTimeout",
}
"""What the client of shuffle services sets for itself alone: times within which a service has to answer."""


def asked(harness: Harness) -> set[str]:
    """The names of what the backend makes its settings of."""
    beside = {**EVERYTHING, "spark.mesos.containerizer": "docker"}
    with_uri = {**beside, "spark.executor.uri": "http://repo.example/spark.tgz"}
    found: set[str] = set()
    for properties in ({}, EVERYTHING, beside, with_uri):
        found |= set(harness.ask("asked", {"properties": properties}))
    return found


def with_spark_4(name: str) -> Property:
    found = find_property(name)
    assert found is not None, f"{name} is read, and not in the registry"
    return as_in(found, SPARK_4)


def read_by_backend() -> set[str]:
    """What the registry says is read by the backend with Spark 4."""
    there = (as_in(one, SPARK_4) for one in PROPERTIES if exists_in(one, SPARK_4))
    return {one.name for one in there if Reader.BACKEND in one.readers}


def test_whatever_is_read_is_registered_as_what_works_with_spark_4(harness: Harness) -> None:
    names = asked(harness)
    assert len(names) > 50
    for name in names:
        entry = with_spark_4(name)
        assert exists_in(entry, SPARK_4), f"{name} is read, and registered as gone"
        # Some the backend reads only to know what others will do: whether executors are allocated dynamically.
        assert entry.readers & ({Reader.BACKEND} if entry.is_mesos else {Reader.BACKEND, Reader.DRIVER}), name


def test_whatever_is_registered_as_read_by_the_backend_is_read(harness: Harness) -> None:
    names = asked(harness)
    assert read_by_backend() - {*names, *ENTRIES.values(), *BY_SPARK_4} == set()
    gone = {one.name for one in PROPERTIES if one.is_mesos and not exists_in(one, SPARK_4)}
    assert names & gone == set()


def test_what_spark_reads_for_the_backend_is_up_to_date(harness: Harness) -> None:
    """The lists above: neither the backend nor another of them has what is on one of them, but for one."""
    names = [*asked(harness), *ENTRIES.values(), *BY_SPARK_4]
    assert {name for name in names if names.count(name) > 1} == {"spark.shuffle.service.enabled"}
    assert all(exists_in(with_spark_4(name), SPARK_4) for name in names)
    sources = "".join(path.read_text(encoding="utf-8") for path in SCALA)
    assert set(re.findall(r"\bconfig\.((?:[A-Z][a-z]\w*\.)?[A-Z][A-Z_]+)\b", sources)) == ENTRIES.keys()


@pytest.mark.parametrize("path", SCALA, ids=lambda path: path.stem)
def test_every_name_in_the_sources_is_registered(path: Path) -> None:
    """Beginnings of names, which the sources put the rest to, too."""
    literals = set(re.findall(r'"(spark\.[A-Za-z.]+)', path.read_text(encoding="utf-8")))
    known = [one.name for one in PROPERTIES if exists_in(one, SPARK_4)]
    assert {text for text in literals if not any(name.startswith(text) for name in known)} <= OF_OUR_CLIENT


@pytest.mark.proves("spark.mesos.checkpoint", mode="client")
def test_checkpointing_is_asked_for(harness: Harness) -> None:
    def framework(**properties: str) -> dict[str, object]:
        argument = {"user": "me", "name": "a", "hostname": "h", "properties": properties}
        told: dict[str, object] = harness.ask("framework", argument)
        return told

    assert "checkpoint" not in framework()
    assert framework(**{"spark.mesos.checkpoint": "true"})["checkpoint"] is True
    assert framework(**{"spark.mesos.checkpoint": "false"})["checkpoint"] is False


@pytest.mark.proves(
    "spark.mesos.executor.agentFailures.max", "spark.mesos.executor.agentFailures.expiry", mode="client"
)
@pytest.mark.parametrize(
    ("most", "expiry", "launches"),
    [("1", "1h", [True, False, False]), ("2", "1h", [True, True, False]), ("1", "90s", [True, False, True])],
)
def test_agents_where_executors_failed_are_left_for_a_while(
    most: str, expiry: str, launches: list[bool], harness: Harness
) -> None:
    """Offers a minute from each other, and each executor fails at once."""
    events = [
        event
        for number in range(3)
        for event in (
            {"offers": [offer(number, scalar("cpus", 1), scalar("mem", 1408))], "at": number * 60_000},
            {"ended": str(number), "isFailure": True, "at": number * 60_000},
        )
    ]
    properties = {
        "spark.executor.cores": "1",
        "spark.mesos.executor.agentFailures.max": most,
        "spark.mesos.executor.agentFailures.expiry": expiry,
    }
    steps = tell(harness, events, properties)
    assert [bool(launched(step)) for step in steps if "answers" in step] == launches

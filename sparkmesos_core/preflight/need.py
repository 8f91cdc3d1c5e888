"""What an agent must offer for one executor to start on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.bridge.kinds import FIRST_WITH_BACKEND
from sparkmesos_core.conf.properties.registry import find_property
from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.conf.values.overheads import LEAST_OVERHEAD, container_memory
from sparkmesos_core.conf.values.sizes import parse_mebibytes
from sparkmesos_core.mesos.attributes import Attribute
from sparkmesos_core.mesos.constraints import Judge, unmet, unmet_in_spark
from sparkmesos_core.mesos.resources import ANY_ROLE, Ranges, Resources
from sparkmesos_core.spark.core_jar import Release

COARSE = "spark.mesos.coarse"
CORES = "spark.executor.cores"
MEMORY = "spark.executor.memory"
OVERHEAD = "spark.mesos.executor.memoryOverhead"
OVERHEAD_FACTOR = "spark.executor.memoryOverheadFactor"
GENERIC_OVERHEAD = "spark.executor.memoryOverhead"
LEAST_OVERHEAD_KEY = "spark.executor.minMemoryOverhead"
PYTHON_MEMORY = "spark.executor.pyspark.memory"
OFF_HEAP = "spark.memory.offHeap.enabled"
OFF_HEAP_SIZE = "spark.memory.offHeap.size"
CONSTRAINTS = "spark.mesos.constraints"
ROLE = "spark.mesos.role"
PORT = "spark.blockManager.port"
GPUS = "spark.mesos.gpus.max"
FINE_GRAINED_CORES = "spark.mesos.mesosExecutor.cores"
TASK_CPUS = "spark.task.cpus"
EXTRA_CORES = "spark.mesos.extra.cores"

_UNITS = 1000
"""Mesos counts scalars in thousandths."""


@dataclass(frozen=True)
class ExecutorNeed:
    """What one executor asks of an agent."""

    cpus: int
    """Thousandths of a core, in fine-grained mode with those of its first task."""
    memory: int
    """MiB, with the overhead."""
    overhead: int
    """MiB of it besides the heap."""
    ports: Ranges = Ranges()  # noqa: RUF009 - it is frozen
    """Those that it listens on, if they are fixed."""
    role: str = ANY_ROLE
    constraints: tuple[Constraint, ...] = ()
    takes_gpus: bool = False
    """Whether the application says that it knows what to do with GPUs."""
    fine_grained: bool = False
    overhead_key: str = ""
    """The property that the overhead comes from; empty if none sets it."""
    added_overhead: int = 0
    """MiB that this makes of it beyond what it would be otherwise."""
    finds_ranges: bool = False
    """Whether constraints can ask for a value in an attribute of ranges, which Spark 3 never finds there."""

    @property
    def amounts(self) -> dict[str, int]:
        """Cores and memory by their names in Mesos, in thousandths."""
        return {"cpus": self.cpus, "mem": self.memory * _UNITS}

    @property
    def judge(self) -> Judge:
        """What tells which constraints an agent does not meet."""
        return unmet if self.finds_ranges else unmet_in_spark

    def unmet(self, attributes: Iterable[Attribute]) -> tuple[Constraint, ...]:
        """The constraints that do not hold on an agent with these attributes."""
        return self.judge(self.constraints, attributes)

    def lacks(self, available: Resources) -> tuple[str, ...]:
        """Which of `cpus`, `mem` and `ports` there is not enough of in what is available."""
        lacking = []
        if self.cpus > thousandths(available, "cpus"):
            lacking.append("cpus")
        if self.memory * _UNITS > thousandths(available, "mem"):
            lacking.append("mem")
        if self.ports:
            ports = available.total("ports")
            if not isinstance(ports, Ranges) or not ports.contains(self.ports):
                lacking.append("ports")
        return tuple(lacking)


def thousandths(resources: Resources, name: str) -> int:
    """All of a scalar over its roles, in thousandths; 0 if it is none."""
    total = resources.total(name)
    return total if isinstance(total, int) else 0


def executor_need(configuration: Mapping[str, str], release: Release | None = None) -> ExecutorNeed:
    """What an application that is configured so asks of an agent, by the rules of Spark's Mesos backends.

    `release` is that of its Spark; None if it is not known, which counts as one with backends of its own.

    Coarse-grained (`MesosCoarseGrainedSchedulerBackend.canLaunchTask`): all cores of an executor, at least
    one, its memory, and the port of its block manager if that is fixed; nothing for
    `spark.mesos.extra.cores`, which Mesos is not told of, and no GPUs, without which executors start as well.
    Fine-grained (`MesosFineGrainedSchedulerBackend.resourceOffers`): the cores of the Mesos executor and of
    one task, and the memory. With Spark 4 our backend (`Profiles.scala`), which is coarse-grained, and counts
    all memory that executors use.

    Raises UsageError for values that Spark could not use either.
    """
    is_ours = release is not None and release >= FIRST_WITH_BACKEND
    fine_grained = not _value(configuration, COARSE) and not is_ours
    heap = _value(configuration, MEMORY)
    memory, overhead_key = (_our_memory if is_ours else _memory)(configuration, heap)
    if fine_grained:
        cores = _value(configuration, FINE_GRAINED_CORES) + _value(configuration, TASK_CPUS)
    else:
        cores = _value(configuration, CORES) or (_cores_of_a_task(configuration) if is_ours else 1)
    port = 0 if fine_grained else _value(configuration, PORT)
    return ExecutorNeed(
        cpus=round(cores * _UNITS),
        memory=memory,
        overhead=memory - heap,
        ports=Ranges.of([(port, port)] if port else []),
        role=_value(configuration, ROLE) or ANY_ROLE,
        constraints=_value(configuration, CONSTRAINTS),
        takes_gpus=_value(configuration, GPUS) > 0,
        fine_grained=fine_grained,
        overhead_key=overhead_key,
        added_overhead=max(memory - container_memory(heap), 0),
        finds_ranges=is_ours,
    )


def _cores_of_a_task(configuration: Mapping[str, str]) -> int:
    """The cores below which an executor of our backend would never run a task."""
    return max(1, int(_value(configuration, TASK_CPUS) - _value(configuration, EXTRA_CORES)))


def _memory(configuration: Mapping[str, str], heap: int) -> tuple[int, str]:
    """The memory of an executor in Spark 3, in MiB, and the property that its overhead comes from."""
    factor = _value(configuration, OVERHEAD_FACTOR)
    keys = (key for key in (OVERHEAD, OVERHEAD_FACTOR) if key in configuration)
    return container_memory(heap, _value(configuration, OVERHEAD), factor=factor), next(keys, "")


def _our_memory(configuration: Mapping[str, str], heap: int) -> tuple[int, str]:
    """The same for Spark 4."""
    keys = (OVERHEAD, GENERIC_OVERHEAD, OVERHEAD_FACTOR, LEAST_OVERHEAD_KEY, PYTHON_MEMORY, OFF_HEAP_SIZE)
    overhead = _value(configuration, OVERHEAD)
    if overhead is None:
        overhead = _value(configuration, GENERIC_OVERHEAD)
    if overhead is None:
        text = configuration.get(LEAST_OVERHEAD_KEY)
        least = LEAST_OVERHEAD if text is None else parse_mebibytes(text)
        overhead = max(int(_value(configuration, OVERHEAD_FACTOR) * heap), least)
    off_heap = _value(configuration, OFF_HEAP_SIZE) >> 20 if _value(configuration, OFF_HEAP) else 0
    besides = overhead + (_value(configuration, PYTHON_MEMORY) or 0) + off_heap
    return container_memory(heap, besides), next((key for key in keys if key in configuration), "")


def _value(configuration: Mapping[str, str], key: str) -> Any:
    """A property as its type, or its default; None if it has none. Raises UsageError for another value."""
    found = find_property(key)
    if found is None:
        raise KeyError(key)
    text = configuration.get(key)
    return found.default_value() if text is None else found.type.parse(text)

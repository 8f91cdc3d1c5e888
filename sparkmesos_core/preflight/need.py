"""What an agent must offer for one executor to start on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.conf.properties.registry import find_property
from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.conf.values.overheads import container_memory
from sparkmesos_core.mesos.resources import ANY_ROLE, Ranges, Resources

COARSE = "spark.mesos.coarse"
CORES = "spark.executor.cores"
MEMORY = "spark.executor.memory"
OVERHEAD = "spark.mesos.executor.memoryOverhead"
OVERHEAD_FACTOR = "spark.executor.memoryOverheadFactor"
CONSTRAINTS = "spark.mesos.constraints"
ROLE = "spark.mesos.role"
PORT = "spark.blockManager.port"
GPUS = "spark.mesos.gpus.max"
FINE_GRAINED_CORES = "spark.mesos.mesosExecutor.cores"
TASK_CPUS = "spark.task.cpus"

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
    """MiB."""
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

    @property
    def amounts(self) -> dict[str, int]:
        """Cores and memory by their names in Mesos, in thousandths."""
        return {"cpus": self.cpus, "mem": self.memory * _UNITS}

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


def executor_need(configuration: Mapping[str, str]) -> ExecutorNeed:
    """What an application that is configured so asks of an agent, by the rules of Spark's Mesos backends.

    Coarse-grained (`MesosCoarseGrainedSchedulerBackend.canLaunchTask`): all cores of an executor, at least
    one, its memory, and the port of its block manager if that is fixed; nothing for
    `spark.mesos.extra.cores`, which Mesos is not told of, and no GPUs, without which executors start as well.
    Fine-grained (`MesosFineGrainedSchedulerBackend.resourceOffers`): the cores of the Mesos executor and of
    one task, and the memory.

    Raises UsageError for values that Spark could not use either.
    """
    fine_grained = not _value(configuration, COARSE)
    heap = _value(configuration, MEMORY)
    overhead = _value(configuration, OVERHEAD)
    memory = container_memory(heap, overhead, factor=_value(configuration, OVERHEAD_FACTOR))
    overhead_keys = (key for key in (OVERHEAD, OVERHEAD_FACTOR) if key in configuration)
    if fine_grained:
        cores = _value(configuration, FINE_GRAINED_CORES) + _value(configuration, TASK_CPUS)
    else:
        cores = _value(configuration, CORES) or 1
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
        overhead_key=next(overhead_keys, ""),
        added_overhead=max(memory - container_memory(heap), 0),
    )


def _value(configuration: Mapping[str, str], key: str) -> Any:
    """A property as its type, or its default; None if it has none. Raises UsageError for another value."""
    found = find_property(key)
    if found is None:
        raise KeyError(key)
    text = configuration.get(key)
    return found.default_value() if text is None else found.type.parse(text)

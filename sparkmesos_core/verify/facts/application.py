"""What an application with the configuration in question would ask of the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.preflight.need import CORES, GPUS, ExecutorNeed, executor_need, thousandths
from sparkmesos_core.verify.agent_requirements import Requirement, requirements_of
from sparkmesos_core.verify.known import Fact, Known

CORES_MAX = "spark.cores.max"
LEAST_EXECUTORS = "spark.dynamicAllocation.minExecutors"

_UNITS = 1000
"""Mesos counts scalars in thousandths."""


@dataclass(frozen=True)
class Application:
    """How large it is to be, by the rules of Spark's Mesos backends."""

    need: ExecutorNeed
    """What one executor asks of an agent."""
    executor_cores: int | None = None
    """Thousandths; None if an executor takes whatever an offer has."""
    most_cores: int | None = None
    """Thousandths over all executors (`spark.cores.max`); None if that is not limited."""
    least_executors: int = 0
    """How many there are to be at least (`spark.dynamicAllocation.minExecutors`)."""
    gpus: int = 0
    """How many it takes at most (`spark.mesos.gpus.max`)."""
    shuffle_service_port: int | None = None
    """Where it expects the external shuffle service on each agent; None if it uses none."""

    def executors_on(self, available: Resources) -> int:
        """How many of its executors fit into what an agent has for its role, as far as that agent goes.

        One at most in fine-grained mode, with a fixed port, and where an executor takes all cores that there
        are (`MesosCoarseGrainedSchedulerBackend.buildMesosTasks`).
        """
        if self.need.lacks(available):
            return 0
        if self.need.fine_grained or self.need.ports or self.executor_cores is None:
            return 1
        by_cores = thousandths(available, "cpus") // self.need.cpus
        return min(by_cores, thousandths(available, "mem") // (self.need.memory * _UNITS))

    def cores_on(self, available: Resources) -> int:
        """How many thousandths of a core its executors would take there, were `spark.cores.max` no limit."""
        executors = self.executors_on(available)
        if executors and self.executor_cores is None and not self.need.fine_grained:
            return thousandths(available, "cpus") // _UNITS * _UNITS
        return executors * self.need.cpus

    @property
    def wanted_cores(self) -> int | None:
        """As `most_cores`, without the rest that makes no executor of `spark.executor.cores`."""
        if self.most_cores is None or self.executor_cores is None:
            return self.most_cores
        return self.most_cores - self.most_cores % self.need.cpus

    @property
    def most_executors(self) -> int | None:
        """How many executors `spark.cores.max` leaves room for; None if any number."""
        return None if self.most_cores is None else self.most_cores // self.need.cpus


def _application(known: Known) -> Application:
    configuration = known.subject.configuration
    cores, most = configuration.typed(CORES), configuration.typed(CORES_MAX)
    is_dynamic = configuration.typed("spark.dynamicAllocation.enabled")
    uses_service = configuration.typed("spark.shuffle.service.enabled")
    spark = known.subject.client.spark
    need = executor_need(configuration, spark.release if spark is not None else None)
    return Application(
        need,
        executor_cores=None if cores is None or need.fine_grained else cores * _UNITS,
        most_cores=None if most is None or need.fine_grained else most * _UNITS,
        least_executors=configuration.typed(LEAST_EXECUTORS) if is_dynamic and not need.fine_grained else 0,
        gpus=configuration.typed(GPUS),
        shuffle_service_port=configuration.typed("spark.shuffle.service.port") if uses_service else None,
    )


APPLICATION: Fact[Application] = Fact("what an executor needs", _application, reported_by="configuration")
"""From the configuration alone; not known if a value in it is none that Spark could use."""


def _need(known: Known) -> ExecutorNeed:
    return known[APPLICATION].need


NEED: Fact[ExecutorNeed] = Fact("what an executor needs", _need, reported_by="configuration")


def _requirements(known: Known) -> tuple[Requirement, ...]:
    return requirements_of(known.subject)


REQUIREMENTS: Fact[tuple[Requirement, ...]] = Fact(
    "what agents have to know", _requirements, reported_by="configuration"
)

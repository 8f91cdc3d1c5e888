"""Rules about dynamic allocation: the number of executors that follows the load."""

from __future__ import annotations

from collections.abc import Iterable

from sparkmesos_core.conf.checks.connection import is_local_master
from sparkmesos_core.conf.checks.rule import APPLICATION, Found, Rules, Subject
from sparkmesos_core.conf.finding import Severity

RULES = Rules()


@RULES.add(
    "dynamic-allocation-without-shuffle",
    Severity.ERROR,
    "dynamic allocation without the external shuffle service, or what else keeps shuffle files (shuffle "
    "tracking, Spark's default from 3.4 on; decommissioning), so that the driver refuses to start",
    modes=APPLICATION,
)
def _dynamic_shuffle(subject: Subject) -> Iterable[Found]:
    if not subject.dynamic_allocation or subject.is_fine_grained:
        return
    if subject.value("spark.shuffle.service.enabled") is not False or _keeps_shuffle_files(subject):
        return
    yield Found(
        "Dynamic allocation needs the external shuffle service, or shuffle tracking (Spark 3.0 and newer)",
        "Start the service on all agents (`sparkmesos start-shuffle-service`) and set "
        "spark.shuffle.service.enabled=true, as --dynamic-allocation of `submit` does; or set "
        "spark.dynamicAllocation.shuffleTracking.enabled=true.",
        "spark.dynamicAllocation.enabled",
    )


@RULES.add(
    "dynamic-allocation-limits",
    Severity.ERROR,
    "`spark.dynamicAllocation.minExecutors` above `maxExecutors`, or no executor allowed at all",
    modes=APPLICATION,
)
def _dynamic_limits(subject: Subject) -> Iterable[Found]:
    if not subject.dynamic_allocation or subject.is_fine_grained:
        return
    least_key, most_key = (f"spark.dynamicAllocation.{one}Executors" for one in ("min", "max"))
    least, most = subject.value(least_key) or 0, subject.value(most_key)
    if most is not None and most <= 0:
        yield Found(f"{most_key} is {most}: no executor could start", "Set it to 1 or more.", most_key)
    elif most is not None and least > most:
        yield Found(
            f"{least_key} is {least}, above {most_key}, which is {most}",
            "Lower the one, or raise the other.",
            least_key,
        )


@RULES.add(
    "dynamic-allocation-cores-unset",
    Severity.WARNING,
    "dynamic allocation without `spark.executor.cores` and `spark.cores.max` on a cluster that others may "
    "use: Spark asks for an executor for each task, and each takes all that an agent has",
    modes=APPLICATION,
)
def _dynamic_cores(subject: Subject) -> Iterable[Found]:
    # `ResourceProfile.calculateTasksAndLimitingResource` counts one task for each executor where the cores of
    # executors are not set, which on Mesos means all that are offered.
    master = subject.circumstances.master
    if not subject.dynamic_allocation or subject.is_fine_grained:
        return
    if master is None or is_local_master(master, subject.mode):
        return
    if subject.setting("spark.executor.cores") is None and subject.setting("spark.cores.max") is None:
        yield Found(
            "Spark asks for one executor for each waiting task, and takes all cores of an agent for each, "
            "since spark.executor.cores is not set",
            "Set spark.executor.cores, so that it knows how many tasks an executor runs; or spark.cores.max.",
            "spark.dynamicAllocation.enabled",
        )


def _keeps_shuffle_files(subject: Subject) -> bool:
    """Whether something else than the shuffle service does, or may do as far as is known here."""
    if subject.setting("spark.shuffle.sort.io.plugin.class") is not None:
        return True  # which may keep them elsewhere
    if subject.before(3):
        return False
    tracking = subject.setting("spark.dynamicAllocation.shuffleTracking.enabled")
    if tracking is None:
        if not subject.before(3, 4):
            return True
    elif tracking.value.strip().lower() != "false":
        return True
    decommission = subject.setting("spark.decommission.enabled") or subject.setting(
        "spark.storage.decommission.enabled"
    )
    return not subject.before(3, 1) and decommission is not None

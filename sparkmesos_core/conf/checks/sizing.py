"""Rules about cores, memory, the number of executors, and the options of their JVMs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.connection import is_local_master
from sparkmesos_core.conf.checks.rule import (
    APPLICATION,
    Found,
    Rules,
    Subject,
    severity_without_effect,
)
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.values.java_options import definitions
from sparkmesos_core.conf.values.sizes import parse_size
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

RULES = Rules()

LEAST_HEAP = 450
"""MiB below which Spark 2.0 to 3.5 refuses to start a driver or executor (`UnifiedMemoryManager`)."""
_JAVA_SIZE = re.compile(r"[0-9]+[kKmMgGtT]?")
"""What the JVM takes behind -Xmx: no blank, no second letter."""


@RULES.add(
    "cores-max-unset",
    Severity.WARNING,
    "`spark.cores.max` unset on a cluster that others may use; not with dynamic allocation, an embedded "
    "master or one on this machine",
    modes=APPLICATION,
)
def _cores_max_unset(subject: Subject) -> Iterable[Found]:
    master = subject.circumstances.master
    if master is None or is_local_master(master, subject.mode):
        return
    if (
        subject.setting("spark.cores.max") is None
        and not subject.dynamic_allocation
        and not subject.is_fine_grained
    ):
        yield Found(
            "spark.cores.max is not set: the application takes every core that Mesos offers it, and keeps it",
            "Set spark.cores.max, or --total-executor-cores, to what it is to have.",
        )


@RULES.add(
    "fine-grained",
    Severity.NOTE,
    "`spark.mesos.coarse=false`: fine-grained mode is deprecated since Spark 2.0",
    modes=APPLICATION,
)
def _fine_grained(subject: Subject) -> Iterable[Found]:
    if subject.is_fine_grained and not subject.since(4):
        yield Found(
            "Fine-grained mode is deprecated since Spark 2.0",
            "Dynamic allocation gives idle executors back, too.",
            "spark.mesos.coarse",
        )


@RULES.add(
    "fine-grained-gone",
    Severity.ERROR,
    "`spark.mesos.coarse=false` with Spark 4, which has no fine-grained mode; a warning in cluster mode, "
    "where drivers may have another Spark",
    modes=APPLICATION,
)
def _fine_grained_gone(subject: Subject) -> Iterable[Found]:
    if subject.is_fine_grained and subject.since(4):
        yield Found(
            f"Spark {subject.circumstances.spark_version} has no fine-grained mode on Mesos",
            "Leave out spark.mesos.coarse: dynamic allocation gives idle executors back, too.",
            "spark.mesos.coarse",
            Severity.WARNING if subject.mode is Mode.CLUSTER else None,
        )


@RULES.add(
    "cores-max-too-small",
    Severity.ERROR,
    "`spark.cores.max` below `spark.executor.cores`: no executor would ever start",
    modes=APPLICATION,
)
def _cores_max_small(subject: Subject) -> Iterable[Found]:
    most, each = _cores(subject)
    if most is not None and each is not None and 0 < most < each:
        yield Found(
            f"spark.cores.max is {most}, but each executor wants {each} cores (spark.executor.cores): "
            "none would ever start",
            "Raise spark.cores.max, or lower spark.executor.cores.",
            "spark.cores.max",
        )


@RULES.add(
    "cores-max-no-multiple",
    Severity.WARNING,
    "`spark.cores.max` that is no multiple of `spark.executor.cores`: the rest is never used",
    modes=APPLICATION,
)
def _cores_max_rest(subject: Subject) -> Iterable[Found]:
    most, each = _cores(subject)
    if most is not None and each is not None and most >= each and most % each:
        yield Found(
            f"spark.cores.max is {most}, of which executors of {each} cores use {most - most % each}",
            f"Set it to {most - most % each} or {most - most % each + each}.",
            "spark.cores.max",
        )


@RULES.add(
    "executor-too-small-for-task",
    Severity.ERROR,
    "`spark.executor.cores` below `spark.task.cpus`: no task would fit an executor",
    modes=APPLICATION,
)
def _task_cpus(subject: Subject) -> Iterable[Found]:
    each, task = subject.value("spark.executor.cores"), subject.value("spark.task.cpus")
    if each is not None and task is not None and 0 < each < task:
        yield Found(
            f"Executors have {each} cores (spark.executor.cores), but each task wants {task} "
            "(spark.task.cpus)",
            "Raise spark.executor.cores, or lower spark.task.cpus.",
            "spark.executor.cores",
        )


@RULES.add(
    "executor-cores-unset",
    Severity.WARNING,
    "`spark.task.cpus` above 1 without `spark.executor.cores`: with Spark 3 an executor takes what an agent "
    "offers, be it too little for a task",
    modes=APPLICATION,
)
def _task_cpus_alone(subject: Subject) -> Iterable[Found]:
    each, task = subject.value("spark.executor.cores"), subject.value("spark.task.cpus")
    if subject.since(4) or subject.is_fine_grained:
        return  # our backend declines such an offer
    if each is None and task is not None and task > 1:
        yield Found(
            f"Each task wants {task} cores (spark.task.cpus), but an executor takes what an agent offers, "
            "and with fewer it keeps them and runs nothing",
            f"Set spark.executor.cores to a multiple of {task}.",
            "spark.task.cpus",
        )


@RULES.add(
    "heap-too-small",
    Severity.ERROR,
    f"driver or executor memory below the {LEAST_HEAP} MiB that Spark demands; a number without a unit "
    "means bytes",
    modes=APPLICATION,
)
def _heap(subject: Subject) -> Iterable[Found]:
    if any(
        key.startswith("spark.testing.") or key == "spark.memory.useLegacyMode"
        for key in subject.configuration
    ):
        return  # which move the limit
    for key in ("spark.driver.memory", "spark.executor.memory"):
        text = subject.text(key)
        if text is None or (mebibytes := _mebibytes(text)) is None or subject.value(key) is None:
            continue
        if mebibytes < LEAST_HEAP:
            bare = text.strip().isdigit()
            yield Found(
                f"{key} is {'less than ' if mebibytes == 0 else ''}{max(mebibytes, 1)} MiB, but Spark "
                "demands "
                f"{LEAST_HEAP} MiB",
                "A number without a unit means bytes: write 1024m or 1g." if bare else "Give it more memory.",
                key,
            )


@RULES.add(
    "heap-not-for-java",
    Severity.ERROR,
    "memory of the driver, or of a daemon (`SPARK_DAEMON_MEMORY`), that Java does not understand, to which "
    "Spark gives it as it is: `2gb`",
)
def _java_heap(subject: Subject) -> Iterable[Found]:
    hint = "Write digits and one letter for the unit, k, m, g or t, as in 512m or 2g."
    if not subject.circumstances.is_application:
        name = "SPARK_DAEMON_MEMORY"
        text = subject.variable(name)
        if text and not _JAVA_SIZE.fullmatch(text):
            message = f"{name} is {quoted(text)}, which becomes a -Xmx that Java does not understand"
            yield Found(message, hint, origin=subject.variable_origin(name))
        return
    # In cluster mode, too: the dispatcher passes it on as --conf, which is stronger than its --driver-memory.
    key = "spark.driver.memory"
    text = subject.text(key)
    if text is not None and subject.value(key) is not None and not _JAVA_SIZE.fullmatch(text):
        yield Found(f"{key} is {quoted(text)}, which becomes a -Xmx that Java does not understand", hint, key)


@RULES.add(
    "heap-in-java-options",
    Severity.ERROR,
    "`-Xmx` among the options of a JVM, which Spark refuses",
)
def _xmx(subject: Subject) -> Iterable[Found]:
    if subject.circumstances.is_application:
        for role in ("driver", "executor"):
            for kind in ("extraJavaOptions", "defaultJavaOptions"):
                key = f"spark.{role}.{kind}"
                if "Xmx" in (subject.text(key) or ""):  # the launcher looks for no more than that
                    yield Found(
                        f"{key} sets the size of the heap (-Xmx), which Spark refuses",
                        f"Set spark.{role}.memory instead.",
                        key,
                    )
        return
    names = ["SPARK_DAEMON_JAVA_OPTS"]
    if subject.mode is Mode.SHUFFLE_SERVICE:
        names.append("SPARK_SHUFFLE_OPTS")
    for name in names:
        if "Xmx" in (subject.variable(name) or ""):
            yield Found(
                f"{name} sets the size of the heap (-Xmx), which Spark refuses",
                "Set SPARK_DAEMON_MEMORY instead.",
                origin=subject.variable_origin(name),
            )


@RULES.add(
    "properties-in-java-options",
    Severity.ERROR,
    "`-Dspark.…` in `spark.executor.extraJavaOptions`, which Spark refuses",
    modes=APPLICATION,
)
def _definitions(subject: Subject) -> Iterable[Found]:
    key = "spark.executor.extraJavaOptions"
    text = subject.text(key) or ""
    if "-Dspark" not in text:
        return
    try:
        names = [name for name, _ in definitions(text) if name.startswith("spark")]
    except UsageError:
        names = []
    yield Found(
        f"{key} sets {names[0] if names else 'a property of Spark'}, which Spark refuses",
        "Set the property itself: executors get the driver's.",
        key,
    )


@RULES.add(
    "executor-instances-ignored",
    Severity.WARNING,
    "`spark.executor.instances`, which means nothing on Mesos without dynamic allocation; a note if it "
    "comes from a file",
    modes=APPLICATION,
)
def _instances(subject: Subject) -> Iterable[Found]:
    key = "spark.executor.instances"
    setting = subject.setting(key)
    if setting is None or subject.dynamic_allocation or subject.is_fine_grained:
        return
    count, each = subject.value(key), subject.value("spark.executor.cores")
    cores = f"{count * each}" if count and each else "N times spark.executor.cores"
    yield Found(
        f"{key} has no effect on Mesos, where executors start until spark.cores.max is reached",
        f"Set spark.cores.max to {cores} instead.",
        key,
        severity_without_effect(setting),
    )


@RULES.add(
    "block-manager-port",
    Severity.NOTE,
    "a fixed `spark.blockManager.port`, which allows one executor per agent, and only where the port is "
    "offered",
    modes=APPLICATION,
)
def _block_manager(subject: Subject) -> Iterable[Found]:
    key = "spark.blockManager.port"
    if subject.value(key) and not subject.is_fine_grained:
        yield Found(
            f"{key} is fixed: each agent runs at most one executor, and only if it offers this port",
            "Agents offer 31000 to 32000 unless told otherwise.",
            key,
        )


def _cores(subject: Subject) -> tuple[int | None, int | None]:
    """What an application and each of its executors may have; None if not set, or if neither counts."""
    if subject.is_fine_grained:
        return None, None
    most, each = subject.value("spark.cores.max"), subject.value("spark.executor.cores")
    return most, each if each is None or each > 0 else None


def _mebibytes(text: str) -> int | None:
    try:
        return parse_size(text, "b") // (1024 * 1024)
    except UsageError:
        return None

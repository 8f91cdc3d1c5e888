"""The memory of containers: what a JVM gets as its heap, and what its container needs besides.

All numbers are MiB. Where Spark's releases went wrong (the heap of a driver was made as large as its
container; an overhead was added twice; `spark.driver.memoryOverhead` with a unit was refused), this is what
was meant.
"""

from __future__ import annotations

from sparkmesos_core.errors import UsageError

LEAST_OVERHEAD = 384
DEFAULT_FACTOR = 0.10
"""Of `spark.driver.memoryOverheadFactor` and `spark.executor.memoryOverheadFactor`."""

_LARGEST = 2**31 - 1


def container_memory(heap: int, overhead: int | None = None, factor: float = DEFAULT_FACTOR) -> int:
    """The memory of the container of a driver or executor whose heap is `heap`.

    `overhead` is what the configuration says (`driver_overhead`, or `spark.mesos.executor.memoryOverhead` for
    an executor); without it, it is `factor` times the heap, at least 384, as `MesosSchedulerUtils` has it.
    Raises UsageError for less than nothing and for more than Spark's numbers hold.
    """
    extra = max(_share(heap, factor), LEAST_OVERHEAD) if overhead is None else overhead
    if extra < 0:
        raise UsageError(f"The memory overhead {extra} is negative", hint="Write the MiB to add to the heap.")
    if heap + extra > _LARGEST:
        raise UsageError(
            f"A heap of {heap} MiB and an overhead of {extra} MiB are more than Spark can count",
            hint="Ask for less memory.",
        )
    return heap + extra


def driver_overhead(mesos: int | None, generic: int | None) -> int | None:
    """The overhead of a driver that the configuration asks for; None if it leaves that to the factor.

    `mesos` is `spark.mesos.driver.memoryOverhead`, which wins, `generic` is `spark.driver.memoryOverhead`.
    """
    return generic if mesos is None else mesos


def _share(heap: int, factor: float) -> int:
    """`factor` of the heap, cut off to whole MiB."""
    share = factor * heap
    if not share <= _LARGEST:
        raise UsageError(
            f"The memory overhead factor {factor} makes an overhead that Spark cannot count",
            hint="Write the part of the heap to add to it, as in 0.1.",
        )
    return int(share) if share > 0 else 0

"""How submissions and the tasks of their drivers are named, as Spark's dispatcher names them."""

from __future__ import annotations

from datetime import datetime, timezone

_RETRY = "-retry-"


def submission_id(number: int, now: float) -> str:
    """`driver-20260131120000-0001`: of the driver of this number, accepted now (seconds since 1970, in UTC).

    In Spark the number begins again with each start and the time is local, so an id can come twice
    (`MesosClusterScheduler.newDriverId`). Here the number never does.
    """
    date = datetime.fromtimestamp(now, timezone.utc)
    return f"driver-{date:%Y%m%d%H%M%S}-{number:04d}"


def task_id(driver_id: str, launches: int) -> str:
    """The task of the next launch of a driver that was launched so often before."""
    return f"{driver_id}{_RETRY}{launches}" if launches else driver_id


def driver_id_of(task: str) -> str:
    """The driver that a task belongs to."""
    return task.partition(_RETRY)[0]


def driver_framework_id(framework_id: str, task: str) -> str:
    """The id that the driver's own framework registers under: known beforehand, so that it can be found."""
    return f"{framework_id}-{task}"

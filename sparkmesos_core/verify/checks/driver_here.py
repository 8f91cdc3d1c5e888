"""Checks of a driver that runs on this machine, which drivers of cluster mode do not."""

from __future__ import annotations

from functools import wraps

from sparkmesos_core.verify.check import CheckFunction, Verdict, not_applicable
from sparkmesos_core.verify.facts.client import drives_here
from sparkmesos_core.verify.known import Known


def of_driver_here(run: CheckFunction) -> CheckFunction:
    """The check, which has nothing to look at where the driver will run on an agent."""

    @wraps(run)
    def checked(known: Known) -> Verdict:
        if not drives_here(known.subject):
            return not_applicable("in cluster mode the driver runs on an agent: this machine does not matter")
        return run(known)

    return checked

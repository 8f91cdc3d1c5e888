"""Checks of the executors' archive, which there may be none of, or none that can be looked at from here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from sparkmesos_core.verify.check import CheckFunction, Verdict, not_applicable
from sparkmesos_core.verify.facts.distribution import READABLE, ArchiveLook
from sparkmesos_core.verify.known import Known

NO_URI = not_applicable("no executor URI is set")


def of_archive(run: Callable[[Known, ArchiveLook], Verdict]) -> CheckFunction:
    """A check that is given what is seen of the archive, if there is one and something can be seen of it."""

    @wraps(run)
    def checked(known: Known) -> Verdict:
        look = known[READABLE]
        if look is None:
            return NO_URI
        if look.look.unknown:
            return not_applicable("it cannot be looked at from here: see uri-reachable")
        return run(known, look)

    return checked

"""Whether a shuffle service will ever remove files, which a dump of its threads tells.

`MesosExternalBlockHandler` schedules its cleaner in its constructor, to run at once, before the statement
that makes the map which the cleaner looks into. Where the new thread is faster, the cleaner meets a
NullPointerException; `scheduleAtFixedRate` never runs such a task again, and drops the exception. All else
works, but the service never deletes a file. Nothing from outside changes the order of the two (no property
delays the first run, no option of the JVM a new thread), so one that has lost this race is started again.

The thread stays in both cases: in one it waits until it is time to look again (TIMED_WAITING), in the other
it waits for work without a time (WAITING).
"""

from __future__ import annotations

import re

THREAD = "shuffle-cleaner-watcher"
STARTS = 5
"""How often a service is started at most for the sake of its cleaner."""
AGAIN = "Spark's cleaner of shuffle files has died as it started: starting the service again"
DEAD = (
    f"Spark's cleaner of shuffle files has died in each of {STARTS} starts: the service goes on without, and "
    "will not delete the shuffle files of applications that have ended"
)

_STATE = re.compile(rf'^"{THREAD}"[^\n]*\n\s+java\.lang\.Thread\.State: (\w+)', re.MULTILINE)


def cleaner_lives(dump: str) -> bool | None:
    """Whether the cleaner will run again, by a dump of all threads; None if it cannot be told just then."""
    found = _STATE.search(dump)
    return None if found is None else {"TIMED_WAITING": True, "WAITING": False}.get(found[1])

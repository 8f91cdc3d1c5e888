"""The application of `verify-cluster --probe-spark`: it waits for executors, and lets each of them work.

Usage: spark_application.py EXECUTORS SECONDS PID

Its executors run no Python. It says on stdout, in lines that begin with MARK, what there is to know, and ends
when so many executors have run a task, when the time is up, or with the process PID. It stands alone, since
Spark's Python, and not ours, runs it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from pyspark import SparkContext

MARK = "SPARKMESOS-PROBE "

_PAUSE_SECONDS = 0.2


def tell(**content: Any) -> None:
    """A line for who has started us."""
    print(MARK + json.dumps(content), flush=True)


def executors(context: Any) -> list[tuple[str, str, int]]:
    """The executors that have ever registered: id, host and port, and how many tasks they have completed."""
    # Of Spark's own classes, since Python has no interface for it.
    listed = context._jsc.sc().statusStore().executorList(False)
    every = [listed.apply(number) for number in range(listed.size())]
    return [(one.id(), one.hostPort(), one.completedTasks()) for one in every if one.id() != "driver"]


def work(context: Any, tasks: int) -> None:
    """Counts numbers, in the JVMs alone; on the way executors fetch from each other what they count."""
    numbers = context._jsc.sc().range(0, 100 * tasks, 1, tasks)
    numbers.repartition(tasks, None).count()


def end_with(pid: int) -> None:
    """Ends this process, and with it its JVM, when the process `pid` is there no more."""
    while True:
        try:
            os.kill(pid, 0)
        except OSError:
            os._exit(1)  # the JVM ends with its Python
        time.sleep(_PAUSE_SECONDS)


def main() -> None:
    """Waits for executors, and keeps those that there are busy until each has done something."""
    wanted, seconds, pid = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    deadline = time.monotonic() + seconds
    threading.Thread(target=end_with, args=(pid,), daemon=True).start()
    with SparkContext() as context:
        tell(framework=context.applicationId)
        told: set[tuple[str, bool]] = set()
        while True:
            found = executors(context)
            for name, host, tasks in found:
                if (name, tasks > 0) not in told:
                    told.add((name, tasks > 0))
                    tell(executor=name, host=host, worked=tasks > 0)
            if sum(worked for _, worked in told) >= wanted or time.monotonic() > deadline:
                break
            if any(not tasks for _, _, tasks in found):
                work(context, 4 * len(found))
            else:
                time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main()

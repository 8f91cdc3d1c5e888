"""The dispatcher's numbers for Prometheus, in its text format 0.0.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sparkmesos_core.dispatcher.dispatcher import Dispatcher
from sparkmesos_core.dispatcher.drivers.driver import Outcome, State
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.http_service.prometheus_text import metric, process_metrics

_PREFIX = "sparkmesos_dispatcher"
_STATES = {
    State.QUEUED: "queued",
    State.LAUNCHED: "launched",
    State.RETRYING: "retrying",
    State.FINISHED: "finished",
}


def metrics_text(dispatcher: Dispatcher, settings: PagesSettings, now: float) -> str:
    """All metrics as they are now, each with what it means."""
    condition = dispatcher.condition
    states: Counter[State] = Counter()
    outcomes: Counter[Outcome] = Counter()
    queues: Counter[str] = Counter()
    oldest = now
    retries, cores, memory = 0, 0.0, 0
    for driver in dispatcher.drivers():
        states[driver.state] += 1
        if driver.outcome is not None:
            outcomes[driver.outcome] += 1
        if driver.state is State.QUEUED:
            queues[driver.submission.queue] += 1
            oldest = min(oldest, driver.submitted_at)
        elif driver.state is State.LAUNCHED:
            cores += driver.submission.cores
            memory += driver.submission.memory
        elif driver.state is State.RETRYING:
            retries = max(retries, driver.retries)
    prefix = _PREFIX
    blocks = [
        *_itself(settings, ready=condition.ready, leads=True),
        metric(
            f"{prefix}_subscribed", "Whether Mesos knows the dispatcher now.", [({}, condition.subscribed)]
        ),
        metric(
            f"{prefix}_drivers",
            "Drivers by state; of finished ones those that are remembered.",
            [({"state": name}, states[state]) for state, name in _STATES.items()],
        ),
        metric(
            f"{prefix}_finished_drivers",
            "Remembered drivers that have ended, by outcome.",
            [({"outcome": outcome.value}, outcomes[outcome]) for outcome in Outcome],
        ),
        metric(
            f"{prefix}_queued_drivers",
            "Queued drivers by the queue they were submitted to.",
            [({"queue": queue}, count) for queue, count in sorted(queues.items())],
        ),
        metric(
            f"{prefix}_oldest_queued_seconds",
            "For how long the driver that was submitted first of all queued ones has waited.",
            [({}, max(0.0, now - oldest))],
        ),
        metric(f"{prefix}_launched_cores", "Cores of launched drivers.", [({}, cores)]),
        metric(f"{prefix}_launched_memory_mebibytes", "Memory of launched drivers.", [({}, memory)]),
        metric(
            f"{prefix}_most_retries", "Most retries of a driver that waits to be retried.", [({}, retries)]
        ),
        metric(
            f"{prefix}_max_drivers",
            "How many drivers may be launched at a time.",
            [({}, settings.max_drivers)],
        ),
        *process_metrics(),
    ]
    return "".join(blocks)


def standby_metrics_text(settings: PagesSettings, *, ready: bool) -> str:
    """Those of a dispatcher that passes requests on to another one; `ready` says whether it can."""
    return "".join([*_itself(settings, ready=ready, leads=False), *process_metrics()])


def _itself(settings: PagesSettings, *, ready: bool, leads: bool) -> Iterable[str]:
    yield metric(f"{_PREFIX}_info", "What runs here; always 1.", [({"version": settings.version}, 1)])
    yield metric(f"{_PREFIX}_ready", "Whether submissions are taken.", [({}, ready)])
    yield metric(f"{_PREFIX}_leads", "Whether it launches drivers, or else stands by.", [({}, leads)])

"""The dispatcher's numbers for Prometheus, in its text format 0.0.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import psutil

from sparkmesos_core.dispatcher.dispatcher import Dispatcher
from sparkmesos_core.dispatcher.drivers.driver import Outcome, State
from sparkmesos_core.dispatcher.server.settings import PagesSettings

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "sparkmesos_dispatcher"
_STATES = {
    State.QUEUED: "queued",
    State.LAUNCHED: "launched",
    State.RETRYING: "retrying",
    State.FINISHED: "finished",
}
_Sample = tuple[Mapping[str, str], float]


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
        _metric(
            f"{prefix}_subscribed", "Whether Mesos knows the dispatcher now.", [({}, condition.subscribed)]
        ),
        _metric(
            f"{prefix}_drivers",
            "Drivers by state; of finished ones those that are remembered.",
            [({"state": name}, states[state]) for state, name in _STATES.items()],
        ),
        _metric(
            f"{prefix}_finished_drivers",
            "Remembered drivers that have ended, by outcome.",
            [({"outcome": outcome.value}, outcomes[outcome]) for outcome in Outcome],
        ),
        _metric(
            f"{prefix}_queued_drivers",
            "Queued drivers by the queue they were submitted to.",
            [({"queue": queue}, count) for queue, count in sorted(queues.items())],
        ),
        _metric(
            f"{prefix}_oldest_queued_seconds",
            "For how long the driver that was submitted first of all queued ones has waited.",
            [({}, max(0.0, now - oldest))],
        ),
        _metric(f"{prefix}_launched_cores", "Cores of launched drivers.", [({}, cores)]),
        _metric(f"{prefix}_launched_memory_mebibytes", "Memory of launched drivers.", [({}, memory)]),
        _metric(
            f"{prefix}_most_retries", "Most retries of a driver that waits to be retried.", [({}, retries)]
        ),
        _metric(
            f"{prefix}_max_drivers",
            "How many drivers may be launched at a time.",
            [({}, settings.max_drivers)],
        ),
        *_process(),
    ]
    return "".join(blocks)


def standby_metrics_text(settings: PagesSettings, *, ready: bool) -> str:
    """Those of a dispatcher that passes requests on to another one; `ready` says whether it can."""
    return "".join([*_itself(settings, ready=ready, leads=False), *_process()])


def _itself(settings: PagesSettings, *, ready: bool, leads: bool) -> Iterable[str]:
    yield _metric(f"{_PREFIX}_info", "What runs here; always 1.", [({"version": settings.version}, 1)])
    yield _metric(f"{_PREFIX}_ready", "Whether submissions are taken.", [({}, ready)])
    yield _metric(f"{_PREFIX}_leads", "Whether it launches drivers, or else stands by.", [({}, leads)])


def _process() -> Iterable[str]:
    """The process itself, under the names that Prometheus' own clients use."""
    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        yield _metric(
            "process_cpu_seconds_total",
            "Processor time, of user and system.",
            [({}, times.user + times.system)],
            kind="counter",
        )
        yield _metric("process_resident_memory_bytes", "Memory in RAM.", [({}, process.memory_info().rss)])
        yield _metric("process_open_fds", "Open file descriptors.", [({}, process.num_fds())])
        yield _metric(
            "process_start_time_seconds", "When it started, since 1970.", [({}, process.create_time())]
        )


def _metric(name: str, meaning: str, samples: Iterable[_Sample], kind: str = "gauge") -> str:
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{shown}}} {_number(value)}" if shown else f"{name} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))

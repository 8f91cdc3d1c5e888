"""Numbers for Prometheus, in its text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psutil

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]
"""Labels and a value."""


def metric(name: str, meaning: str, samples: Iterable[Sample], kind: str = "gauge") -> str:
    """The lines of one metric, with what it means."""
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{shown}}} {_number(value)}" if shown else f"{name} {_number(value)}")
    return "\n".join(lines) + "\n"


def process_metrics() -> Iterable[str]:
    """Those of this process itself, under the names that Prometheus' own clients use."""
    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        yield metric(
            "process_cpu_seconds_total",
            "Processor time, of user and system.",
            [({}, times.user + times.system)],
            kind="counter",
        )
        yield metric("process_resident_memory_bytes", "Memory in RAM.", [({}, process.memory_info().rss)])
        yield metric("process_open_fds", "Open file descriptors.", [({}, process.num_fds())])
        yield metric(
            "process_start_time_seconds", "When it started, since 1970.", [({}, process.create_time())]
        )


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))

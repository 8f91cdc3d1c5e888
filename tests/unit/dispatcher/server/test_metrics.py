"""What Prometheus reads."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

from sparkmesos_core.dispatcher.server.metrics import metrics_text
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from tests.in_memory_dispatcher import STARTED_AT, InMemoryDispatcher
from tests.sample_drivers import SUBMISSION, sample_dispatcher, sample_driver

SETTINGS = PagesSettings(address="mesos://h:7077", max_drivers=200, version="1.2.3")
NOW = STARTED_AT + 100000.0
_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (-?[0-9.e+-]+)')


def samples(text: str) -> dict[str, float]:
    """All samples, by what stands in front of their values, after a check of the format."""
    found: dict[str, float] = {}
    described: set[str] = set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# "):
            _, kind, name, rest = line.split(" ", 3)
            assert kind in ("HELP", "TYPE")
            assert kind == "HELP" or rest in ("gauge", "counter")
            described.add(f"{kind} {name}")
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        assert {f"HELP {match[1]}", f"TYPE {match[1]}"} <= described
        found[line.rpartition(" ")[0]] = float(match[3])
    return found


def test_drivers_by_state_outcome_and_queue() -> None:
    found = samples(metrics_text(sample_dispatcher(NOW), SETTINGS, NOW))
    prefix = "sparkmesos_dispatcher"
    assert {name: found[f'{prefix}_drivers{{state="{name}"}}'] for name in ("queued", "launched")} == {
        "queued": 3,
        "launched": 4,
    }
    assert found[f'{prefix}_drivers{{state="retrying"}}'] == 1
    assert found[f'{prefix}_drivers{{state="finished"}}'] == 5
    assert found[f'{prefix}_finished_drivers{{outcome="failed"}}'] == 2
    assert found[f'{prefix}_finished_drivers{{outcome="succeeded"}}'] == 1
    assert found[f'{prefix}_queued_drivers{{queue="default"}}'] == 2
    assert found[f'{prefix}_queued_drivers{{queue="urgent"}}'] == 1
    assert found[f"{prefix}_oldest_queued_seconds"] == 200
    assert found[f"{prefix}_launched_cores"] == 6.5
    assert found[f"{prefix}_launched_memory_mebibytes"] == 4 * 2432
    assert found[f"{prefix}_most_retries"] == 3
    assert found[f"{prefix}_max_drivers"] == 200
    assert found[f'{prefix}_info{{version="1.2.3"}}'] == 1


def test_an_idle_dispatcher_and_one_that_is_not_ready() -> None:
    dispatcher = InMemoryDispatcher()
    found = samples(metrics_text(dispatcher, SETTINGS, NOW))
    assert found['sparkmesos_dispatcher_drivers{state="queued"}'] == 0
    assert found["sparkmesos_dispatcher_oldest_queued_seconds"] == 0
    assert found["sparkmesos_dispatcher_ready"] == found["sparkmesos_dispatcher_subscribed"] == 1
    dispatcher.condition = replace(dispatcher.condition, ready=False, subscribed=False)
    found = samples(metrics_text(dispatcher, SETTINGS, NOW))
    assert found["sparkmesos_dispatcher_ready"] == found["sparkmesos_dispatcher_subscribed"] == 0


def test_names_of_queues_cannot_break_the_format() -> None:
    dispatcher = InMemoryDispatcher()
    evil = 'a"} 1\n# TYPE x\\'
    driver = sample_driver(1, NOW, replace(SUBMISSION, queue=evil))
    dispatcher.by_id = {driver.id: driver}
    found = samples(metrics_text(dispatcher, SETTINGS, NOW))
    assert found['sparkmesos_dispatcher_queued_drivers{queue="a\\"} 1\\n# TYPE x\\\\"}'] == 1


def test_the_process_itself() -> None:
    found = samples(metrics_text(InMemoryDispatcher(), SETTINGS, NOW))
    assert found["process_resident_memory_bytes"] > 1 << 20
    assert found["process_cpu_seconds_total"] > 0
    assert 0 < found["process_open_fds"] < 1 << 20
    assert found["process_start_time_seconds"] <= time.time()


def test_the_reference_lists_exactly_these_metrics() -> None:
    page = (Path(__file__).parents[4] / "docs/reference/dispatcher-pages.md").read_text(encoding="utf-8")
    listed = re.findall(r"`((?:sparkmesos_dispatcher|process)_\w+)`", page.partition("## Metrics")[2])
    text = metrics_text(InMemoryDispatcher(), SETTINGS, NOW)
    made = re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)
    assert sorted(set(listed)) == sorted(made)

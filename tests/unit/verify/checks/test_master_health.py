"""What is said about how a master is."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.checks.master_health import (
    Traffic,
    judge_clock,
    judge_elections,
    judge_quorum,
    judge_registry,
    judge_traffic,
    skew,
    traffic_of,
)
from sparkmesos_core.verify.facts.master_answers import Health, MasterTimes


def health(date: float | None, asked_at: float, answered_at: float) -> Health:
    told = datetime.fromtimestamp(date, timezone.utc) if date is not None else None
    return Health(200, "200 OK", told, asked_at, answered_at)


def test_the_error_of_a_clocks_reading_is_counted() -> None:
    difference, uncertainty = skew(datetime.fromtimestamp(100, timezone.utc), 99.0, 101.0)
    assert (difference, uncertainty) == (0.5, 1.5)
    assert judge_clock(health(None, 0, 0)).applies is False
    assert judge_clock(health(1000, 1000.9, 1000.95)).problems == ()
    assert judge_clock(health(1005, 1000.5, 1000.6)).problems == ()
    (ahead,) = judge_clock(health(1010, 1000.0, 1000.1)).problems
    assert ahead.message == "The master's clock is 10 s (± 1 s) ahead of this machine's"
    # An answer that took 20 s tells nothing about 8 s.
    assert judge_clock(health(1008, 990.0, 1010.0)).problems == ()
    (behind,) = judge_clock(health(0, 86400.0, 86400.1)).problems
    assert "behind" in behind.message


def test_registries() -> None:
    assert judge_registry({}).problems == ()
    assert judge_registry({"registrar/log/recovered": 1, "registrar/state_store_ms": 30}).problems == ()
    (lost,) = judge_registry({"registrar/log/recovered": 0}).problems
    assert lost.severity is Severity.ERROR
    (missing,) = judge_registry({"master/recovery_slave_removals": 3}).problems
    assert missing.severity is Severity.NOTE
    assert missing.message.startswith("3 agents of the former leader")
    year = {"master/uptime_secs": 365 * 86400.0}
    assert judge_registry({**year, "master/recovery_slave_removals": 3}).problems == ()


def test_registries_that_are_slow() -> None:
    slow = {"registrar/state_store_ms": 12_500.0}
    (long_ago,) = judge_registry(slow).problems
    assert long_ago.severity is Severity.NOTE
    (now,) = judge_registry({**slow, "registrar/queued_operations": 3}).problems
    assert now.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("quorum", "masters", "severity"),
    [
        (1, 1, None),
        (2, 3, None),
        (2, 2, None),
        (3, 5, None),
        (2, 1, Severity.ERROR),
        (3, 2, Severity.ERROR),
        (1, 2, Severity.WARNING),
        (1, 3, Severity.WARNING),
        (2, 4, Severity.WARNING),
    ],
)
def test_quorums(quorum: int, masters: int, severity: Severity | None) -> None:
    found = judge_quorum(quorum, masters).problems
    assert [problem.severity for problem in found] == ([severity] if severity else [])
    assert all(f"--quorum={masters // 2 + 1}" in problem.hint for problem in found)


def test_elections() -> None:
    assert judge_elections(MasterTimes(), None).applies is False
    assert judge_elections(MasterTimes(), 5000).problems == ()
    (young,) = judge_elections(MasterTimes(1000, 1000.5), 10).problems
    assert (young.severity, young.message[:31]) == (Severity.NOTE, "The master has started 10 s ago")
    (changed,) = judge_elections(MasterTimes(1000, 5000), 4030).problems
    assert changed.severity is Severity.WARNING
    assert "changed 30 s ago" in changed.message
    untold = judge_elections(MasterTimes(), 5000)
    assert untold.seen == "it runs for 83 min"
    old = judge_elections(MasterTimes(1000, 5000), 4000 + 3 * 86400)
    assert (old.problems, old.seen) == ((), "it runs for 3 d, and leads for 3 d")


def test_messages() -> None:
    taken = {"master/messages_reregister_slave": 900.0, "master/messages_status_update": 100.0}
    before = traffic_of({**taken, "master/dropped_messages": 5000})
    assert before == Traffic(1000, 5000, {})
    # The counts never fall: what was dropped in a year says nothing about now.
    assert judge_traffic(before, before).problems == ()
    assert judge_traffic(before, Traffic(1100, 5009, {})).problems == ()
    assert judge_traffic(before, Traffic(3000, 5020, {})).problems == ()
    (dropped,) = judge_traffic(before, Traffic(1100, 5040, {})).problems
    assert dropped.severity is Severity.WARNING
    assert dropped.message == ("The leading master drops messages: 40 in a second, while it took 100")


def test_queues() -> None:
    assert traffic_of({"master/event_queue_messages": 1000}).queues == {}
    long = traffic_of({"master/event_queue_dispatches": 1001, "master/event_queue_http_requests": 4000})
    assert long.queues == {"dispatches": 1001, "http requests": 4000}
    assert judge_traffic(long, Traffic(0, 0, {})).problems == ()
    assert judge_traffic(Traffic(0, 0, {}), long).problems == ()
    (queued,) = judge_traffic(long, long).problems
    assert "1001 dispatches, 4000 http requests wait in its queue" in queued.message

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sparkmesos_core.verify.facts.distribution import look_at_uris, seconds_of
from sparkmesos_core.verify.known import Known
from tests.verified import subject


@pytest.fixture
def silent_name_servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The resolver waits, as for name servers that cannot be reached, until the test is over."""
    over = threading.Event()

    def wait(*_arguments: Any, **_options: Any) -> Any:
        over.wait()
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", wait)
    yield
    over.set()


def test_what_is_late_is_told_and_not_held_against_the_file(silent_name_servers: None) -> None:
    with Known(subject(), timeout=60) as known:
        uris = ["http://files.example/a", "/etc/passwd", "http://files.example/a"]
        late, there = look_at_uris(known, uris, time.monotonic() + 0.3)
    assert late.failure is not None
    assert not late.failure.certain
    assert "--check-timeout" in late.failure.hint
    assert (there.failure, len(there.start)) == (None, there.size)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1mins", 60.0),
        ("60secs", 60.0),
        ("1.5hrs", 5400.0),
        ("20ms", 0.02),
        ("2weeks", 1209600.0),
        ("60", None),
        ("60 s", None),
        ("", None),
    ],
)
def test_durations_of_flags(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == (None if seconds is None else pytest.approx(seconds))

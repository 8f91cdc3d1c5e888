from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.verify.facts.distribution import look_at_uris, seconds_of
from sparkmesos_core.verify.known import Known
from tests.http_stub import Answer, http_stub
from tests.verified import subject

FAR = 60.0


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


def test_what_is_late_is_told_and_not_held_against_the_file(
    silent_name_servers: None, tmp_path: Path
) -> None:
    (tmp_path / "b").write_bytes(b"12345")
    with Known(subject(), timeout=FAR) as known:
        uris = ["http://files.example/a", str(tmp_path / "b"), "http://files.example/a"]
        late, there = look_at_uris(known, uris, time.monotonic() + 1)
    assert late.failure is not None
    assert not late.failure.certain
    assert "--check-timeout" in late.failure.hint
    assert (there.failure, there.start, there.size) == (None, b"12345", 5)


def test_no_more_than_the_beginning_is_taken_of_a_server_without_ranges() -> None:
    whole = bytes(3_000_000)
    with http_stub({"/a": Answer(200, whole)}) as stub, Known(subject(), timeout=FAR) as known:
        (look,) = look_at_uris(known, [f"http://{stub.address}/a"], known.deadline(), 1000)
    assert look.size == len(whole)
    assert 1000 <= len(look.start) < 200_000


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

from __future__ import annotations

import pytest

from sparkmesos_core.localcluster.durations import duration_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ns"),
        (0.000_000_5, "500ns"),
        (0.000_25, "250us"),
        (0.3, "300ms"),
        (1, "1secs"),
        (1.5, "1500ms"),
        (5, "5secs"),
        (60, "1mins"),
        (90, "90secs"),
        (900, "15mins"),
        (6 * 3600, "6hrs"),
        (7 * 24 * 3600, "1weeks"),
        (10 * 24 * 3600, "10days"),
        (100.123_456, "1.66872426666667mins"),
    ],
)
def test_as_mesos_prints_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text

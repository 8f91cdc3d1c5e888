"""Where a finding is, as it stands in front of its message."""

from __future__ import annotations

import pytest

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Source

MEMORY = "SPARK_DAEMON_MEMORY"


@pytest.mark.parametrize(
    ("message", "origin", "place"),
    [
        ("x is wrong", None, ""),
        ("x is wrong", Origin(Source.FILE, "/conf", line=3), "/conf:3: "),
        ("x is wrong", Origin(Source.VARIABLE, MEMORY), f"{MEMORY}: "),
        (f"{MEMORY} is wrong", Origin(Source.VARIABLE, MEMORY), ""),
        (f"{MEMORY}=x is wrong", Origin(Source.VARIABLE, MEMORY), ""),
        (f"{MEMORY}_MORE is wrong", Origin(Source.VARIABLE, MEMORY), f"{MEMORY}: "),
        (f"{MEMORY} is wrong", Origin(Source.VARIABLE, MEMORY, script="/env.sh"), "/env.sh: "),
        ("x is wrong", Origin(Source.VARIABLE, MEMORY, script="/env.sh"), f"{MEMORY} (set by /env.sh): "),
    ],
)
def test_the_place_is_told_once(message: str, origin: Origin | None, place: str) -> None:
    assert Finding("rule", Severity.ERROR, message, origin=origin).place == place

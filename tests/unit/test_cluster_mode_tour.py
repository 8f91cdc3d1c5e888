"""The commands of quickstart's tour of cluster mode, played by a stand-in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sparkmesos_core.cluster_mode_tour import Tour
from sparkmesos_core.quickstart import DriverFailedError

# More than a pipe holds.
LONG = 300_000
STAND_IN = f"""
import sys
if sys.argv[1] == "submit":
    print("driver-1")
    print("it runs", file=sys.stderr)
    sys.exit(int(sys.argv[-1]))
sys.stdout.write("x" * {LONG})
sys.stdout.flush()
print("that was all", file=sys.stderr)
"""


def test_what_a_driver_has_printed_may_be_long(tmp_path: Path) -> None:
    said: list[str] = []
    tour = Tour((sys.executable, "-c", STAND_IN), {}, said.append)
    ran = tour.submit("mesos://127.0.0.1:1", tmp_path / "app.py", "0")
    assert (ran.submission_id, ran.exit_code) == ("driver-1", 0)
    assert ran.output == "x" * LONG
    assert [line for line in said if not line.startswith("$")] == ["it runs", "exit code 0", "that was all"]


def test_a_driver_that_failed_is_shown_with_what_it_printed(tmp_path: Path) -> None:
    tour = Tour((sys.executable, "-c", STAND_IN), {}, lambda line: None)
    with pytest.raises(DriverFailedError, match=r"driver-1 of app\.py did not succeed") as failed:
        tour.submit("mesos://127.0.0.1:1", tmp_path / "app.py", "3")
    assert "x" * LONG in failed.value.hint

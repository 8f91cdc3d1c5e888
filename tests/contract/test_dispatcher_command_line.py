"""Command lines of Spark's dispatcher that were recorded: what it refused, ours refuses, before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.dispatcher import daemon
from sparkmesos_core.errors import DaemonError, ExitCode

_RECORDING = Path(__file__).parent / "recordings" / "spark-3.5.9-rest" / "dispatcher-command-line.json"
RUNS: list[dict[str, Any]] = json.loads(_RECORDING.read_text())["runs"]

DIFFERENCES = {
    ("--master", "mesos://127.0.0.1:5061", "--port", "80"): (
        "Spark allows no port below 1024; here the operating system decides, which lets some users have one"
    ),
}


def _started(*_: object, **__: object) -> NoReturn:
    raise DaemonError("this one would be started")


@pytest.mark.parametrize("recorded", RUNS, ids=lambda run: " ".join(run["args"]) or "nothing")
def test_exit_status(
    recorded: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Spark ends with 1 for what it cannot read and with 50 for what it cannot use; here both are usage errors."""
    monkeypatch.setattr(daemon, "start", _started)
    environment = {
        "SPARKMESOS_STATE_DIR": str(tmp_path),
        "SPARK_CONF_DIR": str(tmp_path),
        "SPARK_USER": "ops",
    }
    status = run(["start-dispatcher", *recorded["args"]], Terminal(environment=environment))
    out, err = capsys.readouterr()
    if tuple(recorded["args"]) in DIFFERENCES:
        assert recorded["exit_status"] == 50
        assert "this one would be started" in err
    elif recorded["exit_status"] == 0:
        assert status == ExitCode.OK
        assert "--master" in out
    else:
        assert status == ExitCode.USAGE
        assert out == ""
        assert "hint: " in err

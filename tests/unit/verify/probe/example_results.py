"""Results of probes, made of what tasks say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparkmesos_core.preflight.python_version import Chosen
from sparkmesos_core.verify.probe.plan import ProbePlan
from sparkmesos_core.verify.probe.report import Report
from sparkmesos_core.verify.probe.result import Ending, ProbeResult, TriedAgent

SOUND = {
    "user": "spark",
    "disk.kib": str(50 << 20),
    "disk.write": "done",
    "bash": "/bin/bash",
    "name": "192.0.2.1",
    "driver": "reached",
    "block-manager": "reached",
    "layout": "found",
    "folder": "/sandbox/spark-3.5.9",
    "spark.home": "/sandbox/spark-3.5.9",
    "spark.jar": "spark-core_2.12-3.5.9.jar",
    "java": "/opt/java/bin/java",
    "java.runs": "yes",
    "java.says": 'openjdk version "17.0.9" 2023-10-17',
    "class": "runs",
    "python": "3.11",
    "end": "yes",
}


def plan(**fields: Any) -> ProbePlan:
    given: dict[str, Any] = {
        "user": "spark",
        "role": "*",
        "host": "driver.example",
        "driver_port": 7001,
        "block_manager_port": 7002,
        "uris": ("http://dist.example/spark-3.5.9.tgz",),
        "archive": "http://dist.example/spark-3.5.9.tgz",
        "python": Chosen("python3", ""),
    }
    return ProbePlan(**{**given, **fields})


def agent(number: int = 1, *, without: Sequence[str] = (), **said: Any) -> TriedAgent:
    """One that has told everything; `said` has underscores in the place of dots and hyphens."""
    names = {
        name.replace(".", "_").replace("-", "_"): name for name in (*SOUND, "layout.holds", "class.says")
    }
    told = {**SOUND, **{names.get(name, name.replace("_", ".")): text for name, text in said.items()}}
    lines = {name: tuple(text.split("\n")) for name, text in told.items() if name not in without}
    return TriedAgent(f"S{number}", f"agent{number}", Ending.TOLD, Report(lines), "TASK_FINISHED")


def failed(number: int = 1, message: str = "", *output: str, **fields: Any) -> TriedAgent:
    """One whose task has told nothing."""
    given = {"ending": Ending.ENDED, "state": "TASK_FAILED", "message": message, "output": output, **fields}
    return TriedAgent(f"S{number}", f"agent{number}", **given)


def result(*agents: TriedAgent, **fields: Any) -> ProbeResult:
    made = {"plan": plan(), "patience": 10.0, "timeout": 120.0, **fields}
    return ProbeResult(agents=agents, **made)

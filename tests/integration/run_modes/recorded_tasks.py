"""The TaskInfos that Spark 3.5.9 was recorded to launch, and what of one does not depend on where it was launched."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.integration.spark_4_tasks import as_in_spark_4

JsonObject = dict[str, Any]

RECORDINGS = Path(__file__).parents[2] / "contract" / "recordings" / "spark-3.5.9-taskinfo"

# Of a recorded command line, or one of a test, what belongs to its place and time.
_PLACES = (
    (r"(--driver-url) \S+", r"\1 DRIVER"),
    (r"(--app-id) \S+", r"\1 FRAMEWORK"),
    (r"(--hostname) \S+", r"\1 AGENT"),
    (r"(--cores) \d+", r"\1 CORES"),
    (r'"[^"]*(/\./bin/spark-class)"', r'"HOME\1"'),
)
_PLAIN_VARIABLES = {
    "SPARK_EXECUTOR_MEMORY",
    "SPARK_EXECUTOR_OPTS",
    "SPARK_LOG_URL_STDERR",
    "SPARK_LOG_URL_STDOUT",
    "SPARK_USER",
}
"""Whose values are other ones everywhere."""


def recorded_tasks(name: str, *, is_4: bool = False) -> list[JsonObject]:
    """What was launched in a recording, `essence` of each; with `is_4`, what Spark 4 is to launch there."""
    recording: JsonObject = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return [essence(task) for task in (as_in_spark_4(recording) if is_4 else recording["launched"])]


def essence(task_info: JsonObject) -> JsonObject:
    """A TaskInfo without what depends on the machine, the test's sizes and its moment.

    Of resources their kinds and roles are left, of the command line its words, of variables their values unless
    those are the machine's; the rest is as it was.
    """
    rest = {key: value for key, value in task_info.items() if key not in ("agent_id", "name", "resources")}
    command = dict(task_info["command"])
    for pattern, replacement in _PLACES:
        command["value"] = re.sub(pattern, replacement, command["value"])
    variables = command.pop("environment")["variables"]
    return {
        **rest,
        "name": task_info["name"].rpartition(" ")[2],
        "resources": [(one["name"], one["type"], one.get("role", "*")) for one in task_info["resources"]],
        "command": command,
        "environment": sorted((_variable(one) for one in variables), key=lambda one: str(one["name"])),
    }


def _variable(variable: JsonObject) -> JsonObject:
    return {"name": variable["name"]} if variable["name"] in _PLAIN_VARIABLES else dict(variable)

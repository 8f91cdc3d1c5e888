"""What the listed differences (spark_differences.py) make of a TaskInfo that Spark 3.5.9 was recorded to launch."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

JsonObject = dict[str, Any]

_LOCAL_DIRS = 'SPARK_LOCAL_DIRS="${SPARK_LOCAL_DIRS:-$MESOS_SANDBOX}" '
_PROGRAM = re.compile(r'"[^"]*/bin/spark-class"|\./bin/spark-class')
_ENTERED = re.compile(r"cd (\S+)\*; ")
_APPLICATION = re.compile(r"--app-id (\S+)")


def properties_of(recording: Mapping[str, Any]) -> dict[str, str]:
    """The properties of a recorded application."""
    words = [*recording["fixed_args"], *recording["spark_submit_args"]]
    return dict(value.split("=", 1) for word, value in pairwise(words) if word == "--conf")


def agent_url(recording: Mapping[str, Any], agent_id: str) -> str:
    """Where the HTTP server of a recorded agent could be, which the recorded offers do not say."""
    offers = [offer for batch in recording["offers"] for offer in batch["offers"]]
    return next(f"http://{one['hostname']}:5051" for one in offers if one["agent_id"]["value"] == agent_id)


def _local_dirs(recording: Mapping[str, Any], task: JsonObject) -> None:
    if properties_of(recording).get("spark.shuffle.service.enabled") != "true":
        command = task["command"]
        command["value"] = _PROGRAM.sub(lambda found: _LOCAL_DIRS + found[0], command["value"], count=1)


def _unpacked_archive(recording: Mapping[str, Any], task: JsonObject) -> None:
    def entering(found: re.Match[str]) -> str:
        return (
            f'for spark in ./{found[1]}*/ ./*/; do [ -f "$spark/bin/spark-class" ] && break; spark=; done; '
            'if [ -z "$spark" ]; then echo \'sparkmesos: there is no bin/spark-class in the archive of '
            "spark.executor.uri' >&2; exit 127; fi; "
            'cd "$spark" || exit; export SPARK_HOME="$PWD"; '
        )

    task["command"]["value"] = _ENTERED.sub(entering, task["command"]["value"])


def _log_links(recording: Mapping[str, Any], task: JsonObject) -> None:
    found = _APPLICATION.search(task["command"]["value"])
    assert found is not None
    sandbox = f"/frameworks/{found[1]}/executors/{task['task_id']['value']}/runs/latest"
    server = agent_url(recording, task["agent_id"]["value"])
    task["command"]["environment"]["variables"] += [
        {"name": f"SPARK_LOG_URL_{name.upper()}", "value": f"{server}/files/download?path={sandbox}/{name}"}
        for name in ("stdout", "stderr")
    ]


CHANGES: Mapping[str, Callable[[Mapping[str, Any], JsonObject], None]] = {
    "local-dirs": _local_dirs,
    "unpacked-archive": _unpacked_archive,
    "log-links": _log_links,
}
"""By the ids of the differences; the others are in no recording."""


def as_in_spark_4(
    recording: Mapping[str, Any], differences: Iterable[str] = tuple(CHANGES)
) -> list[JsonObject]:
    """The TaskInfos that the backend for Spark 4 launches in the place of the recorded ones."""
    tasks: list[JsonObject] = copy.deepcopy(recording["launched"])
    for task in tasks:
        for difference in differences:
            CHANGES[difference](recording, task)
    return tasks

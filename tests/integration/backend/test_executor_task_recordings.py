"""Executors as Spark 3.5.9 has launched them, and as the backend for Spark 4 does: the same but for what is listed.

Each recording is told anew: its properties, and its offers, which the planner answers.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.backend.harness import Harness
from tests.integration.run_modes.recorded_tasks import RECORDINGS
from tests.integration.spark_4_tasks import CHANGES, agent_url, as_in_spark_4, properties_of
from tests.integration.spark_differences import DIFFERENCES

pytestmark = pytest.mark.slow

Json = dict[str, Any]

NAMES = sorted(
    path.stem for path in RECORDINGS.glob("*.json") if path.stem.startswith(("executor-", "dynamic-"))
)
LAUNCH_NOTHING = ("executor-constraints-unmatched", "executor-fixed-port-outside", "executor-memory-too-big")
HOME = "/opt/spark"


def load(name: str) -> Json:
    recording: Json = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return recording


def environment(recording: Json) -> dict[str, str]:
    return {"SPARK_HOME": HOME, **recording["environment"]}


def options_of_java() -> str:
    """Those that Spark itself puts in front of all others."""
    variables = load("executor-home")["launched"][0]["command"]["environment"]["variables"]
    return str(next(one["value"] for one in variables if one["name"] == "SPARK_EXECUTOR_OPTS"))


def application(recording: Json) -> Json:
    """What the backend knows of it from Spark, and its id from Mesos."""
    given = properties_of(recording)
    framework = recording["framework_info"]
    own = {
        key.removeprefix("spark.executorEnv."): value for key, value in given.items() if "executorEnv" in key
    }
    options = [options_of_java(), given.get("spark.executor.extraJavaOptions")]
    address = f"{given['spark.driver.host']}:{given['spark.driver.port']}"
    return {
        "id": framework.get("id", {"value": "5e0a-0001"})["value"],
        "name": framework["name"],
        "driverUrl": f"spark://CoarseGrainedScheduler@{address}",
        "executorEnvironment": {"OMP_NUM_THREADS": "1", **own, "SPARK_USER": framework["user"]},
        "executorOptions": " ".join(filter(None, options)),
    }


def events(recording: Json) -> list[Json]:
    """The offers, and what the recorder let happen between them."""
    accepted = [
        one["value"]
        for call in recording["calls"]
        if call["type"] == "ACCEPT"
        for one in call["accept"]["offer_ids"]
    ]
    found: list[Json] = []
    launched = 0
    for at, batch in enumerate(recording["offers"]):
        is_used = any(offer["id"]["value"] in accepted for offer in batch["offers"])
        if recording["case"] == "dynamic-allocation" and is_used:
            found.append({"at": at * 1000, "wanted": {"0": 1}})
        if recording["case"] == "executor-failures" and launched:
            found.append({"at": at * 1000, "ended": str(launched - 1), "isFailure": True})
        found.append(
            {"at": at * 1000, "offers": [{**one, "url": url(recording, one)} for one in batch["offers"]]}
        )
        launched += is_used
    return found


def url(recording: Json, offer: Json) -> Json:
    """Which masters say since 0.28, but the recorder did not."""
    host, _, port = agent_url(recording, offer["agent_id"]["value"]).removeprefix("http://").partition(":")
    return {"scheme": "http", "address": {"hostname": host, "port": int(port)}, "path": "/slave(1)"}


def ours(harness: Harness, recording: Json) -> list[Json]:
    """The TaskInfos that the backend launches in the same case."""
    told = {
        "properties": properties_of(recording),
        "environment": environment(recording),
        "application": application(recording),
        "events": events(recording),
    }
    return [normal(task) for task in harness.ask("tasks", told)]


def normal(task: Json) -> Json:
    """Without an order of variables, which has no meaning."""
    variables = task["command"]["environment"]["variables"]
    by_name = {one["name"]: one for one in variables}
    assert len(by_name) == len(variables), "a variable is there twice"
    return {**task, "command": {**task["command"], "environment": by_name}}


def test_all_are_listed() -> None:
    listed = [difference.id for difference in DIFFERENCES]
    assert len(listed) == len(set(listed))
    assert CHANGES.keys() <= set(listed)
    assert len(NAMES) == 27  # a glob that finds nothing would compare nothing


@pytest.mark.parametrize("name", NAMES)
def test_executors(name: str, harness: Harness) -> None:
    """To the last key, amounts of resources and options of Java among them."""
    recording = load(name)
    mine = ours(harness, recording)
    assert mine == [normal(task) for task in as_in_spark_4(recording)]
    assert bool(mine) == (name not in LAUNCH_NOTHING)


@pytest.mark.parametrize("left_out", CHANGES)
def test_every_difference_is_one(left_out: str) -> None:
    """So that none stays on the list that is none any more: with it, ours are equal to what is recorded."""
    others = [name for name in CHANGES if name != left_out]
    recordings = [load(name) for name in NAMES]
    assert any(as_in_spark_4(one, others) != as_in_spark_4(one) for one in recordings)


@pytest.mark.parametrize("name", NAMES)
def test_frameworks(name: str, harness: Harness) -> None:
    recording = load(name)
    framework = recording["framework_info"]
    given = properties_of(recording)
    told = {
        "properties": given,
        "environment": environment(recording),
        "user": framework["user"],
        "name": framework["name"],
        "hostname": given["spark.driver.host"],
    }
    assert harness.ask("framework", told) == framework


def test_an_own_ui_goes_before_that_of_spark(harness: Harness) -> None:
    recording = load("executor-role-principal")
    told: Json = {
        "properties": properties_of(recording),
        "environment": environment(recording),
        "webUiUrl": "http://127.0.0.1:4040",
    }
    assert harness.ask("framework", told)["webui_url"] == "http://ui.mesos.example/"
    del told["properties"]["spark.mesos.driver.webui.url"]
    assert harness.ask("framework", told)["webui_url"] == "http://127.0.0.1:4040"

"""The planner is given the offers that Spark 3.5.9 was recorded with, and answers them as that did."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.backend.stories import tell
from tests.integration.run_modes.recorded_tasks import RECORDINGS
from tests.integration.spark_4_tasks import properties_of

Json = dict[str, Any]

pytestmark = pytest.mark.slow

CASES = [*sorted(path.stem for path in RECORDINGS.glob("executor-*.json")), "dynamic-allocation"]
SPARK_HOME = {"SPARK_HOME": "/opt/spark"}
"""That of the recording machine, which the recordings do not name as a variable."""


@pytest.mark.parametrize("name", CASES)
def test_offers_are_answered_as_recorded(harness, name):
    recording = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    steps = tell(
        harness,
        events_of(recording),
        properties_of(recording),
        environment=SPARK_HOME | recording["environment"],
    )
    answers = [answer for step in steps for answer in step.get("answers", ())]
    assert sorted(map(seen, answers), key=str) == sorted(recorded_answers(recording), key=str)
    assert answers, "the recording has offers"


def events_of(recording: Json) -> list[Json]:
    """What happened, in its order. Every REVIVE of Spark 3.5 follows the end of an executor, here always a failed one."""
    answered = {answer["offer"] for answer in recorded_answers(recording)}
    happened = [
        (batch["t"], {"offers": batch["offers"]})
        for batch in recording["offers"]
        if answered.intersection(
            one["id"]["value"] for one in batch["offers"]
        )  # one that ends answers no more
    ]
    task = 0
    for call in recording["calls"]:
        if call["type"] == "REVIVE":
            happened.append((call["t"], {"ended": str(task), "isFailure": True}))
            task += 1
    if "dynamicAllocation" in str(recording["spark_submit_args"]):
        # Nobody recorded when Spark's wish for one executor came: behind the first offers, which were of no use.
        happened.append((recording["offers"][0]["t"] + 1, {"wanted": {"0": 1}}))
    return [{**event, "at": round(at * 1000)} for at, event in sorted(happened, key=lambda one: one[0])]


def recorded_answers(recording: Json) -> list[Json]:
    answers = []
    for call in recording["calls"]:
        body = call.get(call["type"].lower(), {})
        for identity in body.get("offer_ids", ()):
            if call["type"] == "ACCEPT":
                (operation,) = body["operations"]
                tasks = [
                    {"id": task["task_id"]["value"], "resources": task["resources"]}
                    for task in operation["launch"]["task_infos"]
                ]
                answers.append({"offer": identity["value"], "launch": tasks})
            else:
                seconds = body["filters"].get("refuse_seconds")
                answers.append({"offer": identity["value"], "refuse_seconds": seconds})
    return answers


def seen(answer: Json) -> Json:
    """Of an answer of ours what is recorded."""
    if "launch" in answer:
        tasks = [{"id": one["id"], "resources": one["resources"]} for one in answer["launch"]]
        return {"offer": answer["offer"], "launch": tasks}
    return {"offer": answer["offer"], "refuse_seconds": answer["refuse_seconds"]}

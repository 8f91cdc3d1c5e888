"""What Spark's dispatcher was recorded to take of which offer, and in which order, and what ours takes of it."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import State
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.launch.task_info import build
from sparkmesos_core.dispatcher.rest.problems import RequestError
from sparkmesos_core.dispatcher.rest.requests import read_create_request
from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.durable_framework.actions import Decline, LaunchTasks
from sparkmesos_core.durable_framework.offers import Offer
from tests.contract.test_dispatcher_taskinfo import REFUSED, TASKS

MATCHED_HERE = {"driver-constraints-ranges": ["agent-S0"]}
"""Spark never finds a number within the ranges of an attribute, and does not launch these; on which agent we do."""
PASSED_OVER = {"driver-docker"}
"""Of these Spark passes over what we refuse."""
NAMES = [path.stem for path in sorted(TASKS.glob("driver-*.json"))]
NOW = 1_795_332_154.0


def submissions(recording: dict[str, Any]) -> list[Submission]:
    """What is accepted of what was submitted."""
    words = recording["dispatcher"]["args"]
    pairs = [value.split("=", 1) for word, value in itertools.pairwise(words) if word == "--conf"]
    rules = Rules.from_properties(dict(pairs), spark_home="/opt/spark")
    bodies = [case["submission"] for case in recording.get("submissions", [recording])]
    found = []
    for body in bodies:
        if body["sparkProperties"].get("spark.mesos.dispatcher.queue") == "NOPE":
            with pytest.raises(RequestError):
                read_create_request(json.dumps(body).encode(), rules)
        else:
            found.append(read_create_request(json.dumps(body).encode(), rules).submission)
    return found


def megabytes(task: dict[str, Any]) -> int:
    return int(sum(one["scalar"]["value"] for one in task["resources"] if one["name"] == "mem"))


def amounts(task: dict[str, Any]) -> list[Any]:
    return [(one["name"], one.get("role", "*"), one["scalar"]["value"]) for one in task["resources"]]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED.keys() | PASSED_OVER])
@pytest.mark.proves(
    "spark.mesos.driver.constraints", "spark.mesos.role", "spark.mesos.dispatcher.queue", mode="cluster"
)
def test_which_offer_and_what_of_it(name: str) -> None:
    recording = json.loads((TASKS / f"{name}.json").read_text())
    theirs = [task for task in recording["launched"] if "-retry-" not in task["task_id"]["value"]]
    book = Book(Limits(), build(Cluster("127.0.0.1:5060", {}, "/opt/spark")))
    book.subscribed("5e0a-0001", NOW)
    for submission in submissions(recording):
        # How large the container is, is compared elsewhere.
        size = megabytes(theirs[0]) if theirs else submission.memory
        book.submit(replace(submission, memory=size), "", NOW)
    offers = [Offer.from_mesos(offer) for offer in recording["offers"][0]["offers"]]
    actions = book.offers(offers, NOW)
    ours: list[Any] = [task for action in actions if isinstance(action, LaunchTasks) for task in action.tasks]
    agents = [task["agent_id"]["value"] for task in ours]
    if name in MATCHED_HERE:
        assert (theirs, agents) == ([], MATCHED_HERE[name])
        return
    assert [task["name"] for task in ours] == [task["name"] for task in theirs], "in this order"
    assert agents == [task["agent_id"]["value"] for task in theirs]
    assert [amounts(task) for task in ours] == [amounts(task) for task in theirs]
    unused = {offer.id for offer in offers} - {
        action.offer_id for action in actions if isinstance(action, LaunchTasks)
    }
    assert {one for action in actions if isinstance(action, Decline) for one in action.offer_ids} == unused
    assert book.counts[State.LAUNCHED] == len(theirs)

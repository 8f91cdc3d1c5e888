"""The roster of an application with whatever may happen to it: what must always hold, holds (roster_model.py).

What happens next depends on what the roster said, so stories are made at random as they are told; each seed tells the same
one again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.backend.mesos_model import Agent
from tests.integration.backend.roster_model import HOUR, Accepted, Model

if TYPE_CHECKING:
    from tests.integration.backend.harness import Harness

Json = dict[str, Any]

pytestmark = pytest.mark.slow

SEEDS = 500
EVENTS = 30
ACCEPTED: tuple[Accepted, ...] = ("made", "made", "made", "refused", "lost", "made and lost", "invalid")
FAILED = {"message": "Command exited with status 1"}
LIKELY = {
    **dict.fromkeys(("offers", "settles", "subscribes", "returns"), 6),
    **dict.fromkeys(("runs", "knocks", "starts", "delivers", "passes", "says", "ends"), 6),
    **dict.fromkeys(("kills", "kills, and the master dies"), 4),
    **dict.fromkeys(
        ("disconnects", "fails over", "leaves", "drops", "is_cut_off", "hangs", "drains", "wants"), 2
    ),
}
"""How likely what happens is, if it is possible; the rest is half as likely as the last of these."""
MILLIS = (0, 0, 0, 0, 1_000, 1_000, 61_000, 700_000, HOUR)


def test_whatever_happens(harness: Harness) -> None:
    for seed in range(SEEDS):
        story: list[str] = []
        try:
            tell(harness, Random(seed), story)
        except AssertionError as error:
            raise AssertionError("\n".join([f"with the seed {seed}:", *story, str(error)])) from error


def tell(harness: Harness, random: Random, story: list[str]) -> None:
    """One application, from its first subscription until all is calm."""
    model = begin(harness, random, story)
    model.subscribes(again=False)
    if model.is_dynamic:
        model.wants(random.randint(1, 4))
    model.offers_all()
    if random.choice([False, True]):
        model.settles()
    for _ in range(random.randint(1, EVENTS)):
        model.now += random.choice(MILLIS)
        by_kinds: dict[str, list[list[Any]]] = {}
        for kind, *arguments in possible(model):
            by_kinds.setdefault(kind, []).append(arguments)
        kinds = sorted(by_kinds)
        (kind,) = random.choices(kinds, [LIKELY.get(one, 1) for one in kinds])
        arguments = random.choice(by_kinds[kind])
        story.append(f"-- {kind} {arguments}")
        act(model, kind, arguments, random)
    story.append("-- calm")
    model.calms()


def begin(harness: Harness, random: Random, story: list[str]) -> Model:
    """An application on two agents, with settings that matter to its roster."""
    cores_max = random.choice([None, 1, 2, 3, 5])
    cores = random.randint(1, min(2, cores_max or 2))
    is_dynamic, decommissions = (random.choice([False, True]) for _ in range(2))
    properties = {
        "spark.executor.cores": str(cores),
        "spark.dynamicAllocation.enabled": str(is_dynamic).lower(),
    }
    if cores_max is not None:
        properties["spark.cores.max"] = str(cores_max)
    story.append(f"{properties}, {decommissions=}")
    harness.ask("begin", {"properties": properties})

    def ask(event: Json) -> Json:
        step: Json = harness.ask("next", event)
        said = {name: step[name] for name in ("effects", "executors", "failures")}
        story.append(f"{json.dumps(event)} -> {json.dumps(said)}")
        return step

    return Model(
        ask=ask,
        cores_max=cores_max,
        cores=cores,
        is_dynamic=is_dynamic,
        decommissions=decommissions,
        tells_killing=random.choice([False, True]),
        agents=[Agent(0), Agent(1)],
    )


def possible(model: Model) -> Iterator[tuple[Any, ...]]:
    """What may happen next, each with its kind in front."""
    if model.is_connected:
        yield ("offers",)
        yield ("settles",)
        yield from (("delivers", status) for status in model.deliverable())
        yield ("disconnects",)
        yield ("fails over",)
        yield ("reconsiders",)
    else:
        yield ("subscribes",)
    yield from (("fails", agent) for agent in model.agent_failures)
    if model.told:
        yield ("says",)
    if model.kills:
        yield ("passes",)
    for task in model.tasks.values():
        if not task.is_running:
            yield "runs", task
        elif task.id not in model.spark and not task.hangs:
            yield "knocks", task
            yield "hangs", task
        if task.agent.is_at == "here" and task.id not in model.leaving:
            yield "drains", task
        yield "ends", task.id
    for agent in model.agents:
        yield "returns" if agent.is_at != "here" else "leaves", agent
        if agent.is_at == "here" and model.is_connected:
            yield "restarts", agent
        if model.is_connected:
            yield "asks_back" if not agent.is_leaving else "is kept", agent
    if not model.is_over:
        yield from of_spark(model)


def of_spark(model: Model) -> Iterator[tuple[Any, ...]]:
    for executor in sorted(model.spark & set(model.held)):
        if executor not in model.started:
            yield "starts", executor
        yield "drops", executor
        yield "is_cut_off", executor
        if executor not in model.killed:
            yield "kills", executor
            yield "kills, and the master dies", executor
    if model.is_dynamic:
        yield from (("wants", number) for number in (4, 2, 1, 0))
    yield ("excludes",)
    yield ("compares",)
    if model.now > 2 * HOUR:
        yield ("ends_application",)


def act(model: Model, kind: str, arguments: list[Any], random: Random) -> None:
    match [kind, *arguments]:
        case ["offers"]:
            model.accepted = random.choice(ACCEPTED)
            model.offers_all()
        case ["disconnects"]:
            model.disconnects(fails_over=False)
        case ["fails over"]:
            model.disconnects(fails_over=True)
        case ["reconsiders"]:
            model.happens({"reconsidered": True})
        case ["is kept", agent]:
            agent.is_leaving = False
        case ["hangs", task]:
            task.hangs = True
        case ["ends", task_id]:
            state = random.choice(["FAILED", "FINISHED"])
            model.ends(task_id, state, **(FAILED if state == "FAILED" else {}))
        case ["excludes"]:
            model.excluded = set() if model.excluded else {model.agents[0].host}
        case ["compares"]:
            model.happens({"compared": sorted(model.spark)})
        case ["kills", executor]:
            model.kills_some([executor])
        case ["kills, and the master dies", executor]:
            model.kills_some([executor])
            model.disconnects(fails_over=True)
        case _:
            getattr(model, kind)(*arguments)

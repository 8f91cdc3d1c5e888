"""Whether an application held more than it may, or kept offers, by what it and Mesos said to each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_ENDS = "FINISHED FAILED KILLED ERROR LOST DROPPED UNREACHABLE GONE GONE_BY_OPERATOR UNKNOWN"
_ENDED = frozenset(f"TASK_{end}" for end in _ENDS.split())
"""The states of a task that is no more, as far as its framework can know."""


Course = Iterable[tuple[float, Mapping[str, Any]]]
"""Calls and events of one framework, as the v1 scheduler API has them, with the seconds of one clock."""


def excesses(course: Course, most: float, excused: float) -> Iterator[str]:
    """When the tasks that ran held more than `most` cores, a line for each time.

    There is one excuse, for so many seconds: a task that was told to be lost runs after all, for its agent is
    back, while another one has taken its place.
    """
    cores: dict[str, float] = {}
    running: dict[str, float] = {}
    lost: set[str] = set()
    since: float | None = None
    for at, said in course:
        cores |= {task["task_id"]["value"]: _cpus(task) for task in launched(said)}
        if said["type"] != "UPDATE":
            continue
        task, state = said["update"]["status"]["task_id"]["value"], said["update"]["status"]["state"]
        if state == "TASK_RUNNING":
            running[task] = cores[task]
        elif state in _ENDED:
            running.pop(task, None)
            lost.add(task)
        held = sum(running.values())
        if held <= most:
            if since is not None and at - since > excused:
                yield f"for {at - since:.1f} s tasks held more than {most:g} cores, until {task} was {state}"
            since = None
        elif since is None:
            since = at
            if not lost & running.keys():
                yield f"tasks hold {held:g} cores, not {most:g}, and none of them was lost before: {running}"
    if since is not None:
        yield f"in the end tasks hold more than {most:g} cores: {running}"


def kept_offers(course: Course, patience: float) -> Iterator[str]:
    """Offers that were neither answered nor void after so many seconds, a line for each.

    A new subscription makes all void; a connection that is cut or silent, too, but that is not said.
    """
    out: dict[str, float] = {}
    for at, said in course:
        match said["type"]:
            case "OFFERS":
                out |= {offer["id"]["value"]: at for offer in said["offers"]["offers"]}
                continue
            case "SUBSCRIBED" | "TEARDOWN":
                gone = list(out)
            case "ACCEPT" | "DECLINE" as answer:
                gone = [offer["value"] for offer in said[answer.lower()]["offer_ids"]]
            case "RESCIND":
                gone = [said["rescind"]["offer_id"]["value"]]
            case _:
                continue
        for offer in gone:
            since = out.pop(offer, at)
            if at - since > patience:
                yield f"the offer {offer} was kept for {at - since:.1f} s, until {said['type']}"
    yield from (f"the offer {offer} was kept to the end" for offer in out)


def launched(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The TaskInfos of a call, if there are any."""
    for operation in said.get("accept", {}).get("operations", []):
        yield from operation["launch"]["task_infos"]


def _cpus(task: Mapping[str, Any]) -> float:
    return sum(one["scalar"]["value"] for one in task["resources"] if one["name"] == "cpus")

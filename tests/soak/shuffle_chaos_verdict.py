"""Whether services on agents lived as they should, whatever befell whom meanwhile. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.soak.stand_in_service import Event

_SLACK = 0.05
"""Seconds: what was done last may be written first."""
GRACE = 15.0
"""Seconds within which what an agent is to end has ended: its grace period, and the time to be told."""


@dataclass(frozen=True)
class Life:
    """One service, from its start. Times are seconds since 1970."""

    host: str
    agent_id: str
    framework_id: str
    task_id: str
    pid: int
    began: float
    alone: bool
    """Whether no other one lived at the same address when it began."""
    ended: float = math.inf
    """Infinite if nobody recorded it, as with SIGKILL by others than us."""
    status: int | None = None
    """None: it was ended by SIGKILL, or lives."""


@dataclass
class Deeds:
    """What was done to services, and to what they depend on. Times are seconds since 1970."""

    killed: dict[int, float] = field(default_factory=dict)
    """When processes of services got their SIGKILL."""
    crashes: list[tuple[str, float, float]] = field(default_factory=list)
    """On which hosts services crashed at their start, from when to when."""
    renewals: list[tuple[str, float, float]] = field(default_factory=list)
    """On which hosts another agent began, from the end of the last one."""
    wipes: list[tuple[str, float, float]] = field(default_factory=list)
    """Those of the renewals where the last one could not end what it ran."""
    stops: list[tuple[float, float]] = field(default_factory=list)
    """When all services were stopped for good."""


def lives(record: Mapping[str, Sequence[Event]], killed: Mapping[int, float]) -> Mapping[str, Sequence[Life]]:
    """All services of each host, in the order of their beginnings."""
    found = {}
    for host, events in record.items():
        ends = {(event.task_id, event.pid): event for event in events if event.status is not None}
        found[host] = [
            _life(host, start, ends.get((start.task_id, start.pid)), killed)
            for start in events
            if start.status is None
        ]
    return found


def _life(host: str, start: Event, end: Event | None, killed: Mapping[int, float]) -> Life:
    at = killed.get(start.pid, math.inf) if end is None else end.at
    return Life(
        host=host,
        agent_id=start.agent_id,
        framework_id=start.framework_id,
        task_id=start.task_id,
        pid=start.pid,
        began=start.at,
        alone=start.alone,
        ended=at,
        status=None if end is None else end.status,
    )


def violations(
    found: Mapping[str, Sequence[Life]], deeds: Deeds, living: Mapping[str, Life]
) -> Iterator[str]:
    """What is wrong, a line for each; `living` are those that live in the end, by host.

    - Never did two live on one agent, and two on one host only after the memory of an agent was wiped.
    - No task began twice.
    - Whoever ended was killed, crashed as planned, ended with its agent, or was stopped with all others.
    - All are of one framework until all are stopped, and of another one afterwards.
    """
    for host, those in found.items():
        for number, life in enumerate(those):
            after = those[number + 1] if number + 1 < len(those) else None
            if not life.alone:
                yield from _beside(life, those[:number], deeds)
            if living.get(host) != life:
                yield from _end(life, after, deeds)
    everyone = sorted((life for those in found.values() for life in those), key=lambda life: life.began)
    yield from _frameworks(everyone, deeds)
    seen: set[tuple[str, str]] = set()
    for life in everyone:
        if (life.framework_id, life.task_id) in seen:
            yield f"{life} began twice"
        seen.add((life.framework_id, life.task_id))


def failures(those: Sequence[Life]) -> int:
    """How often services have ended on the agent that is the host's now; given all lives of the host."""
    if not those:
        return 0
    here = (those[-1].agent_id, those[-1].framework_id)
    return sum((one.agent_id, one.framework_id) == here and one.ended < math.inf for one in those)


def _beside(life: Life, earlier: Sequence[Life], deeds: Deeds) -> Iterator[str]:
    beside = [one for one in earlier if one.ended > life.began - _SLACK]
    if not beside:
        yield f"{life} ran beside one that nobody knows"
    for one in beside:
        wiped = one.agent_id != life.agent_id and any(
            one.host == host and one.began < end + GRACE and begin < life.began
            for host, begin, end in deeds.wipes
        )
        if not wiped:
            yield f"{life} ran beside {one}"


def _end(life: Life, after: Life | None, deeds: Deeds) -> Iterator[str]:
    last = min(life.ended, math.inf if after is None else after.began)
    with_its_agent = any(
        host == life.host and _meet(life.began, last, begin, end + GRACE)
        for host, begin, end in deeds.renewals
    )
    stopped = any(_meet(life.began, last, begin, end + GRACE) for begin, end in deeds.stops)
    if with_its_agent or stopped or life.pid in deeds.killed:
        return
    crashed = any(
        host == life.host and _meet(life.began, life.ended, begin, end + 1.0)
        for host, begin, end in deeds.crashes
    )
    if life.status == 1 and (crashed or not life.alone):
        return
    yield f"nothing explains the end of {life}"


def hasty_starts(those: Sequence[Life]) -> Iterator[str]:
    """Where a back-off was not kept on a host, a line for each: it doubles with each failure on an agent."""
    count: dict[tuple[str, str], int] = defaultdict(int)
    last: dict[tuple[str, str], Life] = {}
    for life in those:
        agent = (life.agent_id, life.framework_id)
        before = last.get(agent)
        if before is not None and before.ended < math.inf:
            count[agent] += 1
            wait = min(2.0 ** (count[agent] - 1), 300.0)
            if life.began - before.ended < wait - _SLACK:
                yield f"{life} began {life.began - before.ended:.2f} s after {before}, not {wait:g} s"
        last[agent] = life


def _frameworks(everyone: Sequence[Life], deeds: Deeds) -> Iterator[str]:
    known: list[str] = []
    for life in everyone:
        if life.framework_id in known[:-1]:
            yield f"{life} is of a framework that had another one after it"
        elif life.framework_id not in known:
            if known and not any(begin <= life.began for begin, _ in deeds.stops[len(known) - 1 :]):
                yield f"{life} is of another framework than those before, and nobody had them stopped"
            known.append(life.framework_id)


def _meet(begin: float, end: float, other_begin: float, other_end: float) -> bool:
    return begin <= other_end and other_begin <= end

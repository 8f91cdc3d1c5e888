"""Offers that a framework keeps: seen in several looks, for as long as a slow one may need to answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from sparkmesos_core.mesos.resources import ANY_ROLE, ResourceKey, Resources
from sparkmesos_core.mesos.state_stream import JsonStream
from sparkmesos_core.preflight.need import thousandths
from sparkmesos_core.verify.facts.cluster import AGENTS, STATE, ClusterState, FrameworkState
from sparkmesos_core.verify.facts.cluster_state import AgentsState
from sparkmesos_core.verify.facts.cluster_state_reading import read_state
from sparkmesos_core.verify.facts.master import leader_http
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.task_troubles import is_probe

LARGE_SHARE = 0.5
"""The part of the cluster's cores or memory that is worth a second look if a framework has it in offers."""

BETWEEN = 1.0
"""Seconds between two looks."""
LONG = 5.0
"""Seconds after which an offer is kept, and not just late. Schedulers answer within milliseconds, Spark among
them; but one whose JVM has only just begun, on a machine that is busy, takes two or three seconds.
"""


def _kept(known: Known) -> Mapping[str, FrameworkState]:
    state = known[STATE]
    whole = whole_of(known[AGENTS])
    at_first = {one.id: one for one in state.frameworks if one.offers and suspicious(one, whole)}
    kept: dict[str, FrameworkState] = at_first
    deadline = time.monotonic() + min(LONG, known.timeout / 2)
    while kept and (left := deadline - time.monotonic()) > 0:
        threading.Event().wait(min(BETWEEN, left))
        kept = {
            now.id: now
            for framework_id in kept
            for now in _looked_again(known, framework_id).frameworks
            if now.id == framework_id
            and now.offers & at_first[framework_id].offers
            and suspicious(now, whole)
        }
    return kept


KEPT_OFFERS: Fact[Mapping[str, FrameworkState]] = Fact(
    "offers that frameworks keep", _kept, reported_by="frameworks-hoarding", patience=2
)
"""The frameworks that keep much of the cluster in offers which they do not answer, by id.

A `GET /frameworks` each second for each that might, until it has answered; none usually.
"""


def _looked_again(known: Known, framework_id: str) -> ClusterState:
    with (
        leader_http(known) as http,
        http.streamed("/frameworks", framework_id=framework_id) as (_headers, pieces),
    ):
        return read_state(JsonStream(pieces, f"{http.base_url}/frameworks"), read_at=known[STATE].read_at)


def suspicious(framework: FrameworkState, whole: Resources) -> bool:
    """Whether so much is offered to a framework that others may lack it."""
    return share(framework.offered, whole) >= LARGE_SHARE and not is_probe(framework.name)


def whole_of(agents: AgentsState) -> Resources:
    """The cores and the memory of all agents together, whoever they are reserved for."""
    totals = {
        ResourceKey(name, ANY_ROLE): sum(thousandths(agent.facts.resources, name) for agent in agents.agents)
        for name in ("cpus", "mem")
    }
    return Resources(totals)


def share(part: Resources, whole: Resources) -> float:
    """Which part of the cores of a cluster these are, or of its memory if that is more: 0 to 1."""
    return max(
        (min(thousandths(part, key.name) / total, 1.0) for key, total in whole if isinstance(total, int)),
        default=0.0,
    )

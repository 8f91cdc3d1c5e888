"""Offers that a framework keeps: seen in two looks at it, which are some time apart."""

from __future__ import annotations

import threading
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
"""Seconds between the looks. Schedulers answer offers within milliseconds, Spark among them."""


def _kept(known: Known) -> Mapping[str, FrameworkState]:
    state = known[STATE]
    whole = whole_of(known[AGENTS])
    suspects = {one.id: one for one in state.frameworks if one.offers and suspicious(one, whole)}
    kept: dict[str, FrameworkState] = {}
    if suspects:
        threading.Event().wait(min(BETWEEN, known.timeout / 2))
    for framework_id, before in suspects.items():
        for now in _looked_again(known, framework_id).frameworks:
            if now.id == framework_id and now.offers & before.offers and suspicious(now, whole):
                kept[framework_id] = now
    return kept


KEPT_OFFERS: Fact[Mapping[str, FrameworkState]] = Fact(
    "offers that frameworks keep", _kept, reported_by="frameworks-hoarding", patience=2
)
"""The frameworks that keep much of the cluster in offers which they do not answer, by id.

One `GET /frameworks` for each that might; none usually.
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

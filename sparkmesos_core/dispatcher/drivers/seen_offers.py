"""What agents have offered last, kept to tell what the offers lack for a driver that waits.

It is kept by agent, not by driver: so ten thousand drivers that wait cost nothing, and what is said of each
is found when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.matching import Amounts, Need, OpenOffer, constraints_of, need_of
from sparkmesos_core.dispatcher.drivers.obstacle import Cause, Obstacle, history_of
from sparkmesos_core.mesos.attributes import Attribute, attributes_from_json
from sparkmesos_core.mesos.constraints import UnmetConstraint, in_words, met_by_none, unmet

MOST_AGENTS = 10_000
"""How many agents are remembered: those that made offers last. Their ids change with each fresh start."""
_MOST_KEPT = 16
"""Of an agent's offers; but for odd ones a single one, that of all it has, exceeds all others."""

_CORES_HINT = "ask for fewer with --driver-cores"
_MEMORY_HINT = "ask for less with --driver-memory, to which the overhead is added"


@dataclass
class _Seen:
    """An agent's last offer, and the most that it has ever offered."""

    host: str
    offered: Amounts
    left: Amounts
    """What of it went to no driver."""
    most: tuple[Amounts, ...]
    """All that were offered, without those that another exceeds."""
    rests: bool
    """Whether nothing of it was to be had, since the agent had dropped what it was given."""
    attributes_json: Sequence[Mapping[str, Any]] = field(repr=False)
    attributes: tuple[Attribute, ...] | None = None
    """Read when they are needed first."""

    def read_attributes(self) -> tuple[Attribute, ...]:
        if self.attributes is None:
            self.attributes = attributes_from_json(self.attributes_json)
        return self.attributes


@dataclass(frozen=True)
class _Fitting:
    """The agents that meet the same constraints, as few numbers: of offers those that no other exceeds."""

    agents: int
    most_cpus: int
    most_memory: int
    offered: tuple[Amounts, ...]
    awake: tuple[Amounts, ...]
    """Offered by agents that have no rest."""
    left: Mapping[Amounts, str]
    """What of it went to no driver, each with the host of one such agent."""
    ever: tuple[Amounts, ...]
    unmet: tuple[UnmetConstraint, ...] = ()
    """If there are no such agents: the constraints that none of all agents meets."""
    all_agents: int = 0


class SeenOffers:
    """The last offer of each agent since the dispatcher subscribed."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._fitting: dict[str, _Fitting] = {}

    def clear(self) -> None:
        """Forget them: there is a new subscription, at which all agents make their offers anew."""
        self._seen.clear()
        self._fitting.clear()

    def note(self, offers: Iterable[OpenOffer], *, rests: bool = False) -> None:
        """These came, and this is what was left when drivers had been given their share.

        `rests`: of agents that were to get nothing.
        """
        self._fitting.clear()
        for open_offer in offers:
            offer = open_offer.offer
            before = self._seen.pop(offer.agent_id, None)
            most = () if before is None else before.most
            if open_offer.offered not in most:
                most = _largest((*most, open_offer.offered))[:_MOST_KEPT]
            self._seen[offer.agent_id] = _Seen(
                offer.host, open_offer.offered, open_offer.left, most, rests, offer.attributes
            )
        while len(self._seen) > MOST_AGENTS:
            del self._seen[next(iter(self._seen))]

    def obstacle(self, driver: Driver) -> Obstacle | None:
        """What keeps a driver that may be launched from being so; None if its constraints cannot be read."""
        try:
            need = need_of(driver.submission)
        except Exception:  # noqa: BLE001 - the next offer ends it, and tells why
            return None
        found = self._lacking(need)
        return replace(found, message=history_of(driver) + found.message)

    def _lacking(self, need: Need) -> Obstacle:
        if not self._seen:
            return Obstacle(
                Cause.OFFERS,
                "waits for an offer, and Mesos has made none yet",
                hint="If that lasts: see whether agents are registered, and have anything left for the"
                " dispatcher's role.",
                agents=0,
            )
        fitting = self._fitting.get(need.constraints)
        if fitting is None:
            fitting = self._fitting[need.constraints] = self._find(constraints_of(need))
        if not fitting.agents:
            return _constraints_unmet(need, fitting)
        facts: dict[str, Any] = {
            "agents": fitting.agents,
            "largest_cores": fitting.most_cpus / 1000,
            "largest_memory": fitting.most_memory / 1000,
        }
        host = next((host for amounts, host in fitting.left.items() if _fits(need, amounts)), None)
        if host is not None:
            return Obstacle(
                Cause.OFFERS,
                f"waits for an offer: {host} had room when it made one last",
                hint="If that lasts, others use that agent meanwhile, or it is gone.",
                **facts,
            )
        if any(_fits(need, amounts) for amounts in fitting.awake):
            return Obstacle(
                Cause.OTHER_DRIVERS,
                "the offers that are large enough went to other drivers",
                hint="It is launched when one of these ends, or there are more agents.",
                **facts,
            )
        if any(_fits(need, amounts) for amounts in fitting.offered):
            return Obstacle(
                Cause.AGENTS,
                "the agents that are large enough have dropped drivers, and get none for a while",
                hint="The dispatcher's log tells which; their own tells why.",
                **facts,
            )
        return _too_small(need, fitting, facts)

    def _find(self, constraints: Sequence[Constraint]) -> _Fitting:
        everybody = list(self._seen.values())
        if constraints:
            meeting = [seen for seen in everybody if not unmet(constraints, seen.read_attributes())]
        else:
            meeting = everybody
        left: dict[Amounts, str] = {}
        for seen in meeting:
            if not seen.rests:
                left.setdefault(seen.left, seen.host)
        return _Fitting(
            agents=len(meeting),
            most_cpus=max((seen.offered[0] for seen in meeting), default=0),
            most_memory=max((seen.offered[1] for seen in meeting), default=0),
            offered=_largest(seen.offered for seen in meeting),
            awake=_largest(seen.offered for seen in meeting if not seen.rests),
            left={amounts: left[amounts] for amounts in _largest(left)},
            ever=_largest(amounts for seen in meeting for amounts in seen.most),
            unmet=() if meeting else met_by_none(constraints, [seen.read_attributes() for seen in everybody]),
            all_agents=len(everybody),
        )


def _largest(amounts: Iterable[Amounts]) -> tuple[Amounts, ...]:
    """Those that no other exceeds: whatever fits into any of them all fits into one of these."""
    kept: list[Amounts] = []
    for cpus, memory in sorted(set(amounts), reverse=True):
        if not kept or memory > kept[-1][1]:
            kept.append((cpus, memory))
    return tuple(kept)


def _fits(need: Need, amounts: Amounts) -> bool:
    return need.cpus <= amounts[0] and need.memory <= amounts[1]


def _constraints_unmet(need: Need, fitting: _Fitting) -> Obstacle:
    agents = "the only agent" if fitting.all_agents == 1 else f"none of {fitting.all_agents} agents"
    verb = "does not meet" if fitting.all_agents == 1 else "meets"
    return Obstacle(
        Cause.CONSTRAINTS,
        f"{agents} that made offers {verb} {in_words(fitting.unmet, need.constraints)}",
        hint="Correct spark.mesos.driver.constraints, or give an agent these attributes.",
        agents=0,
        unmet=fitting.unmet,
    )


def _too_small(need: Need, fitting: _Fitting, facts: Mapping[str, Any]) -> Obstacle:
    cores = "1 core" if need.cpus == 1000 else f"{_number(need.cpus)} cores"
    memory = _number(need.memory)
    most_cores, most_memory = _number(fitting.most_cpus), _number(fitting.most_memory)
    scarce_cores, scarce_memory = need.cpus > fitting.most_cpus, need.memory > fitting.most_memory
    if scarce_cores and not scarce_memory:
        cause, less = Cause.CORES, _CORES_HINT
        what = f"needs {cores}, and the largest offer had {most_cores}"
    elif scarce_memory and not scarce_cores:
        cause, less = Cause.MEMORY, _MEMORY_HINT
        what = f"needs {memory} MiB of memory, and the largest offer had {most_memory}"
    else:
        cause, less = Cause.CORES_AND_MEMORY, "ask for less with --driver-cores and --driver-memory"
        what = f"needs {cores} and {memory} MiB of memory, "
        if scarce_cores:
            what += f"and the largest offers had {most_cores} cores, {most_memory} MiB"
        else:
            what += "and no offer had both"
    agents = "1 agent" if fitting.agents == 1 else f"{fitting.agents} agents"
    which = " with the attributes that it wants" if need.constraints else ""
    if any(_fits(need, amounts) for amounts in fitting.ever):
        hint = f"An agent has offered that much before: it is launched when what runs there ends, or {less}."
    else:
        hint = f"No agent has offered that much so far: {less}, or add a larger agent."
    return Obstacle(cause, f"{what} (last offers of {agents}{which})", hint=hint, **facts)


def _number(thousandths: int) -> str:
    return f"{thousandths / 1000:.12g}"

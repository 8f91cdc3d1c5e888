"""Whether the host names of agents can be resolved.

Spark starts an executor with `--hostname` and the name that the offer has for its agent
(`MesosCoarseGrainedSchedulerBackend.createCommand`), and the executor listens there: where the name cannot be
resolved it ends at once. After two failures Spark takes no more offers of that agent, and says so only in the
driver's log (`MAX_AGENT_FAILURES`); with all agents gone the application hangs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.name_lookup import Lookup, look_up
from sparkmesos_core.preflight.this_machine import (
    ThisMachine,
    is_address,
    is_loopback_address,
    this_machine,
)
from sparkmesos_core.quoting import quoted

T = TypeVar("T")

MOST_NAMES = 256
"""So many names are looked up: where one is unknown, the others of its domain are, too."""

_MOST_NAMED = 3


def check_agent_names(
    configuration: Mapping[str, str],
    facts: ClusterFacts | None,
    environment: Mapping[str, str],
    *,
    deadline: float,
) -> list[Finding]:
    """A warning for agents whose names this machine cannot resolve, and for those that it takes for itself.

    A warning only: agents may know names that are unknown here. Names that the resolver has not answered for
    at the `deadline` (of `time.monotonic`) are passed over. With a network of containers
    (`spark.mesos.network.name`) Spark leaves `--hostname` out, and nothing is looked up.
    """
    if facts is None or configuration.get("spark.mesos.network.name"):
        return []
    names = spread(names_of(facts), MOST_NAMES)
    lookups = look_up(names, deadline)
    return judge(facts, lookups, len(names), this_machine())


def names_of(facts: ClusterFacts) -> list[str]:
    """The host names of agents that take part, each once, without those that are addresses."""
    names = dict.fromkeys(agent.hostname for agent in facts.agents if agent.active)
    return [name for name in names if not is_address(name)]


def judge(
    facts: ClusterFacts, lookups: Mapping[str, Lookup], asked: int, machine: ThisMachine
) -> list[Finding]:
    """What `check_agent_names` finds, given what the resolver has said of the `asked` names."""
    return [*_unknown(lookups, asked), *_taken_for_this_machine(lookups, machine.divide(facts)[1])]


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most so many of the items, evenly from all of the sequence."""
    if len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def _unknown(lookups: Mapping[str, Lookup], asked: int) -> list[Finding]:
    unknown = [name for name, lookup in lookups.items() if not lookup.addresses]
    if not unknown:
        return []
    names = "names of agents" if len(unknown) > 1 else "name of an agent"
    just_now = "" if any(lookups[name].lasting for name in unknown) else ", since no name server answers"
    of_all = f", {len(unknown)} of {asked}" if asked > 1 else ""
    return [
        Finding(
            "agent-name-unknown",
            Severity.WARNING,
            f"The host {names} cannot be resolved here{just_now}: {some(unknown)}{of_all}; executors whose "
            "agent's name is unknown fail, and after two failures Spark excludes the agent for good",
            "Put them into DNS or the hosts files, or start agents with --hostname=ADDRESS.",
        )
    ]


def _taken_for_this_machine(lookups: Mapping[str, Lookup], elsewhere: Sequence[AgentFacts]) -> list[Finding]:
    mistaken = []
    for agent in elsewhere:
        lookup = lookups.get(agent.hostname)
        if lookup is not None and lookup.addresses and all(map(is_loopback_address, lookup.addresses)):
            mistaken.append(agent)
    if not mistaken:
        return []
    names = list(dict.fromkeys(agent.hostname for agent in mistaken))
    is_are, host = ("are host names", "agents") if len(names) > 1 else ("is the host name", "an agent")
    return [
        Finding(
            "agent-name-on-loopback",
            Severity.WARNING,
            f"{some(names)} {is_are} of {host} at {mistaken[0].host}, but here loopback: neither the driver "
            "nor other executors would find the executors there",
            "Start agents with --hostname, and the name or address that the whole cluster knows them by.",
        )
    ]


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    named = ", ".join(quoted(name) for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named

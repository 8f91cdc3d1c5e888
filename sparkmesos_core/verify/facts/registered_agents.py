"""Agents that are registered, and what this machine finds out about them by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from sparkmesos_core.errors import MesosError, SparkMesosError
from sparkmesos_core.mesos.http import NO_ANSWER
from sparkmesos_core.preflight.agent_names import MOST_NAMES, names_of, spread
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.name_lookup import Lookup, look_up
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.preflight.this_machine import is_address
from sparkmesos_core.verify.expected_agents import Addresses, host_of, missing_hosts
from sparkmesos_core.verify.facts.cluster import AGENTS, CLUSTER_FACTS
from sparkmesos_core.verify.facts.cluster_state import AgentsState
from sparkmesos_core.verify.facts.master import LEADER, agent_http
from sparkmesos_core.verify.known import Fact, Known, more_time
from sparkmesos_core.verify.shortfalls import expected_missing, nobody

MOST_ASKED = 64
"""So many agents are asked one by one, spread over all of them."""

_MOST_EXPECTED = 5_000
"""So many names of an --agents-file are looked up: each that is not would count as missing."""

_FOR_NAMES = 0.8
"""The part of a check's time after which names that the resolver has not answered for are passed over."""
_FOR_ANSWERS = 0.5
"""The same for answers of agents: so little is waited for one behind a firewall."""
_FOR_ONE_WAIT = 0.8
"""The part of that for each single wait: what ends by itself tells whether there was a connection."""


def _registered(known: Known) -> AgentsState:
    state = known[AGENTS]
    if found := nobody(state, known[LEADER].address):
        raise MesosError(found.message, hint=found.hint)
    return state


REGISTERED: Fact[AgentsState] = Fact("registered agents", _registered, reported_by="agents-registered")
"""As AGENTS, but not known if there are none."""


@dataclass(frozen=True)
class ExpectedHosts:
    """What the hosts that should have agents are called, and which of them have none."""

    addresses: Addresses
    """Of the names that no agent goes by."""
    missing: tuple[str, ...] = ()


def _expected_hosts(known: Known) -> ExpectedHosts:
    agents = [agent.facts for agent in known[REGISTERED].agents]
    strangers = missing_hosts(known.subject.expected_hosts, agents, {})
    names = spread([host for entry in strangers if not is_address(host := host_of(entry))], _MOST_EXPECTED)
    lookups = look_up(names, known.deadline() - (1 - _FOR_NAMES) * known.timeout)
    addresses = {name: lookup.addresses for name, lookup in lookups.items()}
    return ExpectedHosts(addresses, tuple(missing_hosts(strangers, agents, addresses)))


EXPECTED_HOSTS: Fact[ExpectedHosts] = Fact(
    "the hosts that should have agents", _expected_hosts, reported_by="agents-expected"
)
"""Those of --agents-file, without asking any of them."""


def _complete(known: Known) -> AgentsState:
    state, subject = known[REGISTERED], known.subject
    hosts = known[EXPECTED_HOSTS]
    if found := expected_missing(state, subject.expected_agents, subject.expected_hosts, hosts.missing):
        raise MesosError(found.message, hint=found.hint)
    return state


COMPLETE: Fact[AgentsState] = Fact("all expected agents", _complete, reported_by="agents-expected")
"""As REGISTERED, but not known if some that were expected are missing."""


def _names(known: Known) -> Mapping[str, Lookup]:
    names = spread(names_of(known[CLUSTER_FACTS]), MOST_NAMES)
    return look_up(names, known.deadline() - (1 - _FOR_NAMES) * known.timeout)


AGENT_NAMES: Fact[Mapping[str, Lookup]] = Fact(
    "what the names of agents stand for", _names, reported_by="agents-names"
)
"""What this machine's resolver says of the host names of agents that take part; of 256 at most."""


@dataclass(frozen=True)
class Reached:
    """Which agents have answered over HTTP."""

    asked: tuple[AgentFacts, ...]
    of: int
    """How many agents take part, of which these are some."""
    failures: Mapping[str, SparkMesosError]
    """By the ids of agents: why there was no answer."""


def _reached(known: Known) -> Reached:
    active = [agent.facts for agent in known[REGISTERED].agents if agent.facts.active]
    asked = spread(active, MOST_ASKED)
    known[LEADER]
    patience = _FOR_ANSWERS * known.timeout
    jobs = {agent.id: partial(_ask, known, agent, _FOR_ONE_WAIT * patience) for agent in asked}
    outcome = side_by_side(jobs, time.monotonic() + patience)
    failures = {id: error for id, error in outcome.failures.items() if isinstance(error, SparkMesosError)}
    for id in outcome.late:
        failures[id] = MesosError(f"no answer within {patience:g} s")
    for error in failures.values():
        if NO_ANSWER in error.message or isinstance(error, MesosError):
            error.hint = more_time(error.hint, known.timeout)
    return Reached(tuple(asked), len(active), failures)


def _ask(known: Known, agent: AgentFacts, patience: float) -> int:
    with agent_http(known, agent.host, agent.port, timeout=patience) as http:
        return http.get("/health").status_code


REACHED: Fact[Reached] = Fact("which agents answer", _reached, reported_by="agents-reachable", patience=1.5)
"""By `GET /health`, of 64 agents at most. Whatever they answer, they can be reached."""

"""The cluster as its leading master tells it: agents, and by one reading of `/state` frameworks and tasks.

Everything is bounded: of a master with fifty thousand tasks, what checks want to know is kept, and no more.
"""

from __future__ import annotations

import contextlib
import email.utils
import time
from collections.abc import Iterator, Mapping

from sparkmesos_core.errors import TimedOutError
from sparkmesos_core.mesos.state_stream import JsonStream
from sparkmesos_core.preflight.cluster_facts import ClusterFacts, roles_whitelist_of, withholds_gpu_agents
from sparkmesos_core.verify.facts.cluster_state import (
    AgentsState,
    AgentState,
    ClusterState,
    FrameworkState,
    TaskSeries,
    TaskState,
)
from sparkmesos_core.verify.facts.cluster_state_reading import read_agents, read_state
from sparkmesos_core.verify.facts.master import FLAGS, LEADER, leader_http
from sparkmesos_core.verify.known import Fact, Known

__all__ = [
    "AGENTS",
    "CLUSTER_FACTS",
    "STATE",
    "AgentState",
    "AgentsState",
    "ClusterState",
    "FrameworkState",
    "TaskSeries",
    "TaskState",
]

_PATIENCE = 6.0
"""How many times as long as a check a reading may take whose size grows with the cluster."""
_LATE = 1.0
"""Seconds for which a master is listened to that has begun to answer late, though nobody waits any more."""


def _state(known: Known) -> ClusterState:
    with _streamed(known, "/state") as (headers, stream):
        return read_state(stream, read_at=_date(headers.get("Date", "")))


STATE: Fact[ClusterState] = Fact(
    "the state of the cluster", _state, reported_by="master-state", patience=_PATIENCE
)
"""One `GET /state`, decoded piece by piece. For checks that are declared with `reads_tasks`."""


def _agents(known: Known) -> AgentsState:
    unreachable = 0
    if known.reads_tasks:
        state = known[STATE]
        if state.splits_reservations:
            return state.agents
        unreachable = state.agents.unreachable
    with _streamed(known, "/slaves") as (_headers, stream):
        return read_agents(stream, unreachable=unreachable)


AGENTS: Fact[AgentsState] = Fact("the agents", _agents, reported_by="master-state", patience=_PATIENCE)
"""From STATE if that is read anyway (`Known.reads_tasks`), else from `GET /slaves`.

Also from there if resources are reserved that somebody uses: `/state` does not tell which part of an agent's
used resources that is.
"""


def _cluster_facts(known: Known) -> ClusterFacts:
    agents = known[AGENTS]
    flags = {"flags": known[FLAGS]}
    return ClusterFacts(
        agents=tuple(agent.facts for agent in agents.agents),
        recovering=len(agents.recovering),
        roles_whitelist=roles_whitelist_of(flags),
        master=known[LEADER].address,
        withholds_gpu_agents=withholds_gpu_agents(flags),
    )


CLUSTER_FACTS: Fact[ClusterFacts] = Fact(
    "the agents", _cluster_facts, reported_by="master-state", patience=_PATIENCE
)
"""The same as the preflight's checks want it."""


@contextlib.contextmanager
def _streamed(known: Known, path: str) -> Iterator[tuple[Mapping[str, str], JsonStream]]:
    """The headers of what the leading master answers, and its body as far as it comes in time.

    A master of many tasks is silent for seconds until it has put all of them together, so it has all the time
    that the fact has; when that is up, it is the fact that says so.
    """
    allowed = _PATIENCE * known.timeout
    with leader_http(known, timeout=allowed + _LATE) as http:
        deadline = time.monotonic() + allowed
        with http.streamed(path) as (headers, pieces):
            yield headers, JsonStream(_until(pieces, deadline), f"{http.base_url}{path}")


def _until(pieces: Iterator[bytes], deadline: float) -> Iterator[bytes]:
    """The pieces of an answer for as long as there is time: nobody waits for the others any more."""
    for piece in pieces:
        yield piece
        if time.monotonic() > deadline:
            raise TimedOutError(
                "The master's state is too large to arrive in time",
                hint="--check-timeout gives it more time.",
            )


def _date(text: str) -> float:
    """The time of a header `Date`, or of our clock where there is none: seconds since the epoch."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return time.time()

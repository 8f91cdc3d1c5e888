"""The ends of the logs of the leading master and of some agents, read through their `/files` endpoints."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sparkmesos_core.errors import MesosError, SparkMesosError, TimedOutError
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.log_lines import LogRecord, parse_log
from sparkmesos_core.mesos.sandbox_files import LONGEST_PIECE
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.verify.facts.cluster import AGENTS, STATE
from sparkmesos_core.verify.facts.cluster_state import AgentState, FrameworkState
from sparkmesos_core.verify.facts.master import FLAGS, LEADER, agent_http, leader_http
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.named_agents import name_of

MOST_AGENTS = 8
"""Of how many agents the logs are read: a few show what is wrong with all, or with those in trouble."""

_MASTER_PATH = "/master/log"
_AGENT_PATH = "/slave/log"
_MOST_BYTES = 4 * 1024 * 1024
_FORBIDDEN = (401, 403)


@dataclass(frozen=True)
class LogEnd:
    """The last lines of a log."""

    whose: str
    """`the master 127.0.0.1:5050`, or the agent's name and port."""
    records: tuple[LogRecord, ...]
    lines: int
    """How many were read."""


@dataclass(frozen=True)
class AgentLogs:
    """What was found out about the logs of some agents."""

    ends: tuple[LogEnd, ...]
    without: tuple[str, ...] = ()
    """Agents that serve no log."""
    refused: tuple[str, ...] = ()
    """Agents that do not let us read it."""
    silent: Mapping[str, str] = field(default_factory=dict)
    """Why the others could not be asked."""
    agents: int = 0
    """How many there are."""

    @property
    def asked(self) -> int:
        """How many were."""
        return len(self.ends) + len(self.without) + len(self.refused) + len(self.silent)


class NotServedError(Exception):
    """There is no such log."""


class MayNotReadError(MesosError):
    """The ACLs of Mesos keep it from us."""


def _master_log(known: Known) -> LogEnd | None:
    whose = f"the master {known[LEADER].address}"
    # A master that refuses our credentials is what FLAGS tells; it is told there once.
    known[FLAGS]
    with leader_http(known) as http:
        try:
            return log_end(http, _MASTER_PATH, whose, known.subject.log_lines, known.deadline())
        except NotServedError:
            return None


MASTER_LOG: Fact[LogEnd | None] = Fact("the master's log", _master_log, reported_by="logs-master", patience=2)
"""None if the master serves none."""


def _agent_logs(known: Known) -> AgentLogs:
    agents = known[AGENTS].agents
    frameworks: Iterable[FrameworkState] = known[STATE].frameworks if known.reads_tasks else ()
    chosen = agents_to_read(agents, frameworks)
    deadline = known.deadline()
    jobs = {name_of(agent.facts): partial(_agent_log, known, agent, deadline) for agent in chosen}
    outcome = side_by_side(jobs, deadline)
    without, refused, silent = [], [], dict.fromkeys(outcome.late, "no answer in time")
    for name, failure in outcome.failures.items():
        match failure:
            case NotServedError():
                without.append(name)
            case MayNotReadError():
                refused.append(name)
            case SparkMesosError():
                silent[name] = failure.message
            case _:
                raise failure
    return AgentLogs(tuple(outcome.results.values()), tuple(without), tuple(refused), silent, len(agents))


AGENT_LOGS: Fact[AgentLogs] = Fact("the agents' logs", _agent_logs, reported_by="logs-agents", patience=2)
"""Of at most MOST_AGENTS, those in trouble first."""


def agents_to_read(
    agents: Iterable[AgentState], frameworks: Iterable[FrameworkState] = (), most: int = MOST_AGENTS
) -> tuple[AgentState, ...]:
    """The agents whose logs say most: out of service, with tasks that failed, registered lately."""
    failed = Counter(task.agent_id for framework in frameworks for task in framework.failed)

    def urgency(agent: AgentState) -> tuple[bool, int, float]:
        out_of_service = not agent.facts.active or agent.deactivated or bool(agent.draining)
        return out_of_service, failed[agent.facts.id], agent.registered_at

    return tuple(sorted(agents, key=urgency, reverse=True)[:most])


def log_end(http: MesosHttp, path: str, whose: str, lines: int, deadline: float) -> LogEnd:
    """The last `lines` lines of a log, at most _MOST_BYTES of them.

    `deadline` is a time of `time.monotonic`. Raises NotServedError, MayNotReadError, or what MesosHttp does.
    """
    end = _ask(http, path)["offset"]
    begin, pieces, feeds = end, [b""], 0
    while begin > 0 and feeds <= lines and end - begin < _MOST_BYTES:
        if time.monotonic() > deadline:
            raise TimedOutError(
                f"Reading the log of {whose} took too long", hint="Ask for fewer --log-lines."
            )
        start = max(0, begin - LONGEST_PIECE)
        data = _ask(http, path, offset=start, length=begin - start)["data"]
        piece = data.encode("utf-8", "surrogateescape")
        pieces.append(piece)
        feeds += piece.count(b"\n")
        begin = start
    text = b"".join(reversed(pieces)).decode("utf-8", "replace")
    kept = text.splitlines()[-lines:] if lines > 0 else []
    year = time.localtime().tm_year
    return LogEnd(whose, parse_log("\n".join(kept), year=year), len(kept))


def _agent_log(known: Known, agent: AgentState, deadline: float) -> LogEnd:
    with agent_http(known, agent.facts.host, agent.facts.port) as http:
        return log_end(http, _AGENT_PATH, name_of(agent.facts), known.subject.log_lines, deadline)


def _ask(http: MesosHttp, path: str, **place: int) -> Mapping[str, Any]:
    response = http.get("/files/read", path=path, **place)
    if response.status_code == 404:
        raise NotServedError
    if response.status_code in _FORBIDDEN:
        raise MayNotReadError(f"{http.base_url} lets us not read its log ({response.status_code})")
    if response.ok:
        # Mesos puts bytes that are no UTF-8 into its JSON as they are, and cuts characters in two.
        try:
            answer = json.loads(response.content.decode("utf-8", "surrogateescape"))
            if isinstance(answer["offset"], int) and isinstance(answer["data"], str):
                return dict(answer)
        except (ValueError, KeyError, TypeError):
            pass
        raise MesosError(
            f"{http.base_url}/files/read answers what cannot be understood",
            hint="Check that this is the address of a Mesos master or agent",
        )
    http.decode(response)  # raises
    raise MesosError(f"{http.base_url}/files/read answers with the status {response.status_code}")

"""What `--status` tells of the services on agents: a document of plain values, and its words for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

VERSION = 1
"""Of the document. Fields may come to it; one that changes its meaning raises this."""


class State(str, Enum):
    """How the service of an agent is."""

    RUNNING = "running"
    """Its task runs."""
    STARTING = "starting"
    """It is launched, and does not run yet."""
    STOPPING = "stopping"
    """It is to end."""
    UNREACHABLE = "unreachable"
    """Mesos has lost sight of its agent. It may run, and none is launched beside it."""
    BACKING_OFF = "backing off"
    """It has ended, and is launched again when some time is over."""
    WAITING = "waiting"
    """There is none, and one is launched when an offer of the agent has room for it."""
    SHARED = "shared"
    """The one of another agent of the same host serves this agent, too: both would want the same port."""


_NO_CLEANER = "it deletes no shuffle files, as Spark's cleaner died in it: end its java, and another starts"
_SERVED = (State.RUNNING, State.SHARED)
"""Those in which a service should answer at the agent's port."""


@dataclass(frozen=True)
class ServiceReport:
    """The service of one agent that meets the constraints. Times are seconds since 1970."""

    host: str
    """The name of the agent, which is where executors look for the service."""
    agent_id: str
    state: str
    """One of `State`."""
    registered: bool
    """Whether the agent is at the master at this time."""
    answers: bool
    """Whether this service answers there at the port, and is the one that stays."""
    found: str
    """What does, or why nothing does, for people; empty if it was not asked."""
    task_id: str = ""
    since: float | None = None
    """When it came to be in this state."""
    failures: int = 0
    """How often it has ended since it ran well last."""
    message: str = ""
    """What was said of it last: by Mesos when it ended, or why it is not launched."""
    cause: str = ""
    """What its last words mean, as far as that is known."""
    last_lines: tuple[str, ...] = ()
    """What it wrote to stderr last, if it failed and that can be read."""
    next_try: float | None = None
    """When it is launched again at the earliest, if it waits for that."""
    settling: bool = False
    """Whether one answers there of which it is not known yet whether it is this one, and stays."""
    taken: bool = False
    """Whether somebody else's shuffle service answers there, and this one does not run."""
    cleans: bool = True
    """Whether it will delete the files of applications that have ended, as far as that is known."""

    @property
    def is_fine(self) -> bool:
        """Whether it is as it should be."""
        return self.state in _SERVED and self.answers

    @property
    def why(self) -> str:
        """Why it is not as it should be, as far as that is known, for people; empty if it is."""
        if self.is_fine:
            return ""  # whatever it ended of before
        said = self.cause or self.message
        # Where none is to be, nothing needs to be said of the port.
        silent = self.found if self.taken or (self.state in _SERVED and not self.answers) else ""
        return "; ".join(part for part in (said, silent) if part)


@dataclass(frozen=True)
class ServicesStatus:
    """All services, as the process that cares for them knows them."""

    url: str
    """Where that process answers."""
    pid: int
    framework_id: str | None
    master: str
    subscribed: bool
    problem: str
    """Why it has no part in the cluster now, or cannot tell all; empty if it has and can."""
    port: int
    """The port of the services."""
    constraints: str
    stopping: bool
    """Whether all services are to end."""
    begins_anew: bool = False
    """Whether that is what another process had begun: this one finishes it, and begins anew then."""
    agents: tuple[ServiceReport, ...] = ()
    """Those that meet the constraints, by host."""

    @property
    def is_complete(self) -> bool:
        """Whether there are agents at the master that meet the constraints, and a service answers on each."""
        whole = self.subscribed and not self.problem and not self.stopping
        there = [agent for agent in self.agents if agent.registered]
        return whole and bool(there) and all(agent.is_fine for agent in there)

    def to_json(self) -> dict[str, Any]:
        """As the server tells it, and `--output json`."""
        return {**asdict(self), "complete": self.is_complete, "format": VERSION}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ServicesStatus:
        """From what `to_json` made, of this or a newer version. Raises KeyError, TypeError, ValueError."""
        if int(fields["format"]) != VERSION:
            raise ValueError(f"the status has the format {fields['format']}")
        known = {name: fields[name] for name in cls.__dataclass_fields__ if name in fields}
        return cls(**{**known, "agents": tuple(_agent(one) for one in fields["agents"])})


def covered(status: ServicesStatus) -> str:
    """How many of the agents that count have what they should have, for people."""
    there = [agent for agent in status.agents if agent.registered]
    fine = sum(agent.is_fine for agent in there)
    meeting = f" that meet {status.constraints}" if status.constraints else ""
    return f"{fine} of {len(there)} agents{meeting} have a service at port {status.port}"


def missing(status: ServicesStatus) -> list[str]:
    """What keeps it from being complete, a line each, for people: `HOST: STATE; WHY`. Empty if it is."""
    lines = []
    if status.stopping:
        lines.append("all services are being stopped, as was begun before")
    if status.problem or not status.subscribed:
        problem = status.problem or "Mesos does not know it"
        lines.append(f"the framework has no part in the cluster now, or does not know all of it: {problem}")
    there = [agent for agent in status.agents if agent.registered]
    if not there and not lines:
        meeting = f" that meets {status.constraints}" if status.constraints else ""
        lines.append(f"no agent{meeting} is registered at {status.master}")
    lines += [
        f"{agent.host}: {'; '.join(part for part in (agent.state, agent.why) if part)}"
        for agent in there
        if not agent.is_fine
    ]
    return lines


def _agent(fields: Mapping[str, Any]) -> ServiceReport:
    known = {name: fields[name] for name in ServiceReport.__dataclass_fields__ if name in fields}
    return ServiceReport(**{**known, "last_lines": tuple(fields.get("last_lines", ()))})


COLUMNS = ("AGENT", "SERVICE", "ANSWERS", "FOR", "FAILURES", "WHAT")


def rows(status: ServicesStatus, now: float) -> list[tuple[str, ...]]:
    """A line for each agent, under COLUMNS; `now` is in seconds since 1970."""
    return [
        (
            agent.host,
            agent.state,
            "yes" if agent.answers else "not yet" if agent.settling else "no",
            "" if agent.since is None else _for(now - agent.since),
            str(agent.failures),
            _what(agent, now),
        )
        for agent in status.agents
    ]


def _what(agent: ServiceReport, now: float) -> str:
    parts = [agent.why] if agent.why else []
    if not agent.cleans:
        parts.append(_NO_CLEANER)
    if agent.state == State.BACKING_OFF and agent.next_try is not None:
        left = agent.next_try - now
        parts.append(f"next try in {_for(left)}" if left > 0 else "next try with the next offer")
    if not agent.registered:
        parts.append("the agent is not at the master")
    return "; ".join(parts)


def _for(seconds: float) -> str:
    """A length of time in a few characters: `12s`, `5m`, `3h`, `2d`."""
    seconds = max(0.0, seconds)
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"

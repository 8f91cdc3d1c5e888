"""What is kept of the shuffle services on agents: a record per agent, one of stops, one of the master."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

VERSION = 1
"""Of the JSON of records in stores."""

STOPS_ID = "stops"
"""The id of the record of stops; no agent has it, whose ids end in `-S` and a number."""

HOME_ID = "home"
"""The same of the record of the master."""


class Phase(Enum):
    """Where the service of an agent is."""

    LAUNCHED = "LAUNCHED"
    """Handed to Mesos, which has not said yet that it runs."""
    RUNNING = "RUNNING"
    UNREACHABLE = "UNREACHABLE"
    """Its agent is out of reach of the masters; it may run on, and comes back with its agent."""
    WAITING = "WAITING"
    """It has ended, and is to be launched again: see `not_before`."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task of a service ended last."""

    task_id: str
    container_id: str
    """Of its container, for whoever looks for its sandbox; may be empty."""
    state: str
    """`TASK_FAILED` and so on."""
    message: str
    reason: str
    """`REASON_…`, may be empty."""
    at: float
    """Seconds since 1970, when it was heard of."""
    ran: float
    """Seconds for which it had run; 0 if it never did."""


@dataclass(frozen=True, slots=True)
class AgentService:
    """The service of one agent. Immutable: each change makes another one. Times are seconds since 1970."""

    id: str
    """The agent's id."""
    number: int
    """Unique among all records that a store ever held; part of the ids of tasks."""
    host: str
    """The agent's host name; empty while only its id is known."""
    agent_url: str
    """`http://HOST:PORT` of the agent's API; may be empty."""
    task_id: str
    """Of the current task, or the last one."""
    launches: int
    phase: Phase
    framework_id: str
    """Of the framework that launched it: sandboxes are below it."""
    launched_at: float
    port_reserved: bool = True
    """Whether the agent knows that its port is taken: it is not if its resources have no such port."""
    running_since: float | None = None
    """When it was first heard that the current task runs; None: it was not."""
    state: str = ""
    """What Mesos said last of the current task, `TASK_RUNNING`; empty: nothing yet."""
    message: str = ""
    container_id: str = ""
    changed_at: float = 0.0
    failures: int = 0
    """How often it has ended in a row without having run for long."""
    wait: float = 0.0
    """Seconds of the current or last back-off."""
    not_before: float | None = None
    """The end of the back-off, while it waits."""
    last_ending: Ending | None = None

    @property
    def may_live(self) -> bool:
        """Whether there may be a process: then no other may be launched on the agent."""
        return self.phase is not Phase.WAITING

    def to_json(self) -> dict[str, Any]:
        """All of it, for stores."""
        return {
            **asdict(self),
            "version": VERSION,
            "kind": "service",
            "phase": self.phase.value,
        }


@dataclass(frozen=True, slots=True)
class Stops:
    """How often all services were to be stopped for good, and whether the last time is done with."""

    number: int
    count: int
    under_way: bool
    """Whether Mesos is still to be told, or has not confirmed yet, that the framework is to end."""

    @property
    def id(self) -> str:
        """The same for all."""
        return STOPS_ID

    def to_json(self) -> dict[str, Any]:
        """All of it, for stores."""
        return {**asdict(self), "id": self.id, "version": VERSION, "kind": "stops"}


@dataclass(frozen=True, slots=True)
class Home:
    """Which cluster the framework is of."""

    number: int
    master: str
    """As it was spelled when the framework subscribed last (`home_cluster.spelled`)."""

    @property
    def id(self) -> str:
        """The same for all."""
        return HOME_ID

    def to_json(self) -> dict[str, Any]:
        """All of it, for stores."""
        return {**asdict(self), "id": self.id, "version": VERSION, "kind": "home"}


Entry = AgentService | Stops | Home
"""What stores of shuffle services hold."""


def entry_from_json(fields: Mapping[str, Any]) -> Entry:
    """What `to_json` of one of them made. KeyError, TypeError or ValueError for what it cannot have made."""
    if fields["version"] != VERSION:
        raise ValueError(f"a record of version {fields['version']}, and {VERSION} is what is understood")
    if fields["kind"] == "stops":
        return Stops(number=fields["number"], count=int(fields["count"]), under_way=bool(fields["under_way"]))
    if fields["kind"] == "home":
        return Home(number=fields["number"], master=str(fields["master"]))
    if fields["kind"] != "service":
        raise ValueError("a record of an unknown kind")
    known = {name: fields[name] for name in AgentService.__dataclass_fields__}
    ending = known["last_ending"]
    return AgentService(
        **{
            **known,
            "phase": Phase(known["phase"]),
            "last_ending": None if ending is None else Ending(**ending),
        }
    )

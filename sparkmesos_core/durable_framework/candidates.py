"""Who stands for leader, and until when one may believe to lead. No I/O, no clock.

Each has an ephemeral, sequential node, whose name is MARK-NUMBER: the mark is the process's own, so that it
knows its node again even if it never heard the answer to its making. The lowest number leads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from sparkmesos_core.durable_framework.store.ownership import Owner, owner_of
from sparkmesos_core.loopback import is_loopback

LEASE = 0.75
"""The part of a session's time for which a leader that hears nothing may believe in its session.

ZooKeeper's servers tell each other of a client's signs of life once per tick, and the session times of
clients are many ticks: the last quarter is for that.
"""

_NAME = re.compile(r"([0-9a-f]+)-([0-9]{10})")


@dataclass(frozen=True)
class Candidate:
    """A process that can lead."""

    owner: Owner
    http_url: str
    """Of what takes its requests, such as a dispatcher's REST server."""
    webui_url: str
    """Of its pages."""
    agreed: Mapping[str, str] = field(default_factory=dict)
    """What all of them have to have the same of, by names for people; empty of one that is not to go on."""

    def encode(self) -> bytes:
        """For its node."""
        return json.dumps(asdict(self)).encode()


def why_not_passed_on(leader: Candidate, own: Candidate, holder: str) -> str:
    """Why requests cannot go from one process to the one that leads, for people; empty if they can.

    `holder` is what both are called.
    """
    elsewhere = leader.owner.host != own.owner.host
    if elsewhere and is_loopback(urlsplit(leader.http_url).hostname or ""):
        return (
            f"the {holder} that leads, {leader.owner}, can be reached from its own machine only"
            f" ({leader.http_url}): start it with --host"
        )
    if leader.http_url != own.http_url:
        return ""
    if elsewhere:
        return (
            f"the {holder} that leads, {leader.owner}, says that it is at {leader.http_url}, as this one"
            " does: each needs its own (--host, SPARK_PUBLIC_DNS), unless that one has just ended"
        )
    # We have the port, so that one has lost it. Its node lasts as long as its session.
    return f"the {holder} that was at {leader.http_url} before leads until ZooKeeper notices its end"


def why_not_beside(leader: Candidate, own: Candidate, holder: str) -> str:
    """Why a process cannot stand by for the one that leads, for people; empty if it can.

    It would go on with the same framework, of which Mesos keeps these for ever.
    """
    if not (leader.agreed and own.agreed):
        return ""
    different = [name for name in own.agreed if leader.agreed.get(name, "") != own.agreed[name]]
    if not different:
        return ""
    has = ", ".join(f"{name} {leader.agreed.get(name, '') or '(none)'}" for name in different)
    here = ", ".join(own.agreed[name] or "(none)" for name in different)
    return f"the {holder} that leads, {leader.owner}, has the {has}, and not {here}"


def read_candidate(content: bytes) -> Candidate | None:
    """What `Candidate.encode` made; None for anything else."""
    try:
        fields = json.loads(content)
        agreed = {str(name): str(value) for name, value in fields.get("agreed", {}).items()}
        owner = owner_of(fields["owner"])
        return Candidate(owner, str(fields["http_url"]), str(fields["webui_url"]), agreed)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True)
class Field:
    """The candidates there are, by the names of their nodes."""

    first: str | None
    """Who leads."""
    own: tuple[str, ...]
    """Those with our mark, lowest first. More than one if answers were lost."""


def look_at(names: Iterable[str], mark: str) -> Field:
    """Whose nodes these are; names of other kinds are not looked at."""
    found = sorted(
        (int(match[2]), name, match[1]) for name in names if (match := _NAME.fullmatch(name)) is not None
    )
    return Field(
        first=found[0][1] if found else None,
        own=tuple(name for _, name, whose in found if whose == mark),
    )


class Lease:
    """Until when our session surely lasts: nobody else can lead before that. Times are those of one clock."""

    def __init__(self, session_timeout: float) -> None:
        """The timeout that is asked for, in seconds."""
        self.seconds = self._longest = LEASE * session_timeout
        self._asked_at: float | None = None

    def granted(self, session_timeout: float) -> None:
        """So many seconds of silence end our session; never mind more than were asked for."""
        self.seconds = min(LEASE * session_timeout, self._longest)

    def answered(self, asked_at: float) -> None:
        """ZooKeeper has answered in our session what was asked then, so it got that later."""
        self._asked_at = asked_at

    def left(self, now: float) -> float:
        """Seconds, 0 if it has ended."""
        return 0.0 if self._asked_at is None else max(0.0, self._asked_at + self.seconds - now)

"""How a durable framework is, and what those are told who ask something of one that fails."""

from __future__ import annotations

from dataclasses import dataclass

from sparkmesos_core.errors import FrameworkError


class InDoubtError(FrameworkError):
    """It is unknown whether what was asked for is in the store, and so will be done."""


@dataclass(frozen=True)
class Condition:
    """How it is."""

    ready: bool
    """Whether it takes requests: its store works, and it leads if there are several."""
    subscribed: bool
    """Whether Mesos knows it at this moment. Requests are taken all the same, and wait."""
    reason: str
    """Why not ready or not subscribed, for people; empty if it is both."""
    framework_id: str | None
    master: str
    """The leading master's http URL if known, else what was configured; without passwords."""
    started_at: float
    """Seconds since 1970."""

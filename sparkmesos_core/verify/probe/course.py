"""The course of a probe: which agents get a task, and what is known of each. No I/O, no clock, no threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.verify.probe.names import TASK_PREFIX
from sparkmesos_core.verify.probe.plan import ProbePlan
from sparkmesos_core.verify.probe.report import Report
from sparkmesos_core.verify.probe.result import Ending, ProbeResult, TriedAgent

MOST_AT_ONCE = 64
"""So many agents run a task, and fetch what there is to fetch, at the same time."""

_SOON, _LATER, _NEVER = 1.0, 2.0, 3600.0
"""Seconds for which offers are refused."""
_OFFER_GONE = "REASON_INVALID_OFFERS"
_MOST_LAUNCHES = 3
"""So often an agent's offer may be gone before the task is launched."""
_ENDED = frozenset(
    f"TASK_{state}"
    for state in (
        "FINISHED",
        "FAILED",
        "KILLED",
        "ERROR",
        "LOST",
        "DROPPED",
        "GONE",
        "UNREACHABLE",
        "UNKNOWN",
    )
)


@dataclass(frozen=True)
class Launch:
    """Use an offer for a task."""

    offer_id: str
    task_info: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Decline:
    """Give offers back, for so many seconds."""

    offer_ids: tuple[str, ...]
    seconds: float


Action = Launch | Decline


@dataclass
class _Tried:
    agent_id: str
    name: str
    url: str
    task_id: str
    state: str = ""
    reason: str = ""
    message: str = ""
    report: Report | None = None
    output: tuple[str, ...] = ()
    unread: str = ""
    asked: bool = False
    """Whether its sandbox is being read, or was."""

    @property
    def is_over(self) -> bool:
        return self.has_told or (self.state in _ENDED and self.asked)

    @property
    def has_told(self) -> bool:
        return self.report is not None and self.report.is_whole

    def result(self) -> TriedAgent:
        ending = Ending.ENDED if self.state in _ENDED else Ending.LATE
        return TriedAgent(
            self.agent_id,
            self.name,
            Ending.TOLD if self.has_told else ending,
            self.report,
            self.state,
            self.reason,
            self.message,
            self.output,
            self.unread,
        )


@dataclass(frozen=True)
class Sandbox:
    """Where the output of a task is to be read."""

    token: str
    agent_url: str
    task_id: str


class Course:
    """One probe. `names` has the agents that may get a task, by their ids; `most` of them do, at most."""

    def __init__(
        self, plan: ProbePlan, names: Mapping[str, str], tokens: Iterator[str], *, most: int | None = None
    ) -> None:
        self._plan = plan
        self._names = dict(names)
        self._tokens = tokens
        self._most = len(self._names) if most is None else min(most, len(self._names))
        self._tried: dict[str, _Tried] = {}
        self._launches: Counter[str] = Counter()
        self._put_off: set[str] = set()
        """The agents whose last offer came when too many others had a task."""

    @property
    def wants_offers(self) -> bool:
        """Whether an agent is still to be tried."""
        return len(self._tried) < self._most

    @property
    def is_waiting_for_tasks(self) -> bool:
        """Whether some task has neither told all nor ended."""
        return any(not one.is_over for one in self._tried.values())

    @property
    def is_about_to_end(self) -> bool:
        """Whether some task has told everything, and Mesos has not told yet that it has ended."""
        return any(one.has_told and one.state not in _ENDED for one in self._tried.values())

    def on_offers(self, offers: Sequence[Mapping[str, Any]]) -> list[Action]:
        """What becomes of offers, v1 Offers as in an OFFERS event."""
        actions: list[Action] = []
        refused: dict[float, list[str]] = {}
        for offer in map(Offer.from_mesos, offers):
            launch, seconds = self._launch(offer)
            if launch is not None:
                actions.append(launch)
            else:
                refused.setdefault(seconds, []).append(offer.id)
        # A launch takes its time, in which others could have the rest.
        return [*(Decline(tuple(ids), seconds) for seconds, ids in refused.items()), *actions]

    def _launch(self, offer: Offer) -> tuple[Launch | None, float]:
        if not self.wants_offers or offer.agent_id not in self._names or self._has_tried(offer.agent_id):
            return None, _NEVER
        if sum(not one.is_over for one in self._tried.values()) >= MOST_AT_ONCE:
            self._put_off.add(offer.agent_id)
            return None, _LATER
        self._put_off.discard(offer.agent_id)
        token = next(self._tokens)
        task_id = f"{TASK_PREFIX}{sum(self._launches.values()) + 1}"
        task = self._plan.task_info(offer, task_id, token)
        if task is None:
            return None, _SOON
        self._launches[offer.agent_id] += 1
        name = self._names[offer.agent_id]
        self._tried[token] = _Tried(offer.agent_id, name, offer.agent_url, task_id)
        return Launch(offer.id, task), 0.0

    def _has_tried(self, agent_id: str) -> bool:
        return any(one.agent_id == agent_id for one in self._tried.values())

    def on_status(self, status: Mapping[str, Any]) -> None:
        """A v1 TaskStatus, as in an UPDATE event.

        That an offer was taken back before its task was launched says nothing of the agent: it is tried with
        the next one.
        """
        for token, one in list(self._tried.items()):
            if one.task_id == status["task_id"]["value"] and one.state not in _ENDED:
                offer_is_gone = status.get("reason") == _OFFER_GONE
                if offer_is_gone and self._launches[one.agent_id] < _MOST_LAUNCHES:
                    del self._tried[token]
                    continue
                one.state = str(status.get("state", ""))
                one.reason = str(status.get("reason", ""))
                one.message = str(status.get("message", ""))

    def on_refused(self, launch: Launch, why: str) -> None:
        """Mesos has not taken a launch."""
        self._on_no_launch(launch, {"state": "TASK_ERROR", "message": why})

    def on_lost(self, launch: Launch, why: str) -> None:
        """Mesos has most likely not heard of a launch: its offer is gone, with the connection."""
        self._on_no_launch(launch, {"state": "TASK_LOST", "reason": _OFFER_GONE, "message": why})

    def _on_no_launch(self, launch: Launch, status: Mapping[str, Any]) -> None:
        self.on_status({"task_id": launch.task_info["task_id"], **status})
        for one in self._tried.values():
            if one.task_id == launch.task_info["task_id"]["value"]:
                one.asked = True  # there is no sandbox

    def knows(self, token: str) -> bool:
        """Whether some task has been given this."""
        return token in self._tried

    def on_report(self, token: str, report: Report | None) -> None:
        """What a task has said, from wherever it came; the longest counts."""
        one = self._tried.get(token)
        if one is not None and report is not None and not one.has_told:
            one.report = report

    def on_output(self, token: str, output: Sequence[str], unread: str = "") -> None:
        """The end of what a task has written, or why it cannot be read."""
        if (one := self._tried.get(token)) is not None:
            one.output, one.unread = tuple(output), unread

    @property
    def has_to_read(self) -> bool:
        """Whether there is a sandbox to be read."""
        return any(one.state in _ENDED and not one.has_told and not one.asked for one in self._tried.values())

    def to_read(self, *, also_running: bool = False) -> list[Sandbox]:
        """The sandboxes of tasks that have ended and not told everything; each is named once."""
        found = []
        for token, one in self._tried.items():
            if not one.has_told and not one.asked and (also_running or one.state in _ENDED):
                one.asked = True
                found.append(Sandbox(token, one.url, one.task_id))
        return found

    def result(self, *, patience: float, timeout: float, unfit: int) -> ProbeResult:
        """What is known; for the end."""
        by_agent = {one.agent_id: one for one in self._tried.values()}
        tried = [by_agent[agent] for agent in self._names if agent in by_agent]
        # Of those that need not be tried nobody misses an offer, unless there were too few.
        missing = [agent for agent in self._names if agent not in by_agent] if self.wants_offers else []
        return ProbeResult(
            self._plan,
            tuple(one.result() for one in tried),
            tuple(self._names[agent] for agent in missing if agent not in self._put_off),
            patience,
            timeout,
            unfit,
            left_out=0 if missing else len(self._names) - len(tried),
            put_off=tuple(self._names[agent] for agent in missing if agent in self._put_off),
        )

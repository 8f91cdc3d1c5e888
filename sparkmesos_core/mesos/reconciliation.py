"""Asking for the states of tasks until Mesos has answered for each: what is open, and when to ask again.

One RECONCILE is not enough. A master that has just been elected says nothing about a task whose agent has not
come back to it yet (recorded: no answer for as long as was waited), and answers the same call once it has.
"""

from __future__ import annotations

from collections.abc import Mapping

FIRST_PAUSE = 5.0
"""Seconds until the first repetition; each further pause is twice as long."""

LONGEST_PAUSE = 60.0
"""Seconds; a master may wait ten minutes for an agent, so there is no use in asking all the time."""


class Reconciliation:
    """The tasks that were asked for and not answered yet. Times are seconds of any steady clock."""

    def __init__(self, first_pause: float = FIRST_PAUSE, longest_pause: float = LONGEST_PAUSE) -> None:
        self._first_pause, self._longest_pause = first_pause, longest_pause
        self._open: dict[str, str | None] = {}
        self._pause = first_pause
        self._due = 0.0

    def asked(self, tasks: Mapping[str, str | None], now: float) -> None:
        """These tasks (ids with the ids of their agents, if known) have just been asked for."""
        self._open.update(tasks)
        self._pause = self._first_pause
        self._due = now + self._pause

    def heard(self, task_id: str) -> None:
        """A status of this task has come, whether it was the answer or not."""
        self._open.pop(task_id, None)

    def subscribed(self, now: float) -> None:
        """There is a new subscription, perhaps at another master: what was asked before may be lost."""
        self._pause = self._first_pause
        self._due = now

    def due(self, now: float) -> dict[str, str | None]:
        """The tasks to ask for now; empty if there are none or it is too early. The next time is later."""
        if not self._open or now < self._due:
            return {}
        self._due = now + self._pause
        self._pause = min(2 * self._pause, self._longest_pause)
        return dict(self._open)

"""Calls of Mesos, made in order in a thread of their own, each for the subscription it was decided for.

A call that fails is made again as long as the subscription lasts, but for ACCEPT, of which nobody knows
whether it was heard: its tasks are asked for instead. A TEARDOWN that Mesos refuses is told whoever asked.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sparkmesos_core.durable_framework.actions import (
    Acknowledge,
    Action,
    Decline,
    KillTask,
    LaunchTasks,
    Reconcile,
    Revive,
    Suppress,
    Teardown,
)
from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError
from sparkmesos_core.mesos.framework import Framework

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_TRIALS = 1.0
_BAD_REQUEST = 400
_REFUSALS = range(400, 500)


class Calls:
    """The thread, and what waits for it."""

    def __init__(
        self,
        report: Callable[[Framework, dict[str, Any]], None],
        on_torn_down: Callable[[Framework], None] = lambda _: None,
        on_teardown_refused: Callable[[Framework, MesosError], None] = lambda *_: None,
    ) -> None:
        """`report` gets the framework and an event that is to be treated as if Mesos had sent it.

        `on_torn_down` gets a framework whose end Mesos has taken up, `on_teardown_refused` one that Mesos
        does not end, and why. All are called in the thread.
        """
        self._report = report
        self._on_torn_down = on_torn_down
        self._on_teardown_refused = on_teardown_refused
        self._waiting: queue.SimpleQueue[tuple[Framework | None, int, Action | None]] = queue.SimpleQueue()
        self._failed: list[tuple[Framework, int, Action]] = []
        self._framework: Framework | None = None
        self._subscription = 0
        self._demand: Action | None = None
        self._thread = threading.Thread(target=self._run, name="mesos-calls", daemon=True)
        self._thread.start()

    def use(self, framework: Framework | None) -> None:
        """From now on calls are for this framework, which has just subscribed; None: there is none."""
        self._subscription += 1
        self._framework = framework

    def put(self, actions: Sequence[Action]) -> None:
        """Make these after those before; nothing of it without a subscription."""
        framework, subscription = self._framework, self._subscription
        if framework is not None:
            for action in actions:
                self._waiting.put((framework, subscription, action))

    def close(self, timeout: float) -> None:
        """Make what waits, for so many seconds at most; nothing is made any more then."""
        self._waiting.put((None, 0, None))
        self._thread.join(timeout)

    def _run(self) -> None:
        due = 0.0
        while True:
            if self._failed and time.monotonic() >= due:
                again, self._failed = self._failed, []
                for one in again:
                    self._make(*one, repeated=True)
                due = time.monotonic() + _SECONDS_BETWEEN_TRIALS
            pause = max(0.0, due - time.monotonic()) if self._failed else None
            try:
                framework, subscription, action = self._waiting.get(timeout=pause)
            except queue.Empty:
                continue
            if framework is None or action is None:
                return
            if not self._failed:
                due = time.monotonic() + _SECONDS_BETWEEN_TRIALS
            self._make(framework, subscription, action)

    def _make(
        self, framework: Framework, subscription: int, action: Action, *, repeated: bool = False
    ) -> None:
        if subscription != self._subscription:
            return  # the offers are void, and everything else is said anew
        if isinstance(action, Revive | Suppress):
            if repeated and action is not self._demand:
                return
            self._demand = action
        try:
            _call(framework, action)
            if isinstance(action, Teardown):
                self._on_torn_down(framework)
        except UnreachableError as error:
            self._on_failure(framework, subscription, action, error)
        except MesosError as error:
            if isinstance(action, Teardown) and error.status in _REFUSALS:
                # It stays so until somebody changes permissions; whoever asks will ask again.
                logger.error("%s", error.message)
                self._on_teardown_refused(framework, error)
            elif error.status == _BAD_REQUEST:
                self._on_refusal(framework, subscription, action, error)
            else:
                self._on_failure(framework, subscription, action, error)
        except Exception:
            logger.exception("a call of Mesos has failed: %s", type(action).__name__)

    def _on_failure(
        self, framework: Framework, subscription: int, action: Action, error: SparkMesosError
    ) -> None:
        if subscription != self._subscription:
            return
        # That a subscription is lost is told already.
        logger.log(logging.WARNING if framework.connected else logging.DEBUG, "%s", error.message)
        if isinstance(action, LaunchTasks):
            # Whether it was heard is not known. If not, the offer is given back; if so, that changes nothing.
            self._failed.append((framework, subscription, Decline([action.offer_id], action.refuse_seconds)))
            self._failed.append((framework, subscription, Reconcile(_tasks(action))))
        else:
            self._failed.append((framework, subscription, action))

    def _on_refusal(self, framework: Framework, subscription: int, action: Action, error: MesosError) -> None:
        """Mesos does not understand the call, and will not, however often it is made."""
        logger.error("%s", error.message)
        if not isinstance(action, LaunchTasks):
            return
        first, *others = action.tasks
        if others:
            # One of them may be what is wrong. The others are launched with another offer.
            alone = LaunchTasks(action.offer_id, [first], 0.0)
            self._make(framework, subscription, alone)
            for task in others:
                self._report(framework, _update(task, "TASK_LOST", "REASON_INVALID_OFFERS", "not launched"))
        else:
            self._report(framework, _update(first, "TASK_ERROR", "REASON_TASK_INVALID", error.message))
            self._make(framework, subscription, Decline([action.offer_id], action.refuse_seconds))


def _tasks(launch: LaunchTasks) -> dict[str, str]:
    return {task["task_id"]["value"]: task["agent_id"]["value"] for task in launch.tasks}


def _update(task: Mapping[str, Any], state: str, reason: str, message: str) -> dict[str, Any]:
    status = {
        "task_id": task["task_id"],
        "agent_id": task["agent_id"],
        "state": state,
        "reason": reason,
        "source": "SOURCE_MASTER",
        "message": message,
        "timestamp": time.time(),
    }
    return {"type": "UPDATE", "update": {"status": status}}


def _call(framework: Framework, action: Action) -> None:
    """Raises as `Framework` does."""
    match action:
        case LaunchTasks(offer_id, tasks, refuse_seconds):
            operation = {"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}
            framework.accept([{"value": offer_id}], [operation], {"refuse_seconds": refuse_seconds})
        case Decline(offer_ids, refuse_seconds):
            framework.decline([{"value": one} for one in offer_ids], {"refuse_seconds": refuse_seconds})
        case KillTask(task_id, agent_id):
            framework.kill(task_id, agent_id or None)
        case Reconcile(tasks_with_agents):
            framework.reconcile({task: agent or None for task, agent in tasks_with_agents.items()})
        case Acknowledge(task_id, agent_id, uuid):
            status = {"task_id": {"value": task_id}, "agent_id": {"value": agent_id}, "uuid": uuid}
            framework.acknowledge(status)
        case Revive():
            framework.revive()
        case Suppress():
            framework.suppress()
        case Teardown():
            framework.teardown()
        case _:
            raise TypeError(f"{type(action).__name__} is not a call of Mesos")

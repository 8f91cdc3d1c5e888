"""Running a framework in Python: subscribe at the leading master, get its events, make calls.

Events are handed over as the v1 scheduler API has them, and calls are made in its terms too, so nothing is
lost between, such as the agent ids that pymesos leaves out when it kills and reconciles.
`sparkmesos_core.mesos.pymesos_driver` holds the subscription.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.mesos.pymesos_driver import driver_class, task_reference

Json = Mapping[str, Any]


class Framework:
    """One framework, subscribed at the leading master for as long as it runs.

    `info` is a FrameworkInfo as the v1 API wants it; with an `id` in it the framework of that id goes on.
    `on_event` gets every event of the API but heartbeats, as it is, in order, one at a time, in a thread of
    its own. It may make calls. Should it raise, the framework stops and `join` raises the same.
    `on_disconnected` is called in that thread when a subscription is lost; another SUBSCRIBED event follows
    when there is one again. With `acknowledge` status updates are acknowledged after `on_event` returns; if
    that fails, Mesos sends the update again.

    A master that points to another one is believed, until that one cannot be reached: after a leader's death
    the others go on pointing at it for as long as its ZooKeeper session lasts. Then `leader` and `others`,
    the masters that may lead one day, are asked in turn until one leads. (For masters in ZooKeeper there is
    `follow`.)

    An ERROR event, after which Mesos knows the framework no longer, ends it after `on_event` has seen it.
    Failing, leaving a `with` block and stopping keep the framework known to Mesos until its failover timeout,
    unless `stop` is told to tear it down.

    Raises MissingExtraError without pymesos, and UsageError for a leader that pymesos cannot speak to (over
    https or IPv6).
    """

    def __init__(
        self,
        info: Json,
        leader: Leader,
        on_event: Callable[[dict[str, Any]], None],
        *,
        others: Sequence[Leader] = (),
        on_disconnected: Callable[[], None] = lambda: None,
        acknowledge: bool = True,
        principal: str | None = None,
        secret: str | None = None,
    ) -> None:
        masters = [_address(each) for each in (leader, *others)]
        self._driver = driver_class()(dict(info), masters, on_event, on_disconnected, acknowledge)
        if principal is not None and secret is not None:
            token = base64.b64encode(f"{principal}:{secret}".encode()).decode()
            self._driver._basic_credential = f"Basic {token}"

    def __enter__(self) -> Framework:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.end(teardown=False)
        self._driver.wait(None)

    @property
    def framework_id(self) -> str | None:
        """The id that Mesos gave, once it is subscribed."""
        identifier: str | None = self._driver.framework_id
        return identifier

    @property
    def connected(self) -> bool:
        """Whether it is subscribed at this moment."""
        connected: bool = self._driver.subscribed
        return connected

    @property
    def problem(self) -> str:
        """Why it is not subscribed, for people; empty if it is, and before anything is known."""
        problem: str = self._driver.problem
        return problem

    def start(self) -> None:
        """Begin to subscribe; returns at once."""
        self._driver.start()

    def follow(self, leader: Leader | None) -> None:
        """Subscribe at another master; None waits until there is one. Fit to be a LeaderWatch's callback."""
        self._driver.follow(_address(leader) if leader is not None else None)

    def stop(self, *, teardown: bool = False) -> None:
        """Leave the master and return at once; with `teardown` Mesos ends the framework and all its tasks."""
        self._driver.end(teardown)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it has stopped, at most `timeout` seconds; whether it has.

        Raises what ended it, if it was not `stop`: what `on_event` raised, or MesosError if Mesos refused the
        framework, ended it, or did not tear it down.
        """
        ended: bool = self._driver.wait(timeout)
        if ended and self._driver.failure is not None:
            raise self._driver.failure
        return ended

    # Calls. All raise MesosError when refused, and UnreachableError when there is no subscription (or Mesos
    # says so: then there is a new one soon), no answer, or that of a master that does not lead or is not
    # ready.

    def call(self, kind: str, **content: Any) -> None:
        """Make any call of the v1 scheduler API, e.g. `call("MESSAGE", message={...})`."""
        identifier = {"value": self.framework_id}
        self._driver._send({"type": kind, "framework_id": identifier, **content})

    def accept(
        self, offer_ids: Sequence[Json], operations: Sequence[Json], filters: Json | None = None
    ) -> None:
        """Use offers for operations, such as `{"type": "LAUNCH", "launch": {"task_infos": [...]}}`."""
        content = {"offer_ids": list(offer_ids), "operations": list(operations)}
        self.call("ACCEPT", accept={**content, **({"filters": filters} if filters else {})})

    def decline(self, offer_ids: Sequence[Json], filters: Json | None = None) -> None:
        """Give offers back; `filters` may hold `refuse_seconds`, which Mesos sets to 5 otherwise."""
        self.call(
            "DECLINE", decline={"offer_ids": list(offer_ids), **({"filters": filters} if filters else {})}
        )

    def revive(self, roles: Sequence[str] = ()) -> None:
        """Ask for offers again, dropping all filters; for some roles or for all."""
        self.call("REVIVE", **({"revive": {"roles": list(roles)}} if roles else {}))

    def suppress(self, roles: Sequence[str] = ()) -> None:
        """Ask for no more offers until `revive`."""
        self.call("SUPPRESS", **({"suppress": {"roles": list(roles)}} if roles else {}))

    def teardown(self) -> None:
        """Have Mesos end the framework and all its tasks; nothing but `stop` can follow."""
        self.call("TEARDOWN")

    def kill(self, task_id: str, agent_id: str | None = None, *, grace: float | None = None) -> None:
        """Kill a task. With its agent's id a task that the master does not know can be killed as well.

        `grace` is the time in seconds between SIGTERM and SIGKILL, instead of the one in the TaskInfo.
        """
        kill = task_reference(task_id, agent_id)
        if grace is not None:
            kill["kill_policy"] = {"grace_period": {"nanoseconds": round(grace * 1e9)}}
        self.call("KILL", kill=kill)

    def acknowledge(self, status: Json) -> None:
        """Acknowledge a status update, so that it is not sent again; nothing to do for one without `uuid`."""
        if "uuid" in status:
            fields = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
            self.call("ACKNOWLEDGE", acknowledge=fields)

    def reconcile(self, tasks: Mapping[str, str | None]) -> None:
        """Ask for the states of tasks: task ids with agent ids (None if unknown); without any, of all.

        Named tasks are asked for again until Mesos has said something of each: a new leader does not answer
        before their agents have come back to it.
        """
        self._driver.reconcile(tasks)


def _address(leader: Leader) -> str:
    """The only form that pymesos takes."""
    if leader.scheme == "https" or ":" in leader.address.host:
        what = "over https" if leader.scheme == "https" else "by IPv6"
        raise UsageError(
            f"frameworks cannot speak to the master at {leader.http_url}: pymesos does not {what}",
            hint="Run the framework where the master can be reached over http and IPv4",
        )
    return str(leader.address)

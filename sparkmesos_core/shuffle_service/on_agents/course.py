"""What becomes of the service of an agent: what Mesos says of its task goes in, its record changes."""

from __future__ import annotations

from typing import Any

from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.task_status import TaskStatus
from sparkmesos_core.shuffle_service.on_agents.alarms import Alarms
from sparkmesos_core.shuffle_service.on_agents.back_off import (
    UNREACHABLE,
    back_off,
    is_alive,
    is_final,
    is_uncertain,
    ran_for,
)
from sparkmesos_core.shuffle_service.on_agents.ledger import ServiceLedger
from sparkmesos_core.shuffle_service.on_agents.limits import ServiceLimits
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Ending, Phase

GONE_BY_OPERATOR = "TASK_GONE_BY_OPERATOR"


class ServiceCourse:
    """Takes services from phase to phase in a ledger. Times (`now`) are seconds since 1970.

    What is due of itself it tells `alarms`: ("rest", agent id) when a back-off is over, ("sound", agent id)
    when a service has run for so long that its failures are forgiven, ("forget", agent id) when an agent has
    made no offer for so long that it is forgotten. What has become of a service meanwhile is looked at then:
    an alarm that is out of date does nothing.
    """

    def __init__(self, ledger: ServiceLedger, alarms: Alarms, limits: ServiceLimits) -> None:
        self._ledger = ledger
        self._alarms = alarms
        self._limits = limits

    def recover(self, now: float) -> None:
        """Begin with the records of the ledger."""
        for service in self._ledger.all():
            if service.phase is Phase.WAITING:
                rest = 0.0 if service.not_before is None else service.not_before - now
                self._wait(service, min(max(rest, 0.0), service.wait), now)
            elif service.failures:
                self._alarms.set(("sound", service.id), now, self._until_sound(service, now))

    def heard(self, service: AgentService, status: TaskStatus, now: float) -> None:
        """Take in a status of the service's current task, or of its last one."""
        if is_alive(status.state):
            self._lives(service, status, now)
        elif status.state == UNREACHABLE:
            if service.may_live or not is_final(service.state):
                self._note(service, status, now, phase=Phase.UNREACHABLE, not_before=None)
        elif service.may_live:
            self._end(service, status, now)
        elif status.state == GONE_BY_OPERATOR:
            self._ledger.forget(service.id)
        elif not is_final(service.state) and (status.state, status.message) != (
            service.state,
            service.message,
        ):
            self._note(service, status, now)
            self._wait(service, 0.0 if service.not_before is None else service.not_before - now, now)

    def to_launch(self, offer: Offer, framework_id: str, now: float, *, port_reserved: bool) -> AgentService:
        """What is to be kept before a service is launched with an offer; it is not in the ledger yet."""
        last = self._ledger.get(offer.agent_id)
        number = self._ledger.new_number() if last is None else last.number
        launches = 1 if last is None else last.launches + 1
        return AgentService(
            id=offer.agent_id,
            number=number,
            host=offer.host,
            agent_url=offer.agent_url,
            task_id=f"shuffle-service-{number}-{launches}",
            launches=launches,
            phase=Phase.LAUNCHED,
            framework_id=framework_id,
            launched_at=now,
            port_reserved=port_reserved,
            changed_at=now,
            **_outliving(last),
        )

    def adopt(
        self, status: TaskStatus, host: str, agent_url: str, framework_id: str, now: float
    ) -> AgentService:
        """Take a task that lives, and was not known, for the service of an agent that has none.

        `host` and `agent_url` say where an agent is that there is no record of; both may be empty.
        """
        last = self._ledger.get(status.agent_id)
        adopted = AgentService(
            id=status.agent_id,
            number=self._ledger.new_number() if last is None else last.number,
            host=host if last is None else last.host,
            agent_url=agent_url if last is None else last.agent_url,
            task_id=status.task_id,
            launches=0 if last is None else last.launches,
            phase=Phase.LAUNCHED,
            framework_id=framework_id,
            launched_at=now,
            **_outliving(last),
        )
        self._lives(self._ledger.put(adopted), status, now)
        return adopted

    def due(self, kind: str, agent_id: str, now: float) -> bool:
        """Do what an alarm is for; whether offers may be of use now that were not before."""
        service = self._ledger.get(agent_id)
        if service is None:
            return False
        if kind == "sound" and service.phase is Phase.RUNNING and service.failures:
            left = self._until_sound(service, now)
            if left > 0:
                self._alarms.set(("sound", agent_id), now, left)
            else:
                self._ledger.change(service, failures=0, wait=0.0)
        elif kind == "forget" and service.phase is Phase.WAITING:
            self._ledger.forget(agent_id)
        return kind == "rest" and service.phase is Phase.WAITING

    def _lives(self, service: AgentService, status: TaskStatus, now: float) -> None:
        if service.phase is Phase.WAITING and is_final(service.state):
            return  # Told late: its end is known.
        runs = status.state in ("TASK_RUNNING", "TASK_KILLING")
        if service.phase is Phase.RUNNING and not runs:
            return  # Told late as well.
        since = service.running_since
        if runs and since is None:
            since = now
        phase = Phase.RUNNING if runs else Phase.LAUNCHED
        service = self._note(service, status, now, phase=phase, running_since=since, not_before=None)
        if runs and service.failures and ("sound", service.id) not in self._alarms:
            self._alarms.set(("sound", service.id), now, self._until_sound(service, now))

    def _end(self, service: AgentService, status: TaskStatus, now: float) -> None:
        if status.state == GONE_BY_OPERATOR:
            # Its agent is never to come back; should there be another one on that machine, it has another id.
            self._ledger.forget(service.id)
            return
        cost = back_off(service, status, now, self._limits)
        ending = Ending(
            task_id=service.task_id,
            container_id=status.container_id or service.container_id,
            state=status.state,
            message=status.message,
            reason=status.reason,
            at=now,
            ran=ran_for(service, now),
        )
        service = self._note(
            service,
            status,
            now,
            phase=Phase.WAITING,
            running_since=service.running_since if is_uncertain(status.state) else None,
            failures=cost.failures,
            wait=cost.wait,
            not_before=now + cost.wait,
            last_ending=ending,
        )
        self._wait(service, cost.wait, now)

    def _wait(self, service: AgentService, seconds: float, now: float) -> None:
        current = self._ledger.get(service.id)
        uncertain = current is not None and is_uncertain(current.state)
        limits = self._limits
        keep = limits.forget_uncertain_seconds if uncertain else limits.forget_seconds
        self._alarms.set(("rest", service.id), now, max(seconds, 0.0))
        self._alarms.set(("forget", service.id), now, max(seconds, 0.0) + keep)

    def _note(self, service: AgentService, status: TaskStatus, now: float, **changes: object) -> AgentService:
        """Keep what Mesos said, if it is new: answers to reconciliation say little but what is known."""
        new = service.state != status.state
        told = {
            "state": status.state,
            "message": status.message if new or status.message else service.message,
            "container_id": status.container_id or service.container_id,
            "changed_at": now if new else service.changed_at,
        }
        return self._ledger.change(service, **(told | changes))

    def _until_sound(self, service: AgentService, now: float) -> float:
        return max(0.0, self._limits.sound_seconds - ran_for(service, now))


def _outliving(last: AgentService | None) -> dict[str, Any]:
    """What another task of the same agent takes over."""
    if last is None:
        return {}
    return {"failures": last.failures, "wait": last.wait, "last_ending": last.last_ending}

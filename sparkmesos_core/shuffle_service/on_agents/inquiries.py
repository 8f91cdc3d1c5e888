"""What Mesos is asked and told, and is asked and told again as long as it does not answer."""

from __future__ import annotations

from sparkmesos_core.durable_framework.actions import Action, KillTask, Reconcile, Teardown
from sparkmesos_core.shuffle_service.on_agents.alarms import Alarms
from sparkmesos_core.shuffle_service.on_agents.back_off import may_return
from sparkmesos_core.shuffle_service.on_agents.ledger import ServiceLedger
from sparkmesos_core.shuffle_service.on_agents.limits import ServiceLimits
from sparkmesos_core.shuffle_service.on_agents.record import AgentService, Phase


class Inquiries:
    """Of one subscription. Calls get lost, and masters say nothing of agents that are not back yet.

    Times (`now`) are seconds since 1970.
    """

    def __init__(self, ledger: ServiceLedger, limits: ServiceLimits) -> None:
        self._ledger = ledger
        self._limits = limits
        self._due = Alarms()
        self._calls: list[Action] = []
        self._tries = 0
        """How often services that are to end are told so from now on."""

    def begin_anew(self) -> None:
        """There is another subscription, or none: what was asked before is not answered any more."""
        self._due.clear()

    @property
    def next_due(self) -> float | None:
        """When `repeat` has something to do."""
        return self._due.next_due

    def calls(self) -> list[Action]:
        """What is to be told now; once."""
        calls, self._calls = self._calls, []
        return calls

    def launched(self, service: AgentService, now: float) -> None:
        """Mesos should say something of it soon."""
        self._due.set(("ask", service.id), now, self._limits.doubt_seconds)

    def ask(self, service: AgentService, now: float) -> None:
        """Ask for the task of an agent that is back, so that its master knows what runs there."""
        if not service.may_live or ("ask", service.id) not in self._due:
            self._calls.append(Reconcile({service.task_id: service.id}))
            self._due.set(("ask", service.id), now, self._limits.doubt_seconds)

    def answered(self, service: AgentService) -> None:
        """Mesos said something of its task."""
        self._due.drop(("ask", service.id))

    def kill(self, task_id: str, agent_id: str, now: float) -> None:
        """Have a task killed that should not be, until `gone`."""
        self._calls.append(KillTask(task_id, agent_id))
        self._due.set(("kill", task_id, agent_id), now, self._limits.doubt_seconds)

    def gone(self, task_id: str, agent_id: str) -> None:
        """A task has ended."""
        self._due.drop(("kill", task_id, agent_id))

    def end_all(self, now: float) -> None:
        """Have all services end that can be told, and then the framework.

        A service that is ended with its framework ends unseen, and a master gives the agent's resources away
        at once (`Master::removeFramework`): another framework could launch another one beside it.
        """
        self._due.clear()
        self._tries = self._limits.end_tries
        self._end_services(now)

    def ended(self, now: float) -> None:
        """Something has become of a service; if all are to end, it may have been the last one."""
        if ("end",) in self._due and not self._reachable():
            self._tear_down(now)

    def _end_services(self, now: float) -> None:
        living = self._reachable()
        if not living or self._tries == 0:
            self._tear_down(now)
            return
        self._tries -= 1
        self._calls.extend(KillTask(one.task_id, one.id) for one in living)
        self._due.set(("end",), now, self._limits.end_seconds)

    def _reachable(self) -> list[AgentService]:
        return [one for one in self._ledger.all() if one.phase in (Phase.LAUNCHED, Phase.RUNNING)]

    def _tear_down(self, now: float) -> None:
        """Have Mesos end the framework, until it has."""
        self._calls.append(Teardown())
        self._due.clear()
        self._due.set(("tear down",), now, self._limits.doubt_seconds)

    def reconcile_all(self, now: float) -> None:
        """Ask for all services that live or may come back, and for whatever else Mesos knows."""
        asked = [one for one in self._ledger.all() if one.may_live or may_return(one)]
        if asked:
            self._calls.append(Reconcile({one.task_id: one.id for one in asked}))
        self._calls.append(Reconcile({}))
        for service in asked:
            if service.phase is Phase.LAUNCHED:
                self._due.set(("ask", service.id), now, self._limits.doubt_seconds)
        self._due.set(("reconcile",), now, self._limits.reconcile_seconds)

    def repeat(self, now: float) -> None:
        """Ask and tell again what Mesos has not answered in time."""
        unanswered: dict[str, str] = {}
        for kind, *which in self._due.pop_due(now):
            if kind == "reconcile":
                self.reconcile_all(now)
            elif kind == "end":
                self._end_services(now)
            elif kind == "tear down":
                self._tear_down(now)
            elif kind == "kill":
                self.kill(which[0], which[1], now)
            else:
                service = self._ledger.get(which[0])
                if service is not None and service.phase in (Phase.LAUNCHED, Phase.UNREACHABLE):
                    unanswered[service.task_id] = service.id
                    self._due.set(("ask", service.id), now, self._limits.doubt_seconds)
        if unanswered:
            self._calls.append(Reconcile(unanswered))

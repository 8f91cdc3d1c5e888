"""The embedded master as a state machine: calls and events in, actions out; no I/O, no clock, no threads.

Times are seconds since the epoch and passed in as `now`; the adapter calls `tick` when `next_deadline` has
come. Every method returns the actions that the adapter has to perform, in that order.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.localcluster import scheduler_call as calls
from sparkmesos_core.localcluster.launch_validation import (
    capabilities,
    framework_problem,
    framework_roles,
    task_problem,
    task_resources,
)
from sparkmesos_core.localcluster.messages import (
    AcknowledgeUpdate,
    AgentRegistration,
    KillTask,
    RunTask,
    ShutdownFramework,
    StatusUpdate,
    ToAgent,
    UpdateFramework,
)
from sparkmesos_core.mesos.attributes import Attribute, attributes_json, parse_attributes
from sparkmesos_core.mesos.resources import Resources

JsonObject = dict[str, Any]

MESOS_VERSION = "1.12.0"
"""The release whose behaviour the embedded cluster follows, and the version that it reports."""

MAX_COMPLETED_FRAMEWORKS = 50
MAX_COMPLETED_TASKS = 1000
_MIN_ALLOCATABLE_CPUS = 0.01
_MIN_ALLOCATABLE_MEM = 32.0

TERMINAL_STATES = frozenset(
    {
        "TASK_FINISHED",
        "TASK_FAILED",
        "TASK_KILLED",
        "TASK_ERROR",
        "TASK_LOST",
        "TASK_DROPPED",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
    }
)


@dataclass(frozen=True)
class SendEvent:
    """Send an event on a subscription."""

    stream_id: str
    event: JsonObject


@dataclass(frozen=True)
class CloseStream:
    """End a subscription, after what was sent on it before."""

    stream_id: str


@dataclass(frozen=True)
class TellAgent:
    """Pass a message to an agent."""

    agent_id: str
    message: ToAgent


Action = SendEvent | CloseStream | TellAgent


@dataclass(frozen=True)
class MasterOptions:
    """What is fixed for a master's life; intervals in seconds."""

    hostname: str = "127.0.0.1"
    ip: str = "127.0.0.1"
    port: int = 5050
    allocation_interval: float = 1.0
    heartbeat_interval: float = 15.0


@dataclass
class Task:
    """A launched task as the master knows it. `state` is the latest one that its agent reported."""

    info: JsonObject
    framework_id: str
    agent_id: str
    role: str
    resources: Resources
    state: str = "TASK_STAGING"
    statuses: list[JsonObject] = field(default_factory=list)

    @property
    def task_id(self) -> str:
        """Its id, unique among the unfinished tasks of its framework."""
        return str(self.info["task_id"]["value"])

    @property
    def ended(self) -> bool:
        """Whether it has reached a terminal state, acknowledged or not."""
        return self.state in TERMINAL_STATES


@dataclass(frozen=True)
class Filter:
    """A framework has refused these resources of an agent for some time."""

    refused: Resources
    expires: float


@dataclass
class Framework:
    """A framework that has subscribed, connected or not."""

    framework_id: str
    info: JsonObject
    registered_time: float
    sequence: int
    stream_id: str | None = None
    reregistered_time: float | None = None
    unregistered_time: float = 0.0
    failover_deadline: float | None = None
    next_heartbeat: float | None = None
    suppressed: set[str] = field(default_factory=set)
    filters: dict[tuple[str, str], list[Filter]] = field(default_factory=dict)
    allocated: dict[str, Resources] = field(default_factory=dict)
    """What is offered and used, by role, over all agents: scalars only, which is all that shares need."""
    tasks: dict[str, Task] = field(default_factory=dict)
    completed_tasks: deque[Task] = field(default_factory=lambda: deque(maxlen=MAX_COMPLETED_TASKS))

    @property
    def connected(self) -> bool:
        """Whether it has a subscription."""
        return self.stream_id is not None

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that it is offered resources in."""
        return framework_roles(self.info)

    def can(self, capability: str) -> bool:
        """Whether it declared a capability, e.g. PARTITION_AWARE."""
        return capability in capabilities(self.info)


@dataclass
class Agent:
    """A registered agent and what of it is still free, neither offered nor used."""

    agent_id: str
    registration: AgentRegistration
    registered_time: float
    attributes: tuple[Attribute, ...]
    total: Resources
    free: Resources


@dataclass(frozen=True)
class Offer:
    """Resources of one agent that a framework may use until it answers."""

    offer_id: str
    framework_id: str
    agent_id: str
    role: str
    resources: Resources


class MasterState:
    """See the module. Ids come from `new_uuid`, so that tests can foresee them."""

    def __init__(
        self, options: MasterOptions, now: float, new_uuid: Callable[[], str] = lambda: str(uuid.uuid4())
    ) -> None:
        self.options = options
        self.start_time = now
        self.master_id = new_uuid()
        self.frameworks: dict[str, Framework] = {}
        self.completed_frameworks: deque[Framework] = deque(maxlen=MAX_COMPLETED_FRAMEWORKS)
        self.agents: dict[str, Agent] = {}
        self.offers: dict[str, Offer] = {}
        self._removed_ids: set[str] = set()
        self._streams: dict[str, str] = {}
        self._next_framework = 0
        self._next_agent = 0
        self._next_offer = 0
        self._next_allocation = now + options.allocation_interval
        self._total = Resources()

    # --- what the adapter asks about time

    def next_deadline(self) -> float | None:
        """When `tick` has something to do, None if nothing is waited for."""
        deadlines = [f.next_heartbeat for f in self.frameworks.values() if f.next_heartbeat is not None]
        deadlines += [
            f.failover_deadline for f in self.frameworks.values() if f.failover_deadline is not None
        ]
        if any(framework.connected for framework in self.frameworks.values()):
            deadlines.append(self._next_allocation)
        return min(deadlines, default=None)

    def tick(self, now: float) -> list[Action]:
        """Do what is due: heartbeats, removal of frameworks that did not come back, and offers."""
        actions: list[Action] = []
        for framework in list(self.frameworks.values()):
            if framework.failover_deadline is not None and framework.failover_deadline <= now:
                actions += self._remove_framework(framework, now)
            elif framework.next_heartbeat is not None and framework.next_heartbeat <= now:
                actions += self._heartbeat(framework, now)
        if self._next_allocation <= now:
            self._next_allocation = now + self.options.allocation_interval
            actions += self._allocate(now)
        return actions

    # --- agents

    def register_agent(self, registration: AgentRegistration, now: float) -> tuple[str, list[Action]]:
        """A new agent: its id, and the offers which that makes possible.

        Raises UsageError for bad resource texts.
        """
        total = Resources.parse(registration.resources)
        attributes = parse_attributes(registration.attributes)
        agent_id = f"{self.master_id}-S{self._next_agent}"
        self._next_agent += 1
        self.agents[agent_id] = Agent(agent_id, registration, now, attributes, total, total)
        self._total = self._total + total.scalars()
        return agent_id, self._allocate(now)

    def status_update(self, update: StatusUpdate, now: float) -> list[Action]:
        """An agent reports a task's state, perhaps again.

        It is passed on to the framework if that is connected and the update's turn has come.
        """
        del now
        status = update.status
        task_id = status["task_id"]["value"]
        framework = self.frameworks.get(update.framework_id)
        task = framework.tasks.get(task_id) if framework is not None else None
        if framework is None or task is None:
            # Nobody will ever acknowledge it, so the agent would repeat it for ever.
            acknowledgement = AcknowledgeUpdate(update.framework_id, task_id, status["uuid"])
            return [TellAgent(update.agent_id, acknowledgement)]
        if not task.ended:
            task.state = update.latest_state
            if update.latest_state in TERMINAL_STATES:
                self._release(framework, task.agent_id, task.role, task.resources)
        if update.waiting:
            return []
        if all(known.get("uuid") != status["uuid"] for known in task.statuses):
            task.statuses.append(status)
        if framework.stream_id is None:
            return []
        return [SendEvent(framework.stream_id, {"type": "UPDATE", "update": {"status": status}})]

    # --- subscriptions

    def subscribe(self, call: calls.Subscribe, stream_id: str, now: float) -> list[Action]:
        """A scheduler subscribes on a new stream; refusals are ERROR events, as with Mesos."""
        if (problem := framework_problem(call.framework_id, call.info)) is not None:
            return [_error_event(stream_id, problem), CloseStream(stream_id)]
        if call.framework_id in self._removed_ids:
            return [_error_event(stream_id, "Framework has been removed"), CloseStream(stream_id)]
        actions: list[Action] = []
        framework = self.frameworks.get(call.framework_id) if call.framework_id is not None else None
        if framework is None:
            framework = self._new_framework(call, now)
        else:
            if framework.stream_id is not None:
                # Filters stay when the id passes from one live subscription to the next.
                actions += [
                    _error_event(framework.stream_id, "Framework failed over"),
                    CloseStream(framework.stream_id),
                ]
                self._streams.pop(framework.stream_id, None)
            self._recover_offers(framework)
            framework.info = {**call.info, "id": {"value": framework.framework_id}}
            framework.reregistered_time = now
            message = UpdateFramework(framework.info)
            actions += [TellAgent(agent_id, message) for agent_id in self.agents]
        framework.stream_id = stream_id
        framework.failover_deadline = None
        framework.suppressed = set(call.suppressed_roles)
        self._streams[stream_id] = framework.framework_id
        subscribed = {
            "framework_id": {"value": framework.framework_id},
            "heartbeat_interval_seconds": self.options.heartbeat_interval,
            "master_info": self.master_info(),
        }
        actions.append(SendEvent(stream_id, {"type": "SUBSCRIBED", "subscribed": subscribed}))
        actions += self._heartbeat(framework, now)
        return actions + self._allocate(now)

    def stream_closed(self, stream_id: str, now: float) -> list[Action]:
        """The scheduler's connection is gone: it has its failover timeout to come back."""
        framework_id = self._streams.pop(stream_id, None)
        framework = self.frameworks.get(framework_id) if framework_id is not None else None
        if framework is None or framework.stream_id != stream_id:
            return []
        framework.stream_id = None
        framework.next_heartbeat = None
        framework.filters.clear()
        self._recover_offers(framework)
        timeout = float(framework.info.get("failover_timeout", 0))
        if timeout > 0:
            framework.failover_deadline = now + timeout
            return []
        return self._remove_framework(framework, now)

    def call(self, call: calls.Call, stream_id: str | None, now: float) -> list[Action]:
        """Any call but SUBSCRIBE; raises CallRefused as Mesos answers a call that may not be made now."""
        if isinstance(call, calls.Subscribe):
            raise TypeError("SUBSCRIBE has a method of its own")
        framework = self.frameworks.get(call.framework_id)
        if framework is None:
            raise calls.CallRefused(400, "Framework cannot be found")
        if framework.stream_id is None:
            raise calls.CallRefused(403, "Framework is not subscribed")
        if stream_id is None:
            raise calls.CallRefused(
                400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
            )
        if stream_id != framework.stream_id:
            raise calls.CallRefused(
                400,
                f"The stream ID '{stream_id}' included in this request didn't match the stream ID currently"
                f" associated with framework ID {framework.framework_id}",
            )
        match call:
            case calls.Accept():
                return self._accept(framework, call, now)
            case calls.Decline():
                for offer_id in call.offer_ids:
                    offer = self.offers.get(offer_id)
                    if offer is not None and offer.framework_id == framework.framework_id:
                        del self.offers[offer_id]
                        self._refuse(framework, offer, offer.resources, call.refuse_seconds, now)
                return []
            case calls.Revive():
                roles = call.roles or framework.roles
                framework.suppressed -= set(roles)
                framework.filters = {k: v for k, v in framework.filters.items() if k[1] not in roles}
                return self._allocate(now)
            case calls.Suppress():
                framework.suppressed |= set(call.roles or framework.roles)
                return []
            case calls.Kill():
                return self._kill(framework, call, now)
            case calls.Acknowledge():
                return self._acknowledge(framework, call)
            case calls.Reconcile():
                return self._reconcile(framework, call, now)
            case calls.Teardown():
                return self._remove_framework(framework, now)
            case calls.WithoutEffect():
                return []

    def teardown(self, framework_id: str, now: float) -> list[Action]:
        """An operator ends a framework; KeyError if there is no such one."""
        return self._remove_framework(self.frameworks[framework_id], now)

    def master_info(self) -> JsonObject:
        """The v1 MasterInfo."""
        o = self.options
        packed = sum(int(part) << (8 * i) for i, part in enumerate(o.ip.split("."))) if "." in o.ip else 0
        return {
            "id": self.master_id,
            "ip": packed,
            "port": o.port,
            "pid": f"master@{o.ip}:{o.port}",
            "hostname": o.hostname,
            "version": MESOS_VERSION,
            "address": {"hostname": o.hostname, "ip": o.ip, "port": o.port},
            "capabilities": [{"type": "AGENT_UPDATE"}, {"type": "AGENT_DRAINING"}, {"type": "QUOTA_V2"}],
        }

    # --- frameworks

    def _new_framework(self, call: calls.Subscribe, now: float) -> Framework:
        framework_id = call.framework_id
        if framework_id is None:
            framework_id = f"{self.master_id}-{self._next_framework:04d}"
        sequence, self._next_framework = self._next_framework, self._next_framework + 1
        framework = Framework(framework_id, {**call.info, "id": {"value": framework_id}}, now, sequence)
        self.frameworks[framework_id] = framework
        return framework

    def _heartbeat(self, framework: Framework, now: float) -> list[Action]:
        if framework.stream_id is None:
            return []
        framework.next_heartbeat = now + self.options.heartbeat_interval
        return [SendEvent(framework.stream_id, {"type": "HEARTBEAT"})]

    def _remove_framework(self, framework: Framework, now: float) -> list[Action]:
        actions: list[Action] = []
        self._recover_offers(framework)
        for task in framework.tasks.values():
            if not task.ended:
                task.statuses.append(
                    _status(
                        task.task_id,
                        "TASK_KILLED",
                        now,
                        message=f"Framework {framework.framework_id} removed",
                        agent_id=task.agent_id,
                    )
                )
                task.state = "TASK_KILLED"
                self._release(framework, task.agent_id, task.role, task.resources)
            framework.completed_tasks.append(task)
        framework.tasks = {}
        message = ShutdownFramework(framework.framework_id)
        actions += [TellAgent(agent_id, message) for agent_id in self.agents]
        if framework.stream_id is not None:
            actions.append(CloseStream(framework.stream_id))
            self._streams.pop(framework.stream_id, None)
        framework.stream_id = None
        framework.next_heartbeat = None
        framework.failover_deadline = None
        framework.unregistered_time = now
        del self.frameworks[framework.framework_id]
        self._removed_ids.add(framework.framework_id)
        self.completed_frameworks.append(framework)
        return actions

    # --- offers

    def _allocate(self, now: float) -> list[Action]:
        """Offer all that is free: each agent as a whole to whoever has least of the cluster and wants it."""
        made: dict[str, list[Offer]] = {}
        for agent in self.agents.values():
            for framework, role in self._by_share():
                resources = agent.free.available_to(role)
                if not self._wants(framework, role, agent, resources, now):
                    continue
                offer_id = f"{self.master_id}-O{self._next_offer}"
                self._next_offer += 1
                offer = Offer(offer_id, framework.framework_id, agent.agent_id, role, resources)
                self.offers[offer_id] = offer
                agent.free = agent.free - resources
                framework.allocated[role] = framework.allocated.get(role, Resources()) + resources.scalars()
                made.setdefault(framework.framework_id, []).append(offer)
        actions: list[Action] = []
        for framework_id, offers in made.items():
            framework = self.frameworks[framework_id]
            if framework.stream_id is not None:
                event = {
                    "type": "OFFERS",
                    "offers": {"offers": [self._offer_json(framework, o) for o in offers]},
                }
                actions.append(SendEvent(framework.stream_id, event))
        return actions

    def _by_share(self) -> list[tuple[Framework, str]]:
        """Who is next: roles by dominant share of the cluster, then frameworks within a role by theirs."""
        candidates = [
            (framework, role)
            for framework in self.frameworks.values()
            if framework.connected
            for role in framework.roles
            if role not in framework.suppressed
        ]
        if len(candidates) < 2:
            return candidates
        by_role: dict[str, Resources] = {}
        for framework in self.frameworks.values():
            for role, resources in framework.allocated.items():
                by_role[role] = by_role.get(role, Resources()) + resources
        role_shares = {role: self._dominant_share(resources) for role, resources in by_role.items()}

        def rank(candidate: tuple[Framework, str]) -> tuple[float, float, int]:
            framework, role = candidate
            share = self._dominant_share(framework.allocated.get(role, Resources()))
            return role_shares.get(role, 0.0), share, framework.sequence

        return sorted(candidates, key=rank)

    def _dominant_share(self, resources: Resources) -> float:
        shares = (
            resources.scalar(key.name) / total
            for key, _ in resources
            if (total := self._total.scalar(key.name)) > 0
        )
        return max(shares, default=0.0)

    def _wants(self, framework: Framework, role: str, agent: Agent, resources: Resources, now: float) -> bool:
        if (
            resources.scalar("cpus") < _MIN_ALLOCATABLE_CPUS
            and resources.scalar("mem") < _MIN_ALLOCATABLE_MEM
        ):
            return False
        if agent.total.scalar("gpus") > 0 and not framework.can("GPU_RESOURCES"):
            return False  # as Mesos' --filter_gpu_resources, which is on by default
        key = (agent.agent_id, role)
        if key not in framework.filters:
            return True
        framework.filters[key] = [f for f in framework.filters[key] if f.expires > now]
        # What was refused is not offered again, unless the agent has something more now.
        return not any(f.refused.contains(resources) for f in framework.filters[key])

    def _offer_json(self, framework: Framework, offer: Offer) -> JsonObject:
        agent = self.agents[offer.agent_id]
        where = agent.registration
        role = offer.role if framework.can("MULTI_ROLE") else None
        result = {
            "id": {"value": offer.offer_id},
            "framework_id": {"value": framework.framework_id},
            "agent_id": {"value": agent.agent_id},
            "hostname": where.hostname,
            "url": {
                "scheme": "http",
                "address": {"hostname": where.hostname, "ip": where.ip, "port": where.port},
                "path": "/slave(1)",
            },
            "resources": offer.resources.ranges_first().to_json(allocation_role=role),
            "attributes": attributes_json(agent.attributes),
        }
        if role is not None:
            result["allocation_info"] = {"role": role}
        return result

    def _refuse(
        self, framework: Framework, offer: Offer, resources: Resources, seconds: float, now: float
    ) -> None:
        """Take resources of an answered offer back.

        Do not offer them to this framework for some seconds.
        """
        self._release(framework, offer.agent_id, offer.role, resources)
        if seconds > 0 and resources:
            filters = framework.filters.setdefault((offer.agent_id, offer.role), [])
            filters.append(Filter(resources, now + seconds))

    def _release(self, framework: Framework, agent_id: str, role: str, resources: Resources) -> None:
        agent = self.agents[agent_id]
        agent.free = agent.free + resources
        framework.allocated[role] = framework.allocated[role] - resources.scalars()

    def _recover_offers(self, framework: Framework) -> None:
        for offer in [o for o in self.offers.values() if o.framework_id == framework.framework_id]:
            del self.offers[offer.offer_id]
            self._release(framework, offer.agent_id, offer.role, offer.resources)

    # --- launches

    def _accept(self, framework: Framework, call: calls.Accept, now: float) -> list[Action]:
        launches = [_launched(operation) for operation in call.operations]
        if (problem := self._offers_problem(framework, call.offer_ids)) is not None:
            for offer_id in call.offer_ids:
                offer = self.offers.get(offer_id)
                if offer is not None and offer.framework_id == framework.framework_id:
                    del self.offers[offer_id]
                    self._release(framework, offer.agent_id, offer.role, offer.resources)
            return [
                self._send_status(
                    framework,
                    _status(
                        task["task_id"]["value"],
                        "TASK_DROPPED" if framework.can("PARTITION_AWARE") else "TASK_LOST",
                        now,
                        message=f"Task launched with invalid offers: {problem}",
                        reason="REASON_INVALID_OFFERS",
                        agent_id=(task.get("agent_id") or {}).get("value"),
                    ),
                )
                for tasks in launches
                for task in tasks
            ]
        offers = [self.offers[offer_id] for offer_id in call.offer_ids]
        if not offers:
            return []
        first = offers[0]
        available = Resources()
        for offer in offers:
            available = available + offer.resources
        active = set(framework.tasks)
        judged: list[tuple[JsonObject, Resources | str]] = []
        for operation, tasks in zip(call.operations, launches, strict=True):
            for task in tasks:
                verdict = _verdict(operation["type"], task, first, available, active)
                judged.append((task, verdict))
                if isinstance(verdict, Resources):
                    active.add(task["task_id"]["value"])
                    available = available - verdict
        # Nothing has been changed so far: whatever goes wrong above, the offers are still there.
        for offer in offers:
            del self.offers[offer.offer_id]
        actions = [self._launch(framework, first, task, verdict, now) for task, verdict in judged]
        self._refuse(framework, first, available, call.refuse_seconds, now)
        return actions

    def _offers_problem(self, framework: Framework, offer_ids: tuple[str, ...]) -> str | None:
        seen: dict[str, Offer] = {}
        for offer_id in offer_ids:
            offer = self.offers.get(offer_id)
            if offer_id in seen:
                return f"Duplicate offer {offer_id} in offer list"
            if offer is None or offer.framework_id != framework.framework_id:
                return f"Offer {offer_id} is no longer valid"
            seen[offer_id] = offer
        if len({(offer.agent_id, offer.role) for offer in seen.values()}) > 1:
            return "Aggregated offers must belong to one single agent and role"
        return None

    def _launch(
        self, framework: Framework, offer: Offer, task: JsonObject, verdict: Resources | str, now: float
    ) -> Action:
        """Start a task with these resources, or say why not."""
        if isinstance(verdict, str):
            status = _status(
                task["task_id"]["value"],
                "TASK_ERROR",
                now,
                message=verdict,
                reason="REASON_TASK_INVALID",
                agent_id=(task.get("agent_id") or {}).get("value"),
            )
            return self._send_status(framework, status)
        launched = Task(task, framework.framework_id, offer.agent_id, offer.role, verdict)
        framework.tasks[launched.task_id] = launched
        return TellAgent(offer.agent_id, RunTask(framework.info, task, offer.role))

    # --- tasks

    def _kill(self, framework: Framework, call: calls.Kill, now: float) -> list[Action]:
        task = framework.tasks.get(call.task_id)
        if task is None:
            return [self._reconciled(framework, call.task_id, call.agent_id, now)]
        if call.agent_id is not None and call.agent_id != task.agent_id:
            return []  # Mesos logs it and does nothing
        return [TellAgent(task.agent_id, KillTask(framework.framework_id, call.task_id, call.grace_seconds))]

    def _acknowledge(self, framework: Framework, call: calls.Acknowledge) -> list[Action]:
        task = framework.tasks.get(call.task_id)
        if task is None or task.agent_id != call.agent_id:
            return []
        acknowledged = next((s for s in task.statuses if s.get("uuid") == call.uuid), None)
        if acknowledged is not None and acknowledged["state"] in TERMINAL_STATES:
            del framework.tasks[call.task_id]
            framework.completed_tasks.append(task)
        return [TellAgent(call.agent_id, AcknowledgeUpdate(framework.framework_id, call.task_id, call.uuid))]

    def _reconcile(self, framework: Framework, call: calls.Reconcile, now: float) -> list[Action]:
        if call.tasks:
            return [self._reconciled(framework, task_id, agent_id, now) for task_id, agent_id in call.tasks]
        return [self._reconciled(framework, task_id, None, now) for task_id in framework.tasks]

    def _reconciled(self, framework: Framework, task_id: str, agent_id: str | None, now: float) -> Action:
        """The answer to a question after one task."""
        task = framework.tasks.get(task_id)
        if task is not None and (agent_id is None or agent_id == task.agent_id):
            state, message, agent_id = task.state, "Reconciliation: Latest task state", task.agent_id
        elif agent_id in self.agents:
            state = "TASK_GONE" if framework.can("PARTITION_AWARE") else "TASK_LOST"
            message = "Reconciliation: Task is unknown to the agent"
        else:
            state = "TASK_UNKNOWN" if framework.can("PARTITION_AWARE") else "TASK_LOST"
            message = "Reconciliation: Task is unknown"
        status = _status(
            task_id, state, now, message=message, reason="REASON_RECONCILIATION", agent_id=agent_id
        )
        if task is not None and task.statuses and "container_status" in task.statuses[-1]:
            status["container_status"] = task.statuses[-1]["container_status"]
        return self._send_status(framework, status)

    def _send_status(self, framework: Framework, status: JsonObject) -> Action:
        if framework.stream_id is None:
            raise RuntimeError("only a connected framework is answered")
        return SendEvent(framework.stream_id, {"type": "UPDATE", "update": {"status": status}})

    def all_tasks(self) -> Iterable[Task]:
        """Every task that is still remembered, those of live frameworks first."""
        for framework in (*self.frameworks.values(), *self.completed_frameworks):
            yield from framework.tasks.values()
            yield from framework.completed_tasks


def _launched(operation: JsonObject) -> list[JsonObject]:
    """The tasks of a launch; CallRefused for all other operations, since Mesos has no answer that says so."""
    kind = operation.get("type")
    try:
        if kind == "LAUNCH":
            tasks = operation["launch"]["task_infos"]
        elif kind == "LAUNCH_GROUP":
            tasks = operation["launch_group"]["task_group"]["tasks"]
        else:
            raise calls.CallRefused(
                400, f"The embedded cluster implements no offer operation but LAUNCH, and this is {kind}"
            )
        for task in tasks:
            if not isinstance(task["task_id"]["value"], str) or not isinstance(task["name"], str):
                raise TypeError("a name or an id is not a string")
            if not isinstance((task.get("agent_id") or {}).get("value", ""), str):
                raise TypeError("an agent id is not a string")
    except (KeyError, TypeError, AttributeError) as error:
        raise calls.CallRefused(
            400, f"Failed to convert JSON into Call protobuf: Missing required fields: task_infos ({error})"
        ) from None
    return list(tasks)


def _verdict(
    kind: str, task: JsonObject, offer: Offer, available: Resources, active: set[str]
) -> Resources | str:
    """What a task takes of the resources that are available, or why it cannot be launched."""
    if kind == "LAUNCH_GROUP":
        return "The embedded cluster does not launch task groups"
    problem = task_problem(task, offer.agent_id, active)
    return problem if problem is not None else task_resources(task, available, offer.role)


def _error_event(stream_id: str, message: str) -> SendEvent:
    return SendEvent(stream_id, {"type": "ERROR", "error": {"message": message}})


def _status(
    task_id: str,
    state: str,
    now: float,
    *,
    message: str,
    reason: str | None = None,
    agent_id: str | None = None,
) -> JsonObject:
    """A TaskStatus of the master's own; it has no uuid, so nobody acknowledges it."""
    status: JsonObject = {
        "task_id": {"value": task_id},
        "state": state,
        "message": message,
        "source": "SOURCE_MASTER",
    }
    if reason is not None:
        status["reason"] = reason
    if agent_id is not None:
        status["agent_id"] = {"value": agent_id}
    status["timestamp"] = now
    return status

"""Agents that register and come back: what the embedded master believes, and what it asks of them."""

from __future__ import annotations

from sparkmesos_core.localcluster.master.agent_draining import go_on_draining
from sparkmesos_core.localcluster.master.agent_loss import ping, remove_agent
from sparkmesos_core.localcluster.master.allocation import allocate
from sparkmesos_core.localcluster.master.machines import MachineId
from sparkmesos_core.localcluster.master.master_actions import Action, TellAgent, master_status
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import (
    Agent,
    Executor,
    Framework,
    JsonObject,
    Task,
)
from sparkmesos_core.localcluster.messages import (
    AgentDescription,
    AgentRegistered,
    AgentReregistered,
    KillTask,
    ReregisterAgent,
    RunningTask,
    ShutdownAgent,
    ShutdownExecutor,
    ShutdownFramework,
    UpdateFramework,
)
from sparkmesos_core.localcluster.v1_info import TERMINAL_STATES
from sparkmesos_core.mesos.attributes import parse_attributes
from sparkmesos_core.mesos.resources import Resources

MACHINE_DOWN = "Machine is `DOWN`"
_TOO_SMALL = "Agent attempted to reregister with less resources than are used of it"


def is_down(books: Books, description: AgentDescription) -> bool:
    """Whether an agent's machine is being maintained, so that no agent there is taken."""
    machine = books.registry.machines.get(MachineId.of_agent(description))
    return machine is not None and machine.mode == "DOWN"


def register(books: Books, description: AgentDescription, now: float) -> tuple[str, list[Action]]:
    """An agent without an id: the id that it gets, the same again if it asks again.

    Raises UsageError for bad texts of resources or attributes.
    """
    books.counters["messages_register_slave"] += 1
    actions: list[Action] = []
    known = next((a for a in books.agents.values() if _address(a.description) == _address(description)), None)
    if known is not None and known.connected:
        return known.agent_id, [TellAgent(known.agent_id, _registered(books, known))]
    total = Resources.parse(description.resources)
    attributes = parse_attributes(description.attributes)
    if is_down(books, description):
        agent_id = f"{books.master_id}-S{books.number('agent')}"  # nobody ever hears of it
        return agent_id, [TellAgent(agent_id, ShutdownAgent(MACHINE_DOWN))]
    if known is not None:
        actions += remove_agent(books, known, "a new agent registered at the same address", now)
    agent_id = f"{books.master_id}-S{books.number('agent')}"
    agent = Agent(agent_id, description, now, attributes, total, total)
    books.registry.admit(agent_id, description)
    books.counters["slave_registrations"] += 1
    _add(books, agent)
    actions.append(TellAgent(agent_id, _registered(books, agent)))
    actions += ping(books, agent, now)
    return agent_id, actions + allocate(books, now, [agent])


def reregister(books: Books, message: ReregisterAgent, now: float) -> list[Action]:
    """An agent with an id comes back, with all that it runs.

    It may have been away for a moment, unreachable, or known only to an earlier master; one that is gone for
    good is ended. Raises UsageError for bad texts of resources or attributes.
    """
    books.counters["messages_reregister_slave"] += 1
    if message.agent_id in books.registry.gone:
        return [TellAgent(message.agent_id, ShutdownAgent("Agent has been marked gone"))]
    if is_down(books, message.agent):
        return [TellAgent(message.agent_id, ShutdownAgent(MACHINE_DOWN))]
    known = books.agents.get(message.agent_id)
    if known is None:
        return _readmit(books, message, now)
    if (known.description.hostname, known.description.ip) != (message.agent.hostname, message.agent.ip):
        reason = "Agent attempted to reregister with different IP / hostname"
        return [TellAgent(message.agent_id, ShutdownAgent(reason))]
    if known.description.resources != message.agent.resources and not _resized(books, known, message.agent):
        return [TellAgent(message.agent_id, ShutdownAgent(_TOO_SMALL))]
    return _welcome_back(books, known, message, now)


def _resized(books: Books, agent: Agent, description: AgentDescription) -> bool:
    """Give a known agent its new resources, unless they do not hold what is offered and used of it."""
    total = Resources.parse(description.resources)
    taken = agent.total - agent.free
    if not total.contains(taken):
        return False
    books.shares.remove_agent(agent.total)
    books.shares.add_agent(total)
    agent.total, agent.free = total, total - taken
    return True


def _readmit(books: Books, message: ReregisterAgent, now: float) -> list[Action]:
    """Take over what runs on an agent that this master has no record of."""
    total = Resources.parse(message.agent.resources)
    if not _holds(total, message):
        return [TellAgent(message.agent_id, ShutdownAgent(_TOO_SMALL))]
    agent = Agent(
        message.agent_id,
        message.agent,
        now,
        parse_attributes(message.agent.attributes),
        total,
        total,
        reregistered_time=now,
    )
    was_recovered = books.recovered.pop(agent.agent_id, None) is not None
    was_unreachable = agent.agent_id in books.registry.unreachable
    books.registry.admit(agent.agent_id, message.agent)
    books.counters["slave_reregistrations"] += 1
    _add(books, agent)
    actions: list[Action] = [
        TellAgent(agent.agent_id, _reregistered(books, agent)),
        *_tell_of_frameworks(books, agent, message, now),
    ]
    for framework in books.frameworks.values():
        for task_id in [i for i, t in framework.unreachable_tasks.items() if t.agent_id == agent.agent_id]:
            del framework.unreachable_tasks[task_id]
    told = "Unreachable agent re-reregistered" if was_unreachable else "Unknown agent reregistered"
    for executor in message.executors:
        if executor.framework_id in books.frameworks:
            taken = Resources.from_json(executor.executor.get("resources") or [])
            books.take(agent, executor.framework_id, executor.role, taken)
            books.add_executor(
                Executor(executor.executor, executor.framework_id, agent.agent_id, executor.role, taken)
            )
    for running in message.tasks:
        if (framework_ := books.frameworks.get(running.framework_id)) is None:
            continue
        task_id = running.task["task_id"]["value"]
        if task_id in framework_.tasks:
            # It was launched again elsewhere meanwhile. Mesos' master aborts here; we keep the newer one.
            if running.state not in TERMINAL_STATES:
                actions.append(TellAgent(agent.agent_id, KillTask(running.framework_id, task_id, None)))
            continue
        task = _adopt(books, agent, framework_, running)
        if not was_recovered:
            actions += books.send_status(framework_, _back_again(task, told, now))
    actions += go_on_draining(books, agent, now)
    if agent.agent_id not in books.agents:
        return actions  # it is marked gone
    actions += ping(books, agent, now)
    return actions + allocate(books, now, [agent])


def _holds(total: Resources, message: ReregisterAgent) -> bool:
    """Whether an agent has what it says is used of it."""
    used = [executor.executor for executor in message.executors]
    used += [task.task for task in message.tasks if task.state not in TERMINAL_STATES]
    for info in used:
        resources = Resources.from_json(info.get("resources") or [])
        if not total.contains(resources):
            return False
        total = total - resources
    return True


def _adopt(books: Books, agent: Agent, framework: Framework, running: RunningTask) -> Task:
    """A task is known again, whatever was believed of it meanwhile."""
    resources = Resources.from_json(running.task.get("resources") or [])
    task = Task(
        running.task,
        running.framework_id,
        agent.agent_id,
        running.role,
        resources,
        state=running.state,
        sent_state=running.sent_state,
        sent_uuid=running.statuses[-1].get("uuid") if running.statuses else None,
        holds_resources=running.state not in TERMINAL_STATES,
    )
    for status in running.statuses:
        task.add_status(status)
    framework.unreachable_tasks.pop(task.task_id, None)
    for completed in [t for t in framework.completed_tasks if t.task_id == task.task_id]:
        framework.completed_tasks.remove(completed)
    if task.holds_resources:
        books.take(agent, framework.framework_id, task.role, resources)
    books.add_task(task)
    return task


def _back_again(task: Task, told: str, now: float) -> JsonObject:
    return master_status(
        task.task_id,
        task.state,
        now,
        message=told,
        reason="REASON_AGENT_REREGISTERED",
        agent_id=task.agent_id,
        executor_id=task.executor_id,
        container_status=task.statuses[-1].get("container_status") if task.statuses else None,
    )


def _welcome_back(books: Books, agent: Agent, message: ReregisterAgent, now: float) -> list[Action]:
    """Compare what a known agent runs with what it should, and let each catch up with the other."""
    agent.description = message.agent
    books.registry.admit(agent.agent_id, message.agent)
    agent.attributes = parse_attributes(message.agent.attributes)
    agent.reregistered_time = now
    agent.connected = True
    agent.awaits_pong, agent.missed_pongs = False, 0
    books.deadlines.cancel("reregister", agent.agent_id)
    books.counters["slave_reregistrations"] += 1
    reported = {(task.framework_id, task.task["task_id"]["value"]): task for task in message.tasks}
    missing = tuple(key for key in agent.tasks if key not in reported)
    actions: list[Action] = [TellAgent(agent.agent_id, _reregistered(books, agent, missing))]
    alive = {(e.framework_id, e.executor["executor_id"]["value"]) for e in message.executors}
    for key, executor in list(agent.executors.items()):
        if key not in alive:
            books.remove_executor(executor)
    # Those which are unknown here were declared lost when the agent was disconnected.
    for framework_id, executor_id in sorted(alive - agent.executors.keys()):
        actions.append(TellAgent(agent.agent_id, ShutdownExecutor(framework_id, executor_id)))
    actions += _tell_of_frameworks(books, agent, message, now)
    for key, running in reported.items():
        to_be_killed = key in agent.killed or (key not in agent.tasks and key[0] in books.frameworks)
        if running.state not in TERMINAL_STATES and to_be_killed:
            actions.append(TellAgent(agent.agent_id, KillTask(key[0], key[1], None)))
    return actions + go_on_draining(books, agent, now)


def _tell_of_frameworks(books: Books, agent: Agent, message: ReregisterAgent, now: float) -> list[Action]:
    """Frameworks that have ended are to end on the agent; those known to it only become known here."""
    actions: list[Action] = []
    for info in message.frameworks:
        framework_id = info["id"]["value"]
        if (framework := books.frameworks.get(framework_id)) is not None:
            actions.append(TellAgent(agent.agent_id, UpdateFramework(framework.info)))
        elif framework_id in books.removed_ids:
            actions.append(TellAgent(agent.agent_id, ShutdownFramework(framework_id)))
        else:
            # Its scheduler may take its time, as with Mesos: a failover timeout begins with a disconnection.
            books.add_framework(framework_id, info, now, recovered=True)
    return actions


def _add(books: Books, agent: Agent) -> None:
    books.agents[agent.agent_id] = agent
    books.shares.add_agent(agent.total)


def _registered(books: Books, agent: Agent) -> AgentRegistered:
    return AgentRegistered(agent.agent_id, books.master_id, books.options.total_ping_timeout)


def _reregistered(books: Books, agent: Agent, missing: tuple[tuple[str, str], ...] = ()) -> AgentReregistered:
    return AgentReregistered(agent.agent_id, books.master_id, books.options.total_ping_timeout, missing)


def _address(description: AgentDescription) -> tuple[str, int]:
    return description.ip, description.port

"""What the embedded master writes to its log: turning points in the lives of agents and tasks."""

from __future__ import annotations

from sparkmesos_core.localcluster.log_lines import one_line
from sparkmesos_core.localcluster.master.master_actions import Action, Note, SendEvent, TellAgent
from sparkmesos_core.localcluster.messages import (
    AgentDescription,
    AgentRegistered,
    Drain,
    ExitedExecutor,
    KillTask,
    ReregisterAgent,
    RunTask,
    ShutdownAgent,
    ShutdownExecutor,
    ToMaster,
    UnregisterAgent,
)


def log_line(action: Action) -> str | None:
    """The line for what the master is about to do; None for what happens all the time, such as offers."""
    line = _action_line(action)
    return None if line is None else one_line(line)


def agent_line(message: ToMaster) -> str | None:
    """The line for what an agent has said; None for what it says all the time."""
    line = _message_line(message)
    return None if line is None else one_line(line)


def _action_line(action: Action) -> str | None:
    match action:
        case Note(text=text):
            return text
        case SendEvent(event={"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": framework_id}}}):
            return f"Framework {framework_id} has subscribed"
        case SendEvent(event={"type": "ERROR", "error": {"message": message}}):
            return f"A subscription is refused or ended: {message}"
        case SendEvent(event={"type": "UPDATE", "update": {"status": status}}):
            why = ": ".join(filter(None, (status.get("reason"), status.get("message"))))
            state = f"Task {status['task_id']['value']} is {status['state']}"
            return f"{state} ({why})" if why else state
        case TellAgent(agent_id=agent_id, message=RunTask(framework=framework, task=task)):
            return (
                f"Launching task {task['task_id']['value']} ({task['name']}) of framework "
                f"{framework['id']['value']} ({framework['name']}) on agent {agent_id}"
            )
        case TellAgent(agent_id=agent_id, message=KillTask(task_id=task_id)):
            return f"Killing task {task_id} on agent {agent_id}"
        case TellAgent(agent_id=agent_id, message=Drain()):
            return f"Agent {agent_id} is to end its tasks, since it is drained"
        case TellAgent(agent_id=agent_id, message=ShutdownExecutor(executor_id=executor_id)):
            return f"Ending executor {executor_id} on agent {agent_id}"
        case TellAgent(agent_id=agent_id, message=ShutdownAgent(message=message)):
            return f"Agent {agent_id} is to end: {message}"
        case TellAgent(agent_id=agent_id, message=AgentRegistered()):
            return f"Agent {agent_id} has registered"
        case _:
            return None


def _message_line(message: ToMaster) -> str | None:
    match message:
        case ReregisterAgent(agent_id=agent_id, agent=agent, tasks=tasks):
            return f"Agent {agent_id} at {_where(agent)} is back, with {len(tasks)} tasks"
        case UnregisterAgent(agent_id=agent_id):
            return f"Agent {agent_id} has left"
        case ExitedExecutor(agent_id=agent_id, executor_id=executor_id, status=status):
            return f"Executor {executor_id} on agent {agent_id} has ended with status {status}"
        case _:
            return None


def _where(agent: AgentDescription) -> str:
    return f"{agent.hostname}:{agent.port}"

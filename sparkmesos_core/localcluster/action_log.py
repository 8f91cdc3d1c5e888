"""What the embedded master writes to its log: the turning points in the lives of frameworks and tasks."""

from __future__ import annotations

from sparkmesos_core.localcluster.master_state import Action, CloseStream, SendEvent, TellAgent
from sparkmesos_core.localcluster.messages import KillTask, RunTask, ShutdownFramework


def log_line(action: Action) -> str | None:
    """The line for what the master is about to do; None for what happens all the time, such as offers."""
    match action:
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
        case TellAgent(agent_id=agent_id, message=ShutdownFramework(framework_id=framework_id)):
            return f"Ending what framework {framework_id} runs on agent {agent_id}"
        case CloseStream() | _:
            return None

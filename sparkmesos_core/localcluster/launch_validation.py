"""Which frameworks, tasks and operations the embedded master refuses, in the words of Mesos 1.12."""

from __future__ import annotations

import re
from typing import Any

from sparkmesos_core.localcluster.scheduler_call import grace_seconds
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources

JsonObject = dict[str, Any]

MAX_ID_LENGTH = 255
_BAD_IN_ID = re.compile(r"[/\x00-\x1f\x7f\ud800-\udfff]")
_BAD_IN_ROLE = re.compile(r"[\x00-\x20\x7f]")


def id_problem(value: str) -> str | None:
    """Why this cannot be the id of a task or a framework (ids become names of folders), None if it can."""
    if not value:
        return "ID must not be empty"
    if len(value.encode("utf-8", errors="surrogatepass")) > MAX_ID_LENGTH:
        return f"ID must not be greater than {MAX_ID_LENGTH} characters"
    if value in (".", ".."):
        return f"'{value}' is disallowed"
    if _BAD_IN_ID.search(value):
        return f"'{value}' contains invalid characters"
    return None


def role_problem(role: str) -> str | None:
    """Why this is no valid role, None if it is."""
    if role == ANY_ROLE:
        return None
    if not role:
        return "Role name must not be empty"
    for part in role.split("/"):
        if not part:
            return f"Role '{role}' cannot start or end with a slash or contain two adjacent ones"
        if part in (".", "..") or part == ANY_ROLE:
            return f"Role component '{part}' is not allowed"
        if part.startswith("-"):
            return f"Role component '{part}' is invalid because it begins with a dash"
        if _BAD_IN_ROLE.search(part):
            return f"Role component '{part}' is invalid because it contains backspace or whitespace"
    return None


def framework_problem(framework_id: str | None, info: JsonObject) -> str | None:
    """Why this framework may not subscribe: the message of the ERROR event; None if it may."""
    if framework_id is not None and (problem := id_problem(framework_id)) is not None:
        return f"Framework ID is invalid: {problem}"
    multi_role = "MULTI_ROLE" in capabilities(info)
    if multi_role and "role" in info:
        return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
    if not multi_role and info.get("roles"):
        return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
    if multi_role:
        roles = info.get("roles", [])
        if len(set(roles)) != len(roles):
            return "'FrameworkInfo.roles' contains duplicate items"
        for role in roles:
            if (problem := role_problem(role)) is not None:
                return f"'FrameworkInfo.roles' contains invalid role: {problem}"
        return None
    if (problem := role_problem(info.get("role", ANY_ROLE))) is not None:
        return f"'FrameworkInfo.role' is not a valid role: {problem}"
    return None


def capabilities(info: JsonObject) -> frozenset[str]:
    """The names of a FrameworkInfo's capabilities."""
    return frozenset(str(capability.get("type")) for capability in info.get("capabilities", []))


def framework_roles(info: JsonObject) -> tuple[str, ...]:
    """The roles that a framework is offered resources in."""
    if "MULTI_ROLE" in capabilities(info):
        return tuple(info.get("roles", []))
    return (info.get("role", ANY_ROLE),)


def task_problem(task: JsonObject, agent_id: str, active_task_ids: set[str]) -> str | None:
    """Why the master refuses this TaskInfo before it looks at its resources; None if it does not.

    `active_task_ids` are those of the framework's tasks that have not ended.
    """
    task_id = task["task_id"]["value"]
    if (problem := id_problem(task_id)) is not None:
        return problem
    if task_id in active_task_ids:
        return f"Task has duplicate ID: {task_id}"
    wanted_agent = (task.get("agent_id") or {}).get("value", "")
    if wanted_agent != agent_id:
        return f"Task uses invalid agent {wanted_agent} while agent {agent_id} is expected"
    if ("command" in task) == ("executor" in task):
        return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    if "executor" in task:
        return "The embedded cluster runs tasks with a CommandInfo only, not custom executors"
    command = task["command"]
    if not isinstance(command, dict):
        return "Task's CommandInfo is not an object"
    if command.get("shell", True) and not isinstance(command.get("value"), str):
        return "Task's CommandInfo has no 'value' although it asks for a shell"
    if not isinstance(command.get("arguments") or [], list):
        return "Task's CommandInfo has 'arguments' that are not an array"
    try:
        grace = grace_seconds(task.get("kill_policy"))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return f"Task's 'kill_policy' is malformed: {error}"
    if grace is not None and grace < 0:
        return "Task's 'kill_policy.grace_period' must be non-negative"
    return None


def task_resources(task: JsonObject, available: Resources, role: str) -> Resources | str:
    """The resources that a task takes out of those available, or why it cannot."""
    try:
        wanted = Resources.from_json(task.get("resources") or [])
    except ValueError as error:
        return f"Task uses invalid resources: {error}"
    if not wanted:
        return "Task uses no resources"
    if not available.contains(wanted):
        return (
            f"Total resources {wanted.text(allocation_role=role)} required by task and its executor"
            f" is more than available {available.ranges_first().text(allocation_role=role)}"
        )
    return wanted

"""Which frameworks, tasks and operations the embedded master refuses, in the words of Mesos 1.12."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sparkmesos_core.localcluster.v1_info import capabilities, framework_roles, grace_seconds
from sparkmesos_core.mesos.resources import ANY_ROLE, Resources

JsonObject = dict[str, Any]

MAX_ID_LENGTH = 255
_LONGEST_FAILOVER_SECONDS = 2**63 / 1e9  # Mesos counts in nanoseconds
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


def framework_problem(
    framework_id: str | None,
    info: JsonObject,
    suppressed_roles: Iterable[str] = (),
    allowed_roles: Iterable[str] | None = None,
) -> str | None:
    """Why this framework may not subscribe: the message of the ERROR event; None if it may.

    `allowed_roles` are those of the master's --roles, which `*` need not be among; None if all are.
    """
    if framework_id is not None and (problem := id_problem(framework_id)) is not None:
        return f"Framework ID is invalid: {problem}"
    if (problem := _roles_problem(info)) is not None:
        return problem
    if abs(float(info.get("failover_timeout", 0))) > _LONGEST_FAILOVER_SECONDS:
        return f"The framework failover_timeout ({info['failover_timeout']}) is invalid"
    roles = set(framework_roles(info))
    if allowed_roles is not None and (refused := roles - {ANY_ROLE, *allowed_roles}):
        return f"Roles {_braces(refused)} are not present in the master's --roles"
    if strange := set(suppressed_roles) - roles:
        return f"Suppressed roles {_braces(strange)} are not contained in the set of roles"
    return None


def update_problem(old: JsonObject, new: JsonObject) -> str | None:
    """Why a framework may not subscribe again with this FrameworkInfo; None if it may."""
    if old.get("principal") != new.get("principal"):
        return "Changing framework's principal is not allowed."
    return None


def _braces(names: Iterable[str]) -> str:
    return "{ " + ", ".join(sorted(names)) + " }"


def _roles_problem(info: JsonObject) -> str | None:
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


def task_problem(task: JsonObject, framework_id: str, agent_id: str, duplicate: str | None) -> str | None:
    """Why the master refuses this TaskInfo before it looks at what is available; None if it does not.

    `duplicate` is what is wrong with its id apart from its form. Ids are strings already.
    """
    if (problem := id_problem(task["task_id"]["value"]) or duplicate) is not None:
        return problem
    wanted_agent = (task.get("agent_id") or {}).get("value", "")
    if wanted_agent != agent_id:
        return f"Task uses invalid agent {wanted_agent} while agent {agent_id} is expected"
    if (problem := _grace_problem(task.get("kill_policy"))) is not None:
        return f"Task's 'kill_policy{problem}"
    if not task.get("resources"):
        return "Task uses no resources"
    if (problem := _resources_problem(task["resources"])) is not None:
        return f"Task uses invalid resources: {problem}"
    if ("command" in task) == ("executor" in task):
        return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    if "executor" in task:
        return _executor_problem(task["executor"], framework_id)
    return _command_problem(task["command"], "Task's CommandInfo")


def _executor_problem(executor: JsonObject, framework_id: str) -> str | None:
    if executor.get("type", "CUSTOM") != "CUSTOM":
        return "'ExecutorInfo.type' must be 'CUSTOM'"
    if not executor.get("command"):
        return "'ExecutorInfo.command' must be set"
    if (problem := id_problem(executor["executor_id"]["value"])) is not None:
        return problem
    if _grace_problem({"grace_period": executor.get("shutdown_grace_period")}) is not None:
        return "ExecutorInfo's 'shutdown_grace_period' must be non-negative"
    named = (executor.get("framework_id") or {}).get("value")
    if named != framework_id:
        return f"ExecutorInfo has an invalid FrameworkID (Actual: {named} vs Expected: {framework_id})"
    if (problem := _resources_problem(executor.get("resources") or [])) is not None:
        return f"Executor uses invalid resources: {problem}"
    return _command_problem(executor["command"], "Executor's CommandInfo")


def _command_problem(command: Any, whose: str) -> str | None:
    if not isinstance(command, dict):
        return f"{whose} is not an object"
    if command.get("shell", True) and not isinstance(command.get("value"), str):
        return f"{whose} has no 'value' although it asks for a shell"
    if not isinstance(command.get("arguments") or [], list):
        return f"{whose} has 'arguments' that are not an array"
    if not isinstance(command.get("uris") or [], list):
        return f"{whose} has 'uris' that are not an array"
    return None


def _grace_problem(kill_policy: Any) -> str | None:
    """What is wrong with a kill policy, to follow its name in a message."""
    try:
        grace = grace_seconds(kill_policy)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return f"' is malformed: {error}"
    return ".grace_period' must be non-negative" if grace is not None and grace < 0 else None


def _resources_problem(listed: Any) -> str | None:
    try:
        resources = Resources.from_json(listed)
        roles = allocation_roles(listed)
    except (ValueError, TypeError, AttributeError) as error:
        return str(error)
    gpus = resources.total("gpus")
    if not isinstance(gpus, int) or gpus % 1000:
        return "'gpus' must be a whole number"
    if len(roles) > 1:
        return f"they are allocated to several roles: {', '.join(sorted(map(str, roles)))}"
    return None


def allocation_roles(resources: Iterable[JsonObject]) -> set[str]:
    """The roles that v1 Resources say they are allocated to."""
    return {r["allocation_info"]["role"] for r in resources if (r.get("allocation_info") or {}).get("role")}


def same_executor(one: JsonObject, other: JsonObject) -> bool:
    """Whether two ExecutorInfos are the same, however their resources are written."""

    def bare(executor: JsonObject) -> JsonObject:
        return {n: v for n, v in executor.items() if n not in ("resources", "type")}

    mine, theirs = (Resources.from_json(executor.get("resources") or []) for executor in (one, other))
    return mine == theirs and bare(one) == bare(other)


def launch_cost(
    task: JsonObject, starts: JsonObject | None, available: Resources, role: str
) -> tuple[Resources, Resources] | str:
    """What a valid task takes of the resources available, and what the executor that it starts; or why not.

    An executor that runs already (`starts` is None) has been paid for.
    """
    resources = Resources.from_json(task["resources"])
    listed = list(task["resources"])
    executor_resources = Resources()
    if starts is not None:
        executor_resources = Resources.from_json(starts.get("resources") or [])
        listed += starts.get("resources") or []
        if resources.overlaps(executor_resources):
            return "Task and its executor use the same ranges or items of a resource"
    total = resources + executor_resources
    if not available.contains(total) or allocation_roles(listed) - {role}:
        return (
            f"Total resources {total.text(allocation_role=role)} required by task and its executor"
            f" is more than available {available.offer_order().text(allocation_role=role)}"
        )
    return resources, executor_resources

"""The environment that tasks of the embedded cluster get from their agent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.agent.agent_options import AgentOptions
from sparkmesos_core.localcluster.agent.executor import Executor
from sparkmesos_core.localcluster.agent.launch_failure import LaunchFailed
from sparkmesos_core.localcluster.agent.task_secrets import secret_value
from sparkmesos_core.localcluster.durations import duration_text
from sparkmesos_core.localcluster.http_answers import authority
from sparkmesos_core.spark.java import Java

JsonObject = dict[str, Any]

# What a Mesos agent gives its tasks when it is told nothing else.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def default_executor_environment(java: Java | None) -> dict[str, str]:
    """A Java and a Python that work: the toolkit's own, in front of the system's PATH."""
    folders = [str(Path(sys.executable).absolute().parent)]
    variables = {}
    if java is not None:
        folders.append(str(java.executable.parent))
        variables["JAVA_HOME"] = str(java.home)
    return {**variables, "PATH": os.pathsep.join([*folders, SYSTEM_PATH])}


def parse_executor_environment(text: str) -> dict[str, str]:
    """The value of `--executor-environment-variables`, as a Mesos agent takes it.

    A JSON object, or the path of a file that holds one (plain or as `file:///path`). Raises UsageError.
    """
    source = "--executor-environment-variables"
    hint = 'Give a JSON object of strings such as {"JAVA_HOME": "/opt/java"}, or a file with one.'
    if not text.lstrip().startswith("{"):
        path = Path(text.removeprefix("file://"))
        source = f"{source} {path}"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{source} cannot be read: {error}", hint=hint) from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{source} is not JSON: {error}", hint=hint) from error
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise UsageError(f"{source} is not a JSON object whose values are all strings", hint=hint)
    return dict(value)


def executor_environment(
    options: AgentOptions, agent_id: str, executor: Executor, command: JsonObject
) -> dict[str, str]:
    """What an executor finds in its environment: what Mesos, the cluster and `command` set, nothing else.

    Raises LaunchFailed for a malformed variable, or a secret that is kept elsewhere.
    """
    where = authority(options.ip, options.port)
    environment = {
        "LIBPROCESS_IP": options.ip,
        "LIBPROCESS_PORT": "0",
        "MESOS_AGENT_ENDPOINT": where,
        "MESOS_CHECKPOINT": "1" if executor.checkpoint else "0",
        "MESOS_DIRECTORY": str(executor.sandbox),
        "MESOS_EXECUTOR_ID": executor.executor_id,
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": duration_text(shutdown_grace_period(options, executor.info)),
        "MESOS_FRAMEWORK_ID": executor.framework_id,
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_SANDBOX": str(executor.sandbox),
        "MESOS_SLAVE_ID": agent_id,
        "MESOS_SLAVE_PID": f"slave(1)@{where}",
        "PATH": SYSTEM_PATH,
    }
    if executor.is_command:
        environment["MESOS_ALLOCATION_ROLE"] = (
            executor.role
        )  # set by Mesos' command executor, not by the agent
    if executor.checkpoint:
        environment["MESOS_RECOVERY_TIMEOUT"] = duration_text(options.recovery_timeout)
        environment["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = duration_text(options.executor_reregistration_timeout)
    environment.update(options.executor_environment)
    environment.update(command_environment(command))
    return environment


def shutdown_grace_period(options: AgentOptions, info: JsonObject) -> float:
    """How long (seconds) an executor may take to end: its own wish, or else the agent's default."""
    wish = (info.get("shutdown_grace_period") or {}).get("nanoseconds")
    return options.executor_shutdown_grace_period if wish is None else int(wish) / 1e9


def command_environment(command: JsonObject) -> dict[str, str]:
    """The variables of a v1 CommandInfo, secrets by value included. Raises LaunchFailed as above."""
    try:
        variables = (command.get("environment") or {}).get("variables", [])
        if not all(isinstance(variable["name"], str) for variable in variables):
            raise TypeError("a name is not a string")
        return {variable["name"]: _variable_value(variable) for variable in variables}
    except (KeyError, TypeError, AttributeError) as error:
        raise LaunchFailed(f"Failed to launch container: malformed environment variable ({error})") from None


def _variable_value(variable: JsonObject) -> str:
    if variable.get("type", "VALUE") == "VALUE":
        return str(variable.get("value", ""))
    return os.fsdecode(secret_value(variable["secret"], variable["name"]))

"""What an agent on this machine was started with, as far as it tells everybody."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.reading_time import seconds_left

_VARIABLES = "executor_environment_variables"
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_WITH_DEFAULT_PATH = (1, 12)


def read_agent_flags(agent: AgentFacts, *, deadline: float) -> dict[str, str] | None:
    """The flags in the answer to `GET /flags` of an agent; None if it does not answer, or wants credentials.

    It is asked until the `deadline` (of `time.monotonic`).
    """
    url = f"http://{HostPort(agent.host, agent.port)}"
    try:
        with MesosHttp(url, timeout=seconds_left(deadline)) as http:
            content = http.get_json("/flags")
    except SparkMesosError:
        return None
    flags = content.get("flags") if isinstance(content, dict) else None
    if not isinstance(flags, dict):
        return None
    return {str(name): value for name, value in flags.items() if isinstance(value, str)}


def executors_path(agent: AgentFacts, flags: Mapping[str, str]) -> str | None:
    """The folders in which the agent's executors look for programs; None if that is not known.

    It is what --executor_environment_variables says, else the system's default: so it was recorded from Mesos
    1.12. Much older agents hand on an environment of their own.
    """
    try:
        variables = json.loads(flags.get(_VARIABLES, "{}"))
    except ValueError:
        return None
    path = variables.get("PATH") if isinstance(variables, dict) else None
    if isinstance(path, str) and path:
        return path
    version = re.match(r"(\d+)\.(\d+)", agent.version)
    is_known = version is not None and (int(version[1]), int(version[2])) >= _WITH_DEFAULT_PATH
    return _DEFAULT_PATH if is_known else None


def shares_files(flags: Mapping[str, str]) -> bool:
    """Whether the agent most likely has the files of this machine, rather than those of a container.

    Its working directory is then here, too.
    """
    work_dir = flags.get("work_dir", "")
    return bool(work_dir) and Path(work_dir).is_dir()

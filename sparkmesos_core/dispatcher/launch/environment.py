"""The environment of a driver's task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.conf.values.secrets import Secret
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.launch.container import takes_secrets
from sparkmesos_core.launch.secrets import is_secret, secret_variable, secret_variables
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.spark.machine_variables import MACHINE_VARIABLES

_PREFIX = "spark.mesos.driverEnv."
_SUBMIT_OPTIONS = "SPARK_SUBMIT_OPTS"
_LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")
_ADDRESSES = ("spark.driver.host", "spark.driver.bindAddress")


def driver_variables(
    submission: Submission, framework_id: str, agent_url: str, secrets: Sequence[Secret]
) -> list[dict[str, Any]]:
    """v1 Environment.Variables, each name once.

    `spark.mesos.driverEnv.*` under what the client sent along, as in `MesosClusterScheduler`, which lists a
    name in both twice. What spark-submit sends of the client's machine, such as SPARK_LOCAL_IP, is left out:
    who means the agent says so with `spark.mesos.driverEnv`. The driver's framework takes the id that is
    passed to its JVM, so that the dispatcher knows it.
    """
    values = {
        **{name[len(_PREFIX) :]: value for name, value in submission.properties.items() if _names(name)},
        **{name: value for name, value in submission.environment.items() if name not in MACHINE_VARIABLES},
    }
    given = [values.get(_SUBMIT_OPTIONS, ""), f"-Dspark.mesos.driver.frameworkId={framework_id}"]
    values[_SUBMIT_OPTIONS] = " ".join(filter(None, given))
    values |= _defaults(submission, values, agent_url)
    typed = takes_secrets(submission.properties)
    variables = {
        name: secret_variable(name, value, typed=typed)
        if is_secret(name, value)
        else {"name": name, "value": value}
        for name, value in sorted(values.items())
    }
    # What was declared a secret wins over a variable of the same name.
    variables |= {variable["name"]: variable for variable in secret_variables(secrets, typed=typed)}
    return list(variables.values())


def _defaults(submission: Submission, given: Mapping[str, str], agent_url: str) -> dict[str, str]:
    found = {}
    if not any(given.get(name) for name in _LOCALE):
        # A task has no locale of its own, and a JVM without one reads and writes ASCII only.
        found["LANG"] = "C.UTF-8"
    # Executors of an agent on loopback reach the driver there; the address of the host's name may be one that
    # nothing listens on.
    decided = "SPARK_LOCAL_IP" in given or any(name in submission.properties for name in _ADDRESSES)
    if not decided and is_loopback(urlsplit(agent_url).hostname or ""):
        found["SPARK_LOCAL_IP"] = "127.0.0.1"
    return found


def _names(key: str) -> bool:
    return key.startswith(_PREFIX) and len(key) > len(_PREFIX)

"""What a probe asks Mesos for: its framework, and the task that it starts on an agent.

Both are as those of an application with the same configuration (`MesosCoarseGrainedSchedulerBackend`), but
small: what an agent would have to fetch, the container, the environment, where Spark is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.dispatcher.drivers.matching import Need, OpenOffer
from sparkmesos_core.dist.names import executor_prefix
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.launch.container import container_info, image
from sparkmesos_core.launch.secrets import is_secret
from sparkmesos_core.mesos.resources import ANY_ROLE
from sparkmesos_core.preflight.python_version import Chosen, executors_program
from sparkmesos_core.preflight.this_machine import is_address
from sparkmesos_core.verify.probe.names import FRAMEWORK
from sparkmesos_core.verify.probe.task_script import Trial, script_of

CPUS = 100
"""Thousandths of a core."""
MOST_MEMORY, LEAST_MEMORY = 256_000, 128_000
"""Thousandths of a MiB: what a task takes, if it is offered, and what the offer must have at least.

A JVM that only says how it is used takes 75 MiB or so, and agents with cgroups kill what takes more than it
has. Where there is less than that, there is no room for an executor either.
"""

_ENVIRONMENT = "spark.executorEnv."
_SMALL = "-XX:TieredStopAtLevel=1 -Xms16m"
"""Of an executor that only says how it is used; what is configured comes behind it, and wins."""


@dataclass(frozen=True)
class ProbePlan:
    """What the tasks of one probe have in common."""

    user: str
    """Whom tasks run as, where agents switch users."""
    role: str
    host: str
    """Where executors are told to find the driver; empty if that does not run here."""
    driver_port: int
    block_manager_port: int
    address: str = ""
    """The address of this machine that `host` is Spark's name of; empty if it is as somebody has set it."""
    uris: tuple[str, ...] = ()
    """What is fetched, the archive of Spark first, if there is one."""
    caches: bool = False
    archive: str = ""
    """The URI of the archive that Spark is in; empty if agents have it in a folder."""
    home: str = ""
    """That folder, if there is no archive; empty if nobody says where it is."""
    image: str = ""
    """The Docker image that executors run in; empty without one."""
    python: Chosen | None = None
    """What executors run Python with; None if it cannot be tried."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    container: Mapping[str, Any] = field(default_factory=dict, repr=False)
    takes_gpus: bool = False

    @property
    def driver_place(self) -> str:
        """Where executors are told to find the driver, for messages: with the address that others go by."""
        return f"{self.host} ({self.address})" if self.address else self.host

    def framework_info(self, principal: str | None) -> dict[str, Any]:
        """A v1 FrameworkInfo; Mesos ends the framework as soon as it is not subscribed any more."""
        info: dict[str, Any] = {"name": FRAMEWORK, "user": self.user, "failover_timeout": 0.0}
        if self.role != ANY_ROLE:
            info["role"] = self.role
        if principal is not None:
            info["principal"] = principal
        if self.takes_gpus:
            info["capabilities"] = [{"type": "GPU_RESOURCES"}]
        return info

    def task_info(self, offer: Offer, task_id: str, token: str) -> dict[str, Any] | None:
        """A v1 TaskInfo for an agent, with some of what it offers; None if that is too little."""
        opened = OpenOffer(offer)
        memory = min(opened.memory, MOST_MEMORY)
        need = Need(CPUS, max(memory, LEAST_MEMORY), "")
        if not opened.has_room(need):
            return None
        return {
            "name": FRAMEWORK,
            "task_id": {"value": task_id},
            "agent_id": {"value": offer.agent_id},
            "resources": list(opened.share(need).taken),
            "command": {
                "shell": True,
                "user": self.user,
                "value": script_of(self.trial(token)),
                "environment": {
                    "variables": [{"name": name, "value": value} for name, value in self.variables.items()]
                },
                "uris": [{"value": uri, "cache": self.caches} for uri in self.uris],
            },
            "container": dict(self.container),
        }

    def trial(self, token: str) -> Trial:
        """What the task of the agent with this token is to try."""
        return Trial(
            token=token,
            host=self.host,
            is_name=self.host != "" and not is_address(self.host),
            driver_port=self.driver_port,
            block_manager_port=self.block_manager_port,
            folder=None if self.archive else self.home,
            archive_prefix=executor_prefix(self.archive),
            python=self.python.program if self.python is not None else "",
        )

    def with_ports(self, driver: int, block_manager: int) -> ProbePlan:
        """The same for the ports that are listened on."""
        return replace(self, driver_port=driver, block_manager_port=block_manager)


def plan_of(
    configuration: Configuration,
    environment: Mapping[str, str],
    *,
    host: str,
    user: str,
    spark_home: str,
    address: str = "",
) -> ProbePlan:
    """The plan for an application that is configured so; ports are those it would try first, 0 for any.

    `environment` is the driver's, `host` is what it advertises, and `address` what Spark has made that name
    of, if it has. `spark_home` is the Spark of this machine, which executors look for in the same place
    where nobody says otherwise (`SparkContext.getSparkHome`). Raises UsageError for values that Spark could
    not use.
    """
    archive = (configuration.get("spark.executor.uri") or environment.get("SPARK_EXECUTOR_URI") or "").strip()
    home = (configuration.get("spark.mesos.executor.home") or configuration.get("spark.home") or "").strip()
    others = [one.strip() for one in to_sequence(configuration.get("spark.mesos.uris", ""))]
    # Programs inside spark.archives are brought by Spark itself.
    python = executors_program(configuration, environment)
    is_brought = "/" in python.program and not python.program.startswith("/")
    return ProbePlan(
        user=user,
        role=configuration.typed("spark.mesos.role") or ANY_ROLE,
        host=host,
        address=address,
        driver_port=configuration.typed("spark.driver.port"),
        block_manager_port=block_manager_port(configuration),
        uris=tuple(filter(None, (archive, *others))),
        caches=configuration.typed("spark.mesos.fetcherCache.enable"),
        archive=archive,
        home="" if archive else home or spark_home,
        image=image(configuration) or "",
        python=None if is_brought else python,
        variables=_variables(configuration),
        container=_container(configuration),
        takes_gpus=configuration.typed("spark.mesos.gpus.max") > 0,
    )


def _container(configuration: Configuration) -> dict[str, Any]:
    """As executors get it, but for ports, which would have to be among the resources of the task."""
    info = container_info(configuration, ())
    info.get("docker", {}).pop("port_mappings", None)
    return info


def block_manager_port(configuration: Configuration) -> int:
    """The port of the driver's block manager, 0 for any (`DRIVER_BLOCK_MANAGER_PORT`)."""
    own = configuration.typed("spark.driver.blockManager.port")
    found = configuration.typed("spark.blockManager.port") if own is None else own
    return int(found or 0)


def user_of(environment: Mapping[str, str]) -> str:
    """Whom executors run as (`Utils.getCurrentUserName`)."""
    named = environment.get("SPARK_USER") or environment.get("HADOOP_USER_NAME")
    return named or _own_user()


def _own_user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _variables(configuration: Configuration) -> dict[str, str]:
    """What executors find in their environment; without secrets, which everybody would see at the agent."""
    found = {
        key.removeprefix(_ENVIRONMENT): value
        for key, value in configuration.items()
        if key.startswith(_ENVIRONMENT) and key != _ENVIRONMENT
    }
    options = configuration.get("spark.executor.extraJavaOptions", "")
    found["SPARK_EXECUTOR_MEMORY"] = f"{configuration.typed('spark.executor.memory')}m"
    found["SPARK_EXECUTOR_OPTS"] = f"{_SMALL} {options}".strip()
    if path := configuration.get("spark.executor.extraClassPath"):
        found["SPARK_EXECUTOR_CLASSPATH"] = path
    return {name: value for name, value in found.items() if not is_secret(name, value)}

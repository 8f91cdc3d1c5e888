"""Everything that the framework of the shuffle services is told, made of its configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.values.constraints import Constraint, parse_constraints
from sparkmesos_core.conf.values.overheads import LEAST_OVERHEAD, container_memory
from sparkmesos_core.conf.values.sizes import parse_mebibytes
from sparkmesos_core.directories import state_directory
from sparkmesos_core.durable_framework.framework_settings import (
    DEFAULT_HOST,
    FrameworkSettings,
    StartOptions,
    read_settings,
)
from sparkmesos_core.errors import UsageError
from sparkmesos_core.shuffle_service.command import authenticates
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.task_info import Build, build
from sparkmesos_core.spark.home import SparkHome

DEFAULT_PORT = 7338
DEFAULT_NAME = "Spark shuffle services"
DEFAULT_CPUS = 0.5
DEFAULT_HEAP = 1024
"""MiB: Spark's own, of all its daemons (`SparkClassCommandBuilder`)."""

CONSTRAINTS = "spark.mesos.constraints"
PORT = "spark.shuffle.service.port"

_LEAST_HEAP = 64
_BESIDE = "_shuffle_services"
"""Behind the node of a dispatcher in ZooKeeper."""
_VARIABLES = ("SPARK_DAEMON_JAVA_OPTS", "SPARK_SHUFFLE_OPTS", "SPARK_DAEMON_CLASSPATH", "SPARK_EXECUTOR_URI")
"""What of the environment here is meant for the JVM of a service wherever it runs."""

_READ = (
    *("spark.mesos.role", CONSTRAINTS, "spark.mesos.principal", "spark.mesos.secret", "spark.deploy."),
    *("spark.mesos.dispatcher.zookeeper.", "spark.executor.uri", "spark.mesos.executor.home"),
    *("spark.mesos.executor.docker.", "spark.mesos.containerizer", "spark.mesos.network."),
    *("spark.mesos.uris", "spark.mesos.fetcherCache.enable", "spark.mesos.task.labels"),
    *("spark.executorEnv.JAVA_HOME", "spark.executorEnv.SPARK_LOCAL_DIRS", "spark.local.dir"),
)
"""What is read for the framework and for the tasks of services: names, or what they begin with."""


@dataclass(frozen=True, kw_only=True)
class ServicesSettings(FrameworkSettings):
    """What the framework is told, besides what every one is; its tasks are services."""

    KIND = SERVICES

    folder: str
    """Where this instance keeps its files."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Those that JVMs of services get."""
    cpus: float = DEFAULT_CPUS
    heap: int = DEFAULT_HEAP
    memory: int = DEFAULT_HEAP + LEAST_OVERHEAD
    """Both in MiB: what the JVM of a service gets for objects, and what its task takes in all."""
    bridge: str | None = None
    """The jar with the service for a Spark 4, if agents are on this machine and have one without it."""
    service_port: int = 7337
    port: int = DEFAULT_PORT
    name: str = DEFAULT_NAME

    @property
    def database(self) -> Path:
        """The file that records are kept in, unless they are in ZooKeeper."""
        return database_path(Path(self.folder))

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What agents have to meet. Raises UsageError."""
        return parse_constraints(self.properties.get(CONSTRAINTS, ""))

    @property
    def authenticates(self) -> bool:
        """Whether services want their clients to authenticate."""
        return authenticates(self.properties)

    @property
    def home_on_agents(self) -> str | None:
        """The folder where agents have Spark; None if they fetch it, or nobody has said."""
        if self.properties.get("spark.executor.uri", "").strip() or self.variables.get("SPARK_EXECUTOR_URI"):
            return None
        return self.properties.get("spark.mesos.executor.home", "").strip() or self.spark_home

    def framework_info(self, webui_url: str) -> dict[str, Any]:
        """The FrameworkInfo of the v1 API, without an id; `webui_url` is where it answers."""
        info = super().framework_info(f"{webui_url}/v1/status")
        # PARTITION_AWARE: services of agents that are away come back as they were. GPU_RESOURCES: Mesos
        # offers agents with GPUs to nobody else (--filter_gpu_resources), and executors run there, too.
        return {**info, "capabilities": [{"type": "PARTITION_AWARE"}, {"type": "GPU_RESOURCES"}]}

    def build(self) -> Build:
        """What makes the tasks of services. Raises UsageError for what they cannot be made of."""
        return build(
            self.properties,
            heap=self.heap,
            spark_home=self.spark_home,
            variables=self.variables,
            bridge=self.bridge,
        )


@dataclass(frozen=True, kw_only=True)
class ServicesOptions(StartOptions):
    """What the options of `start-shuffle-service --on-mesos` say, by their names; None: they were not given.

    Those that mean a property are among the configuration's.
    """

    cpus: float | None = None
    memory: str | None = None


def make_settings(
    configuration: Configuration,
    variables: Mapping[str, str],
    options: ServicesOptions,
    *,
    folder: Path,
    spark_home: str | None = None,
    installed_spark: SparkHome | None = None,
    needs_master: bool = True,
) -> ServicesSettings:
    """The settings that options, properties and variables make together; reads the file of the token.

    `variables` are the environment after spark-env.sh, `spark_home` the Spark that was named for agents; if
    none was, and agents are on this machine, they have `installed_spark`. Without `needs_master` the master
    may be left out: for services that others than the framework run.

    Raises UsageError for what is missing, contradicts itself or cannot be understood, MasterUrlError for the
    master.
    """
    read = read_settings(
        configuration,
        variables,
        options,
        SERVICES,
        spark_home=spark_home,
        installed_spark=installed_spark,
        needs_master=needs_master,
    )
    read["zookeeper_base"] = _own_base(read["zookeeper"], read["zookeeper_base"])
    if options.cpus is not None and not math.isfinite(options.cpus):
        raise UsageError("--cpus is not a number of CPUs", hint="Give a number such as 2 or 0.5.")
    configuration.typed(CONSTRAINTS)
    heap, memory = memory_of(options.memory, variables.get("SPARK_DAEMON_MEMORY"))
    service_port = int(configuration.typed(PORT))
    if not 0 < service_port < 65536:
        raise UsageError(
            f"Services on agents cannot have {service_port} as their port",
            hint=f"Set {PORT} to one from 1 to 65535, the same for services and applications.",
        )
    return ServicesSettings(
        **read,
        folder=str(folder),
        variables={name: variables[name] for name in _VARIABLES if variables.get(name)},
        cpus=DEFAULT_CPUS if options.cpus is None else options.cpus,
        heap=heap,
        memory=memory,
        service_port=service_port,
        host=options.host or DEFAULT_HOST,
        port=DEFAULT_PORT if options.port is None else options.port,
        name=options.name or DEFAULT_NAME,
    )


def _own_base(servers: str | None, base: str | None) -> str | None:
    """The node of the services, None for the usual one.

    A configuration that names the node of the dispatcher may be shared: theirs lies beside that, unless the
    servers come with a node of their own, `host:2181/node`.
    """
    if servers is None or base is None or servers.partition("://")[2 if "://" in servers else 0].count("/"):
        return None
    return f"{base.rstrip('/')}{_BESIDE}"


def memory_of(memory: str | None, daemon_memory: str | None) -> tuple[int, int]:
    """The heap of a service and the memory of its task, in MiB.

    `memory` is what --memory says of the task, `daemon_memory` what SPARK_DAEMON_MEMORY says of the heap.
    Without the first it is the heap and what executors get besides theirs; without the second the heap is
    what that leaves of the first, or a gibibyte. Raises UsageError.
    """
    # As -Xmx has it, which it becomes: a bare number means bytes.
    heap = parse_mebibytes(daemon_memory, bare="b") if daemon_memory else None
    if heap is not None and heap < _LEAST_HEAP:
        raise UsageError(
            f"SPARK_DAEMON_MEMORY={daemon_memory} leaves {heap} MiB of heap to a service",
            hint=f"Set it to {_LEAST_HEAP}m or more, or unset it.",
        )
    if memory is None:
        heap = DEFAULT_HEAP if heap is None else heap
        return heap, container_memory(heap)
    total = parse_mebibytes(memory)
    if heap is None:
        heap = total - max(LEAST_OVERHEAD, total // 10)
        if heap < _LEAST_HEAP:
            raise UsageError(
                f"--memory {memory} leaves {max(heap, 0)} MiB of heap to a service",
                hint=f"Give {_LEAST_HEAP + LEAST_OVERHEAD}m or more.",
            )
    if heap >= total:
        lower = ", or a lower SPARK_DAEMON_MEMORY" if total > _LEAST_HEAP else ""
        raise UsageError(
            f"--memory {memory} is not more than the heap of a service, which is {heap} MiB",
            hint=f"Give {container_memory(heap)}m or more{lower}.",
        )
    return heap, total


def is_read(name: str) -> bool:
    """Whether a property has an effect on the framework, besides what services themselves read."""
    return name.startswith(_READ)


def instance_folder(environment: Mapping[str, str], instance: int = 1) -> Path:
    """The folder of the framework's process, by its number on this machine; not created here.

    Raises UsageError for a user without a home folder.
    """
    return state_directory(environment) / f"shuffle-service-{instance}"


def database_path(folder: Path) -> Path:
    """The file for `open_sqlite` of an instance, given its folder."""
    return folder / "services.db"

"""`sparkmesos start-local-cluster`."""

from __future__ import annotations

import logging
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sparkmesos_core.errors import SparkMesosError, UsageError

from . import options
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.localcluster.daemon import DaemonSettings
    from sparkmesos_core.spark.java import Java


@click.command("start-local-cluster")
@options.option(
    "--agents", type=click.IntRange(1, 100), default=2, show_default=True, help="How many agents."
)
@options.option(
    "--cpus",
    type=click.FloatRange(0.1, 1_000_000),
    default=2,
    show_default=True,
    help="CPUs that each agent offers.",
)
@options.option(
    "--mem",
    type=click.IntRange(32, 1_000_000_000),
    default=4096,
    show_default=True,
    metavar="MB",
    help="Memory that each agent offers. It is accounted, not reserved.",
)
@options.option(
    "--attributes",
    multiple=True,
    metavar="TEXT",
    help="Attributes of the agents, as in `os:centos7;rackid:3`. Once for all agents, or once per agent.",
)
@options.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5050,
    show_default=True,
    help="The first master's port on 127.0.0.1; 0 takes a free one.",
)
@options.option(
    "--masters",
    type=click.IntRange(1, 9),
    default=1,
    show_default=True,
    help="How many masters. More than one elect their leader through --zk.",
)
@options.option(
    "--zk",
    metavar="URL",
    help="A running ZooKeeper: zk://HOST:2181/PATH, or file://FILE with a file that holds such a URL.",
)
@options.option(
    "--credentials",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Want one of these credentials of everybody. JSON as for Mesos, or lines `PRINCIPAL SECRET`.",
)
@options.option(
    "--roles",
    metavar="NAME,…",
    help="The only roles that frameworks may use besides *.  [default: any]",
)
@options.option(
    "--agent-ping-timeout",
    metavar="TIME",
    help="How long the master waits for an agent's answer, as in `15secs`.  [default: 15secs]",
)
@options.option(
    "--max-agent-ping-timeouts",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many answers an agent may miss before it is unreachable.  [default: 5]",
)
@options.option(
    "--executor-registration-timeout",
    metavar="TIME",
    help="How long an executor may take to register, fetching included.  [default: 1mins]",
)
@options.option(
    "--network-namespaces",
    is_flag=True,
    help="Give each agent a network, and so all ports, of its own; commands reach them from inside only.",
)
@options.work_dir
@options.option(
    "--executor-environment-variables",
    metavar="JSON",
    help="The environment of tasks: a JSON object, or a file of one.  [default: a working Java and Python]",
)
@options.spark_home
@options.option("--foreground", is_flag=True, help="Stay until Ctrl-C or SIGTERM, not in the background.")
@options.output
@click.pass_obj
def command(terminal: Terminal, /, *, foreground: bool, output: str, **given: Any) -> None:
    """Start an embedded Mesos on this machine: a master and its agents, on loopback.

    Prints the URL for --master, and nothing else, on stdout:

    \b
      url=$(sparkmesos start-local-cluster)
      sparkmesos submit --master "$url" app.py
      sparkmesos stop-local-cluster
    """
    from sparkmesos_core.localcluster import daemon

    settings = _settings(terminal, _Options(**given))
    folder = Path(settings.work_dir)

    def report(state: daemon.ClusterState) -> None:
        if output == "json":
            terminal.json("cluster", state.to_json())
        else:
            terminal.data(state.url)
        kept = "sandboxes" if foreground else "log and sandboxes"
        masters, agents = settings.masters, len(settings.agents)
        several = f"{masters} masters ({', '.join(state.masters)}), " if masters > 1 else ""
        counted = f"{several}{agents} agent{'s' * (agents > 1)}"
        terminal.say(f"{counted}, page {state.http_url}, {kept} in {folder}")
        if state.inside:
            terminal.say(f"It is reached from its own network only: {shlex.join(state.inside)} COMMAND …")

    if foreground:
        from sparkmesos_core.localcluster.foreground import serve

        if terminal.verbosity == 0:  # in the foreground the log is what there is to see
            logging.getLogger("sparkmesos_core.localcluster").setLevel(logging.INFO)
        with daemon.owned(folder):
            serve(settings, report)
    else:
        state = daemon.start(settings)
        try:
            report(state)
        except BaseException:
            daemon.stop(folder)  # nobody got to know where it runs
            raise


@dataclass(frozen=True)
class _Options:
    """What the command was given that makes the cluster, by the names of its options."""

    agents: int
    cpus: float
    mem: int
    attributes: tuple[str, ...]
    port: int
    masters: int
    zk: str | None
    credentials: Path | None
    roles: str | None
    agent_ping_timeout: str | None
    max_agent_ping_timeouts: int | None
    executor_registration_timeout: str | None
    network_namespaces: bool
    work_dir: Path | None
    executor_environment_variables: str | None
    spark_home: Path | None


def _settings(terminal: Terminal, given: _Options) -> DaemonSettings:
    from sparkmesos_core.localcluster import daemon, embedded
    from sparkmesos_core.localcluster.agent import executor_environment as environments
    from sparkmesos_core.localcluster.flags import read_duration, read_roles, read_zookeeper

    if not math.isfinite(given.cpus):
        raise UsageError("--cpus is not a number of CPUs", hint="Give a number such as 2 or 0.5.")
    if given.executor_environment_variables is not None:
        tasks_environment = environments.parse_executor_environment(given.executor_environment_variables)
    else:
        tasks_environment = environments.default_executor_environment(_java(terminal, given.spark_home))
    if given.network_namespaces and given.zk is not None:
        raise UsageError(
            "--zk names a ZooKeeper outside, which a cluster with --network-namespaces does not reach",
            hint="Choose one of the two.",
        )
    folder = given.work_dir or embedded.default_work_dir(dict(terminal.environment))
    return daemon.DaemonSettings(
        work_dir=str(folder.absolute()),
        agents=embedded.agent_settings(
            given.agents, cpus=given.cpus, mem=given.mem, attributes=given.attributes
        ),
        executor_environment=tasks_environment,
        port=given.port,
        masters=given.masters,
        zookeeper=read_zookeeper(given.zk, given.masters),
        credentials=_read_credentials(terminal, given.credentials),
        roles=read_roles(given.roles),
        agent_ping_timeout=read_duration("--agent-ping-timeout", given.agent_ping_timeout),
        max_agent_ping_timeouts=given.max_agent_ping_timeouts,
        executor_registration_timeout=read_duration(
            "--executor-registration-timeout", given.executor_registration_timeout
        ),
        network_namespaces=given.network_namespaces,
    )


def _read_credentials(terminal: Terminal, file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    from sparkmesos_core.localcluster.credentials import is_open_to_others, read_credentials

    credentials = read_credentials(file)
    if is_open_to_others(file):
        terminal.warn(f"everybody on this machine may read {file}; it should be yours alone (chmod 600)")
    return credentials


def _java(terminal: Terminal, spark_home: Path | None) -> Java | None:
    """The Java that Spark's executors will find, None with a warning if there is none.

    A Spark or Java that was named but cannot be used is an error.
    """
    from sparkmesos_core.spark.home import find_spark
    from sparkmesos_core.spark.java import find_java

    named = (
        spark_home is not None or "SPARK_HOME" in terminal.environment or "JAVA_HOME" in terminal.environment
    )
    try:
        return find_java(find_spark(spark_home, terminal.environment), terminal.environment)
    except SparkMesosError as error:
        if named:
            raise
        terminal.warn(f"tasks will have no JAVA_HOME: {error.message}")
        return None

"""Rules about drivers that run in the cluster, and about what is a driver's own."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.connection import is_local_master
from sparkmesos_core.conf.checks.rule import APPLICATION, DELIBERATE, Found, Rules, Subject, is_reference
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.loopback import is_loopback

RULES = Rules()

_CLUSTER = frozenset({Mode.CLUSTER})


@RULES.add(
    "supervise-property",
    Severity.WARNING,
    "`spark.driver.supervise` without `--supervise`, by which alone spark-submit decides",
    modes=_CLUSTER,
)
def _supervise(subject: Subject) -> Iterable[Found]:
    key = "spark.driver.supervise"
    setting = subject.setting(key)
    if setting is not None and setting.origin.source is not Source.OPTION and subject.value(key) is True:
        yield Found(
            f"{key} has no effect: spark-submit sets it to false where --supervise is not given",
            "Give --supervise.",
            key,
        )


@RULES.add(
    "driver-address-of-this-machine",
    Severity.WARNING,
    "an address for a driver that runs on an agent: `spark.driver.bindAddress`, which it could not listen "
    "on, or where nobody elsewhere finds it, or `spark.driver.host`, which is not sent",
    modes=_CLUSTER,
)
def _address(subject: Subject) -> Iterable[Found]:
    key = "spark.driver.bindAddress"
    address = subject.text(key)
    if address is not None and not _is_any(address) and not (is_loopback(address) and _all_is_here(subject)):
        trouble = "where executors on others do not find it"
        if not is_loopback(address):
            trouble = "which may not have this address"
        yield Found(
            f"{key} is {address}, but the driver runs on an agent, {trouble}",
            "Leave it out, or set it to 0.0.0.0.",
            key,
        )
    key = "spark.driver.host"
    setting = subject.setting(key)
    if setting is not None and setting.origin.source in DELIBERATE and not is_reference(setting.value):
        yield Found(
            f"{key} has no effect in cluster mode: spark-submit leaves it out",
            "Leave it out, too: a driver tells executors the address of the agent that it runs on.",
            key,
        )


@RULES.add(
    "credential-file-of-agents",
    Severity.NOTE,
    "a file for principal or secret in cluster mode: it is one of the agent that the driver runs on",
    modes=_CLUSTER,
)
def _credential_file(subject: Subject) -> Iterable[Found]:
    for key in ("spark.mesos.principal.file", "spark.mesos.secret.file"):
        setting = subject.setting(key)
        if setting is not None and setting.origin.source is not Source.VARIABLE:
            yield Found(
                f"{key} is read where the driver runs: on an agent, or in its image",
                "See that every agent has the file.",
                key,
            )


@RULES.add(
    "event-log-of-agents",
    Severity.WARNING,
    "`spark.eventLog.enabled` without `spark.eventLog.dir` in cluster mode: the driver wants a folder of its "
    "agent, and does not start where that is missing",
    modes=_CLUSTER,
)
def _event_log(subject: Subject) -> Iterable[Found]:
    key = "spark.eventLog.enabled"
    if subject.value(key) is True and subject.setting("spark.eventLog.dir") is None:
        yield Found(
            f"{key} without spark.eventLog.dir: the driver writes to /tmp/spark-events of its agent, and "
            "does not start if that is missing",
            "Set spark.eventLog.dir to where all machines can write, as in hdfs://NAMENODE/logs.",
            key,
        )


@RULES.add(
    "hadoop-configuration-not-sent",
    Severity.NOTE,
    "`HADOOP_CONF_DIR` in cluster mode: only `SPARK_…` and `MESOS_…` are sent to the driver",
    modes=_CLUSTER,
)
def _hadoop_configuration(subject: Subject) -> Iterable[Found]:
    name = "HADOOP_CONF_DIR"
    if subject.variable(name) and subject.setting(f"spark.mesos.driverEnv.{name}") is None:
        yield Found(
            f"The driver does not get {name}: hdfs:///PATH means there what its agent says",
            f"Name the namenode, or set spark.mesos.driverEnv.{name} to a folder that every agent has.",
            origin=subject.variable_origin(name),
        )


@RULES.add(
    "framework-id-fixed",
    Severity.WARNING,
    "`spark.mesos.driver.frameworkId` that is not new for each run: Mesos refuses an id whose framework has "
    "ended; a note where it is given for this run",
    modes=APPLICATION,
)
def _framework_id(subject: Subject) -> Iterable[Found]:
    key = "spark.mesos.driver.frameworkId"
    setting = subject.setting(key)
    if setting is None or not setting.value:
        return
    for_this_run = setting.origin.source in DELIBERATE and subject.mode is Mode.CLIENT
    yield Found(
        f"{key} is set: "
        + (
            "the driver does not get the id that its dispatcher knows it by"
            if subject.mode is Mode.CLUSTER
            else "Mesos refuses the id as soon as an application has ended under it"
        ),
        "Remove it: Mesos, or the dispatcher, makes ids.",
        key,
        Severity.NOTE if for_this_run else None,
    )


def _is_any(address: str) -> bool:
    """Whether it stands for all addresses of a machine: 0.0.0.0, [::]."""
    try:
        return ipaddress.ip_address(address.strip().strip("[]")).is_unspecified
    except ValueError:
        return False


def _all_is_here(subject: Subject) -> bool:
    """Whether the dispatcher is on this machine, as the agents may be then; or if that is not known."""
    master = subject.circumstances.master
    return master is None or is_local_master(master, subject.mode)

"""What to do where executors find no shuffle service: what works for this application, word for word."""

from __future__ import annotations

from dataclasses import replace

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.errors import MasterUrlError
from sparkmesos_core.master import EmbeddedMaster, MesosMaster, ZooKeeperMaster, parse_master

ENABLED = "spark.shuffle.service.enabled"
_DYNAMIC_ALLOCATION = "spark.dynamicAllocation.enabled"
_OPTION = "--dynamic-allocation"
"""Which sets both, and more."""
_HERE = "`sparkmesos start-shuffle-service` on each of these machines"

Master = MesosMaster | ZooKeeperMaster


def lasting_master(url: str | None) -> Master | None:
    """The master that `url` names; None if it ends with its command (embedded), or `url` is none."""
    try:
        master = parse_master(url or "")
    except MasterUrlError:
        return None
    return None if isinstance(master, EmbeddedMaster) else master


def how_to_start(master: Master | None) -> str:
    """The commands that start services on agents, without credentials; without `master` Mesos starts none."""
    if master is None or (isinstance(master, MesosMaster) and master.scheme == "https"):
        return _HERE  # pymesos does not speak https
    if isinstance(master, ZooKeeperMaster):
        master = replace(master, credential=None)
    return (
        f"{_HERE}, or, as a task on every agent, "
        f"`sparkmesos start-shuffle-service --on-mesos --master {master}`"
    )


def how_to_do_without(configuration: Configuration) -> str:
    """How to run this application without the service.

    Without it Spark refuses dynamic allocation, too; and the option that asks for both contradicts who
    switches one of them off.
    """
    asked = any(
        setting.origin.source is Source.OPTION and setting.origin.name == _OPTION
        for setting in map(configuration.setting, configuration)
        if setting is not None
    )
    off = [
        f"{key}=false"
        for key in (ENABLED, _DYNAMIC_ALLOCATION)
        if (setting := configuration.setting(key)) is not None
        and setting.value.strip().lower() == "true"
        and setting.origin.name != _OPTION
    ]
    if not asked:
        return f"do without it: {' and '.join(off) or f'{ENABLED}=false'}"
    return " and ".join([f"leave out {_OPTION}", *([f"set {' and '.join(off)}"] if off else [])])

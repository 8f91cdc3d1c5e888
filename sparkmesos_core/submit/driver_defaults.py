"""The environment of a driver on this machine, where the user has not decided otherwise."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.master import MesosMaster, ZooKeeperMaster
from sparkmesos_core.spark.home import SparkHome

_ADDRESSES = ("spark.driver.host", "spark.driver.bindAddress")
_PYTHONS = ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")


def default_variables(
    configuration: Mapping[str, str],
    environment: Mapping[str, str],
    spark: SparkHome | None,
    *,
    is_local: bool,
) -> dict[str, str]:
    """Variables that make things work out of the box; `is_local` says that the master is on this machine.

    A master on loopback can only have agents on this machine, and they reach the driver there; the address
    of a host name may be one that nothing listens on (containers, VPNs). A pip-installed Spark belongs to the
    interpreter that runs us, which need not be python3 on the PATH; that is for the driver only: which Python
    the agents have is not ours to say.
    """
    variables: dict[str, str] = {}
    decided = "SPARK_LOCAL_IP" in environment or any(name in configuration for name in _ADDRESSES)
    if is_local and not decided:
        variables["SPARK_LOCAL_IP"] = "127.0.0.1"
    python_decided = any(name in environment for name in _PYTHONS)
    if not python_decided and spark is not None and is_of_this_python(spark):
        variables["PYSPARK_DRIVER_PYTHON"] = sys.executable
    return variables


def is_of_this_python(spark: SparkHome) -> bool:
    """Whether this is a pip-installed Spark that the interpreter which runs us finds as `pyspark`."""
    return spark.path.parent == Path(sysconfig.get_path("purelib"))


def is_local(master: MesosMaster | ZooKeeperMaster) -> bool:
    """Whether the master is on this machine's loopback, to judge by where it is looked for."""
    hosts = master.servers if isinstance(master, ZooKeeperMaster) else master.hosts
    return all(is_loopback(address.host) for address in hosts)

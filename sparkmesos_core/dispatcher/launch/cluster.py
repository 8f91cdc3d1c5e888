"""What every driver of one dispatcher is launched with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cluster:
    """The part of a dispatcher's settings that its drivers' tasks depend on."""

    master: str
    """The master that drivers register with, as Spark wants it behind `mesos://`: `host:5050`, `zk://…/mesos`."""
    properties: Mapping[str, str] = field(repr=False)
    """The dispatcher's own configuration, such as `spark.mesos.uris` and `spark.executor.extraLibraryPath`.

    `spark.mesos.dispatcher.driverDefault.*` is merged into submissions when they are accepted."""
    spark_home: str | None = None
    """`spark.home`, else SPARK_HOME of the dispatcher: where agents have Spark unless a submission says."""
    bridge_uri: str | None = None
    """Where agents fetch the bridge jar for a Spark that has none inside."""

"""Properties of sparkmesos itself: no Spark reads them, and to Spark's own dispatcher they mean nothing."""

from __future__ import annotations

from sparkmesos_core.conf.properties.registered_property import Property, Reader
from sparkmesos_core.conf.properties.spark_4 import FIRST_WITH_OUR_BACKEND
from sparkmesos_core.conf.values import value_types as types

_D = frozenset({Reader.DISPATCHER})
_S = frozenset({Reader.SUBMISSION})
_B = frozenset({Reader.BACKEND})

_DISPATCHER = (
    Property(
        "spark.mesos.maxQueuedDrivers",
        types.at_least(types.INTEGER, 0),
        "How many drivers may wait to be launched; more are refused",
        since="",
        readers=_D,
        computed_default="any number",
        own=True,
    ),
    Property(
        "spark.mesos.driver.supervise.maxRetries",
        types.at_least(types.INTEGER, 0),
        "How often a supervised driver that fails is launched again; the dispatcher's is the default",
        since="",
        readers=_D | _S,
        computed_default="without end",
        own=True,
    ),
    Property(
        "spark.mesos.dispatcher.bridge.uri",
        types.URI,
        "Where agents without libmesos fetch the bridge for drivers whose Spark has none inside",
        since="",
        readers=_D | _S,
        own=True,
    ),
    Property(
        "spark.mesos.dispatcher.zookeeper.sessionTimeout",
        types.between(types.SECONDS, 2, 40),
        "For how long a dispatcher that ZooKeeper hears nothing of may lead before another one takes over",
        since="",
        readers=_D,
        default="10s",
        own=True,
    ),
    Property(
        "spark.mesos.dispatcher.role.enforce",
        types.BOOLEAN,
        "Whether drivers must have the dispatcher's spark.mesos.role, and get it if they name none",
        since="",
        readers=_D,
        default="false",
        own=True,
    ),
    Property(
        "spark.mesos.dispatcher.token",
        types.TEXT,
        "What a client makes up for a submission: repeated with the same, it is answered with the same id",
        since="",
        readers=_S,
        secret=True,  # by its name, which hides it wherever secrets are hidden
        own=True,
    ),
)

_BACKEND = (
    Property(
        "spark.mesos.executor.agentFailures.max",
        types.at_least(types.INTEGER, 0),
        "How many executors may fail on an agent before it gets no more for a while; 0 means any number",
        since=FIRST_WITH_OUR_BACKEND,
        readers=_B,
        default="2",
        own=True,
    ),
    Property(
        "spark.mesos.executor.agentFailures.expiry",
        types.at_least(types.MILLISECONDS, 0),
        "How long a failure counts for spark.mesos.executor.agentFailures.max",
        since=FIRST_WITH_OUR_BACKEND,
        readers=_B,
        default="1h",
        own=True,
    ),
    Property(
        "spark.mesos.executor.decommission.gracePeriod",
        types.at_least(types.MILLISECONDS, 0),
        "How long executors of drained agents may hand on what they have, with spark.decommission.enabled",
        since=FIRST_WITH_OUR_BACKEND,
        readers=_B,
        default="5m",
        own=True,
    ),
    Property(
        "spark.mesos.maintenance.leadTime",
        types.at_least(types.MILLISECONDS, 0),
        "How long before the maintenance of an agent's machine it gets no executors, and those there leave",
        since=FIRST_WITH_OUR_BACKEND,
        readers=_B,
        computed_default="spark.mesos.executor.decommission.gracePeriod",
        own=True,
    ),
    Property(
        "spark.mesos.executor.classArchive",
        types.PATH,
        "The archive of Spark's classes on the agents, with which executors start sooner",
        since=FIRST_WITH_OUR_BACKEND,
        readers=_B,
        computed_default="none; that of the driver where the agents are on its machine",
        own=True,
    ),
    Property(
        "spark.mesos.checkpoint",
        types.BOOLEAN,
        "Whether agents keep on disk what they know of executors, which then outlive restarts of agents",
        since=FIRST_WITH_OUR_BACKEND,
        readers=_B,
        computed_default="Mesos' own, false",
        own=True,
    ),
)

OWN_GROUPS: tuple[tuple[str, tuple[Property, ...]], ...] = (
    ("The backend for Spark 4", _BACKEND),
    ("The dispatcher of sparkmesos", _DISPATCHER),
)
"""The properties under the headings that the reference has."""

"""The properties of every Spark about scheduling, dynamic allocation and the external shuffle service.

Facts: see `spark_properties.py`, of whose table this is a part.
"""

from __future__ import annotations

from sparkmesos_core.conf.properties.registered_property import Grain, InSpark4, Property, Reader
from sparkmesos_core.conf.values import value_types as types

_B = frozenset({Reader.BACKEND})
_A = frozenset({Reader.DRIVER})
_X = frozenset({Reader.SHUFFLE_SERVICE})

SCHEDULING: tuple[Property, ...] = (
    Property(
        "spark.scheduler.mode",
        types.choice("FIFO", "FAIR", any_case=True),
        "How the jobs of one application share its executors",
        since="0.8.0",
        readers=_A,
        default="FIFO",
    ),
    Property(
        "spark.scheduler.minRegisteredResourcesRatio",
        types.at_least(types.NUMBER, 0),
        "The share of spark.cores.max that must be there before the first task starts",
        since="1.1.1",
        readers=_B,
        computed_default="0",
    ),
    Property(
        "spark.scheduler.maxRegisteredResourcesWaitingTime",
        types.MILLISECONDS,
        "How long to wait for spark.scheduler.minRegisteredResourcesRatio",
        since="1.1.1",
        readers=_B,
        default="30s",
    ),
    Property(
        "spark.locality.wait",
        types.MILLISECONDS,
        "How long to wait for a place near the data",
        since="0.5.0",
        readers=_B | _A,
        default="3s",
    ),
    *(
        Property(
            f"spark.locality.wait.{near}",
            types.MILLISECONDS,
            f"How long to wait for a place {where} the data",
            since="0.8.0",
            readers=_A,
            computed_default="spark.locality.wait",
        )
        for near, where in {
            "process": "in the executor that has",
            "node": "on the agent that has",
            "rack": "in the rack that has",
        }.items()
    ),
    Property(
        "spark.default.parallelism",
        types.at_least(types.INTEGER, 1),
        "Partitions of shuffles and new RDDs, where nothing says how many",
        since="0.5.0",
        readers=_B | _A,
        computed_default="all cores of the executors, at least 2; 8 in fine-grained mode",
    ),
    Property(
        "spark.speculation",
        types.BOOLEAN,
        "Whether tasks that are slower than others are started a second time",
        since="0.6.0",
        readers=_A,
        default="false",
    ),
    Property(
        "spark.excludeOnFailure.enabled",
        types.BOOLEAN,
        "Whether executors and agents on which tasks fail are avoided",
        since="3.1.0",
        readers=_B | _A,
        computed_default="false",
    ),
    Property(
        "spark.decommission.enabled",
        types.BOOLEAN,
        "Whether executors that are to end hand on what they have before",
        since="3.1.0",
        readers=_A,
        default="false",
        spark_4=InSpark4("So do those on agents that are drained, or are to be maintained", readers=_A | _B),
    ),
    Property(
        "spark.storage.decommission.enabled",
        types.BOOLEAN,
        "Whether what they hand on are their blocks; else they only finish their tasks",
        since="3.1.0",
        readers=_A,
        default="false",
    ),
    Property(
        "spark.executor.decommission.signal",
        types.TEXT,
        "The signal at which an executor begins to hand on what it has",
        since="3.2.0",
        readers=_A,
        default="PWR",
        spark_4=InSpark4(
            "It is TERM, which Mesos sends; with another one executors of drained agents end at once",
            readers=_A | _B,
            default="TERM",
        ),
    ),
)

DYNAMIC_ALLOCATION: tuple[Property, ...] = tuple(
    Property(
        f"spark.dynamicAllocation.{name}",
        kind,
        meaning,
        since=since,
        readers=_A,
        default=default,
        computed_default=computed,
        grain=Grain.COARSE,
    )
    for name, kind, meaning, since, default, computed in (
        (
            "enabled",
            types.BOOLEAN,
            "Whether the number of executors follows the work; needs the shuffle service, or from 3.0 on"
            " shuffle tracking",
            "1.2.0",
            "false",
            "",
        ),
        (
            "shuffleTracking.enabled",
            types.BOOLEAN,
            "Whether executors stay for the shuffle files that they hold, in place of a shuffle service",
            "3.0.0",
            None,
            "true from Spark 3.4 on, false before",
        ),
        (
            "shuffleTracking.timeout",
            types.at_least(types.MILLISECONDS, 0),
            "How long executors stay for the shuffle files that they hold",
            "3.0.0",
            None,
            "for ever",
        ),
        (
            "initialExecutors",
            types.at_least(types.INTEGER, 0),
            "Executors to begin with",
            "1.3.0",
            None,
            "spark.dynamicAllocation.minExecutors",
        ),
        ("minExecutors", types.at_least(types.INTEGER, 0), "The fewest executors", "1.2.0", "0", ""),
        ("maxExecutors", types.at_least(types.INTEGER, 0), "The most executors", "1.2.0", None, "any number"),
        (
            "executorAllocationRatio",
            types.more_than(types.between(types.NUMBER, 0, 1), 0),
            "How many of the executors that the waiting tasks could use are asked for",
            "2.4.0",
            "1.0",
            "",
        ),
        (
            "executorIdleTimeout",
            types.at_least(types.SECONDS, 0),
            "How long an executor may be idle before it ends",
            "1.2.0",
            "60s",
            "",
        ),
        (
            "cachedExecutorIdleTimeout",
            types.at_least(types.SECONDS, 0),
            "How long an executor with cached blocks may be idle before it ends",
            "1.4.0",
            None,
            "for ever",
        ),
        (
            "schedulerBacklogTimeout",
            types.at_least(types.SECONDS, 1),
            "How long tasks wait before more executors are asked for",
            "1.2.0",
            "1s",
            "",
        ),
        (
            "sustainedSchedulerBacklogTimeout",
            types.at_least(types.SECONDS, 1),
            "How long tasks go on waiting before again more executors are asked for",
            "1.2.0",
            None,
            "spark.dynamicAllocation.schedulerBacklogTimeout",
        ),
    )
)

SHUFFLE: tuple[Property, ...] = (
    Property(
        "spark.shuffle.service.enabled",
        types.BOOLEAN,
        "Whether executors leave their shuffle files to the external shuffle service of their agent",
        since="1.2.0",
        readers=_B | _A,
        default="false",
        grain=Grain.COARSE,
    ),
    Property(
        "spark.shuffle.service.port",
        types.PORT,
        "The port of the external shuffle service",
        since="1.2.0",
        readers=_B | _A | _X,
        default="7337",
        grain=Grain.COARSE,
    ),
    Property(
        "spark.shuffle.registration.timeout",
        types.MILLISECONDS,
        "How long an executor waits for the shuffle service to register it",
        since="2.3.0",
        readers=_B | _A,
        default="5s",
        grain=Grain.COARSE,
    ),
    Property(
        "spark.shuffle.registration.maxAttempts",
        types.at_least(types.INTEGER, 1),
        "How often an executor tries to register with the shuffle service",
        since="2.3.0",
        readers=_A,
        default="3",
        grain=Grain.COARSE,
    ),
    Property(
        "spark.shuffle.cleaner.interval",
        types.SECONDS,
        "How often the shuffle service looks for applications that have ended, whose files it deletes",
        since="2.0.0",
        readers=_X,
        default="30s",
        documented=False,
    ),
)

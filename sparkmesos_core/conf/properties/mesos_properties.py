"""The properties that only Spark on Mesos knows, and the one of its tarball.

Facts: Spark's `deploy/mesos/config.scala` from 2.0 to 3.5 and the places that read them; the table in its
`docs/running-on-mesos.md`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sparkmesos_core.conf.properties.registered_property import Grain, InSpark4, Property, Reader
from sparkmesos_core.conf.properties.spark_4 import FIRST_WITH_OUR_BACKEND
from sparkmesos_core.conf.values import value_types as types

_D = frozenset({Reader.DISPATCHER})
_S = frozenset({Reader.SUBMISSION})
_B = frozenset({Reader.BACKEND})

_FINE_GRAINED = "it belongs to fine-grained mode, which Spark 2.0 deprecated: leave spark.mesos.coarse true"
_STRICT = InSpark4("What cannot be understood is refused when the application starts")
_MOVED = "Spark 2.0 renamed it: use "

_MODES = (
    Property(
        "spark.mesos.coarse",
        types.BOOLEAN,
        "Whether executors live as long as the application (coarse-grained) or each task is one of Mesos"
        " (fine-grained, deprecated)",
        since="0.6.0",
        readers=_B,
        default="true",
        spark_4=InSpark4(
            "`false` is refused: there is no fine-grained mode",
            meaning="Nothing but true: executors live as long as the application",
        ),
    ),
    Property(
        "spark.mesos.coarse.shutdownTimeout",
        types.at_least(types.MILLISECONDS, 0),
        "How long the driver waits for its executors to end when the application stops",
        since="2.0.0",
        readers=_B,
        default="10s",
        grain=Grain.COARSE,
        documented=False,
    ),
    Property(
        "spark.mesos.extra.cores",
        types.at_least(types.INTEGER, 0),
        "Cores that each executor claims beyond those it was given, to run more tasks at once",
        since="0.6.0",
        readers=_B,
        default="0",
        grain=Grain.COARSE,
    ),
    Property(
        "spark.mesos.mesosExecutor.cores",
        types.at_least(types.NUMBER, 0),
        "CPUs that each executor occupies in fine-grained mode, besides those of its tasks",
        since="1.4.0",
        readers=_B,
        default="1.0",
        until=FIRST_WITH_OUR_BACKEND,
        deprecated=_FINE_GRAINED,
        grain=Grain.FINE,
    ),
    Property(
        "spark.mesos.gpus.max",
        types.at_least(types.INTEGER, 0),
        "The most GPUs to take for the application; executors start without if none are offered",
        since="2.1.0",
        readers=_D | _B,
        default="0",
        grain=Grain.COARSE,
        spark_4=InSpark4("Executors that ask for GPUs get just those (spark.executor.resource.gpu.amount)"),
    ),
)

_SOFTWARE = (
    Property(
        "spark.executor.uri",
        types.URI,
        "The Spark archive that agents fetch and unpack; without it Spark must be installed on every agent",
        since="0.8.0",
        readers=_S | _B,
        spark_4=InSpark4(
            "The folder with Spark in it is found whatever it is called; signed URLs are unpacked"
        ),
    ),
    Property(
        "spark.mesos.executor.home",
        types.PATH,
        "The directory of Spark on the agents, or in the image, where no archive is fetched",
        since="1.1.1",
        readers=_S | _B,
        computed_default="the SPARK_HOME of the driver",
        spark_4=InSpark4("Blanks and quotes mean themselves; of variables only $MESOS_SANDBOX is expanded"),
    ),
    Property(
        "spark.mesos.uris",
        types.URIS,
        "More files to fetch into the sandboxes of drivers and executors",
        since="1.5.0",
        readers=_D | _S | _B,
        default="",
        spark_4=InSpark4(
            "`file:/path` and `local:/path` are files of the agent; a signed URL is named for its path"
        ),
    ),
    Property(
        "spark.mesos.fetcherCache.enable",
        types.BOOLEAN,
        "Whether agents keep what they fetched in the cache of the Mesos fetcher",
        since="2.1.0",
        readers=_D | _S | _B,
        default="false",
        grain=Grain.COARSE,
    ),
    Property(
        "spark.mesos.fetchCache.enable",
        types.BOOLEAN,
        "What dispatchers of 2.1.0 to 2.3.3 and 2.4.0 read in place of spark.mesos.fetcherCache.enable",
        since="2.1.0",
        readers=_D | _S,
        default="false",
        until="2.4.1",
        deprecated="a slip of Spark's: use spark.mesos.fetcherCache.enable, or both before 2.4.1",
        documented=False,
    ),
    Property(
        "spark.mesos.appJar.local.resolution.mode",
        types.choice("host", "container"),
        "Whether a local:// application in cluster mode is one of the agent's files or lies in the image",
        since="2.4.0",
        readers=_S,
        default="host",
    ),
)

_CONTAINERS = (
    Property(
        "spark.mesos.containerizer",
        types.choice("docker", "mesos"),
        "Who runs the image: the Docker daemon, or Mesos itself",
        since="2.1.0",
        readers=_S | _B,
        default="docker",
    ),
    Property(
        "spark.mesos.executor.docker.image",
        types.TEXT,
        "The Docker image that executors, and drivers in cluster mode, run in; it must hold Spark",
        since="1.4.0",
        readers=_S | _B,
    ),
    Property(
        "spark.mesos.executor.docker.forcePullImage",
        types.BOOLEAN,
        "Whether agents pull the image even if they have it",
        since="2.1.0",
        readers=_S | _B,
        default="false",
    ),
    Property(
        "spark.mesos.executor.docker.volumes",
        types.VOLUMES,
        "Directories of the agent to mount into the containers",
        since="1.4.0",
        readers=_S | _B,
        spark_4=_STRICT,
    ),
    Property(
        "spark.mesos.executor.docker.parameters",
        types.DOCKER_PARAMETERS,
        "Options of `docker run` without their dashes; only with the docker containerizer",
        since="2.2.0",
        readers=_S | _B,
        spark_4=_STRICT,
    ),
    Property(
        "spark.mesos.executor.docker.portmaps",
        types.PORT_MAPS,
        "Ports of the agent that lead into the containers; only with the docker containerizer",
        since="1.4.0",
        readers=_S | _B,
        documented=False,
        spark_4=_STRICT,
    ),
    Property(
        "spark.mesos.network.name",
        types.TEXT,
        "The CNI or Docker network that containers join",
        since="2.2.0",
        readers=_S | _B,
    ),
    Property(
        "spark.mesos.network.labels",
        types.LABELS,
        "Labels for the plugin of the CNI network",
        since="2.3.0",
        readers=_S | _B,
        spark_4=_STRICT,
    ),
)

_MEMORY = (
    Property(
        "spark.mesos.executor.memoryOverhead",
        types.at_least(types.WHOLE_MEBIBYTES, 0),
        "Memory of an executor's container beyond spark.executor.memory",
        since="1.1.1",
        readers=_B,
        computed_default="10% of spark.executor.memory, at least 384",
        spark_4=InSpark4(
            "Where it is not set, spark.executor.memoryOverhead counts",
            computed_default="spark.executor.memoryOverhead, or a tenth of spark.executor.memory, at least"
            " spark.executor.minMemoryOverhead",
        ),
    ),
    Property(
        "spark.mesos.driver.memoryOverhead",
        types.at_least(types.WHOLE_MEBIBYTES, 0),
        "Memory of a driver's container beyond spark.driver.memory, in cluster mode",
        since="3.2.0",
        readers=_S,
        computed_default="10% of spark.driver.memory, at least 384",
    ),
)

_OFFERS = (
    Property(
        "spark.mesos.role",
        types.ROLE,
        "The Mesos role of the framework, which decides about its reservations and its share",
        since="1.5.0",
        readers=_D | _B,
        computed_default="Mesos' own, `*`",
    ),
    Property(
        "spark.mesos.constraints",
        types.CONSTRAINTS,
        "Attributes that an agent must have to run executors",
        since="1.5.0",
        readers=_B,
        default="",
        spark_4=InSpark4("Attributes that are ranges are understood"),
    ),
    Property(
        "spark.mesos.driver.constraints",
        types.CONSTRAINTS,
        "Attributes that an agent must have to run the driver, in cluster mode",
        since="2.2.1",
        readers=_S,
        default="",
    ),
    Property(
        "spark.mesos.rejectOfferDuration",
        types.SECONDS,
        "How long Mesos keeps an offer back that was refused as not needed",
        since="2.2.0",
        readers=_D | _B,
        default="120s",
    ),
    Property(
        "spark.mesos.rejectOfferDurationForUnmetConstraints",
        types.SECONDS,
        "How long Mesos keeps an offer back that was refused because of spark.mesos.constraints",
        since="1.6.0",
        readers=_B,
        computed_default="spark.mesos.rejectOfferDuration",
    ),
    Property(
        "spark.mesos.rejectOfferDurationForReachedMaxCores",
        types.SECONDS,
        "How long Mesos keeps an offer back that was refused because spark.cores.max is reached",
        since="2.0.0",
        readers=_B,
        computed_default="spark.mesos.rejectOfferDuration",
        grain=Grain.COARSE,
        spark_4=InSpark4("Mesos is told to offer nothing while all executors are there"),
    ),
    Property(
        "spark.mesos.task.labels",
        types.LABELS,
        "Labels on the Mesos tasks of executors",
        since="2.2.0",
        readers=_B,
        default="",
        grain=Grain.COARSE,
        spark_4=_STRICT,
    ),
    Property(
        "spark.mesos.driver.labels",
        types.LABELS,
        "Labels on the Mesos task of the driver, in cluster mode",
        since="2.3.0",
        readers=_S,
    ),
)

_CREDENTIALS = (
    Property(
        "spark.mesos.principal",
        types.TEXT,
        "The principal that the framework authenticates with to the Mesos master",
        since="1.5.0",
        readers=_D | _B,
        computed_default="SPARK_MESOS_PRINCIPAL, or what spark.mesos.principal.file holds",
    ),
    Property(
        "spark.mesos.principal.file",
        types.PATH,
        "A file that holds the principal",
        since="2.4.0",
        readers=_D | _B,
        computed_default="SPARK_MESOS_PRINCIPAL_FILE",
        spark_4=InSpark4("A line end at the end of the file is not a part of it"),
    ),
    Property(
        "spark.mesos.secret",
        types.TEXT,
        "The secret that belongs to the principal",
        since="1.5.0",
        readers=_D | _B,
        computed_default="SPARK_MESOS_SECRET, or what spark.mesos.secret.file holds",
        secret=True,
    ),
    Property(
        "spark.mesos.secret.file",
        types.PATH,
        "A file that holds the secret of the principal",
        since="2.4.0",
        readers=_D | _B,
        computed_default="SPARK_MESOS_SECRET_FILE",
        spark_4=InSpark4("A line end at the end of the file is not a part of it"),
    ),
)


def _secrets(
    whom: str, readers: frozenset[Reader], grain: Grain, in_spark_4: Mapping[str, InSpark4]
) -> tuple[Property, ...]:
    """The four properties of the secrets of drivers, or of executors; `in_spark_4` by their last parts."""
    meanings = {
        "names": f"Secrets for the {whom}, by their names in the secret store of Mesos",
        "values": f"Secrets for the {whom}, as they are",
        "envkeys": f"Environment variables of the {whom} for the secrets, in the same order",
        "filenames": f"Files for the secrets in the sandbox of the {whom}, in the same order",
    }
    return tuple(
        Property(
            f"spark.mesos.{whom}.secret.{part}",
            types.LIST,
            meaning,
            since="2.3.0",
            readers=readers,
            grain=grain,
            secret=part == "values",
            spark_4=in_spark_4.get(part),
        )
        for part, meaning in meanings.items()
    )


_IN_DOCKER = InSpark4(
    "With the Docker containerizer they reach executors, and who may read the agent's state sees them"
)
_SECRETS_OF_EXECUTORS = {"values": _IN_DOCKER, "envkeys": _IN_DOCKER}

_DRIVERS = (
    Property(
        "spark.mesos.driverEnv.NAME",
        types.TEXT,
        "An environment variable of the driver, in cluster mode",
        since="2.1.0",
        readers=_S,
    ),
    Property(
        "spark.mesos.driver.webui.url",
        types.URL,
        "Where the framework's link in the Mesos UI leads to",
        since="2.0.0",
        readers=_B,
        computed_default="the driver's own web UI",
    ),
    Property(
        "spark.mesos.driver.failoverTimeout",
        types.at_least(types.FLOAT_SECONDS, 0),
        "How long the master keeps the executors of a driver that lost its connection",
        since="2.3.0",
        readers=_B,
        default="0.0",
        grain=Grain.COARSE,
    ),
    Property(
        "spark.mesos.driver.frameworkId",
        types.TEXT,
        "The id that the driver registers with; the dispatcher sets it, do not set it yourself",
        since="2.1.0",
        readers=_B,
        documented=False,
    ),
)

_DISPATCHER = (
    Property(
        "spark.mesos.dispatcher.queue",
        types.TEXT,
        "The queue of the dispatcher that the application waits in",
        since="3.1.0",
        readers=_S,
        default="default",
    ),
    Property(
        "spark.mesos.dispatcher.queue.NAME",
        types.NUMBER,
        "Makes a queue with this priority: the higher the sooner; that of the queue `default` is always 0",
        since="3.1.0",
        readers=_D,
        default="0.0",
    ),
    Property(
        "spark.mesos.dispatcher.driverDefault.PROP",
        types.TEXT,
        "A property for every driver that does not set it itself",
        since="2.1.0",
        readers=_D,
    ),
    Property(
        "spark.mesos.dispatcher.webui.url",
        types.URL,
        "Where the dispatcher's link in the Mesos UI leads to",
        since="2.0.0",
        readers=_D,
        computed_default="the dispatcher's own web UI",
    ),
    Property(
        "spark.mesos.dispatcher.historyServer.url",
        types.URL,
        "The history server that the dispatcher's page links drivers to",
        since="2.1.0",
        readers=_D,
    ),
    Property(
        "spark.mesos.proxy.baseURL",
        types.URL,
        "The Mesos UI that the dispatcher's page links sandboxes to",
        since="2.3.0",
        readers=_D,
    ),
    Property(
        "spark.mesos.maxDrivers",
        types.at_least(types.INTEGER, 0),
        "How many drivers the dispatcher has at once; it refuses more",
        since="1.4.0",
        readers=_D,
        default="200",
        documented=False,
    ),
    Property(
        "spark.mesos.retainedDrivers",
        types.at_least(types.INTEGER, 0),
        "How many drivers that ended the dispatcher remembers",
        since="1.4.0",
        readers=_D,
        default="200",
        documented=False,
    ),
    Property(
        "spark.mesos.cluster.retry.wait.max",
        types.at_least(types.WHOLE_SECONDS, 0),
        "The longest wait before a supervised driver is started again",
        since="1.4.0",
        readers=_D,
        default="60",
        documented=False,
    ),
    Property(
        "spark.mesos.deploy.recoveryMode",
        types.TEXT,
        "How the dispatcher of Spark 1 kept its state",
        since="1.4.0",
        readers=_D,
        default="NONE",
        until="2.0.0",
        deprecated=_MOVED + "spark.deploy.recoveryMode",
        documented=False,
    ),
    Property(
        "spark.mesos.deploy.zookeeper.url",
        types.TEXT,
        "The ZooKeeper of the dispatcher of Spark 1",
        since="1.4.0",
        readers=_D,
        until="2.0.0",
        deprecated=_MOVED + "spark.deploy.zookeeper.url",
        documented=False,
    ),
)

MESOS_GROUPS: tuple[tuple[str, tuple[Property, ...]], ...] = (
    ("Run modes and resources", _MODES),
    ("Memory", _MEMORY),
    ("Offers, role and labels", _OFFERS),
    ("What agents fetch and run", _SOFTWARE),
    ("Containers and networks", _CONTAINERS),
    ("Credentials", _CREDENTIALS),
    (
        "Secrets for drivers and executors",
        (
            *_secrets("driver", _S, Grain.BOTH, {}),
            *_secrets("executor", _B, Grain.COARSE, _SECRETS_OF_EXECUTORS),
        ),
    ),
    ("Drivers", _DRIVERS),
    ("The dispatcher", _DISPATCHER),
)
"""The properties under the headings that the reference has."""

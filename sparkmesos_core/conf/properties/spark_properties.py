"""The properties of every Spark that matter on Mesos.

Facts: Spark's `core/.../internal/config/` from 2.0 to 3.5 and the places that read them; its
`docs/configuration.md`. A property without a reader does nothing on Mesos: it is here to say so.
"""

from __future__ import annotations

from sparkmesos_core.conf.properties.registered_property import Grain, InSpark4, Property, Reader
from sparkmesos_core.conf.properties.spark_4 import FIRST_WITH_OUR_BACKEND
from sparkmesos_core.conf.properties.spark_connect_properties import CONNECT
from sparkmesos_core.conf.properties.spark_network_properties import NETWORK
from sparkmesos_core.conf.properties.spark_scheduling_properties import (
    DYNAMIC_ALLOCATION,
    SCHEDULING,
    SHUFFLE,
)
from sparkmesos_core.conf.values import value_types as types

_C = frozenset({Reader.CLIENT})
_D = frozenset({Reader.DISPATCHER})
_S = frozenset({Reader.SUBMISSION})
_B = frozenset({Reader.BACKEND})
_A = frozenset({Reader.DRIVER})
_X = frozenset({Reader.SHUFFLE_SERVICE})
_NOBODY: frozenset[Reader] = frozenset()

_APPLICATION = (
    Property(
        "spark.app.name",
        types.TEXT,
        "The name of the application, and of its framework in the Mesos UI",
        since="0.9.0",
        readers=_C | _S | _A,
        computed_default="the main class, or the file name of the application",
    ),
    Property(
        "spark.master",
        types.TEXT,
        "The Mesos master, or with deploy mode cluster the dispatcher: mesos://HOST:PORT, mesos://zk://HOST:PORT/PATH",
        since="0.9.0",
        readers=_C | _A,
        spark_4=InSpark4("Applications see it as `spark+mesos://HOST:PORT`; one writes `mesos://` as before"),
    ),
    Property(
        "spark.submit.deployMode",
        types.choice("client", "cluster"),
        "Whether the driver runs where one submits it, or on an agent through the dispatcher",
        since="1.5.0",
        readers=_C,
        default="client",
    ),
    Property(
        "spark.master.rest.enabled",
        types.BOOLEAN,
        "Whether Spark's own spark-submit may use the dispatcher: it must be true there from 2.4 on",
        since="1.3.0",
        readers=_C,
        default="false",
    ),
    Property(
        "spark.home",
        types.PATH,
        "The directory of Spark on the agents, where a submission names neither archive, image nor home",
        since="0.5.0",
        readers=_D | _B,
        computed_default="SPARK_HOME",
        documented=False,
    ),
)

_RESOURCES = (
    Property(
        "spark.cores.max",
        types.at_least(types.INTEGER, 1),
        "The most CPUs that the executors of the application take together; if unset, all that are offered",
        since="0.6.0",
        readers=_S | _B,
        grain=Grain.COARSE,
        spark_4=InSpark4(
            "Executors that are ending count, but others may take their place as far as it allows"
        ),
    ),
    Property(
        "spark.executor.cores",
        types.at_least(types.INTEGER, 1),
        "CPUs of each executor",
        since="1.0.0",
        readers=_B,
        computed_default="all CPUs of an offer, up to spark.cores.max",
        grain=Grain.COARSE,
        spark_4=InSpark4("Where it is not set, offers with fewer CPUs than spark.task.cpus are declined"),
    ),
    Property(
        "spark.executor.memory",
        types.MEMORY,
        "Heap of each executor; its container is larger by spark.mesos.executor.memoryOverhead",
        since="0.7.0",
        readers=_S | _B,
        default="1g",
    ),
    Property(
        "spark.executor.memoryOverheadFactor",
        types.more_than(types.NUMBER, 0),
        "The share of spark.executor.memory that is the default of spark.mesos.executor.memoryOverhead",
        since="3.3.0",
        readers=_B,
        default="0.1",
    ),
    Property(
        "spark.executor.memoryOverhead",
        types.MEBIBYTES,
        "Nothing on Mesos: spark.mesos.executor.memoryOverhead means it there",
        since="2.3.0",
        readers=_NOBODY,
        spark_4=InSpark4(
            "It counts where spark.mesos.executor.memoryOverhead is not set",
            meaning="Memory of an executor's container beyond spark.executor.memory, where"
            " spark.mesos.executor.memoryOverhead is not set",
            readers=_B,
            computed_default="a tenth of spark.executor.memory, at least spark.executor.minMemoryOverhead",
        ),
    ),
    Property(
        "spark.executor.minMemoryOverhead",
        types.MEBIBYTES,
        "The least memory of an executor's container beyond its heap, where nothing says how much",
        since=FIRST_WITH_OUR_BACKEND,
        readers=_B,
        default="384m",
    ),
    Property(
        "spark.executor.pyspark.memory",
        types.MEBIBYTES,
        "What the Python of an executor may use; on Mesos it is not added to the container",
        since="2.4.0",
        readers=_A,
        spark_4=InSpark4(
            "It is added to the container",
            meaning="What the Python of an executor may use; it is added to the container",
            readers=_A | _B,
        ),
    ),
    Property(
        "spark.executor.instances",
        types.at_least(types.INTEGER, 0),
        "Executors to begin with under dynamic allocation; without that, Mesos knows only spark.cores.max",
        since="1.0.0",
        readers=_A,
        grain=Grain.COARSE,
    ),
    Property(
        "spark.executor.resource.gpu.amount",
        types.at_least(types.INTEGER, 0),
        "GPUs that Spark counts on in each executor; on Mesos it is spark.mesos.gpus.max that takes them",
        since="3.0.0",
        readers=_A,
        grain=Grain.COARSE,
        spark_4=InSpark4(
            "Each executor takes just these, and does not start without",
            meaning="GPUs of each executor; spark.mesos.gpus.max has to allow them",
            readers=_A | _B,
        ),
    ),
    Property(
        "spark.task.cpus",
        types.at_least(types.INTEGER, 1),
        "CPUs of each Spark task",
        since="0.5.0",
        readers=_B | _A,
        default="1",
    ),
    Property(
        "spark.task.maxFailures",
        types.at_least(types.INTEGER, 1),
        "How often a Spark task may fail before the job does",
        since="0.8.0",
        readers=_A,
        default="4",
        spark_4=InSpark4("What Mesos ended, or an agent that is away, does not count"),
    ),
    Property(
        "spark.driver.memory",
        types.MEMORY,
        "Heap of the driver",
        since="1.1.1",
        readers=_C | _S,
        default="1g",
    ),
    Property(
        "spark.driver.memoryOverhead",
        types.MEBIBYTES,
        "Memory of a driver's container beyond its heap, in cluster mode; Spark's dispatcher takes no unit",
        since="3.0.0",
        readers=_S,
        computed_default="spark.driver.memory times spark.driver.memoryOverheadFactor, at least 384",
    ),
    Property(
        "spark.driver.memoryOverheadFactor",
        types.more_than(types.NUMBER, 0),
        "The share of spark.driver.memory that is the default of its overhead, in cluster mode",
        since="3.3.0",
        readers=_S,
        default="0.1",
    ),
    Property(
        "spark.driver.cores",
        types.at_least(types.NUMBER, 0),
        "CPUs of the driver, in cluster mode",
        since="1.3.0",
        readers=_C | _S,
        default="1",
    ),
    Property(
        "spark.driver.supervise",
        types.BOOLEAN,
        "Whether the dispatcher starts a driver that failed again, in cluster mode",
        since="1.3.0",
        readers=_C | _S,
        default="false",
    ),
    Property(
        "spark.driver.maxResultSize",
        types.BYTES,
        "The most that all results of one action may take in the driver; 0 means any size",
        since="1.2.0",
        readers=_A,
        default="1g",
    ),
    Property(
        "spark.memory.offHeap.enabled",
        types.BOOLEAN,
        "Whether executors use memory outside of their heap",
        since="1.6.0",
        readers=_A,
        default="false",
        spark_4=InSpark4("What spark.memory.offHeap.size says is added to the container", readers=_A | _B),
    ),
    Property(
        "spark.memory.offHeap.size",
        types.BYTES,
        "What executors may use outside of their heap; on Mesos it is not added to the container",
        since="1.6.0",
        readers=_A,
        default="0",
        spark_4=InSpark4(
            "It is added to the container",
            meaning="What executors may use outside of their heap; it is added to the container",
            readers=_A | _B,
        ),
    ),
)

_FILES = (
    Property(
        "spark.jars",
        types.URIS,
        "Jars for the driver and the executors; the driver fetches them",
        since="0.9.0",
        readers=_C | _A,
        default="",
    ),
    Property(
        "spark.files",
        types.URIS,
        "Files for the working directory of each executor; the driver fetches them",
        since="1.0.0",
        readers=_C | _A,
        default="",
    ),
    Property(
        "spark.archives",
        types.URIS,
        "Archives to unpack in the working directory of each executor",
        since="3.1.0",
        readers=_C | _A,
        default="",
    ),
    Property(
        "spark.submit.pyFiles",
        types.URIS,
        "Python files and archives for the PYTHONPATH; in cluster mode agents fetch them with the driver",
        since="1.0.1",
        readers=_C | _S | _A,
        default="",
    ),
    Property(
        "spark.jars.packages",
        types.LIST,
        "Maven coordinates, group:artifact:version, of jars for the driver and the executors",
        since="1.5.0",
        readers=_C | _A,
        default="",
    ),
    Property(
        "spark.jars.excludes",
        types.LIST,
        "What to leave out of the dependencies of spark.jars.packages, as group:artifact",
        since="1.5.0",
        readers=_C | _A,
        default="",
    ),
    Property(
        "spark.jars.repositories",
        types.LIST,
        "More Maven repositories for spark.jars.packages",
        since="2.3.0",
        readers=_C | _A,
        default="",
    ),
    Property(
        "spark.jars.ivy",
        types.PATH,
        "The folder where Ivy keeps what it has fetched",
        since="1.3.0",
        readers=_C | _A,
        computed_default="~/.ivy2",
        spark_4=InSpark4("Its default is another folder", computed_default="~/.ivy2.5.2"),
    ),
    Property(
        "spark.jars.ivySettings",
        types.PATH,
        "Ivy's settings for spark.jars.packages",
        since="2.2.0",
        readers=_C | _A,
    ),
    Property(
        "spark.local.dir",
        types.LIST,
        "Where shuffle files and blocks go; in executors the sandbox, unless the shuffle service is on",
        since="0.5.0",
        readers=_A | _X,  # of services that of Spark 4
        default="/tmp",  # noqa: S108 - it is what Spark does
    ),
)

_PROCESSES = (
    Property(
        "spark.driver.extraClassPath",
        types.TEXT,
        "Entries in front of the class path of the driver",
        since="1.0.0",
        readers=_C | _S,
    ),
    Property(
        "spark.driver.extraLibraryPath",
        types.TEXT,
        "Directories of native libraries for the driver",
        since="1.0.0",
        readers=_C | _S,
    ),
    Property(
        "spark.driver.extraJavaOptions",
        types.JAVA_OPTIONS,
        "Options of the driver's JVM, without its heap size",
        since="1.0.0",
        readers=_C | _S,
    ),
    Property(
        "spark.driver.defaultJavaOptions",
        types.JAVA_OPTIONS,
        "Options of the driver's JVM from the administrator, in front of spark.driver.extraJavaOptions",
        since="3.0.0",
        readers=_C | _S,
    ),
    Property(
        "spark.executor.extraClassPath",
        types.TEXT,
        "Entries in front of the class path of the executors",
        since="1.0.0",
        readers=_B,
    ),
    Property(
        "spark.executor.extraLibraryPath",
        types.TEXT,
        "Directories of native libraries for the executors; in the dispatcher's configuration, for drivers",
        since="1.0.0",
        readers=_D | _B,
        spark_4=InSpark4("Blanks and quotes mean themselves; of variables only $MESOS_SANDBOX is expanded"),
    ),
    Property(
        "spark.executor.extraJavaOptions",
        types.JAVA_OPTIONS,
        "Options of the executors' JVMs, without their heap size",
        since="1.0.0",
        readers=_B,
    ),
    Property(
        "spark.executor.defaultJavaOptions",
        types.JAVA_OPTIONS,
        "Options of the executors' JVMs from the administrator, in front of spark.executor.extraJavaOptions",
        since="3.0.0",
        readers=_B,
    ),
    Property(
        "spark.executorEnv.NAME",
        types.TEXT,
        "An environment variable of the executors",
        since="0.9.0",
        readers=_B,
        spark_4=InSpark4(
            "Variables that are secrets by their names are of Mesos' type SECRET, which agents hide"
        ),
    ),
    Property(
        "spark.driver.userClassPathFirst",
        types.BOOLEAN,
        "Whether the application's jars go before Spark's in the driver",
        since="1.3.0",
        readers=_A,
        default="false",
    ),
    Property(
        "spark.executor.userClassPathFirst",
        types.BOOLEAN,
        "Whether the application's jars go before Spark's in the executors",
        since="1.3.0",
        readers=_A,
        default="false",
    ),
    Property(
        "spark.pyspark.python",
        types.TEXT,
        "The Python of driver and executors",
        since="2.1.0",
        readers=_C | _A,
        computed_default="PYSPARK_PYTHON, or python3",
    ),
    Property(
        "spark.pyspark.driver.python",
        types.TEXT,
        "The Python of the driver",
        since="2.1.0",
        readers=_C,
        computed_default="spark.pyspark.python",
    ),
    Property(
        "spark.r.command",
        types.TEXT,
        "The Rscript that runs R applications in cluster mode, and R workers",
        since="1.5.3",
        readers=_C | _A,
        computed_default="Rscript",
    ),
    Property(
        "spark.hadoop.NAME",
        types.TEXT,
        "A property of Hadoop's own configuration",
        since="0.7.0",
        readers=_C | _A,
    ),
)

_DISPATCHER = (
    Property(
        "spark.deploy.recoveryMode",
        types.choice("NONE", "ZOOKEEPER", any_case=True),
        "Where the dispatcher keeps its drivers, so that they survive its restart",
        since="0.8.1",
        readers=_D,
        default="NONE",
    ),
    Property(
        "spark.deploy.zookeeper.url",
        types.TEXT,
        "The ZooKeeper for spark.deploy.recoveryMode=ZOOKEEPER: host:port,host:port, without zk://",
        since="0.8.1",
        readers=_D,
    ),
    Property(
        "spark.deploy.zookeeper.dir",
        types.PATH,
        "The node in ZooKeeper that the dispatcher keeps its drivers under",
        since="0.8.1",
        readers=_D,
        computed_default="/spark_mesos_dispatcher",
    ),
)

_OBSERVATION = (
    Property(
        "spark.ui.enabled",
        types.BOOLEAN,
        "Whether the driver has a web UI",
        since="1.1.1",
        readers=_A,
        default="true",
    ),
    Property(
        "spark.ui.port",
        types.PORT,
        "The port of the driver's web UI; the next free one is taken",
        since="0.7.0",
        readers=_A,
        default="4040",
    ),
    Property(
        "spark.ui.reverseProxy",
        types.BOOLEAN,
        "Whether links of the web UI lead through a proxy",
        since="2.1.0",
        readers=_A,
        default="false",
    ),
    Property(
        "spark.ui.reverseProxyUrl",
        types.TEXT,
        "Where that proxy is",
        since="2.1.0",
        readers=_A,
    ),
    Property(
        "spark.eventLog.enabled",
        types.BOOLEAN,
        "Whether the driver writes the log that the history server shows",
        since="1.0.0",
        readers=_A,
        default="false",
    ),
    Property(
        "spark.eventLog.dir",
        types.URI,
        "The folder for that log, as the driver sees it",
        since="1.0.0",
        readers=_A,
        default="/tmp/spark-events",  # noqa: S108 - it is what Spark does
    ),
    Property(
        "spark.eventLog.compress",
        types.BOOLEAN,
        "Whether that log is compressed",
        since="1.0.0",
        readers=_A,
        default="false",
        spark_4=InSpark4("It is on by default", default="true"),
    ),
    Property(
        "spark.metrics.conf",
        types.PATH,
        "The file that says where metrics go; for the dispatcher, too",
        since="0.8.0",
        readers=_D | _A | _X,
        computed_default="metrics.properties on the class path",
    ),
    Property(
        "spark.log.level",
        types.choice("ALL", "DEBUG", "ERROR", "FATAL", "INFO", "OFF", "TRACE", "WARN", any_case=True),
        "How much driver and executors log, whatever log4j says",
        since="3.5.0",
        readers=_A,
    ),
    Property(
        "spark.redaction.regex",
        types.TEXT,
        "The names of properties and variables whose values the web UI and the event log hide",
        since="2.1.2",
        readers=_A,
        default="(?i)secret|password|token|access[.]?key",
    ),
)

SPARK_GROUPS: tuple[tuple[str, tuple[Property, ...]], ...] = (
    ("The application", _APPLICATION),
    ("Cores and memory", _RESOURCES),
    ("Files and packages", _FILES),
    ("Processes", _PROCESSES),
    ("Network and authentication", NETWORK),
    ("Scheduling", SCHEDULING),
    ("Dynamic allocation", DYNAMIC_ALLOCATION),
    ("The external shuffle service", SHUFFLE),
    ("Recovery of the dispatcher", _DISPATCHER),
    ("Web UI and logs", _OBSERVATION),
    ("Spark Connect", CONNECT),
)
"""The properties under the headings that the reference has."""

"""The environment variables that Spark and libmesos read, and the properties that some of them stand for.

Sources: the calls of `getenv` in Spark's launcher, `SparkSubmitArguments`, `SparkContext`, `SecurityManager`,
`Utils`, `PythonRunner` and its Mesos module; `bin/`, `sbin/` and `conf/spark-env.sh.template`; libprocess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.properties.spark_4 import FIRST_WITH_OUR_BACKEND


class Strength(Enum):
    """How a variable that stands for a property competes with other places that set the property."""

    OVER = "over"
    """It is read first: the property has an effect only where the variable is not set."""
    SUBMIT = "submit"
    """spark-submit makes the property of it if neither an option, --conf nor the properties file does so.
    That is stronger than -Dspark.… in SPARK_SUBMIT_OPTS."""
    LATE = "late"
    """It is read where the property would be used, and only if that is not set anywhere."""


@dataclass(frozen=True)
class SparkVariable:
    """One environment variable, or a family of them."""

    name: str
    """A family ends in a placeholder in angle brackets: `LIBPROCESS_SSL_<NAME>`."""
    meaning: str
    """One line, without a full stop at the end."""
    readers: frozenset[Reader] = frozenset()
    """Which programs read it; empty for the start scripts of the daemons and for libmesos."""
    property: str = ""
    """The property that it stands for; empty if there is none that means just the same."""
    strength: Strength | None = None
    """How it competes with that property; None if it stands for none."""
    secret: bool = False
    """Whether the value must never be shown."""
    deprecated: str = ""
    """What to use instead; empty if it is not deprecated."""
    since: str = ""
    """The first Spark that reads it; empty if all from 2.0 on do."""
    until: str = ""
    """The first Spark that no longer reads it; empty if all do."""
    java_options: frozenset[Reader] = field(default_factory=frozenset)
    """The programs whose JVM gets its text as options, so that a `-Dspark.…` in it sets a property there."""


_CLIENT = frozenset({Reader.CLIENT})
_DRIVER = frozenset({Reader.BACKEND})
_BOTH = _CLIENT | _DRIVER
_MESOS = _DRIVER | {Reader.DISPATCHER}
_DAEMONS = frozenset({Reader.DISPATCHER, Reader.SHUFFLE_SERVICE})
_ALL = _BOTH | _DAEMONS
_NONE: frozenset[Reader] = frozenset()

VARIABLES: tuple[SparkVariable, ...] = (
    # What spark-submit turns into properties
    SparkVariable("MASTER", "The master to connect to", _CLIENT, "spark.master", Strength.SUBMIT),
    SparkVariable(
        "DEPLOY_MODE", "Where the driver runs: client or cluster", _CLIENT, "spark.submit.deployMode",
        Strength.SUBMIT,
    ),
    SparkVariable(
        "SPARK_DRIVER_MEMORY", "Memory of the driver", _CLIENT, "spark.driver.memory", Strength.SUBMIT
    ),
    SparkVariable(
        "SPARK_EXECUTOR_MEMORY", "Memory of each executor", _BOTH, "spark.executor.memory", Strength.SUBMIT
    ),
    SparkVariable(
        "SPARK_EXECUTOR_CORES",
        "Cores of each executor; Spark itself drops it on Mesos, sparkmesos makes the property of it",
        _CLIENT, "spark.executor.cores", Strength.SUBMIT,
    ),
    SparkVariable(
        "SPARK_REMOTE", "The Spark Connect server to connect to, which excludes a master", _CLIENT,
        "spark.remote", Strength.SUBMIT, since="3.4.0",
    ),
    # What is read in place of a property that is not set
    SparkVariable(
        "SPARK_EXECUTOR_URI", "The archive of Spark that executors are started from", _DRIVER,
        "spark.executor.uri", Strength.LATE,
    ),
    SparkVariable(
        "SPARK_MESOS_PRINCIPAL", "The name to authenticate to Mesos with; wins over a file that holds it",
        _MESOS, "spark.mesos.principal", Strength.LATE, since="2.4.0",
    ),
    SparkVariable(
        "SPARK_MESOS_PRINCIPAL_FILE", "The file that holds the name to authenticate to Mesos with", _MESOS,
        "spark.mesos.principal.file", Strength.LATE, since="2.4.0",
    ),
    SparkVariable(
        "SPARK_MESOS_SECRET", "The secret to authenticate to Mesos with; wins over a file that holds it",
        _MESOS, "spark.mesos.secret", Strength.LATE, secret=True, since="2.4.0",
    ),
    SparkVariable(
        "SPARK_MESOS_SECRET_FILE", "The file that holds the secret to authenticate to Mesos with", _MESOS,
        "spark.mesos.secret.file", Strength.LATE, since="2.4.0",
    ),
    SparkVariable(
        "_SPARK_AUTH_SECRET", "The secret shared by driver and executors, as Spark hands it to them", _DRIVER,
        "spark.authenticate.secret", Strength.LATE, secret=True,
    ),
    SparkVariable(
        "PYSPARK_PYTHON", "The Python of executors, and of the driver unless that has its own", _BOTH,
        "spark.pyspark.python", Strength.LATE,
    ),
    SparkVariable(
        "PYSPARK_DRIVER_PYTHON", "The Python of the driver; a spark.pyspark.python wins over it", _CLIENT,
        "spark.pyspark.driver.python", Strength.LATE,
    ),
    SparkVariable(
        "SPARK_MEM", "Memory of each executor, and the heap of a driver that runs here", _BOTH,
        "spark.executor.memory", Strength.LATE,
        deprecated="use spark.executor.memory and spark.driver.memory",
    ),
    # What wins over a property
    SparkVariable(
        "SPARK_LOCAL_DIRS", "Folders for shuffle and spilled data; wins over the property", _ALL,
        "spark.local.dir", Strength.OVER,
    ),
    # What has no property that means the same
    SparkVariable("SPARK_HOME", "The folder of Spark", _ALL),
    SparkVariable("SPARK_CONF_DIR", "The folder of spark-env.sh and spark-defaults.conf", _ALL),
    SparkVariable("SPARK_ENV_LOADED", "Says that spark-env.sh has been sourced already", _ALL),
    SparkVariable("SPARK_LOCAL_IP", "The address of this machine that Spark listens on", _ALL),
    SparkVariable("SPARK_LOCAL_HOSTNAME", "The name of this machine that Spark tells others", _ALL),
    SparkVariable(
        "SPARK_PUBLIC_DNS", "The name that web interfaces are linked with, and that Mesos is told", _ALL
    ),
    SparkVariable("SPARK_USER", "The user that drivers and executors run as", _BOTH),
    SparkVariable(
        "SPARK_SUBMIT_OPTS", "Options of the JVM of spark-submit, and so of a driver that runs here", _CLIENT,
        java_options=_CLIENT,
    ),
    SparkVariable("SPARK_LAUNCHER_OPTS", "Options of the JVM that builds the command of another", _ALL),
    SparkVariable("SPARK_PRINT_LAUNCH_COMMAND", "If not empty, prints the commands that start JVMs", _ALL),
    SparkVariable("SPARK_DIST_CLASSPATH", "Class path entries for all programs, behind Spark's own", _ALL),
    SparkVariable(
        "SPARK_CLASSPATH", "Class path entries of driver and executors", _BOTH, until="2.2.0",
        deprecated="use spark.driver.extraClassPath and spark.executor.extraClassPath",
    ),
    SparkVariable(
        "SPARK_JAVA_OPTS", "Options of the JVMs of driver and executors", _BOTH, until="2.2.0",
        deprecated="use spark.driver.extraJavaOptions and spark.executor.extraJavaOptions",
    ),
    SparkVariable("SPARK_EXECUTOR_OPTS", "Options of the JVM of executors, set by Spark", _DRIVER),
    SparkVariable("SPARK_EXECUTOR_CLASSPATH", "Class path of executors, set by Spark", _DRIVER),
    SparkVariable("SPARK_EXECUTOR_DIRS", "Folders of an executor, set by Spark", _DRIVER),
    SparkVariable("PYSPARK_DRIVER_PYTHON_OPTS", "Options of the Python of the pyspark shell", _CLIENT),
    SparkVariable("SPARKR_DRIVER_R", "The R of the sparkR shell", _CLIENT),
    SparkVariable("HADOOP_CONF_DIR", "The folder of Hadoop's configuration, put on the class path", _ALL),
    SparkVariable("JAVA_HOME", "The folder of the Java that runs Spark", _ALL),
    # Daemons
    SparkVariable(
        "SPARK_DAEMON_JAVA_OPTS", "Options of the JVMs of dispatcher, shuffle service, Thrift server",
        _DAEMONS, java_options=_DAEMONS,
    ),
    SparkVariable(
        "SPARK_SHUFFLE_OPTS", "Options of the JVM of the shuffle service, behind those of all daemons",
        frozenset({Reader.SHUFFLE_SERVICE}), java_options=frozenset({Reader.SHUFFLE_SERVICE}),
    ),
    SparkVariable("SPARK_DAEMON_MEMORY", "Heap of dispatcher, shuffle service, Thrift server (1g)", _DAEMONS),
    SparkVariable("SPARK_DAEMON_CLASSPATH", "Class path of dispatcher and shuffle service", _DAEMONS),
    SparkVariable("SPARK_MESOS_DISPATCHER_HOST", "The host name of the dispatcher (hostname -f)", _NONE),
    SparkVariable("SPARK_MESOS_DISPATCHER_PORT", "The port of the dispatcher (7077)", _NONE),
    SparkVariable("SPARK_MESOS_DISPATCHER_NUM", "The number of this dispatcher on its machine (1)", _NONE),
    SparkVariable("SPARK_LOG_DIR", "Where daemons write their logs ($SPARK_HOME/logs)", _NONE),
    SparkVariable("SPARK_LOG_MAX_FILES", "How many old logs of a daemon are kept (5)", _NONE),
    SparkVariable("SPARK_PID_DIR", "Where daemons write their process ids (/tmp)", _NONE),
    SparkVariable("SPARK_IDENT_STRING", "What names of logs and pid files hold for this user ($USER)", _NONE),
    SparkVariable("SPARK_NICENESS", "The scheduling priority of daemons (0)", _NONE),
    SparkVariable("SPARK_NO_DAEMONIZE", "Runs daemons in the foreground if it is set", _NONE),
    # libmesos and libprocess
    SparkVariable("MESOS_NATIVE_JAVA_LIBRARY", "The path of libmesos", _MESOS, until=FIRST_WITH_OUR_BACKEND),
    SparkVariable(
        "MESOS_NATIVE_LIBRARY", "The path of libmesos", _MESOS, until=FIRST_WITH_OUR_BACKEND,
        deprecated="use MESOS_NATIVE_JAVA_LIBRARY",
    ),
    SparkVariable("MESOS_SANDBOX", "The sandbox of a task, as Mesos sets it", _DRIVER),
    SparkVariable("MESOS_DIRECTORY", "The sandbox of a task, as Mesos sets it", _DRIVER),
    SparkVariable("LIBPROCESS_IP", "The address that libmesos listens on", _NONE),
    SparkVariable("LIBPROCESS_PORT", "The port that libmesos listens on", _NONE),
    SparkVariable("LIBPROCESS_ADVERTISE_IP", "The address that masters reach libmesos at", _NONE),
    SparkVariable("LIBPROCESS_ADVERTISE_PORT", "The port that masters reach libmesos at", _NONE),
    SparkVariable("LIBPROCESS_SSL_<NAME>", "TLS of libmesos: ENABLED, KEY_FILE, CERT_FILE, …", _NONE),
)  # fmt: skip
"""All of them; of those that stand for the same property the stronger come first."""

_LIKENESS = 0.8  # what a suggestion needs at least: JAVA_HOME is not meant by HOME


@cache
def _by_name() -> dict[str, SparkVariable]:
    return {variable.name: variable for variable in VARIABLES}


def find_variable(name: str) -> SparkVariable | None:
    """The variable of a name, or the family it belongs to; None if it is not known."""
    found = _by_name().get(name)
    if found is not None:
        return found
    for variable in VARIABLES:
        prefix, family, _ = variable.name.partition("<")
        if family and name.startswith(prefix) and name != prefix:
            return variable
    return None


def similar_variables(name: str, count: int = 3) -> list[str]:
    """Variables that may be meant by a name that is none, the likeliest first.

    Of `SPARK_MASTER` that is `MASTER`: which of them begin so, nobody remembers.
    """
    from difflib import get_close_matches  # which only a mistake needs

    known = [variable.name for variable in VARIABLES]
    written = re.sub(r"\W", "_", name.upper()[:100])
    bare = re.sub(r"^(?:SPARK|MESOS)_", "", written)
    exact = [one for one in known if re.sub(r"^(?:SPARK|MESOS)_", "", one) == bare]
    near = get_close_matches(written, known, n=count, cutoff=_LIKENESS)
    return exact or near

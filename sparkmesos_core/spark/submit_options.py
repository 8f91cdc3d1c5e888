"""The options of `spark-submit`, as one table: for parsing, for `submit --help` and for completion.

The names are those of `org.apache.spark.launcher.SparkSubmitOptionParser` of Spark 2.0 to 4.3, the properties
those that `org.apache.spark.deploy.SparkSubmit` sets from them on Mesos.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from enum import Enum


class OptionGroup(Enum):
    """The groups of `spark-submit --help`, in its order; the values are headings."""

    GENERAL = "Options of spark-submit"
    CONNECT = "For Spark Connect"
    CLUSTER = "In cluster mode"
    SUPERVISION = "In cluster mode on Mesos and standalone clusters"
    SUBMISSIONS = "About drivers that run in cluster mode"
    TOTAL_CORES = "On Mesos, standalone clusters and Kubernetes"
    EXECUTOR_CORES = "On standalone clusters, YARN and Kubernetes"
    YARN_OR_KUBERNETES = "On YARN and Kubernetes"
    YARN = "On YARN"
    INTERNAL = "Between Spark's own programs"


@dataclass(frozen=True)
class SubmitOption:
    """One option of spark-submit."""

    name: str
    """The official name: `--conf`."""
    group: OptionGroup
    help: str
    """What it does on Mesos, as sentences."""
    metavar: str | None = None
    """What stands for its value; None if it is a switch."""
    property: str = ""
    """The property that it sets on Mesos, in either deploy mode or in cluster mode; empty if it sets none."""
    aliases: tuple[str, ...] = ()
    since: str = ""
    """The first Spark that knows it; empty if 2.0 does."""
    until: str = ""
    """The first Spark that no longer knows it; empty if 4.3 does."""

    @builtins.property
    def is_switch(self) -> bool:
        """Whether it takes no value."""
        return self.metavar is None

    @builtins.property
    def names(self) -> tuple[str, ...]:
        """Every way to write it, the official one first."""
        return (self.name, *self.aliases)

    def is_known_to(self, release: tuple[int, int]) -> bool:
        """Whether the spark-submit of a release (major, minor) has it."""
        first, last = self.since or "0.0", self.until or "999.0"
        return _release(first) <= release < _release(last)

    @builtins.property
    def hidden(self) -> bool:
        """Whether help and completion leave it out, as Spark's do."""
        return self.group is OptionGroup.INTERNAL


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


_G = OptionGroup

OPTIONS: tuple[SubmitOption, ...] = (
    SubmitOption(
        "--master", _G.GENERAL,
        "Where to run: mesos://HOST:5050, mesos://zk://HOST:2181/mesos, or in cluster mode the dispatcher, "
        "mesos://HOST:7077.",
        "URL", "spark.master",
    ),
    SubmitOption(
        "--deploy-mode", _G.GENERAL,
        "Where the driver runs: here (client, the default) or on an agent (cluster).",
        "client|cluster", "spark.submit.deployMode",
    ),
    SubmitOption("--class", _G.GENERAL, "The main class of a Java or Scala application.", "CLASS"),
    SubmitOption("--name", _G.GENERAL, "The name of the application.", "NAME", "spark.app.name"),
    SubmitOption(
        "--jars", _G.GENERAL,
        "Jars for the class paths of driver and executors, separated by commas.", "JARS", "spark.jars",
    ),
    SubmitOption(
        "--packages", _G.GENERAL,
        "Maven coordinates (GROUP:ARTIFACT:VERSION, separated by commas) of further jars for the class paths "
        "of driver and executors.",
        "COORDINATES", "spark.jars.packages",
    ),
    SubmitOption(
        "--exclude-packages", _G.GENERAL,
        "GROUP:ARTIFACT, separated by commas: dependencies of --packages to leave out.",
        "ARTIFACTS", "spark.jars.excludes",
    ),
    SubmitOption(
        "--repositories", _G.GENERAL,
        "More Maven repositories to find --packages in, separated by commas.",
        "URLS", "spark.jars.repositories",
    ),
    SubmitOption(
        "--py-files", _G.GENERAL,
        "Files for the PYTHONPATH (.py, .zip, .egg), separated by commas.", "FILES", "spark.submit.pyFiles",
    ),
    SubmitOption(
        "--files", _G.GENERAL,
        "Files to put into the working directory of each executor, separated by commas.",
        "FILES", "spark.files",
    ),
    SubmitOption(
        "--archives", _G.GENERAL,
        "Archives to unpack in the working directory of each executor, separated by commas. Needs Spark 3.1 "
        "on Mesos.",
        "ARCHIVES", "spark.archives",
    ),
    SubmitOption(
        "--conf", _G.GENERAL, "Sets any property of Spark. Can be repeated.", "KEY=VALUE", aliases=("-c",)
    ),
    SubmitOption(
        "--properties-file", _G.GENERAL,
        "Reads properties from this file instead of conf/spark-defaults.conf.", "FILE",
    ),
    SubmitOption(
        "--extra-properties-file", _G.GENERAL,
        "Reads more properties from this file; they win over those of --properties-file and of "
        "conf/spark-defaults.conf. Can be repeated, and the last one wins.",
        "FILE", since="4.2.0",
    ),
    SubmitOption(
        "--load-spark-defaults", _G.GENERAL,
        "Reads conf/spark-defaults.conf even with --properties-file, which wins over it.", since="4.0.0",
    ),
    SubmitOption(
        "--driver-memory", _G.GENERAL, "Memory of the driver, such as 2g. Default: 1g.",
        "SIZE", "spark.driver.memory",
    ),
    SubmitOption(
        "--driver-java-options", _G.GENERAL, "More options for the driver's JVM.",
        "OPTIONS", "spark.driver.extraJavaOptions",
    ),
    SubmitOption(
        "--driver-library-path", _G.GENERAL, "More folders in which the driver finds native libraries.",
        "PATH", "spark.driver.extraLibraryPath",
    ),
    SubmitOption(
        "--driver-class-path", _G.GENERAL, "More entries in front of the driver's class path.",
        "PATH", "spark.driver.extraClassPath",
    ),
    SubmitOption(
        "--executor-memory", _G.GENERAL, "Memory of each executor, such as 2g. Default: 1g.",
        "SIZE", "spark.executor.memory",
    ),
    SubmitOption(
        "--proxy-user", _G.GENERAL,
        "The user to impersonate in Hadoop, in client mode. Not together with --principal.", "USER",
    ),
    SubmitOption("--help", _G.GENERAL, "Shows the options.", aliases=("-h",)),
    SubmitOption(
        "--verbose", _G.GENERAL,
        "Says which arguments and properties are in effect, without secrets, in place of Spark's own report.",
        aliases=("-v",),
    ),
    SubmitOption("--version", _G.GENERAL, "Shows the version of Spark."),
    SubmitOption(
        "--remote", _G.CONNECT, "The server of Spark Connect, instead of a master. Not for Mesos.",
        "URL", "spark.remote", since="3.4.0",
    ),
    SubmitOption(
        "--driver-cores", _G.CLUSTER, "Cores of the driver. Default: 1.", "CORES", "spark.driver.cores"
    ),
    SubmitOption(
        "--supervise", _G.SUPERVISION, "Starts the driver again when it fails.",
        property="spark.driver.supervise",
    ),
    SubmitOption("--kill", _G.SUBMISSIONS, "Kills a driver instead of submitting one.", "ID"),
    SubmitOption("--status", _G.SUBMISSIONS, "Says how a driver is instead of submitting one.", "ID"),
    SubmitOption(
        "--total-executor-cores", _G.TOTAL_CORES, "Cores of all executors together.",
        "CORES", "spark.cores.max",
    ),
    SubmitOption(
        "--executor-cores", _G.EXECUTOR_CORES,
        "Cores of each executor. Spark ignores it on Mesos; sparkmesos sets spark.executor.cores.", "CORES",
    ),
    SubmitOption(
        "--num-executors", _G.YARN_OR_KUBERNETES,
        "Number of executors. Spark ignores it on Mesos; sparkmesos sets spark.cores.max to that many times "
        "the cores of an executor.",
        "NUMBER",
    ),
    SubmitOption(
        "--principal", _G.YARN_OR_KUBERNETES, "The Kerberos principal, in client mode.",
        "PRINCIPAL", "spark.kerberos.principal",
    ),
    SubmitOption(
        "--keytab", _G.YARN_OR_KUBERNETES, "The file with the key of --principal.",
        "FILE", "spark.kerberos.keytab",
    ),
    SubmitOption(
        "--queue", _G.YARN,
        "The queue. Spark ignores it on Mesos; in cluster mode sparkmesos sets spark.mesos.dispatcher.queue.",
        "QUEUE",
    ),
    SubmitOption("--usage-error", _G.INTERNAL, "Shows the options and fails."),
    SubmitOption(
        "--driver-default-class-path", _G.INTERNAL,
        "Entries behind the driver's class path, which Spark's own scripts give.",
        "PATH", "spark.driver.defaultExtraClassPath", since="4.0.0",
    ),
)  # fmt: skip
"""Every option, in the order of `spark-submit --help`."""

_LIKENESS = 0.75  # what a suggestion needs at least: --ca-file is not a mistyped --files
_BY_NAME = {name: option for option in OPTIONS for name in option.names}


def find_option(name: str) -> SubmitOption | None:
    """The option of this name or alias; None if spark-submit has none."""
    return _BY_NAME.get(name)


def similar_options(name: str, more: tuple[str, ...] = ()) -> list[str]:
    """Names of options that look like a mistyped one, the best first; `more` names the caller's own.

    Those that act on a driver that runs are never among them.
    """
    from difflib import get_close_matches  # only who mistyped has to wait for it

    known = [
        name
        for option in OPTIONS
        if not option.hidden and option.group is not OptionGroup.SUBMISSIONS
        for name in option.names
    ]
    # Without the dashes, which are alike in all of them.
    by_word = {one.lstrip("-"): one for one in (*known, *more)}
    shown = name[:64].lstrip("-")  # so that a megabyte of nonsense is not compared
    return [by_word[word] for word in get_close_matches(shown, by_word, n=3, cutoff=_LIKENESS)]

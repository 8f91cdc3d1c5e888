"""The registry, compared with what real Sparks know: the entries of 3.5's configuration, the jars of others."""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from py4j.java_gateway import JavaObject
from py4j.protocol import Py4JJavaError

from sparkmesos_core.conf.properties.registered_property import Property
from sparkmesos_core.conf.properties.registry import PROPERTIES, as_in, exists_in, find_property
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.home import find_spark
from tests.integration.spark_jvm import spark_jvm
from tests.integration.spark_releases import OLDER, RUNNABLE, SPARK_4, older_spark, spark_release
from tests.integration.spark_under_test import spark_of

pytestmark = pytest.mark.slow

_PACKAGES = ("internal.config.package$", "internal.config.UI$", "internal.config.Network$", "internal.config.Python$",
             "internal.config.R$", "internal.config.Deploy$", "internal.config.History$",
             "deploy.mesos.config.package$")  # fmt: skip

# Where Spark's record of the first release is not the first whose Mesos support reads the property.
REALLY_SINCE = {
    "spark.mesos.driver.memoryOverhead": "3.2.0",  # it has no record
    "spark.mesos.network.name": "2.2.0",  # which no tag of 2.1 reads
    "spark.driver.memoryOverhead": "3.0.0",  # the dispatcher's REST server does from then on
    "spark.storage.blockManagerHeartbeatTimeoutMs": "3.1.0",  # the record is that of its former name
}
# Where the entry's default is not what applies on Mesos, or is a number that stands for none.
OTHER_DEFAULTS = {
    "spark.executor.cores",
    "spark.driver.host",
    "spark.dynamicAllocation.shuffleTracking.enabled",
    "spark.dynamicAllocation.shuffleTracking.timeout",
    "spark.dynamicAllocation.maxExecutors",
    "spark.dynamicAllocation.cachedExecutorIdleTimeout",
    "spark.mesos.executor.docker.forcePullImage",
}
# Read by other means than its entry: a bare number means bytes (Utils.memoryStringToMb, and -Xmx), cores may have
# fractions in cluster mode (MesosRestServer).
READ_DIFFERENTLY = {"spark.executor.memory", "spark.driver.memory", "spark.driver.cores"}
# What Spark 3 has in a package of its own, and Spark 4 in these.
IN_A_PACKAGE = "spark.connect."
_PACKAGES_OF_4 = (
    *(name for name in _PACKAGES if not name.startswith("deploy.mesos.")),
    "sql.connect.config.Connect$",
)
# Not entries of Spark's configuration, but texts in its code.
NOT_ENTRIES = {
    "spark.app.name",
    "spark.default.parallelism",
    "spark.driver.defaultJavaOptions",
    "spark.executor.defaultJavaOptions",
    "spark.executor.resource.gpu.amount",
    "spark.home",
    "spark.local.dir",
    "spark.master",
    "spark.port.maxRetries",
    "spark.storage.blockManagerSlaveTimeoutMs",
    "spark.yarn.queue",
}
# Limits that Spark checks where it uses the value (ExecutorAllocationManager).
CHECKED_LATER = {"spark.dynamicAllocation.executorAllocationRatio"}

# What has another default in some releases of Spark 4 only or by our backend, or is not said by its entry.
OTHER_DEFAULTS_IN_4 = {
    *OTHER_DEFAULTS,
    "spark.executor.decommission.signal",
    "spark.master.rest.enabled",
    "spark.redaction.regex",
}

TEXTS = ("", " ", "0", "1", "2", "-1", "10", "+7", "007", " 8 ", "0.5", "1.0", "1e3", ".5", "1.", "0x10", "1_000", "NaN",
         "Infinity", "1f", "1d", "65535", "65536", "2147483647", "2147483648", "-2147483648", "9223372036854775807",
         "9223372036854775808", "1b", "1k", "1kb", "1K", "512m", "512M", "512mb", "1g", "1.5g", "2t", "1p", "9000p", "10 m",
         "1kib", "us", "10us", "10ms", "10s", "1min", "2m", "3h", "4d", "-5s", "10S", "1w", "1m30s", "true", "false", "TRUE",
         "False", " true ", "yes", "on", "host", "container", "HOST", "docker", "mesos", "NONE", "zookeeper", "FIFO", "fair",
         "debug", "client", "cluster", "a,b", " a , b ,,", ",", "a", "\u0661", "\u00a05", "1\n")  # fmt: skip


@pytest.fixture(scope="module")
def entries() -> Iterator[dict[str, Any]]:
    """The entries of Spark's configuration by their keys; they live as long as their JVM."""
    with spark_jvm() as jvm:
        yield known_entries(jvm, _PACKAGES)


def known_entries(jvm: Any, packages: Iterable[str]) -> dict[str, Any]:
    """The entries that a Spark knows when these of its packages are there, by their keys."""
    for name in packages:
        jvm.java.lang.Class.forName(f"org.apache.spark.{name}")  # which registers them
    companion = jvm.java.lang.Class.forName("org.apache.spark.internal.config.ConfigEntry$")
    known = companion.getField("MODULE$").get(None).knownConfigs()
    return {entry.key(): entry for entry in known.values()}


def test_the_registry_has_every_entry_of_spark_on_mesos(entries: dict[str, Any]) -> None:
    theirs = {key for key in entries if key.startswith("spark.mesos.")}
    assert len(theirs) > 40
    assert {key for key in theirs if find_property(key) is None} == set()


def test_whatever_is_not_an_entry_is_known_not_to_be(entries: dict[str, Any]) -> None:
    version = find_spark(None, os.environ).version
    theirs = [entry for entry in PROPERTIES if not entry.own]
    current = [entry for entry in theirs if entry.prefix is None and exists_in(entry, version)]
    not_entries = {entry.name for entry in current if entry.name not in entries}
    assert {name for name in not_entries if not name.startswith(IN_A_PACKAGE)} == NOT_ENTRIES


def test_defaults_and_first_releases_are_those_of_spark(entries: dict[str, Any]) -> None:
    differences = []
    for entry in PROPERTIES:
        if (theirs := entries.get(entry.name)) is None:
            continue
        if entry.since != REALLY_SINCE.get(entry.name, theirs.version()):
            differences.append(f"{entry.name} since {entry.since}, Spark says {theirs.version()}")
        default: str = theirs.defaultValueString()
        if default.startswith("<value of "):
            if default[len("<value of ") : -1] not in entry.computed_default:
                differences.append(f"{entry.name} by default {entry.computed_default}, in Spark {default}")
        elif entry.name not in OTHER_DEFAULTS:
            same = (
                entry.default is None
                if default == "<undefined>"
                else entry.default is not None and entry.default_value() == entry.type.parse(default)
            )
            if not same:
                differences.append(f"{entry.name} by default {entry.default!r}, in Spark {default}")
    assert not differences, "\n".join(differences)


def test_defaults_of_spark_4_are_those_of_spark_4() -> None:
    spark = spark_of(SPARK_4)
    differences, compared, of_connect = [], 0, set()
    with spark_jvm(spark.home, spark.java) as jvm:
        entries = known_entries(jvm, _PACKAGES_OF_4)
        for entry in (as_in(one, SPARK_4) for one in PROPERTIES if exists_in(one, SPARK_4)):
            if (theirs := entries.get(entry.name)) is None or entry.name in OTHER_DEFAULTS_IN_4:
                continue
            compared += 1
            if entry.name.startswith(IN_A_PACKAGE):
                of_connect.add(entry.name)
                if entry.since != theirs.version():
                    differences.append(f"{entry.name} since {entry.since}, Spark 4 says {theirs.version()}")
            default: str = theirs.defaultValueString()
            if default.startswith("<value of "):
                same = default[len("<value of ") : -1] in entry.computed_default
            elif default == "<undefined>":
                same = entry.default is None
            elif entry.default is None:
                same = default == entry.computed_default
            else:
                same = entry.default_value() == entry.type.parse(default)
            if not same:
                differences.append(f"{entry.name} by default {entry.default!r}, in Spark 4 {default}")
    assert not differences, "\n".join(differences)
    assert compared > 70
    assert of_connect == {one.name for one in PROPERTIES if one.name.startswith(IN_A_PACKAGE)}
    assert not any(key.startswith("spark.mesos.") for key in entries)


def read_by_spark(entry: Any, text: str) -> Any:
    """What an entry makes of a text; raises Py4JJavaError where it does not take it."""
    value = entry.valueConverter().apply(text)
    if isinstance(value, JavaObject) and value.getClass().getName() == "scala.Some":
        value = value.get()
    return tuple(value.mkString("\0").split("\0")) if isinstance(value, JavaObject) else value


def test_values_are_read_as_spark_reads_them(entries: dict[str, Any]) -> None:
    compared, differences = 0, []
    for entry in PROPERTIES:
        if (theirs := entries.get(entry.name)) is None or entry.name in READ_DIFFERENTLY:
            continue
        if entry.type.name not in ("boolean", "integer", "number", "size", "time", "choice", "list"):
            continue
        for text in TEXTS:
            compared += 1
            if difference := compare(entry, theirs, text):
                differences.append(f"{entry.name}={text!r}: {difference}")
    assert compared > 5000
    assert not differences, "\n".join(differences)


def compare(entry: Property, theirs: Any, text: str) -> str:
    """How the two readings of a text differ; empty if they do not, or if ours refuses what makes no sense."""
    try:
        spark = read_by_spark(theirs, text)
    except Py4JJavaError:
        spark = None
    try:
        ours = entry.type.parse(text)
    except UsageError:
        # Spark checks few limits, and of few properties that they are one of some words.
        nonsense = isinstance(spark, int | float) and not 1 <= spark <= 65535
        accepted = spark is None or nonsense or entry.type.choices or entry.name in CHECKED_LATER
        return "" if accepted else f"Spark takes it as {spark!r}"
    if spark is None:
        return f"Spark refuses it, we take it as {ours!r}"
    if isinstance(ours, str) and entry.type.choices:
        return "" if ours.casefold() == spark.casefold() else f"{spark!r} in Spark, {ours!r} here"
    if isinstance(ours, float) and math.isnan(ours):
        return "" if math.isnan(spark) else f"{spark!r} in Spark, {ours!r} here"
    if entry.type.name == "list" and isinstance(spark, str):
        return "" if spark == text else f"{spark!r} in Spark"  # a text there, which its reader splits
    if ours == () and spark == ("",):
        return ""
    return "" if ours == spark else f"{spark!r} in Spark, {ours!r} here"


def keys_in(jar: Path) -> set[str]:
    """The keys, and beginnings of keys, that the classes of a jar name."""
    found: set[str] = set()
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.endswith(".class"):
                code = archive.read(name)
                found.update(key.decode() for key in re.findall(rb"spark\.mesos\.[A-Za-z.]+", code))
                for part in re.findall(rb"\.secret\.(?:names|values|envkeys|filenames)", code):
                    found.update(f"spark.mesos.{whom}{part.decode()}" for whom in ("driver", "executor"))
    return found


def test_the_registry_is_right_about_the_installed_spark() -> None:
    spark = find_spark(None, os.environ)
    (jar,) = spark.jars.glob("spark-mesos_*.jar")
    check_keys(jar, spark.version)


@pytest.mark.parametrize("version", RUNNABLE)
def test_the_registry_is_right_about_another_spark(version: str) -> None:
    (jar,) = (spark_release(version) / "jars").glob("spark-mesos_*.jar")
    check_keys(jar, version)


@pytest.mark.parametrize("version", OLDER)
def test_the_registry_is_right_about_an_older_spark(version: str) -> None:
    (jar,) = (older_spark(version) / "jars").glob("spark-mesos_*.jar")
    check_keys(jar, version)


def check_keys(jar: Path, version: str) -> None:
    keys = keys_in(jar)
    unknown = {key for key in keys if find_property(key) is None and find_property(f"{key}A") is None}
    assert unknown == set()
    registered = [entry for entry in PROPERTIES if entry.is_mesos and not entry.own]
    ours = {entry.prefix or entry.name for entry in registered if exists_in(entry, version)}
    others = {entry.prefix or entry.name for entry in registered} - ours
    assert ours - keys == set()
    assert others & keys == set()

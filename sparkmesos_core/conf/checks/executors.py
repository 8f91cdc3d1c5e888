"""Rules about how Spark starts executors on Mesos, and about what of a configuration does not reach them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.connection import is_local_master
from sparkmesos_core.conf.checks.rule import (
    APPLICATION,
    Found,
    Rules,
    Subject,
    is_quoted,
    severity_without_effect,
)
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text

RULES = Rules()

_HOME = "spark.mesos.executor.home"
_IMAGE = "spark.mesos.executor.docker.image"
_ENVIRONMENT = "spark.executorEnv."
_OF_PYTHON = frozenset({"site-packages", "dist-packages"})
"""The folders that Python keeps packages in, pyspark among them."""
# What ends a word of the shell, or means something to it. A dollar sign in a path may be meant.
_SPECIAL = re.compile(r"[\s\"'`$&|;<>()\\]")
_SPECIAL_IN_QUOTES = re.compile(r"[\"`\\]")
_SPECIAL_IN_PATHS = re.compile(r"[\s\"'`&|;<>()\\]")
_OPTIONS_OF_JAVA = ("SPARK_EXECUTOR_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
"""The variables by which an executor's JVM is given options."""


def folder_pattern(uri: str) -> str:
    """What Spark looks for the folder of Spark by, in a sandbox: `spark-3` of `…/spark-3.5.9-bin.tgz`.

    Executors of an archive start with `cd NAME*`, where NAME is the last part of the URI up to its first dot
    (`MesosCoarseGrainedSchedulerBackend.createCommand`).
    """
    return _name(uri).partition(".")[0]


@RULES.add(
    "executor-home-of-this-machine",
    Severity.WARNING,
    "no place of Spark on agents, and a Spark here that is in a Python environment: executors are started "
    "from the same folder, which agents hardly have",
    modes=frozenset({Mode.CLIENT}),
)
def _home_of_here(subject: Subject) -> Iterable[Found]:
    home, master = subject.circumstances.spark_home, subject.circumstances.master
    if home is None or master is None or is_local_master(master, subject.mode):
        return
    if any(subject.setting(key) is not None for key in ("spark.executor.uri", _HOME, "spark.home")):
        return
    if _OF_PYTHON.isdisjoint(PurePosixPath(home).parts):
        return  # many a cluster has the same Spark in the same place everywhere
    where = "in the image" if subject.text(_IMAGE) else "on agents"
    yield Found(
        f"Executors are started from {home} {where}, where Spark is on this machine",
        "Upload it (`sparkmesos upload-dist`), and set spark.executor.uri; or name its folder there in "
        f"{_HOME}.",
    )


@RULES.add(
    "executor-home-characters",
    Severity.ERROR,
    "`spark.mesos.executor.home` with characters that end the word of the shell that Spark 3 makes of it: a "
    "quote, or in fine-grained mode a blank; or a `~` in front, which is no home in the quotes around it",
    modes=APPLICATION,
)
def _home_characters(subject: Subject) -> Iterable[Found]:
    home = subject.text(_HOME)
    if home is None or is_quoted(home) or "<" in home:  # which have rules of their own
        return
    if subject.setting("spark.executor.uri") is not None:
        return
    special = _SPECIAL_IN_PATHS if subject.is_fine_grained else _SPECIAL_IN_QUOTES
    if home.startswith("~") and not subject.is_fine_grained:
        yield Found(
            f"{_HOME} begins with a '~', which is no home in the quotes that Spark puts around it",
            "Name the folder from / on.",
            _HOME,
        )
    elif not subject.since(4) and (match := special.search(home)):
        yield Found(
            f"{_HOME} has a {quoted(match[0])}, which Spark does not quote in the command of executors",
            "Name a folder without it, which may be a link.",
            _HOME,
        )


@RULES.add(
    "executor-uri-name",
    Severity.ERROR,
    "an executor URI whose name the shell of an agent does not take for one word: Spark 3 starts executors "
    "with `cd NAME*`",
    modes=APPLICATION,
)
def _uri_name(subject: Subject) -> Iterable[Found]:
    uri = subject.executor_uri
    if uri is None or not uri.value.strip() or is_quoted(uri.value) or "<" in uri.value or subject.since(4):
        return
    name = folder_pattern(uri.value)
    match = _SPECIAL.search(name)
    if match or not name or name.startswith("-"):
        empty = "begins with a dot" if _name(uri.value) else "is missing"
        what = f"has a {quoted(match[0])}" if match else "begins with a '-'" if name else empty
        yield Found(
            f"The name of the archive of spark.executor.uri {what}, so that Spark's `cd NAME*` does not find "
            "the folder in it",
            "Name it as its folder, as in spark-3.5.9-bin-hadoop3.tgz.",
            uri.key,
            origin=uri.origin,
        )


@RULES.add(
    "executor-uri-ambiguous",
    Severity.WARNING,
    "a file of `spark.mesos.uris` that begins like the archive of the executor URI: the `cd NAME*` by which "
    "Spark 3 starts executors has to find one folder",
    modes=APPLICATION,
)
def _ambiguous(subject: Subject) -> Iterable[Found]:
    uri, key = subject.executor_uri, "spark.mesos.uris"
    if uri is None or subject.since(4) or not (name := folder_pattern(uri.value)):
        return
    for other in to_sequence(subject.text(key) or ""):
        if _name(other).startswith(name) and other != uri.value.strip():
            shown = quoted(redact_text(_name(other)))
            yield Found(
                f"{shown} of {key} begins like the archive of spark.executor.uri, so that the "
                f"`cd {redact_text(name)}*` of executors may lead elsewhere",
                "Rename one of them.",
                key,
            )


@RULES.add(
    "local-dir-unused",
    Severity.WARNING,
    "`spark.local.dir` without the external shuffle service: executors use their sandboxes, as does a driver "
    "in cluster mode; a note if it comes from a file",
    modes=APPLICATION,
)
def _local_dir(subject: Subject) -> Iterable[Found]:
    # `Utils.getConfiguredLocalDirs`
    key = "spark.local.dir"
    setting = subject.setting(key)
    if setting is None or not setting.value or setting.origin.source is Source.VARIABLE:
        return
    told = subject.setting(f"{_ENVIRONMENT}SPARK_LOCAL_DIRS") is not None
    if subject.value("spark.shuffle.service.enabled") is False and not told:
        yield Found(
            f"Executors do not use {key}, but their sandboxes, unless the external shuffle service is on",
            f"To have them use a folder of their agents, set {_ENVIRONMENT}SPARK_LOCAL_DIRS.",
            key,
            severity_without_effect(setting),
        )


@RULES.add(
    "gpus-not-asked-for",
    Severity.ERROR,
    "`spark.executor.resource.gpu.amount` without `spark.mesos.gpus.max`: Mesos is asked for no GPU; with "
    "Spark 4 an amount above it, with which an application does not start; a warning with Spark 3, and in "
    "cluster mode",
    modes=APPLICATION,
)
def _gpus(subject: Subject) -> Iterable[Found]:
    key, limit = "spark.executor.resource.gpu.amount", "spark.mesos.gpus.max"
    amount, most = subject.value(key), subject.value(limit)
    if amount is None or most is None or subject.is_fine_grained:
        return
    if subject.since(4):
        if amount > most:
            yield Found(
                f"{key} is {amount}, but all executors together may have {most} (spark.mesos.gpus.max)",
                f"Set {limit} to what the application may have at most.",
                key,
                Severity.WARNING if subject.mode is Mode.CLUSTER else None,
            )
    elif amount and most == 0:
        yield Found(
            f"{key} does not ask Mesos for GPUs, and {limit} is 0: agents give executors none",
            f"Set {limit} to what the application may have at most.",
            key,
            Severity.WARNING,
        )


@RULES.add(
    "authentication-of-executors",
    Severity.WARNING,
    "`spark.authenticate`, which the coarse-grained backend of Spark 3 does not tell executors: they cannot "
    "speak to the driver unless their environment tells them",
    modes=APPLICATION,
)
def _authentication(subject: Subject) -> Iterable[Found]:
    key = "spark.authenticate"
    if subject.value(key) is not True or subject.is_fine_grained or subject.since(4):
        return
    told = (subject.configuration.get(f"{_ENVIRONMENT}{name}") or "" for name in _OPTIONS_OF_JAVA)
    if not any("-Dspark.authenticate=true" in options for options in told):
        yield Found(
            f"{key} is on, but Spark does not tell executors so on Mesos: the driver refuses them",
            f"Set {_ENVIRONMENT}JAVA_TOOL_OPTIONS=-Dspark.authenticate=true, and hand them the secret with "
            "spark.mesos.executor.secret.values and spark.mesos.executor.secret.envkeys=_SPARK_AUTH_SECRET.",
            key,
        )


@RULES.add(
    "user-of-hadoop",
    Severity.NOTE,
    "`HADOOP_USER_NAME`, which Spark takes for the user of the application for Mesos, too",
    modes=frozenset({Mode.CLIENT}),
)
def _hadoop_user(subject: Subject) -> Iterable[Found]:
    # `Utils.getCurrentUserName`, which becomes `FrameworkInfo.user`
    name = "HADOOP_USER_NAME"
    user, master = subject.variable(name), subject.circumstances.master
    if master is None or is_local_master(master, subject.mode):
        return
    if user and not subject.variable("SPARK_USER") and user != subject.variable("USER"):
        yield Found(
            f"Agents run executors as the user {quoted(user)}, whom {name} names",
            "See that agents have that user, or set SPARK_USER, which Hadoop gets to see as well then.",
            origin=subject.variable_origin(name),
        )


def _name(uri: str) -> str:
    """The last part of a URI, as Java splits it: what is behind a slash at the end is none."""
    return uri.strip().rstrip("/").rpartition("/")[2]

"""Rules about where Spark and other files come from, and about the daemons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.properties import DRIVER_DEFAULT, is_one_mistake_away, settings
from sparkmesos_core.conf.checks.rule import (
    APPLICATION,
    Found,
    Rules,
    Subject,
    is_quoted,
    is_reference,
    severity_without_effect,
)
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Setting, Source
from sparkmesos_core.redaction import redact_text

RULES = Rules()

UNPACKED = (".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".gz", ".tgz", ".tbz2", ".txz", ".zip")
"""The ends of names that the Mesos fetcher unpacks."""
FETCHED = frozenset({"http", "https", "ftp", "ftps", "file"})
"""The schemes that the fetcher reads on its own; it runs `hadoop` for all others."""
_OFTEN_MEANT = ("http", "https", "file", "hdfs", "ftps", "webhdfs", "swebhdfs")
"""The schemes that a mistake is looked for in; shorter ones, such as s3a, are near each other by chance."""
_NEAR_BUT_MEANT = frozenset({"hftp", "dfs"})
"""Schemes of file systems of Hadoop that are near one of these."""
_FETCHING = frozenset({Mode.CLIENT, Mode.CLUSTER, Mode.DISPATCHER})
_WITH_QUERY = re.compile(r"(?:https?|ftps?)://", re.IGNORECASE)


@RULES.add(
    "conf-dir-missing",
    Severity.WARNING,
    "`SPARK_CONF_DIR` that is no folder, so that neither spark-env.sh nor spark-defaults.conf is read",
)
def _conf_dir(subject: Subject) -> Iterable[Found]:
    name = "SPARK_CONF_DIR"
    folder = subject.variable(name) or ""
    # Spark itself sets it, too, and a pip-installed Spark has no such folder.
    by_itself = f"{subject.variable('SPARK_HOME')}/conf"
    facts = subject.circumstances.files.get(folder)
    if facts is not None and (facts.is_file or not facts.exists) and folder != by_itself:
        yield Found(
            f"{name}={folder} is not a folder: nothing is read from it",
            "Correct or unset it.",
            origin=subject.variable_origin(name),
        )


@RULES.add(
    "executor-uri-differs",
    Severity.WARNING,
    "`SPARK_EXECUTOR_URI` and `spark.executor.uri` that name different archives; the property counts",
    modes=APPLICATION,
)
def _differs(subject: Subject) -> Iterable[Found]:
    uri = subject.executor_uri
    if uri is None or uri.origin.source is Source.VARIABLE:
        return
    for other in subject.configuration.overridden("spark.executor.uri"):
        if other.origin.source is Source.VARIABLE and other.value != uri.value:
            yield Found(
                f"{other.origin.name} and spark.executor.uri name different archives; the property counts",
                "Make them equal, or unset one.",
                uri.key,
            )


@RULES.add(
    "executor-uri-not-unpacked",
    Severity.WARNING,
    "an executor URI whose name the Mesos fetcher does not take for an archive, so that it is not "
    "unpacked; with Spark 3 a query behind the name hides it, too",
    modes=APPLICATION,
)
def _unpacked(subject: Subject) -> Iterable[Found]:
    uri = subject.executor_uri
    if uri is None or not uri.value or "<" in uri.value or uri.value.endswith(UNPACKED):
        return
    # Our backend for Spark 4 has such an archive named for its path.
    if (
        subject.since(4)
        and _WITH_QUERY.match(uri.value)
        and re.split("[?#]", uri.value)[0].endswith(UNPACKED)
    ):
        return
    if is_quoted(uri.value):
        return
    hidden = "?" in uri.value or "#" in uri.value
    yield Found(
        "The archive of spark.executor.uri is not unpacked on agents, since its name does not end in .tgz, "
        ".tar.gz or the like",
        "The fetcher looks at the end of the whole URI: serve it without a query."
        if hidden
        else "Name the file by what it is, as in spark-3.5.9-bin-hadoop3.tgz.",
        uri.key,
        origin=uri.origin,
    )


@RULES.add(
    "executor-home-unused",
    Severity.WARNING,
    "`spark.mesos.executor.home` besides an executor URI, which wins; a note if it comes from a file",
    modes=APPLICATION,
)
def _home(subject: Subject) -> Iterable[Found]:
    setting = subject.setting("spark.mesos.executor.home")
    if setting is not None and subject.executor_uri is not None and subject.executor_uri.value:
        origin = subject.executor_uri.origin
        uri = origin.name if origin.source is Source.VARIABLE else "spark.executor.uri"
        yield Found(
            f"spark.mesos.executor.home has no effect, since executors get their Spark from {uri}",
            "Remove the one that is not meant.",
            setting.key,
            severity_without_effect(setting),
        )


@RULES.add(
    "uri-file-slash",
    Severity.ERROR,
    "a URI to fetch that is written `file:/path`, which the Mesos fetcher takes for a relative path; the "
    "backend for Spark 4 corrects that",
    modes=_FETCHING,
)
def _file_slash(subject: Subject) -> Iterable[Found]:
    if subject.since(4) and subject.mode is Mode.CLIENT:
        return
    for setting, uri in _uris(subject):
        if re.match(r"file:/(?!/)", uri):
            yield Found(
                f"The Mesos fetcher cannot fetch {redact_text(uri)}: it takes it for a relative path",
                f"Write file://{redact_text(uri.removeprefix('file:'))}, a file of the agent.",
                setting.key,
                origin=setting.origin,
            )


@RULES.add(
    "uri-needs-hadoop",
    Severity.NOTE,
    "a URI to fetch whose scheme the Mesos fetcher does not know, so that agents need a `hadoop` client",
    modes=_FETCHING,
)
def _hadoop(subject: Subject) -> Iterable[Found]:
    seen = set()
    for setting, uri in _uris(subject):
        match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", uri)
        scheme = match[1].lower() if match else "file"
        if scheme in FETCHED or scheme in seen or _meant(scheme):
            continue
        seen.add(scheme)
        gone = " Hadoop 3 knows no s3n any more, only s3a." if scheme == "s3n" else ""
        yield Found(
            f"Agents fetch {scheme}: URIs with a hadoop client of their own",
            f"See that each agent has one (--hadoop_home), or serve the file over http.{gone}",
            setting.key,
            origin=setting.origin,
        )


@RULES.add(
    "uri-scheme-misspelt",
    Severity.WARNING,
    "a URI to fetch whose scheme is a single typing mistake away from one that is known: `htp://`",
    modes=_FETCHING,
)
def _misspelt(subject: Subject) -> Iterable[Found]:
    for setting, uri in _uris(subject):
        scheme, separator, _ = uri.partition("://")
        if separator and (meant := _meant(scheme.lower())):
            yield Found(
                f"The scheme of {redact_text(uri)} looks like a misspelt {meant}",
                f"Did you mean {meant}://? Else see that the hadoop clients of agents know {scheme}://.",
                setting.key,
                origin=setting.origin,
            )


@RULES.add(
    "uri-relative",
    Severity.WARNING,
    "a URI to fetch that is a relative path, which agents look for in a folder of their own",
    modes=_FETCHING,
)
def _relative(subject: Subject) -> Iterable[Found]:
    for setting, uri in _uris(subject):
        if not uri.startswith("/") and ":" not in uri and "<" not in uri:
            yield Found(
                f"{redact_text(uri)} is a relative path, which agents look for below their --frameworks_home",
                "Give a URI, or the absolute path of a file that every agent has.",
                setting.key,
                origin=setting.origin,
            )


@RULES.add(
    "recovery-without-zookeeper",
    Severity.ERROR,
    "`spark.deploy.recoveryMode=ZOOKEEPER` without `spark.deploy.zookeeper.url`",
    modes=frozenset({Mode.DISPATCHER}),
)
def _recovery(subject: Subject) -> Iterable[Found]:
    key = "spark.deploy.recoveryMode"
    if (subject.text(key) or "").strip().upper() == "ZOOKEEPER" and not subject.setting(
        "spark.deploy.zookeeper.url"
    ):
        yield Found(
            f"{key} is ZOOKEEPER, but spark.deploy.zookeeper.url does not say where that is",
            "Set it to HOST1:2181,HOST2:2181, or give the dispatcher --zk.",
            key,
        )


@RULES.add(
    "recovery-off",
    Severity.WARNING,
    "`spark.deploy.zookeeper.url` for a dispatcher whose recovery mode is not ZOOKEEPER, so that nothing "
    "is kept there",
    modes=frozenset({Mode.DISPATCHER}),
)
def _recovery_off(subject: Subject) -> Iterable[Found]:
    setting = subject.setting("spark.deploy.zookeeper.url")
    mode = (subject.text("spark.deploy.recoveryMode") or "NONE").strip().upper()
    if (
        setting is not None
        and mode == "NONE"
        and not is_reference(subject.configuration.get("spark.deploy.recoveryMode", ""))
    ):
        yield Found(
            "Nothing is kept in ZooKeeper, since spark.deploy.recoveryMode is not ZOOKEEPER",
            "Set it to ZOOKEEPER, or remove spark.deploy.zookeeper.url.",
            setting.key,
        )


@RULES.add(
    "zookeeper-url-scheme",
    Severity.ERROR,
    "`spark.deploy.zookeeper.url` written as a URL: it is a list of hosts and ports",
    modes=frozenset({Mode.DISPATCHER}),
)
def _zookeeper(subject: Subject) -> Iterable[Found]:
    key = "spark.deploy.zookeeper.url"
    if "://" in (subject.text(key) or ""):
        yield Found(
            f"{key} is a list of hosts and ports, not a URL",
            "Write HOST1:2181,HOST2:2181; the folder goes into spark.deploy.zookeeper.dir.",
            key,
        )


@RULES.add(
    "dispatcher-authentication",
    Severity.ERROR,
    "`spark.authenticate.secret` for a dispatcher, which refuses to start with it (2.4 and newer)",
    modes=frozenset({Mode.DISPATCHER}),
)
def _authentication(subject: Subject) -> Iterable[Found]:
    key = "spark.authenticate.secret"
    if subject.setting(key) is not None and not subject.before(2, 4):
        yield Found(
            f"A dispatcher refuses to start with {key}: its protocol knows no authentication",
            "Give the dispatcher a properties file without it.",
            key,
        )


@RULES.add(
    "default-queue",
    Severity.WARNING,
    "a priority for the queue `default`, whose priority is always 0",
    modes=frozenset({Mode.DISPATCHER}),
)
def _queue(subject: Subject) -> Iterable[Found]:
    key = "spark.mesos.dispatcher.queue.default"
    if subject.value(key):
        yield Found(
            "The priority of the queue 'default' is always 0",
            "Give the others priorities below 0 instead.",
            key,
        )


@RULES.add(
    "driver-default-name",
    Severity.WARNING,
    "a default for drivers whose name does not begin with `spark.`, so that drivers drop it",
    modes=frozenset({Mode.DISPATCHER}),
)
def _driver_default(subject: Subject) -> Iterable[Found]:
    for setting in settings(subject):
        inner = setting.key.removeprefix(DRIVER_DEFAULT)
        if inner != setting.key and not inner.startswith("spark."):
            yield Found(
                f"Drivers drop the default {inner!r}, because its name does not begin with 'spark.'",
                f"Write the whole name behind {DRIVER_DEFAULT}",
                setting.key,
            )


def _meant(scheme: str) -> str:
    """The scheme that this one, in lower case, is most likely meant to be; empty if it may well be right."""
    if scheme in FETCHED or scheme in _OFTEN_MEANT or scheme in _NEAR_BUT_MEANT:
        return ""
    return next((known for known in _OFTEN_MEANT if is_one_mistake_away(scheme, known, shortest=3)), "")


def _uris(subject: Subject) -> Iterator[tuple[Setting, str]]:
    """What Mesos is to fetch into sandboxes, as far as properties say it."""
    uri = subject.executor_uri
    is_application = subject.circumstances.is_application
    if uri is not None and is_application and uri.value.strip() and not is_quoted(uri.value):
        yield uri, uri.value.strip()
    setting = subject.setting("spark.mesos.uris")
    if setting is not None and not is_reference(setting.value) and not is_quoted(setting.value):
        for one in setting.value.split(","):
            if one.strip():
                yield setting, one.strip()

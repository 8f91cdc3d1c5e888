"""Rules about reaching Mesos and the driver: the master, libmesos, addresses, encryption, authentication."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.rule import APPLICATION, Found, Rules, Subject, is_quoted
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import MasterUrlError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.master import EmbeddedMaster, ZooKeeperMaster, parse_dispatcher, parse_master

RULES = Rules()

LIBMESOS = "MESOS_NATIVE_JAVA_LIBRARY"


def is_local_master(master: str, mode: Mode) -> bool:
    """Whether a master or dispatcher is embedded or on this machine's loopback, or nobody understands it."""
    try:
        if mode is Mode.CLUSTER:
            return all(is_loopback(one.host) for one in parse_dispatcher(master).addresses)
        parsed = parse_master(master)
    except MasterUrlError:
        return True
    if isinstance(parsed, EmbeddedMaster):
        return True
    hosts = parsed.servers if isinstance(parsed, ZooKeeperMaster) else parsed.hosts
    return all(is_loopback(host.host) for host in hosts)


def is_in_clear(dispatcher: str) -> bool:
    """Whether the network sees what this dispatcher is sent; false for an address that nobody understands."""
    try:
        parsed = parse_dispatcher(dispatcher)
    except MasterUrlError:
        return False
    return parsed.scheme == "http" and not all(is_loopback(one.host) for one in parsed.addresses)


@RULES.add(
    "master-url",
    Severity.ERROR,
    "a master that Spark on Mesos cannot use: of another kind of cluster, or, in cluster mode, no dispatcher",
    modes=frozenset({Mode.CLIENT, Mode.CLUSTER, Mode.DISPATCHER}),
)
def _master(subject: Subject) -> Iterable[Found]:
    master = subject.circumstances.master
    if master is None or is_quoted(master):
        return
    try:
        if subject.mode is Mode.CLUSTER:
            parse_dispatcher(master)
        else:
            parse_master(master)
    except MasterUrlError as error:
        setting = subject.setting("spark.master")
        yield Found(
            error.message[:1].upper() + error.message[1:],
            error.hint.rstrip(".") + ".",
            "spark.master" if setting is not None and setting.value == master else "",
        )


@RULES.add(
    "no-master",
    Severity.WARNING,
    "no master for an application that is named, or for a dispatcher; a note for a configuration as such, to "
    "which `--master` can be given",
    modes=frozenset({Mode.CLIENT, Mode.CLUSTER, Mode.DISPATCHER}),
)
def _no_master(subject: Subject) -> Iterable[Found]:
    if subject.circumstances.master is not None or subject.setting("spark.remote") is not None:
        return
    what = "dispatcher" if subject.mode is Mode.CLUSTER else "master"
    address = "HOST:7077" if subject.mode is Mode.CLUSTER else "HOST:5050"
    named = subject.circumstances.names_application
    yield Found(
        f"No {what} is set, and nothing that depends on it is checked",
        f"Give --master mesos://{address}, or set spark.master.",
        severity=None if named else Severity.NOTE,
    )


@RULES.add(
    "libmesos-missing",
    Severity.ERROR,
    f"`{LIBMESOS}` that names no file",
    modes=frozenset({Mode.CLIENT, Mode.DISPATCHER}),
)
def _libmesos(subject: Subject) -> Iterable[Found]:
    path = subject.variable(LIBMESOS)
    facts = subject.circumstances.files.get(path or "")
    if path and facts is not None and not facts.is_file and not subject.circumstances.over_http:
        yield Found(
            f"{LIBMESOS}={path} is not a file",
            "Correct or unset it; without libmesos Mesos is spoken to over HTTP.",
            origin=subject.variable_origin(LIBMESOS),
        )


@RULES.add(
    "driver-on-loopback",
    Severity.WARNING,
    "a driver that tells executors on other machines to find it at 127.0.0.1 or localhost",
    modes=frozenset({Mode.CLIENT}),
)
def _loopback(subject: Subject) -> Iterable[Found]:
    master = subject.circumstances.master
    if master is None or is_local_master(master, subject.mode):
        return
    key = "spark.driver.host"
    if (host := subject.text(key)) is not None:
        if is_loopback(host):
            yield Found(
                f"{key} is {host}, where executors on other machines do not find the driver",
                "Give the name or address of this machine that agents can reach.",
                key,
            )
    elif is_loopback(subject.variable("SPARK_LOCAL_IP") or "") and not subject.variable(
        "SPARK_LOCAL_HOSTNAME"
    ):
        yield Found(
            f"SPARK_LOCAL_IP is {subject.variable('SPARK_LOCAL_IP')}, where executors on other machines do "
            "not find the driver",
            "Unset it, or give the address of this machine that agents can reach.",
            origin=subject.variable_origin("SPARK_LOCAL_IP"),
        )


@RULES.add(
    "driver-host-brackets",
    Severity.ERROR,
    "`spark.driver.host` that is an IPv6 address without brackets, at which Spark fails",
    modes=frozenset({Mode.CLIENT}),
)
def _brackets(subject: Subject) -> Iterable[Found]:
    # `Utils.checkHost`; before Spark 3.1 it wants no colon at all (SPARK-32103).
    key = "spark.driver.host"
    host = (subject.text(key) or "").strip()
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return
    if subject.before(3, 1):
        problem, hint = "does not know", "Give an IPv4 address, or a name."
    else:
        problem, hint = "takes in brackets only", f"Write [{host}], or give an IPv4 address."
    yield Found(f"{key} is {host}, an IPv6 address, which Spark {problem}", hint, key)


@RULES.add(
    "tls-not-verified",
    Severity.WARNING,
    "libmesos with TLS that is told not to verify certificates: `LIBPROCESS_SSL_VERIFY_CERT=false`",
    modes=frozenset({Mode.CLIENT, Mode.DISPATCHER}),
)
def _verify(subject: Subject) -> Iterable[Found]:
    if not _uses_tls(subject):
        return
    for name in ("LIBPROCESS_SSL_VERIFY_CERT", "LIBPROCESS_SSL_VERIFY_SERVER_CERT"):
        if (subject.variable(name) or "").lower() in ("false", "0"):
            yield Found(
                f"{name}={subject.variable(name)} switches the verification of certificates off: anybody "
                "in between can pose as the master",
                "Set it to true, and LIBPROCESS_SSL_CA_FILE to the certificates to trust.",
                origin=subject.variable_origin(name),
            )


@RULES.add(
    "tls-files-missing",
    Severity.WARNING,
    "libmesos with TLS (`LIBPROCESS_SSL_ENABLED`) whose key or certificate is not named or not there",
    modes=frozenset({Mode.CLIENT, Mode.DISPATCHER}),
)
def _tls_files(subject: Subject) -> Iterable[Found]:
    if not _uses_tls(subject):
        return
    for name in ("LIBPROCESS_SSL_KEY_FILE", "LIBPROCESS_SSL_CERT_FILE"):
        path = subject.variable(name)
        facts = subject.circumstances.files.get(path or "")
        if not path:
            yield Found(
                f"LIBPROCESS_SSL_ENABLED is set, but {name} is not",
                "libmesos needs a key and a certificate of its own.",
                origin=subject.variable_origin("LIBPROCESS_SSL_ENABLED"),
            )
        elif facts is not None and not facts.is_file:
            yield Found(
                f"{name}={path} is not a file", "Correct the path.", origin=subject.variable_origin(name)
            )


@RULES.add(
    "authentication-secret-missing",
    Severity.ERROR,
    "`spark.authenticate` without `spark.authenticate.secret`: on Mesos Spark neither makes up a secret nor "
    "reads one from a file",
    modes=APPLICATION | {Mode.SHUFFLE_SERVICE},
)
def _authenticate(subject: Subject) -> Iterable[Found]:
    key = "spark.authenticate"
    if subject.mode is Mode.SHUFFLE_SERVICE and subject.variable("_SPARK_AUTH_SECRET"):
        return  # as Spark hands it to processes that it starts (`SecurityManager.getSecretKey`)
    if subject.value(key) is True and subject.setting("spark.authenticate.secret") is None:
        yield Found(
            f"{key} is on, but there is no spark.authenticate.secret: on Mesos Spark neither makes one up "
            "nor reads it from a file",
            "Set spark.authenticate.secret in a properties file that only you can read.",
            key,
        )


@RULES.add(
    "io-encryption",
    Severity.ERROR,
    "`spark.io.encryption.enabled`, which Spark refuses on Mesos (2.2 to 3.5)",
    modes=APPLICATION,
)
def _io_encryption(subject: Subject) -> Iterable[Found]:
    key = "spark.io.encryption.enabled"
    # It is Mesos' backend of Spark 3 that refuses it; ours for Spark 4 does not.
    if subject.value(key) is True and not subject.before(2, 2) and not subject.since(4):
        yield Found(f"{key} is not supported on Mesos: Spark refuses to start", "Remove it.", key)


@RULES.add(
    "encryption-without-authentication",
    Severity.ERROR,
    "encryption of Spark's connections without `spark.authenticate`, which Spark refuses (2.2 and newer)",
    modes=APPLICATION,
)
def _encryption(subject: Subject) -> Iterable[Found]:
    if subject.value("spark.authenticate") is not False or subject.before(2, 2):
        return
    for key in ("spark.network.crypto.enabled", "spark.authenticate.enableSaslEncryption"):
        if subject.value(key) is True:
            yield Found(
                f"{key} needs spark.authenticate, without which Spark refuses to start",
                "Set spark.authenticate=true and spark.authenticate.secret.",
                key,
            )


@RULES.add(
    "heartbeat-interval",
    Severity.ERROR,
    "`spark.executor.heartbeatInterval` that is not below `spark.network.timeout`, which Spark refuses "
    "(2.3 and newer)",
    modes=APPLICATION,
)
def _heartbeat(subject: Subject) -> Iterable[Found]:
    interval, timeout = (
        subject.value("spark.executor.heartbeatInterval"),
        subject.value("spark.network.timeout"),
    )
    if (
        interval is not None
        and timeout is not None
        and not subject.before(2, 3)
        and interval >= timeout * 1000
    ):
        yield Found(
            "spark.executor.heartbeatInterval is not below spark.network.timeout: Spark would take every "
            "executor for dead",
            "Raise the timeout, or lower the interval.",
            "spark.executor.heartbeatInterval"
            if subject.setting("spark.executor.heartbeatInterval")
            else "spark.network.timeout",
        )


def _uses_tls(subject: Subject) -> bool:
    enabled = (subject.variable("LIBPROCESS_SSL_ENABLED") or "").lower() in ("true", "1")
    return enabled and not subject.circumstances.over_http

"""What a command that starts a daemon reads of this machine, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.errors import SparkNotFoundError, UsageError

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.conf.checks import Mode
    from sparkmesos_core.conf.setting import Setting
    from sparkmesos_core.daemon_configuration import DaemonConfiguration

_ON_AGENTS = {"DISPATCHER": "spark.home", "SHUFFLE_SERVICE": "spark.mesos.executor.home"}
"""The property that names the folder of Spark on agents and nowhere else, by the name of the Mode."""


def read_checked(
    terminal: Terminal,
    mode: Mode,
    *,
    given: Sequence[Setting] = (),
    conf: Sequence[str] = (),
    properties_file: str | None = None,
    spark_home: Path | None = None,
    environment: Mapping[str, str],
    over_http: bool = False,
    also_read: Callable[[str], bool] = lambda _: False,
) -> DaemonConfiguration:
    """The configuration of a daemon, Mode.DISPATCHER or Mode.SHUFFLE_SERVICE, after `config check`'s rules.

    `given` is what options mean, `conf` the texts of --conf; `over_http` says that it does without libmesos,
    `also_read` which properties are read besides those of that program.
    Tells warnings, and all errors but the last. Raises UsageError with that, or for what cannot be read, and
    what `read_daemon_configuration` does.
    """
    from sparkmesos_core.conf.finding import Severity
    from sparkmesos_core.conf.setting import Origin, Setting, Source
    from sparkmesos_core.configuration_check import DAEMONS, by_severity, check_daemon
    from sparkmesos_core.daemon_configuration import read_daemon_configuration

    settings = []
    for one in conf:
        key, equals, value = one.partition("=")
        if not equals or not key:
            raise UsageError("--conf has to be PROP=VALUE", hint="As in --conf spark.mesos.maxDrivers=500.")
        settings.append(Setting(key, value, Origin(Source.CONF, "--conf")))
    try:
        read = read_daemon_configuration(
            DAEMONS[mode],
            options=given,
            conf=settings,
            properties_file=properties_file,
            spark_home=spark_home,
            environment=environment,
        )
    except SparkNotFoundError as missing:
        if spark_home is None or not over_http:
            raise
        # What speaks to Mesos has Spark run on agents, and does without one here.
        hint = (
            "It names a Spark of this machine, which agents have at the same path. One that agents alone "
            f"have is named by --conf {_ON_AGENTS[mode.name]}={spark_home}"
        )
        raise SparkNotFoundError(missing.message, hint=hint) from missing
    errors = []
    for finding in by_severity(check_daemon(mode, read, over_http=over_http)):
        severity = finding.severity
        if also_read(finding.key):
            if finding.id == "no-effect-here":
                continue
            if finding.id == "wrong-value":
                severity = Severity.ERROR  # which a reader is about to raise, too
        message = finding.place + finding.message
        if severity is Severity.ERROR:
            errors.append(UsageError(message, hint=finding.hint))
        elif severity is Severity.WARNING:
            terminal.warn(message, hint=finding.hint)
    for error in errors[:-1]:
        terminal.error(error)
    if errors:
        raise errors[-1]
    return read

"""What a command that starts a daemon reads of this machine, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.errors import UsageError

from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.conf.checks import Mode
    from sparkmesos_core.conf.setting import Setting
    from sparkmesos_core.daemon_configuration import DaemonConfiguration


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
    read = read_daemon_configuration(
        DAEMONS[mode],
        options=given,
        conf=settings,
        properties_file=properties_file,
        spark_home=spark_home,
        environment=environment,
    )
    errors = []
    for finding in by_severity(check_daemon(mode, read, over_http=over_http)):
        if finding.id == "no-effect-here" and also_read(finding.key):
            continue
        place = f"{finding.origin}: " if finding.origin is not None else ""
        if finding.severity is Severity.ERROR:
            errors.append(UsageError(place + finding.message, hint=finding.hint))
        elif finding.severity is Severity.WARNING:
            terminal.warn(place + finding.message, hint=finding.hint)
    for error in errors[:-1]:
        terminal.error(error)
    if errors:
        raise errors[-1]
    return read

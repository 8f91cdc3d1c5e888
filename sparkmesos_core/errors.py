"""Everything that can go wrong, as one tree of exceptions.

Each error says what is wrong and where, carries a hint on what to do about it, and knows the exit
code that a command ends with when nobody handles it. `docs/reference/exit-codes.md` documents the codes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkmesos_core.conf.setting import Setting


class ExitCode(IntEnum):
    """The exit codes of every sparkmesos command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DRIVER_FAILED = 3
    DRIVER_KILLED = 4
    UNREACHABLE = 5
    TIMED_OUT = 6
    INTERRUPTED = 130


class SparkMesosError(Exception):
    """The root of all errors that are meant for the user; none of them deserves a traceback.

    `message` says what is wrong and where, in one line without a final full stop if it can be said so;
    `hint` says what to do and may be empty. Neither ever contains a secret.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SparkMesosError):
    """What the user typed or configured cannot be understood or contradicts itself."""

    exit_code = ExitCode.USAGE


class ConfigurationError(UsageError):
    """A property whose value cannot be used; the message names the place that sets it, never a secret."""

    def __init__(self, setting: Setting, reason: UsageError) -> None:
        made = "set by" if setting.origin.line is None else "set in"
        super().__init__(f"{setting.key}, {made} {setting.origin}: {reason.message}", hint=reason.hint)
        self.setting = setting
        self.reason = reason.message


class MasterUrlError(UsageError):
    """A master or dispatcher URL that cannot be understood; the message names the offending part."""


class UnreachableError(SparkMesosError):
    """A server does not answer (Mesos, ZooKeeper, the destination of an upload), or no master leads."""

    exit_code = ExitCode.UNREACHABLE


class TimedOutError(SparkMesosError):
    """Something did not happen within the time it was given."""

    exit_code = ExitCode.TIMED_OUT


class MesosError(SparkMesosError):
    """Mesos answered, but refused what was asked of it. `status` is that of HTTP, if that is what said so."""

    def __init__(self, message: str, *, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class FrameworkError(SparkMesosError):
    """A durable framework, such as a dispatcher, cannot do what was asked of it at the moment."""


class DispatcherError(FrameworkError):
    """A dispatcher answered, but refused what was asked of it, or what answered is no dispatcher."""


class StoreError(SparkMesosError):
    """The store of a durable framework, such as a dispatcher, cannot be opened, read or written."""


class StoreTakenOverError(StoreError):
    """Another process has taken over the store; this one will never write to it again."""


class SparkNotFoundError(SparkMesosError):
    """No Spark, or one that cannot run on Mesos."""


class JavaNotFoundError(SparkMesosError):
    """No Java, or one that this Spark cannot use."""


class InterpreterNotFoundError(SparkMesosError):
    """The Python or the R that a driver or a shell runs in is not there, or not with what Spark needs."""


class BridgeError(SparkMesosError):
    """The HTTP bridge to Mesos could not be compiled or written."""


class ArchiveError(SparkMesosError):
    """An archive of Spark that agents or executors could not use, or that cannot be made."""


class UploadError(SparkMesosError):
    """A destination answered, but refused what was put there, or does not hold what was put there."""


class DaemonError(SparkMesosError):
    """A server of ours, such as a dispatcher, cannot start, or cannot be found or stopped."""


class AlreadyRunningError(DaemonError):
    """A daemon of that number runs already, as process `pid`; its files are named for `spark_class`."""

    def __init__(self, message: str, *, hint: str, spark_class: str, pid: int) -> None:
        super().__init__(message, hint=hint)
        self.spark_class = spark_class
        self.pid = pid


class LocalClusterError(SparkMesosError):
    """The embedded cluster cannot start, or cannot be found or stopped."""


class DeploymentError(SparkMesosError):
    """Marathon answered, but refused what was asked of it, or what answered is no Marathon."""


class MissingExtraError(SparkMesosError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str, *, hint: str = "") -> None:
        super().__init__(
            f"{feature} needs the optional dependencies [{extra}], which are not installed",
            hint=hint or f"In a checkout of sparkmesos run: pip install '.[{extra}]'",
        )
        self.extra = extra

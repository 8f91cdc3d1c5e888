"""The principal and the secret that a configuration authenticates to Mesos with."""

from __future__ import annotations

from pathlib import Path

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.errors import UsageError


def mesos_credentials(configuration: Configuration) -> tuple[str | None, str | None]:
    """Principal and secret: the property, else the file that a property names (`MesosSchedulerUtils`).

    The variables that stand for them are properties of the configuration already. A line end at the end of a
    file, which editors put there, belongs to neither. Raises UsageError for a file that cannot be read, and
    for a secret without a principal.
    """
    principal = _credential(configuration, "spark.mesos.principal")
    secret = _credential(configuration, "spark.mesos.secret")
    if secret is not None and principal is None:
        raise UsageError(
            "There is a secret to authenticate to Mesos with, but no principal",
            hint="Set spark.mesos.principal, or SPARK_MESOS_PRINCIPAL, or name a file with it in "
            "spark.mesos.principal.file.",
        )
    return principal, secret


def _credential(configuration: Configuration, key: str) -> str | None:
    if key in configuration:
        return configuration[key]
    setting = configuration.setting(f"{key}.file")
    if setting is None:
        return None
    place = f"{setting.key}, set by {setting.origin}"
    try:
        text = Path(setting.value).read_bytes().decode()
    except UnicodeDecodeError:
        raise UsageError(f"{place}: {setting.value} is no UTF-8 text", hint="Name a text file.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{place}: {setting.value} cannot be read: {reason}",
            hint=f"Correct {setting.key}, or let this user read the file, which holds nothing else.",
        ) from error
    return text.removesuffix("\n").removesuffix("\r")

"""Values of options that are named after Mesos' flags and are written as for those."""

from __future__ import annotations

import re
from pathlib import Path

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.cluster_spec import check_masters, parse_zookeeper

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "secs": 1.0, "mins": 60.0, "hrs": 3600.0, "days": 86400.0}
_ROLE = re.compile(
    r"[^-/\s\x00-\x1f\x7f\\][^/\s\x00-\x1f\x7f\\]*(/[^-/\s\x00-\x1f\x7f\\][^/\s\x00-\x1f\x7f\\]*)*"
)
_LONGEST_SECONDS = 7 * 86400.0


def read_duration(option: str, text: str | None) -> float | None:
    """The seconds of a time such as `15secs` or `1.5mins` (Mesos' Duration); None if there is none.

    Raises UsageError if it is no time, or none that could be waited for.
    """
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *(ns|us|ms|secs|mins|hrs|days)", text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0.001 <= seconds <= _LONGEST_SECONDS:
        raise UsageError(
            f"{option}: '{text}' is no time that can be waited for",
            hint="Give a number and a unit: ms, secs, mins, hrs or days, as in 15secs.",
        )
    return seconds


def read_roles(text: str | None) -> tuple[str, ...] | None:
    """The names in a list with commas; None if there is none. Raises UsageError for what is no role.

    What a name may be is in Mesos' documentation of roles.
    """
    if text is None:
        return None
    roles = tuple(name.strip() for name in text.split(","))
    for role in roles:
        if role == "*":
            continue  # which is always among them
        if not _ROLE.fullmatch(role) or any(part in (".", "..", "*") for part in role.split("/")):
            raise UsageError(
                f"--roles: '{role}' is no role",
                hint="Give names with commas between them, as in etl,spark/batch.",
            )
    return roles


def read_zookeeper(text: str | None, masters: int) -> str | None:
    """The `zk://` URL that the option gives, or that is in the file which it names (`file:///PATH`).

    Raises UsageError if it is none, or if there is none for several masters. No error shows a password.
    """
    check_masters(masters, text)
    if text is None:
        return None
    if text.startswith("file://"):
        file = Path(text.removeprefix("file://"))
        try:
            text = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
            raise UsageError(f"{file} (--zk) cannot be read: {reason}", hint="Name another file.") from error
    parse_zookeeper(text)
    return text

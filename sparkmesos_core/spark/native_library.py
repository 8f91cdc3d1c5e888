"""Finding libmesos, which Spark's own Mesos backend loads when there is no bridge."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sparkmesos_core.errors import UsageError

VARIABLE = "MESOS_NATIVE_JAVA_LIBRARY"

_NAMES = ("libmesos.dylib", "libmesos.so") if sys.platform == "darwin" else ("libmesos.so",)
# Mesos' default prefix, distributions' packages, DC/OS.
_FOLDERS = ("/usr/local/lib", "/usr/lib", "/usr/lib64", "/opt/mesosphere/lib", "/usr/lib/mesos")


def find_libmesos(environment: Mapping[str, str], folders: Sequence[str] | None = None) -> Path | None:
    """The libmesos of this machine: MESOS_NATIVE_JAVA_LIBRARY, else the usual places; None if there is none.

    Raises UsageError if the variable is set, but to something that is not a file.
    """
    if value := environment.get(VARIABLE):
        path = Path(value)
        if not path.is_file():
            raise UsageError(
                f"{VARIABLE}={value} is not a file",
                hint="Correct or unset it; without libmesos the HTTP bridge is used (--mesos-driver http).",
            )
        return path.absolute()
    for folder in _FOLDERS if folders is None else folders:
        for name in _NAMES:
            if (path := Path(folder) / name).is_file():
                return path
    return None

"""Where a dispatcher keeps what it has, unless somebody says where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.directories import state_directory


def instance_directory(environment: Mapping[str, str], instance: int = 1) -> Path:
    """The folder of a dispatcher, by the instance number that `spark-daemon.sh` knows, too; not created here.

    Raises UsageError for a user without a home folder.
    """
    return state_directory(environment) / f"dispatcher-{instance}"


def database_path(environment: Mapping[str, str], instance: int = 1) -> Path:
    """The file for `open_sqlite` of a dispatcher. Raises as `instance_directory` does."""
    return instance_directory(environment, instance) / "drivers.db"

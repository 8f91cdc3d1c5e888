"""Where sparkmesos keeps things on this machine, by the XDG base directory rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.errors import UsageError


def state_directory(environment: Mapping[str, str]) -> Path:
    """The folder for state that must survive a restart: pid files, logs, sandboxes.

    `SPARKMESOS_STATE_DIR`, else `$XDG_STATE_HOME/sparkmesos`, else `~/.local/state/sparkmesos`.
    The folder is not created here. Raises UsageError for a user without a home folder.
    """
    return _directory(environment, "SPARKMESOS_STATE_DIR", "XDG_STATE_HOME", ".local/state")


def cache_directory(environment: Mapping[str, str]) -> Path:
    """The folder for what can be made again at any time, such as the compiled bridge.

    `SPARKMESOS_CACHE_DIR`, else `$XDG_CACHE_HOME/sparkmesos`, else `~/.cache/sparkmesos`.
    The folder is not created here. Raises UsageError for a user without a home folder.
    """
    return _directory(environment, "SPARKMESOS_CACHE_DIR", "XDG_CACHE_HOME", ".cache")


def config_directory(environment: Mapping[str, str]) -> Path | None:
    """The folder for what users set: `$XDG_CONFIG_HOME/sparkmesos`, else `~/.config/sparkmesos`.

    None for a user without a home folder.
    """
    return _xdg_directory(environment, "XDG_CONFIG_HOME", ".config")


def _directory(environment: Mapping[str, str], own: str, xdg: str, below_home: str) -> Path:
    if value := environment.get(own):
        return Path(value).absolute()
    if (directory := _xdg_directory(environment, xdg, below_home)) is None:
        raise UsageError("This user has no home folder to keep files in", hint=f"Set {own}, or HOME.")
    return directory


def _xdg_directory(environment: Mapping[str, str], xdg: str, below_home: str) -> Path | None:
    # The XDG specification says that relative paths in its variables are to be ignored.
    if (base := environment.get(xdg)) and Path(base).is_absolute():
        return Path(base) / "sparkmesos"
    try:
        home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    except RuntimeError:  # a user id that has no name, as containers are run with
        return None
    return home / below_home / "sparkmesos"

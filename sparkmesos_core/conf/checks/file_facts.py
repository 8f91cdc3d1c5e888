"""Looks at the files that a configuration names, for the rules that are about files. Reads the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from sparkmesos_core.conf.checks.circumstances import FileFacts, Mode
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Source

_LONGEST_CREDENTIAL = 64 * 1024
_VARIABLES = (
    "MESOS_NATIVE_JAVA_LIBRARY",
    "LIBPROCESS_SSL_KEY_FILE",
    "LIBPROCESS_SSL_CERT_FILE",
    "SPARK_CONF_DIR",
)
_CREDENTIALS = ("spark.mesos.principal.file", "spark.mesos.secret.file")


def gather(
    configuration: Configuration,
    environment: Mapping[str, str],
    scripts: Iterable[str] = (),
    *,
    mode: Mode = Mode.CLIENT,
) -> dict[str, FileFacts]:
    """Facts about the files that rules ask about, by the path as the configuration writes it.

    These are the files of credentials (not in cluster mode, where they are files of agents), the files that
    properties come from and `scripts`, libmesos, and the files of its TLS. Nothing is raised: what cannot be
    found or read is a fact, too.
    """
    paths = set(filter(None, scripts))
    for key in configuration:
        setting = configuration.setting(key)
        if setting is not None and setting.origin.source is Source.FILE:
            paths.add(setting.origin.name)
    paths.update(filter(None, (environment.get(name) for name in _VARIABLES)))
    facts = {path: _facts(path) for path in paths}
    if mode is not Mode.CLUSTER:
        for key in _CREDENTIALS:
            setting = configuration.setting(key)
            for one in (setting, *configuration.overridden(key)):
                if one is not None and one.value and "${" not in one.value:
                    facts[one.value] = _facts(one.value, read=True)
    return facts


def _is_open_to_all(path: str) -> bool:
    """Whether everybody may pass through the folders above; true if they cannot be looked at."""
    try:
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in Path(path).resolve().parents)
    except OSError:
        return True


def _facts(path: str, *, read: bool = False) -> FileFacts:
    """What is known of a path; of what is in it only if it is to be read."""
    try:
        status = Path(path).stat()
    except PermissionError:
        return FileFacts(readable=False)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return FileFacts(exists=False, is_file=False, readable=False)
    facts = FileFacts(
        is_file=stat.S_ISREG(status.st_mode),
        readable=os.access(path, os.R_OK),
        world_readable=bool(status.st_mode & stat.S_IROTH) and _is_open_to_all(path),
        empty=status.st_size == 0,
    )
    if not read or not facts.is_file or not facts.readable:
        return facts
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LONGEST_CREDENTIAL + 1)
        content.decode()
        is_text = len(content) <= _LONGEST_CREDENTIAL
    except UnicodeDecodeError:
        is_text = False
    except OSError:
        return FileFacts(readable=False)
    return FileFacts(
        world_readable=facts.world_readable,
        empty=not content,
        is_text=is_text,
        ends_with_newline=is_text and content.endswith(b"\n"),
    )
